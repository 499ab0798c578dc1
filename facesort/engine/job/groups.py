"""The groups of an event: its faces joined with the gallery's references, over all that is stored."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facesort.core.groups.decision import Proposals, proposals
from facesort.core.groups.linkage import Linkage, link, mean_cosine
from facesort.core.groups.threshold import (
    FLOOR,
    EventThreshold,
    event_threshold,
    given_threshold,
)
from facesort.core.persons.gallery import Gallery
from facesort.core.persons.matching import Distances, Thresholds
from facesort.core.persons.sightings import Ids
from facesort.core.records import Embeddings
from facesort.engine.rules import Rules
from facesort.store import Store
from facesort.store.queries.face_sets import ComparableFaces, comparable_faces
from facesort.store.queries.gallery import faces_of_other_packs
from facesort.store.queries.review.answers import confirmed, rejected_pairs

_AT_ONCE = 4096  # faces compared with their references together
_LEAST_COSINE = 0.05  # of a LOOSE near 1.41, where embeddings say nothing any more


@dataclass(frozen=True, slots=True, eq=False)
class EventGroups:
    """What an event's groups say of its faces.

    Parameters
    ----------
    threshold : EventThreshold
        Where groups end.
    other_packs : int
        Faces that are left out, as they were embedded with another model pack.
    """

    faces: ComparableFaces
    linkage: Linkage
    threshold: EventThreshold
    proposals: Proposals
    other_packs: int = 0

    def of(self, face_ids: Sequence[int] | NDArray[np.int64]) -> Proposals:
        """What they say of some faces, all of which are comparable."""
        return self.proposals.of(np.searchsorted(self.faces.face_ids, face_ids))

    def knows(self, face_ids: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which faces are among theirs."""
        rows = np.searchsorted(self.faces.face_ids, face_ids)
        known: NDArray[np.bool_] = np.append(self.faces.face_ids, -1)[rows] == face_ids
        return known

    def thresholds(self, thresholds: Thresholds) -> Thresholds:
        """With the event's LOOSE; STRICT is never above it."""
        loose = self.threshold.loose
        return replace(thresholds, strict=min(thresholds.strict, loose), loose=loose)

    def nobodys(self) -> list[NDArray[np.int64]]:
        """Rows of the faces of each group that has no reference, with two faces or more; the largest first."""
        labels = self.linkage.groups(self.threshold.cosine)
        rows = np.flatnonzero(labels >= self.linkage.n_persons)
        rows = rows[np.argsort(labels[rows], kind="stable")]
        cuts = np.flatnonzero(np.diff(labels[rows])) + 1
        found = [group for group in np.split(rows, cuts) if len(group) > 1]
        return sorted(found, key=lambda group: (-len(group), int(group[0])))

    def somebodys(self) -> list[NDArray[np.int64]]:
        """Rows of the faces in the group of each person, in the order of their columns."""
        labels = self.linkage.groups(self.threshold.cosine)
        rows = np.argsort(labels, kind="stable")
        ends = np.searchsorted(labels[rows], np.arange(self.linkage.n_persons + 1))
        return [rows[start:end] for start, end in itertools.pairwise(ends.tolist())]

    def record(self) -> dict[str, Any]:
        """What a run records of it."""
        found = asdict(self.threshold) | {"pairs_tell": self.threshold.pairs_tell}
        return found | {
            "named": found["faces"],
            "faces": len(self.faces.face_ids),
            "other_packs": self.other_packs,
        }


def event_groups(store: Store, gallery: Gallery, rules: Rules, pack_id: str) -> EventGroups:
    """Join all comparable faces of a job with the references, and find where groups end.

    Learned faces do not count, so that the result depends on the photos and the references, and not on the order
    in which photos were sorted.

    Parameters
    ----------
    gallery : Gallery
        Of which the references count.
    rules : Rules
        A LOOSE that the user set, or that was calibrated, is where groups end; without groups, the pack's.
    """
    faces = comparable_faces(store, pack_id)
    found = groups_of(faces, gallery, rules, confirmed(store).items(), rejected_pairs(store))
    others, _ = faces_of_other_packs(store, pack_id)
    return replace(found, other_packs=others)


def groups_of(
    faces: ComparableFaces,
    gallery: Gallery,
    rules: Rules,
    together: Iterable[tuple[int, int]] = (),
    apart: Iterable[tuple[int, int]] = (),
    *,
    widest: float = 0.0,
) -> EventGroups:
    """Join some faces with the references, as `event_groups` does.

    Parameters
    ----------
    together, apart : iterable of (face_id, person_id)
        What a user said: *yes*, and *no*.
    widest : float
        RMS distance up to which faces are joined at least, so that groups can be looked at beyond LOOSE too.
    """
    is_given = rules.loose_is_given or not rules.groups
    references = replace(gallery, learned={}).centroids().references
    dim = max(references.shape[1], faces.embeddings.shape[1])  # nobody, or no face, has none
    references = references.reshape(-1, dim)
    faces = replace(faces, embeddings=faces.embeddings.reshape(-1, dim))
    linkage = link(
        faces.embeddings,
        faces.sightings,
        references,
        order=faces.order,
        lowest=_lowest(rules, widest, is_given=is_given),
        together=_rows(together, faces, gallery.person_ids),
        apart=_rows(apart, faces, gallery.person_ids),
        room=faces.room,
    )
    threshold = event_threshold(
        faces.embeddings,
        faces.sightings,
        references,
        linkage,
        order=faces.order,
        quality=faces.quality,
        strict=rules.thresholds.strict,
        loose=rules.thresholds.loose,
        floor=rules.widest_loose,
    )
    if is_given:
        threshold = given_threshold(threshold, rules.thresholds.loose)
    alone = _distances(faces.embeddings, references, linkage.person)
    return EventGroups(faces, linkage, threshold, proposals(linkage, threshold, alone))


def _distances(embeddings: Embeddings, references: Embeddings, person: Ids) -> Distances:
    """Of each face to the reference of a person, or, where there is none, to nothing."""
    references = np.concatenate([references, np.zeros((1, references.shape[1]), np.float32)])
    found = np.empty(len(embeddings), np.float32)
    for start in range(0, len(embeddings), _AT_ONCE):
        some = slice(start, start + _AT_ONCE)
        found[some] = np.sqrt(((embeddings[some] - references[person[some]]) ** 2).sum(axis=1))
    return found


def _lowest(rules: Rules, widest: float, *, is_given: bool) -> float:
    """Mean cosine at which joining may end: no threshold of the event can be lower."""
    widest = max(widest, rules.thresholds.loose)
    if not is_given:
        widest = max(widest, rules.widest_loose or FLOOR * widest)
    return max(mean_cosine(widest), _LEAST_COSINE)


def _rows(
    pairs: Iterable[tuple[int, int]], faces: ComparableFaces, person_ids: NDArray[np.int64]
) -> list[tuple[int, int]]:
    """Pairs of face and person as rows and columns; those of others are left out."""
    column = {person_id: number for number, person_id in enumerate(person_ids.tolist())}
    known = [(face_id, column[person_id]) for face_id, person_id in pairs if person_id in column]
    face_ids = np.array([face_id for face_id, _ in known], np.int64)
    rows = np.searchsorted(faces.face_ids, face_ids)
    is_there = np.append(faces.face_ids, -1)[rows] == face_ids
    found = zip(rows.tolist(), known, is_there.tolist(), strict=True)
    return [(row, person) for row, (_, person), there in found if there]
