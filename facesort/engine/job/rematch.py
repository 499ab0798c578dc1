"""Re-match: decide stored faces again, against the gallery as it is now, and find the copies that are missing.

Nothing is learned, so that a second re-match changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from itertools import chain, islice

import numpy as np
from numpy.typing import NDArray

from facesort.core.gallery import Centroids, Gallery
from facesort.core.groups.decision import decide_in_groups
from facesort.core.matching import LEARNED_GAIN, Decision, decide_photo, distances_to_persons
from facesort.core.routing import PlannedWrite, output_name, plan_writes
from facesort.core.stored import StoredFace, StoredPhoto
from facesort.engine.job.groups import EventGroups, event_groups
from facesort.engine.rules import Rules
from facesort.reasons import FaceReason, PhotoStatus, Reason
from facesort.store import Store
from facesort.store.job import rematches
from facesort.store.job.rematches import Rematched
from facesort.store.queries.answers import confirmed, rejected_pairs
from facesort.store.queries.stored import stored_photos
from facesort.store.what_counts import Standing, standings

_AT_ONCE = 256  # photos whose distances are computed together


@dataclass(frozen=True, slots=True)
class RematchReport:
    """What came and what went; reports of parts add up.

    Parameters
    ----------
    photos : int
        That changed: a decision, a copy, or both.
    named, renamed, unnamed : int
        Faces that were unknown and are somebody now, that are somebody else, and that are unknown now.
    regraded : int
        Faces that stay who they were, with another outcome or reason.
    files : int
        Copies added to the output.
    failed : int
        Copies that could not be written, as another file has their name; they wait for a retry.
    not_rendered : int
        Photos that wait for the next re-match, because their copy cannot be had.

    Examples
    --------
    >>> (facesort.RematchReport(photos=2, files=3) + facesort.RematchReport(photos=1)).photos
    3
    """

    photos: int = 0
    named: int = 0
    renamed: int = 0
    unnamed: int = 0
    regraded: int = 0
    files: int = 0
    failed: int = 0
    not_rendered: int = 0

    def __add__(self, other: RematchReport) -> RematchReport:
        """Add the figures up."""
        sums = (getattr(self, f.name) + getattr(other, f.name) for f in fields(self))
        return RematchReport(*sums)


@dataclass(frozen=True, slots=True, eq=False)
class Change:
    """What a re-match has to do for one photo.

    Parameters
    ----------
    decisions : mapping of int to Decision
        Those that changed, by index of the face.
    targets : tuple of (person_id or None, folder)
        Where a copy is missing.
    """

    stored: StoredPhoto
    decisions: Mapping[int, Decision]
    status: PhotoStatus
    reason: Reason | None
    targets: tuple[tuple[int | None, str], ...]

    def report(self) -> RematchReport:
        """Share of this photo in the figures, once it is done."""
        moves = [
            (self.stored.faces[index].decided[2], decision.person_id)
            for index, decision in self.decisions.items()
        ]
        return RematchReport(
            photos=1,
            named=sum(old is None and new is not None for old, new in moves),
            renamed=sum(None not in (old, new) and old != new for old, new in moves),
            unnamed=sum(old is not None and new is None for old, new in moves),
            regraded=sum(old == new for old, new in moves),
            files=len(self.targets),
        )


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

    def __post_init__(self) -> None:
        self.person_ids, self.centroids = self.gallery.person_ids, self.gallery.centroids()

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
        rules = (distances, self.person_ids, self.rules.thresholds, self._forbidden(photo, faces))
        if self.groups is None:
            decisions = decide_photo(*rules)
        else:
            decisions = decide_in_groups(*rules, self.groups.of(faces), self.groups.threshold)
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

    def _forbidden(
        self, photo: StoredPhoto, faces: Sequence[StoredFace]
    ) -> NDArray[np.bool_] | None:
        """Pairs that a user has ruled out, shape (n_faces, n_persons); None if there are none.

        A confirmed face is its person's alone, and nobody else in the photo is that person.
        """
        pinned = {
            f.face_id: self.confirmed[f.face_id] for f in photo.faces if f.face_id in self.confirmed
        }
        # What cannot be compared any more keeps its person.
        pinned |= {
            f.face_id: f.person_id for f in photo.faces if f.embedding is None and f.person_id
        }
        if not pinned and not any(face.face_id in self.rejected for face in faces):
            return None
        taken = np.isin(self.person_ids, list(pinned.values()))
        forbidden = np.tile(taken, (len(faces), 1))
        for row, face in zip(forbidden, faces, strict=True):
            if face.face_id in pinned:
                row[:] = self.person_ids != pinned[face.face_id]
            row |= np.isin(self.person_ids, self.rejected.get(face.face_id, []))
        return forbidden


def recorded(change: Change, jpegs: Mapping[int, bytes]) -> Rematched:
    """A change as it is stored, with its copies planned.

    Parameters
    ----------
    jpegs : mapping of photo_id to bytes
        Of the photos of which a copy is missing.
    """
    stored = change.stored
    key = stored.photo.photo_id
    decisions = tuple(
        (stored.faces[index].face_id, stored.faces[index].round + 1, decision)
        for index, decision in change.decisions.items()
    )
    writes: tuple[PlannedWrite, ...] = ()
    if change.targets:
        name = output_name(stored.photo.path, stored.sha256)
        writes = plan_writes(key, name, change.targets, jpegs[key])
    return Rematched(key, change.status, change.reason, decisions, writes)


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
    photos = stored_photos(store, sorted(found.again | found.undelivered), pack_id=rematch.pack_id)
    for some in _by(_AT_ONCE, photos):
        again = [photo for photo in some if photo.photo.photo_id in found.again]
        decided = dict(zip((p.photo.photo_id for p in again), rematch.decide(again), strict=True))
        changed = [decided.get(photo.photo.photo_id, {}) for photo in some]
        faces = chain.from_iterable(map(_proposed, some, changed))
        there = standings(store, faces, unknown_folder=rematch.rules.unknown_folder)
        for photo, decisions in zip(some, changed, strict=True):
            change = _change(photo, decisions, there[photo.photo.photo_id])
            if change is not None:
                yield change


def _proposed(
    photo: StoredPhoto, decisions: Mapping[int, Decision]
) -> Iterator[tuple[int, int, int | None]]:
    """Whom the machine gives each face to, after the re-match."""
    for index, face in enumerate(photo.faces):
        again = decisions.get(index)
        person_id = face.decided[2] if again is None else again.person_id
        yield photo.photo.photo_id, face.face_id, person_id


def _change(
    photo: StoredPhoto, decisions: Mapping[int, Decision], standing: Standing
) -> Change | None:
    """What has to be done for a photo; None if nothing has."""
    there = {copy.person_id for copy in photo.copies}
    missing = tuple(target for target in standing.targets if target[0] not in there)
    if not decisions and not missing:
        return None
    return Change(photo, decisions, standing.status, standing.reason, missing)


def _by(count: int, photos: Iterable[StoredPhoto]) -> Iterator[list[StoredPhoto]]:
    iterator = iter(photos)
    while some := list(islice(iterator, count)):
        yield some


def fingerprint(store: Store, rules: Rules, pack_id: str, max_learned: int) -> str:
    """Everything that a re-match of a sort depends on; what has not changed need not be matched again."""
    return f"{(LEARNED_GAIN, rules, pack_id, max_learned)!r} {rematches.state_of_matching(store)}"
