"""Where photos were dropped, and who is in how many: counts over rows, each of which falls into one group."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from facesort.reasons import PhotoStatus

NO_REASON = "(no reason)"  # must never be seen: every drop has one
TOP_FOLDER = "(top folder)"


@dataclass(frozen=True, slots=True)
class AuditedPhoto:
    """A photo, where it stands, and what it can be grouped by.

    Parameters
    ----------
    path : str
        POSIX, relative to the source root.
    reason : str or None
        Why it reached no folder.
    format, camera : str
        Empty if not known.
    captured_at : datetime or None
        As the camera wrote it, without time zone.
    person : str or None
        Of a dropped photo with faces: who was to be left out, or else whom a face came nearest to.
    distance : float or None
        How near.
    run_id : int or None
        The run that analysed it last; None while it is pending.
    """

    photo_id: int
    path: str
    reason: str | None
    format: str
    camera: str
    captured_at: datetime | None
    person: str | None
    distance: float | None
    status: PhotoStatus
    run_id: int | None

    @property
    def decided(self) -> bool:
        """Whether it was looked at."""
        return self.status is not PhotoStatus.PENDING

    @property
    def dropped(self) -> bool:
        """Whether it reached no person's folder."""
        return self.decided and self.status is not PhotoStatus.MATCHED


@dataclass(frozen=True, slots=True)
class Group:
    """Decided photos that have something in common.

    Parameters
    ----------
    decided : int
        Photos.
    reasons : mapping of reason code to int
        Of those that were dropped.
    """

    name: str
    decided: int
    reasons: Mapping[str, int]

    @property
    def dropped(self) -> int:
        """Photos that reached no person's folder."""
        return sum(self.reasons.values())


def group_by(photos: Iterable[AuditedPhoto], key: Callable[[AuditedPhoto], str]) -> list[Group]:
    """Put every decided photo into one group.

    Parameters
    ----------
    photos : iterable of AuditedPhoto
    key : callable of AuditedPhoto
        Gives the group's name.

    Returns
    -------
    list of Group
        By name.
    """
    decided: Counter[str] = Counter()
    reasons: dict[str, Counter[str]] = defaultdict(Counter)
    for photo in photos:
        if photo.decided:
            name = key(photo)
            decided[name] += 1
            if photo.dropped:
                reasons[name][photo.reason or NO_REASON] += 1
    return [Group(name, decided[name], dict(reasons[name])) for name in sorted(decided)]


def fold(groups: Sequence[Group], limit: int) -> list[Group]:
    """The groups with most drops first, and all beyond the limit as one, so that the sums stay.

    Parameters
    ----------
    groups : sequence of Group
    limit : int
        At most so many rows, 2 or more.
    """
    ranked = sorted(groups, key=lambda group: (-group.dropped, -group.decided, group.name))
    if len(ranked) <= limit:
        return ranked
    rest = ranked[limit - 1 :]
    reasons = sum((Counter(group.reasons) for group in rest), Counter[str]())
    together = Group(f"{len(rest):,} others", sum(group.decided for group in rest), dict(reasons))
    return [*ranked[: limit - 1], together]


def folder_of(photo: AuditedPhoto) -> str:
    """The folder it lies in, below the source."""
    return photo.path.rpartition("/")[0] or TOP_FOLDER


def hour_of(photo: AuditedPhoto) -> str:
    """The hour on the camera's clock, with its day."""
    return f"{photo.captured_at:%Y-%m-%d %H:00}" if photo.captured_at else "not recorded"


def day_of(photo: AuditedPhoto) -> str:
    """The day on the camera's clock."""
    return f"{photo.captured_at:%Y-%m-%d}" if photo.captured_at else "not recorded"


@dataclass(frozen=True, slots=True)
class Shot:
    """A person in a photo of theirs.

    Parameters
    ----------
    quality : float
        Of the person's face, in [0, 1].
    faces : int
        In the photo, of anyone.
    """

    person: str
    photo_id: int
    captured_at: datetime | None
    quality: float
    faces: int


@dataclass(frozen=True, slots=True)
class Coverage:
    """How well a person is covered.

    Parameters
    ----------
    photos, good, solo : int
        All photos with them; with a good face of theirs; with nobody else in it.
    hours : mapping of datetime to int
        Photos by the hour on the camera's clock; under None those without a time.
    """

    name: str
    photos: int
    good: int
    solo: int
    hours: Mapping[datetime | None, int]

    @property
    def group(self) -> int:
        """Photos with somebody else in it, known or not."""
        return self.photos - self.solo


def coverage(shots: Iterable[Shot], persons: Iterable[str], good_quality: float) -> list[Coverage]:
    """Count everyone's photos.

    Parameters
    ----------
    shots : iterable of Shot
        At most one per person and photo.
    persons : iterable of str
        In the gallery; who has no photo is counted too.
    good_quality : float
        From which a face is good, in [0, 1].

    Returns
    -------
    list of Coverage
        Fewest photos first.
    """
    mine: dict[str, list[Shot]] = {name: [] for name in persons}
    for shot in shots:
        mine.setdefault(shot.person, []).append(shot)
    found = [
        Coverage(
            name=name,
            photos=len(all_of),
            good=sum(shot.quality >= good_quality for shot in all_of),
            solo=sum(shot.faces == 1 for shot in all_of),
            hours=Counter(_hour(shot.captured_at) for shot in all_of),
        )
        for name, all_of in mine.items()
    ]
    return sorted(found, key=lambda person: (person.photos, person.name))


def _hour(time: datetime | None) -> datetime | None:
    return time.replace(minute=0, second=0, microsecond=0) if time else None
