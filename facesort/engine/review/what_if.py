"""What if STRICT and LOOSE were others: the files that would come and go, without looking at a photo again."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facesort.core.matching import Thresholds
from facesort.core.what_if import StoredDistances, replay
from facesort.engine.rules import rules_of
from facesort.faces.protocol import ModelPack
from facesort.store.gallery import people
from facesort.store.queries import face_sets
from facesort.workspace import Workspace


@dataclass(frozen=True, slots=True, eq=False)
class Change:
    """What other thresholds would change for one person.

    Parameters
    ----------
    files : int
        Photos they are in, by the thresholds that count now.
    come, go : ndarray of shape (n,), int64
        Faces that they would get and lose, doubtful ones first.
    files_come, files_go : int
        Photos that they would get and lose.
    """

    name: str
    files: int
    come: NDArray[np.int64]
    go: NDArray[np.int64]
    files_come: int
    files_go: int


@dataclass(frozen=True, slots=True, eq=False)
class WhatIf:
    """The stored distances of a job, read once and asked often.

    Parameters
    ----------
    names : dict of int to str
        Of the persons in the gallery.
    thresholds : Thresholds
        That count now.
    """

    stored: StoredDistances
    names: dict[int, str]
    thresholds: Thresholds

    def changes(self, thresholds: Thresholds) -> list[Change]:
        """What these thresholds would change, person by person, in the order in which they were added."""
        now, then = replay(self.stored, self.thresholds), replay(self.stored, thresholds)
        return [
            self._change(person_id, now == person_id, then == person_id) for person_id in self.names
        ]

    def _change(self, person_id: int, now: NDArray[np.bool_], then: NDArray[np.bool_]) -> Change:
        photos = self.stored.photo_ids
        before, after = np.unique(photos[now]), np.unique(photos[then])
        return Change(
            name=self.names[person_id],
            files=len(before),
            come=self._by_distance(person_id, then & ~now)[::-1],
            go=self._by_distance(person_id, now & ~then),
            files_come=len(np.setdiff1d(after, before)),
            files_go=len(np.setdiff1d(before, after)),
        )

    def _by_distance(self, person_id: int, faces: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Ids of these faces, nearest to the person first."""
        mine = self.stored.person_ids[faces] == person_id
        distances = np.where(mine, self.stored.distances[faces], np.inf).min(axis=1, initial=np.inf)
        return np.asarray(self.stored.face_ids[faces][np.argsort(distances, kind="stable")])


def read_what_if(workspace: Workspace, pack: ModelPack) -> WhatIf:
    """Read what the questions are asked of.

    Raises
    ------
    StoreLockedError
        While a sort is running.
    """
    with workspace.open_store(read_only=True) as store:
        stored = face_sets.stored_distances(store)
        names = {s.person.person_id: s.person.name for s in people.person_summaries(store)}
    return WhatIf(stored, names, rules_of(workspace.settings, pack).thresholds)
