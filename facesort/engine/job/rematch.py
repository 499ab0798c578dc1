"""Re-match: decide stored faces again, against the gallery as it is now, and find the copies that are missing.

Nothing is learned, so that a second re-match changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, islice
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from facesort.core.delivery.posters import Clips, awaits_yes, stored_shares
from facesort.core.groups.decision import decide_in_groups
from facesort.core.groups.settled import DecidedFaces, settled
from facesort.core.persons.gallery import Centroids, Gallery
from facesort.core.persons.matching import (
    LEARNED_GAIN,
    Decision,
    decide_photo,
    distances_to_persons,
)
from facesort.core.persons.sightings import Sightings
from facesort.core.stored import StoredFace, StoredPhoto
from facesort.engine.job.changes import Change
from facesort.engine.job.groups import EventGroups, event_groups
from facesort.engine.rules import Rules
from facesort.reasons import FaceReason, Outcome
from facesort.store import Store
from facesort.store.job import rematches
from facesort.store.job.rematches import Candidates
from facesort.store.queries.face_sets import decided_faces
from facesort.store.queries.review.answers import confirmed, rejected_pairs
from facesort.store.queries.stored import stored_photos
from facesort.store.what_counts import Proposal, Standing, standings

T = TypeVar("T")

_AT_ONCE = 256  # photos whose distances are computed together
_AT_A_LOOK = 4_000  # photos that are looked at together, to see whether they are settled
_TIMES_PERSONS = 1_000_000  # these times the persons, at most: some 100 MB of distances


@dataclass(slots=True)
class Rematch:
    """What faces are compared with, frozen for the whole re-match.

    Parameters
    ----------
    own : mapping of face_id to set of person_id
        Faces that are themselves in the gallery: they must not meet themselves.
    rejected : mapping of face_id to list of person_id
    confirmed : mapping of face_id to person_id
    groups : EventGroups or None
        None: faces are judged alone.
    """

    gallery: Gallery
    rules: Rules
    pack_id: str
    own: Mapping[int, set[int]]
    rejected: Mapping[int, list[int]]
    confirmed: Mapping[int, int]
    groups: EventGroups | None = None
    person_ids: NDArray[np.int64] = field(init=False)
    centroids: Centroids = field(init=False)
    _special: NDArray[np.int64] = field(init=False)

    def __post_init__(self) -> None:
        self.person_ids, self.centroids = self.gallery.person_ids, self.gallery.centroids()
        special = [*self.own, *self.rejected, *self.confirmed]
        self._special = np.array(special, np.int64)

    @classmethod
    def of(cls, store: Store, gallery: Gallery, rules: Rules, pack_id: str) -> Rematch:
        """With what users said, as it is stored; with groups if the rules ask for them."""
        groups = None
        if rules.groups:
            # Learned faces depend on the order in which photos were sorted; groups find more than they do.
            gallery = replace(gallery, learned={}, max_learned=0)
            groups = event_groups(store, gallery, rules, pack_id)
            rules = replace(rules, thresholds=groups.thresholds(rules.thresholds))
        own = rematches.gallery_faces(store, pack_id, gallery.max_learned)
        rejected: dict[int, list[int]] = {}
        for face_id, person_id in rejected_pairs(store):
            rejected.setdefault(face_id, []).append(person_id)
        return cls(gallery, rules, pack_id, own, rejected, confirmed(store), groups)

    def settled(self, faces: DecidedFaces) -> set[int]:
        """Photos that `decide` surely leaves as they are."""
        special = faces.special | np.isin(faces.face_ids, self._special)
        groups = None
        if self.groups is not None:
            known = self.groups.knows(faces.face_ids)
            if not known.any():
                return set()
            groups = self.groups.of(np.where(known, faces.face_ids, 0)), self.groups.threshold
            special |= ~known
        faces, thresholds = replace(faces, special=special), self.rules.thresholds
        return set(settled(faces, self.centroids, self.person_ids, thresholds, groups).tolist())

    def decide(self, photos: Sequence[StoredPhoto]) -> list[dict[int, Decision]]:
        """Decisions that differ from the stored ones, by index of the face, one dict per photo."""
        comparable = [[f for f in photo.faces if f.embedding is not None] for photo in photos]
        embeddings = [f.embedding for faces in comparable for f in faces if f.embedding is not None]
        if not embeddings:
            return [{} for _ in photos]
        distances = distances_to_persons(np.stack(embeddings), self.centroids)
        ends = np.cumsum([len(faces) for faces in comparable])[:-1]
        return [
            self._changed(photo, faces, rows)
            for photo, faces, rows in zip(
                photos, comparable, np.split(distances, ends), strict=True
            )
        ]

    def _changed(
        self, photo: StoredPhoto, faces: Sequence[StoredFace], distances: NDArray[np.float32]
    ) -> dict[int, Decision]:
        for row, face in zip(distances, faces, strict=True):
            self._leave_out(face, row)
        rules = (distances, self.person_ids, self.rules.thresholds, self._forbidden(photo))
        sightings = Sightings.in_one([face.track for face in faces])
        if self.groups is None:
            decisions = decide_photo(*rules, sightings=sightings)
        else:
            own = self.groups.of([face.face_id for face in faces])
            decisions = decide_in_groups(*rules, own, self.groups.threshold, sightings)
        index = {face.face_id: position for position, face in enumerate(photo.faces)}
        return {
            index[face.face_id]: decision
            for face, decision in zip(faces, decisions, strict=True)
            if face.decided != (decision.outcome, decision.reason, decision.person_id)
            # A group in doubt is asked about as one: all of its faces must say the same of it.
            or (
                decision.reason is FaceReason.GROUP_IN_DOUBT
                and face.group_distance != decision.group_distance
            )
        }

    def _leave_out(self, face: StoredFace, row: NDArray[np.float32]) -> None:
        """Compare a face that is in the gallery with what is known of its person without it.

        Where it is the only reference it meets itself: a user said who it is.
        """
        for person_id in self.own.get(face.face_id, ()):
            (columns,) = np.nonzero(self.person_ids == person_id)
            for column in columns:
                rest = self.gallery.centroids_without(person_id, np.asarray(face.embedding))
                if rest is not None:
                    one = np.asarray(face.embedding)[None]
                    row[column] = distances_to_persons(one, rest)[0, 0]

    def _forbidden(self, photo: StoredPhoto) -> NDArray[np.bool_] | None:
        """Pairs that a user has ruled out, of comparable faces and persons; None if there are none.

        A confirmed face is its person's alone, and nobody whom it meets is that person.
        """
        pinned = {
            f.face_id: self.confirmed[f.face_id] for f in photo.faces if f.face_id in self.confirmed
        }
        # What cannot be compared any more keeps its person.
        pinned |= {
            f.face_id: f.person_id for f in photo.faces if f.embedding is None and f.person_id
        }
        if not pinned and not any(face.face_id in self.rejected for face in photo.faces):
            return None
        sightings = Sightings.in_one([face.track for face in photo.faces])
        forbidden = np.zeros((len(photo.faces), len(self.person_ids)), np.bool_)
        for row, face in enumerate(photo.faces):
            if face.face_id in pinned:
                is_theirs = self.person_ids == pinned[face.face_id]
                forbidden |= sightings.met_by(row)[:, None] & is_theirs
        for ruled_out, face in zip(forbidden, photo.faces, strict=True):
            if face.face_id in pinned:
                ruled_out[:] = self.person_ids != pinned[face.face_id]
            ruled_out |= np.isin(self.person_ids, self.rejected.get(face.face_id, []))
        return forbidden[[face.embedding is not None for face in photo.faces]]


def find_changes(store: Store, rematch: Rematch, *, everything: bool) -> Iterator[Change]:
    """What a re-match has to do, in the order of the photos.

    Parameters
    ----------
    store : Store
        What was yielded may be recorded meanwhile.
    everything : bool
        Decide all photos with faces again; else only those with an unknown or LOOSE face, or one of which a user
        said something.  Copies that are missing are found of all photos.
    """
    found = rematches.candidates(
        store, everything=everything, unknown_folder=rematch.rules.unknown_folder
    )
    photos = stored_photos(store, _to_look_at(store, rematch, found), pack_id=rematch.pack_id)
    # A movie is judged after its picture, whose change may not be recorded yet.
    with_movies = rematches.shots_with_movies(store)
    pictures: dict[int, list[Proposal]] = {}
    for some in _by(_AT_ONCE, photos):
        ids = rematches.among([photo.photo.photo_id for photo in some], found.again)
        again = [photo for photo in some if photo.photo.photo_id in ids]
        decided = dict(zip((p.photo.photo_id for p in again), rematch.decide(again), strict=True))
        changed = [decided.get(photo.photo.photo_id, {}) for photo in some]
        faces = list(chain.from_iterable(map(_proposed, some, changed)))
        movies = {photo.shot_id for photo in some if photo.clip is not None}
        before = chain.from_iterable(pictures.pop(shot_id, ()) for shot_id in sorted(movies))
        there = standings(store, [*before, *faces], unknown_folder=rematch.rules.unknown_folder)
        for face in faces:
            if face.shot_id in with_movies and not face.in_clip:
                pictures.setdefault(face.shot_id, []).append(face)
        for photo, decisions in zip(some, changed, strict=True):
            change = _change(photo, decisions, there[photo.photo.photo_id], rematch.rules.clips)
            if change is not None:
                yield change


def _to_look_at(store: Store, rematch: Rematch, found: Candidates) -> Iterator[int]:
    """Photos of which something may have to be done, in order."""
    ids = np.union1d(found.again, found.undelivered)
    few = max(_AT_ONCE, min(_AT_A_LOOK, _TIMES_PERSONS // max(len(rematch.person_ids), 1)))
    for start in range(0, len(ids), few):
        some = ids[start : start + few].tolist()
        settled = rematch.settled(decided_faces(store, some, rematch.pack_id))
        undelivered = rematches.among(some, found.undelivered)
        yield from (key for key in some if key not in settled or key in undelivered)


def _proposed(photo: StoredPhoto, decisions: Mapping[int, Decision]) -> Iterator[Proposal]:
    """Whom the machine gives each face to, after the re-match."""
    for index, face in enumerate(photo.faces):
        outcome, _, person_id = face.decided
        if (again := decisions.get(index)) is not None:
            outcome, person_id = again.outcome, again.person_id
        yield Proposal(
            photo.photo.photo_id,
            face.face_id,
            person_id,
            Outcome(outcome),
            photo.shot_id,
            photo.clip is not None,
            face.track is not None,
        )


def _change(
    photo: StoredPhoto, decisions: Mapping[int, Decision], standing: Standing, clips: Clips
) -> Change | None:
    """What has to be done for a photo; None if nothing has."""
    folders = dict(standing.targets)
    theirs = stored_shares(_as_decided(photo, decisions), list(folders), clips)
    there = {(copy.person_id, copy.at_ms) for copy in photo.copies}
    missing = {(key, folders[key]): ms for key, ms in theirs.items() if (key, ms) not in there}
    if not decisions and not missing:
        return None
    return Change(photo, decisions, standing.status, standing.reason, missing)


def _as_decided(photo: StoredPhoto, decisions: Mapping[int, Decision]) -> StoredPhoto:
    """A photo with the faces as they are after the re-match: what a user confirmed stays."""
    faces = list(photo.faces)
    for index, decision in decisions.items():
        if faces[index].reason != FaceReason.CONFIRMED_BY_USER:
            awaits = awaits_yes(decision.outcome, is_track=faces[index].track is not None)
            faces[index] = replace(faces[index], person_id=decision.person_id, awaits=awaits)
    return replace(photo, faces=tuple(faces))


def _by(count: int, items: Iterable[T]) -> Iterator[list[T]]:
    iterator = iter(items)
    while some := list(islice(iterator, count)):
        yield some


def fingerprint(store: Store, rules: Rules, pack_id: str, max_learned: int) -> str:
    """Everything that a re-match of a sort depends on; what has not changed need not be matched again."""
    return f"{(LEARNED_GAIN, rules, pack_id, max_learned)!r} {rematches.state_of_matching(store)}"
