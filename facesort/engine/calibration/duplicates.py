"""Possible duplicates: two names that may be one person, which would falsify every rate of a calibration."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from facesort.core.persons.gallery import Gallery
from facesort.core.persons.matching import distances_to_persons
from facesort.engine.calibration.labelled import Labelled, person_numbers


class PossibleDuplicate(NamedTuple):
    """Two names whose faces are near each other.

    Parameters
    ----------
    distance : float
        Between `person` and the nearest face of `name`.
    name : str
        A person in the gallery or a labelled folder.
    person : str
        Another person in the gallery.
    """

    distance: float
    name: str
    person: str


def possible_duplicates(
    gallery: Gallery, labelled: Labelled, strict: float
) -> tuple[PossibleDuplicate, ...]:
    """Find pairs of names with faces so near that a sort would learn one for the other.

    Parameters
    ----------
    gallery : Gallery
        With references only.
    strict : float
        The pack's recommended STRICT.

    Returns
    -------
    tuple of PossibleDuplicate
        Nearest first, each pair of names once.
    """
    faces = [
        (p.name, embedding)
        for p in gallery.persons
        for embedding in gallery.references[p.person_id]
    ] + [(n, f.embedding) for n, f in zip(labelled.names, labelled.faces, strict=True)]
    names = [name for name, _ in faces]
    distances = distances_to_persons(np.stack([e for _, e in faces]), gallery.centroids())
    own = person_numbers(gallery, names)[:, None] == np.asarray(gallery.person_ids)[None, :]
    distances[own] = np.inf
    by_id = {p.person_id: p.name for p in gallery.persons}
    found: dict[frozenset[str], PossibleDuplicate] = {}
    for face, column in zip(*np.nonzero(distances <= np.float32(strict)), strict=True):
        pair = PossibleDuplicate(
            float(distances[face, column]), names[face], by_id[int(gallery.person_ids[column])]
        )
        key = frozenset((pair.name, pair.person))
        found[key] = min(found.get(key, pair), pair)
    return tuple(sorted(found.values()))
