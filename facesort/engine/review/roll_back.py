"""Roll back a learned face, with everything that was learned only because of it.

The batches after it are decided once more from the stored embeddings, side by side against the gallery as it was and
against the gallery without the face.  What is learned in the first and not in the second leaves the second, too, and
so on, until both galleries are the same again: learned faces are first in, first out, so that is soon.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from facesort.clock import utc_now
from facesort.core.gallery import Centroids, Gallery
from facesort.core.matching import Decision, Thresholds, decide_photo, distances_to_persons
from facesort.engine.gallery.editing import Clock, editing
from facesort.engine.rules import rules_of
from facesort.engine.setup import refuse_other_pack
from facesort.errors import GalleryError
from facesort.faces.protocol import ModelPack
from facesort.reasons import Outcome
from facesort.store import Store
from facesort.store.gallery import answers as verdicts
from facesort.store.gallery import learned, people
from facesort.store.gallery.learned import DecidedPhoto, LearnedFace
from facesort.store.queries import review
from facesort.store.queries.review import ReviewFace
from facesort.workspace import Workspace

_BATCHES = 40  # read at a time: 2,000 photos


@dataclass(frozen=True, slots=True)
class RestsOn:
    """What a learned face brought about.

    Parameters
    ----------
    learned : tuple of ReviewFace
        The face itself, and those that were learned only because of it, in the order of learning.
    matched : tuple of ReviewFace
        Faces that were matched only because of it, learned ones among them; a re-match decides them again.
    """

    learned: tuple[ReviewFace, ...]
    matched: tuple[ReviewFace, ...]


def what_rests_on(workspace: Workspace, pack: ModelPack, face_id: int) -> RestsOn:
    """What would go if a learned face were rolled back.

    Raises
    ------
    GalleryError
        If this face was not learned.
    PackMismatchError
        If the gallery was embedded with another pack.
    """
    with workspace.open_store(read_only=True) as store:
        gone, matched = _replay(store, workspace, pack, face_id)
        return _shown(store, gone, matched)


def roll_back(
    workspace: Workspace, pack: ModelPack, face_id: int, *, clock: Clock = utc_now
) -> RestsOn:
    """Take a learned face out of the gallery, with what was learned only because of it.

    Decisions stay as they are until the next re-match.

    Raises
    ------
    GalleryError
        If this face was not learned.
    PackMismatchError
        If the gallery was embedded with another pack.
    """
    summary = f"what was learned from face {face_id} was rolled back"
    with editing(workspace, "roll_back", summary, clock) as store:
        gone, matched = _replay(store, workspace, pack, face_id)
        shown = _shown(store, gone, matched)
        for person_id in {face.person_id for face in gone}:
            faces = [face.face_id for face in gone if face.person_id == person_id]
            learned.forget_learned(store, person_id, faces)
        return shown


def _shown(store: Store, gone: Sequence[LearnedFace], matched: Sequence[int]) -> RestsOn:
    return RestsOn(
        tuple(review.review_faces(store, [face.face_id for face in gone])),
        tuple(review.review_faces(store, matched)),
    )


def _replay(
    store: Store, workspace: Workspace, pack: ModelPack, face_id: int
) -> tuple[list[LearnedFace], list[int]]:
    """Learned faces that go with this one, itself first, and ids of faces that were matched only because of it."""
    refuse_other_pack(store, pack)
    everything = learned.learned(store, pack.pack_id)
    first = next((face for face in everything if face.face_id == face_id), None)
    if first is None:
        raise GalleryError(f"face {face_id} was not learned: there is nothing to roll back")
    now = people.load_gallery(store, pack.pack_id, workspace.settings.matching.max_learned)
    thresholds = rules_of(workspace.settings, pack).thresholds
    comparison = _Comparison(
        thresholds, verdicts.rejected_pairs(store), set(verdicts.confirmed(store).items())
    )
    seen = [face for face in everything if face.batch_id <= first.batch_id]
    was = _learn(replace(now, learned={}), seen)
    would_be = _learn(replace(now, learned={}), [face for face in seen if face is not first])
    gone, matched = [first], []
    photos = _Photos(store, pack.pack_id, learned.batches_after(store, first.batch_id))
    for batch_id in photos.batch_ids:
        changed = _changed(was, would_be)
        if not changed.any():
            break
        sides = _Sides(was.person_ids, was.centroids(), would_be.centroids(), changed)
        unlearned: set[tuple[int, int]] = set()
        for photo in photos.of(batch_id, sides.changed_ids):
            lost, unsure = comparison.lost(photo, sides)
            matched += lost
            unlearned |= unsure
        new = [face for face in everything if face.batch_id == batch_id]
        leaving = [face for face in new if (face.face_id, face.person_id) in unlearned]
        gone += leaving
        was, would_be = _learn(was, new), _learn(would_be, [f for f in new if f not in leaving])
    return gone, matched


class _Photos:
    """The photos of many batches that concern some persons, read a few batches at a time.

    Parameters
    ----------
    batch_ids : sequence of int
        In the order in which they are asked for.
    """

    def __init__(self, store: Store, pack_id: str, batch_ids: Sequence[int]) -> None:
        self.batch_ids = batch_ids
        self._store = store
        self._pack_id = pack_id
        self._read: dict[int, list[DecidedPhoto]] = {}
        self._until = 0
        self._of: frozenset[int] = frozenset()

    def of(self, batch_id: int, person_ids: frozenset[int]) -> list[DecidedPhoto]:
        """Those of one batch."""
        if batch_id > self._until or person_ids != self._of:
            place = bisect_left(self.batch_ids, batch_id)
            some = self.batch_ids[place : place + _BATCHES]
            self._read = learned.decided_in(self._store, some, self._pack_id, person_ids)
            self._until, self._of = some[-1], person_ids
        return self._read.get(batch_id, [])


def _learn(gallery: Gallery, faces: Sequence[LearnedFace]) -> Gallery:
    return gallery.learn([(face.person_id, face.embedding) for face in faces])


def _changed(was: Gallery, would_be: Gallery) -> NDArray[np.bool_]:
    """Whose learned faces differ; shape (n_persons,), as `Gallery.person_ids`."""
    nothing = np.empty((0, 0), np.float32)
    return np.array(
        [
            not np.array_equal(was.learned.get(key, nothing), would_be.learned.get(key, nothing))
            for key in was.person_ids.tolist()
        ],
        dtype=bool,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Sides:
    """The gallery that a batch was decided against, and the one without what goes.

    Parameters
    ----------
    person_ids : ndarray of shape (n_persons,), int64
    changed : ndarray of shape (n_persons,), bool
        Where they may differ.
    """

    person_ids: NDArray[np.int64]
    was: Centroids
    would_be: Centroids
    changed: NDArray[np.bool_]

    @property
    def changed_ids(self) -> frozenset[int]:
        """Ids of these persons."""
        return frozenset(self.person_ids[self.changed].tolist())


@dataclass(frozen=True, slots=True, eq=False)
class _Comparison:
    """Decides a photo against two galleries.

    Parameters
    ----------
    rejected, confirmed : set of (face_id, person_id)
        What users said; what they confirmed rests on nothing else.
    """

    thresholds: Thresholds
    rejected: set[tuple[int, int]]
    confirmed: set[tuple[int, int]]

    def lost(self, photo: DecidedPhoto, sides: _Sides) -> tuple[list[int], set[tuple[int, int]]]:
        """Faces that are matched in the first gallery only, and pairs that are STRICT in the first only."""
        if not self._concerns(photo, sides):
            return [], set()
        before, after = (
            self._decide(photo, sides.person_ids, c) for c in (sides.was, sides.would_be)
        )
        unmatched, unlearned = [], set()
        for face_id, given, b, a in zip(photo.face_ids, photo.given, before, after, strict=True):
            if b.person_id is None or (face_id, b.person_id) in self.confirmed:
                continue
            if given == b.person_id != a.person_id:
                unmatched.append(face_id)
            if b.outcome is Outcome.STRICT and (a.outcome, a.person_id) != (b.outcome, b.person_id):
                unlearned.add((face_id, b.person_id))
        return unmatched, unlearned

    def _concerns(self, photo: DecidedPhoto, sides: _Sides) -> bool:
        """Whether a face is near enough to a changed person to be matched to them, or doubted because of them."""
        reach = np.float32(
            max(self.thresholds.loose, self.thresholds.strict + self.thresholds.margin)
        )
        return any(
            (distances_to_persons(photo.embeddings, side.of(sides.changed)) <= reach).any()
            for side in (sides.was, sides.would_be)
        )

    def _decide(
        self, photo: DecidedPhoto, person_ids: NDArray[np.int64], centroids: Centroids
    ) -> tuple[Decision, ...]:
        rejected = [[(f, p) in self.rejected for p in person_ids.tolist()] for f in photo.face_ids]
        distances = distances_to_persons(photo.embeddings, centroids)
        return decide_photo(distances, person_ids, self.thresholds, np.array(rejected))
