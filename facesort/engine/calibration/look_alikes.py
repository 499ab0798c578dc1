"""Names that look like one person: two of those turn every rate of a calibration upside down."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from facesort.core.gallery import Gallery
from facesort.core.matching import distances_to_persons
from facesort.engine.calibration.labelled import Labelled, person_numbers


@dataclass(frozen=True, slots=True, order=True)
class LookAlike:
    """Two names whose faces are near.

    Parameters
    ----------
    distance : float
        Of the nearest face of `name` to `person`.
    name : str
        Of a person in the gallery or of a labelled folder.
    person : str
        Somebody else in the gallery.
    """

    distance: float
    name: str
    person: str


def look_alikes(gallery: Gallery, labelled: Labelled, strict: float) -> tuple[LookAlike, ...]:
    """Find who, by name, is somebody else, but by face the same person: nearer to them than a sort learns from.

    Parameters
    ----------
    gallery : Gallery
        Of references alone.
    strict : float
        STRICT as the pack recommends it.

    Returns
    -------
    tuple of LookAlike
        The nearest first, each pair of names once.
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
    found: dict[frozenset[str], LookAlike] = {}
    for face, column in zip(*np.nonzero(distances <= np.float32(strict)), strict=True):
        pair = LookAlike(
            float(distances[face, column]), names[face], by_id[int(gallery.person_ids[column])]
        )
        key = frozenset((pair.name, pair.person))
        found[key] = min(found.get(key, pair), pair)
    return tuple(sorted(found.values()))
