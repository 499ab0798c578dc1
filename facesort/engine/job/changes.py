"""What a re-match has to do for one photo, what came of it, and how it is stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from itertools import chain

from facesort.core.copies import PlannedWrite
from facesort.core.delivery.posters import as_still, at_frame, copy_name
from facesort.core.delivery.routing import Jpeg, plan_writes
from facesort.core.persons.matching import Decision
from facesort.core.stored import Key, StoredPhoto
from facesort.reasons import PhotoStatus, Reason
from facesort.store.job.rematches import Rematched


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
    targets : mapping of (person_id or None, folder) to int or None
        Where a copy is missing; of a clip, of which frame: None is the whole.
    """

    stored: StoredPhoto
    decisions: Mapping[int, Decision]
    status: PhotoStatus
    reason: Reason | None
    targets: Mapping[tuple[int | None, str], int | None]

    @property
    def pictures(self) -> list[StoredPhoto]:
        """Of what copies are missing: the photo, the whole clip, or some of its frames."""
        times = sorted(set(self.targets.values()), key=lambda ms: ms or 0)
        stored = self.stored
        return [as_still(stored) if ms is None else at_frame(stored, ms) for ms in times]

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


def recorded(change: Change, jpegs: Mapping[Key, Jpeg]) -> Rematched:
    """A change as it is stored, with its copies planned.

    Parameters
    ----------
    jpegs : mapping of Key to Jpeg
        Of the photos and frames of which a copy is missing.
    """
    stored = change.stored
    decisions = tuple(
        (stored.faces[index].face_id, stored.faces[index].round + 1, decision)
        for index, decision in change.decisions.items()
    )
    writes = tuple(
        chain.from_iterable(_planned(change, picture, jpegs) for picture in change.pictures)
    )
    return Rematched(stored.photo.photo_id, change.status, change.reason, decisions, writes)


def _planned(
    change: Change, picture: StoredPhoto, jpegs: Mapping[Key, Jpeg]
) -> tuple[PlannedWrite, ...]:
    """The missing copies of one content."""
    key, at_ms, name = picture.photo.photo_id, picture.photo.at_ms, copy_name(picture)
    folders = [target for target, ms in change.targets.items() if ms == at_ms]
    if picture.is_whole_clip:
        return plan_writes(key, name, folders, picture.sha256, picture.file_size)
    jpeg = jpegs[picture.key]
    return plan_writes(key, name, folders, jpeg.sha256, len(jpeg.data), at_ms)
