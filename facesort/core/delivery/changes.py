"""What changed between two moments of a job, photo by photo, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from facesort.core.text.words import thresholds_apart
from facesort.reasons import FaceReason, PhotoStatus

_BY_GROUP = {FaceReason.WITHIN_GROUP, FaceReason.GROUP_IN_DOUBT, FaceReason.UNKNOWN_GROUP}


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What a run decided with, as it recorded it.

    Parameters
    ----------
    settings : mapping of dotted name to value
        As they took effect.
    gallery : mapping of person_id to (references, learned), or None
        None: an older facesort did not record it.
    loose_of_event : bool
        Whether LOOSE came from the event's own faces, not from a setting.
    """

    settings: Mapping[str, object]
    pack_id: str
    gallery: Mapping[int, tuple[int, int]] | None
    loose_of_event: bool = False

    @property
    def loose(self) -> float:
        """LOOSE, which says who is given a name."""
        return float(str(self.settings["matching.loose"]))


def different_settings(
    before: Circumstances, after: Circumstances
) -> list[tuple[str, object, object]]:
    """Settings whose value differs: name, before, after; None where there is none."""
    names = [*before.settings, *(name for name in after.settings if name not in before.settings)]
    pairs = [(name, before.settings.get(name), after.settings.get(name)) for name in names]
    return [(name, one, other) for name, one, other in pairs if one != other]


def setting(name: str, before: Circumstances, after: Circumstances) -> str:
    """What a setting is called; LOOSE is none where it came from the event."""
    if name != "matching.loose" or not (before.loose_of_event or after.loose_of_event):
        return f"setting {name}"
    return "LOOSE of the event" if before.loose_of_event and after.loose_of_event else "LOOSE"


@dataclass(frozen=True, slots=True)
class Moment:
    """A moment in the life of a job; later runs and answers do not count yet, None is now."""

    run_id: int | None = None
    time: datetime | None = None


@dataclass(frozen=True, slots=True)
class PhotoThen:
    """Where a photo stood at a moment.

    Parameters
    ----------
    reason : str or None
        Why it reached no folder.
    persons, withheld : frozenset of int
        Who was in it, and who of them was withheld.
    """

    status: PhotoStatus
    reason: str | None
    persons: frozenset[int]
    withheld: frozenset[int]


@dataclass(frozen=True, slots=True)
class FaceThen:
    """Who a face was at a moment, and what the machine had decided.

    Parameters
    ----------
    person_id : int or None
        The user's answer, else the decision.
    by_user : bool
        Whether it is a user's answer.
    kind : str
        Of the batch that decided: ``sort``, ``retry`` or ``rematch``.
    reason : str
        The machine's, as are all that follow.
    decided_id : int or None
        Whom the face was given to.
    distance : float or None
        To that person, or else to the nearest.
    nearest_id : int or None
    group_distance : float or None
        Of its group to the person that the group proposed.
    """

    person_id: int | None
    by_user: bool
    kind: str
    reason: str
    decided_id: int | None
    distance: float | None
    nearest_id: int | None
    group_distance: float | None = None


@dataclass(frozen=True, slots=True)
class ChangedPhoto:
    """A photo that changed between two moments.

    Parameters
    ----------
    faces : tuple of (before, after)
        Those that were somebody else before.
    """

    photo_id: int
    path: str
    before: PhotoThen
    after: PhotoThen
    faces: tuple[tuple[FaceThen, FaceThen], ...]


def causes(
    photo: ChangedPhoto,
    circumstances: tuple[Circumstances, Circumstances],
    names: Mapping[int, str],
) -> tuple[str, ...]:
    """Why a photo changed, in words, at least one; by what the runs recorded, never by deciding again.

    Parameters
    ----------
    circumstances : pair of Circumstances
        Of the last run before, and of the last run after.
    names : mapping of person_id to str
    """
    return _Why(*circumstances, names).photo(photo)


@dataclass(frozen=True, slots=True)
class _Why:
    before: Circumstances
    after: Circumstances
    names: Mapping[int, str]

    def photo(self, photo: ChangedPhoto) -> tuple[str, ...]:
        """Causes of a photo's change, each once."""
        before, after = photo.before, photo.after
        if PhotoStatus.FAILED in (before.status, after.status):
            return ("retry",)
        found = [cause for face in photo.faces for cause in self._face(*face)]
        both = before.persons & after.persons
        for person_id in sorted(both & (before.withheld ^ after.withheld)):
            word = "withheld" if person_id in after.withheld else "no longer withheld"
            found.append(f"user's answer: {self._name(person_id)} {word}")
        return tuple(dict.fromkeys(found)) or ("decided again",)

    def _face(self, old: FaceThen, new: FaceThen) -> list[str]:
        if new.by_user or new.reason in (
            FaceReason.REJECTED_BY_USER,
            FaceReason.CONFIRMED_BY_USER,
        ):
            return ["user's answer"]
        if old.by_user:
            return ["user's answer taken back"]
        again = {"rematch": "re-match", "retry": "retry"}.get(new.kind, "decided again")
        return [again, self._reason(old, new)]

    def _reason(self, old: FaceThen, new: FaceThen) -> str:
        """Why the machine changed its decision."""
        if self.before.pack_id != self.after.pack_id:
            return f"model pack: {self.before.pack_id[:12]} -> {self.after.pack_id[:12]}"
        gained, lost = new.decided_id, old.decided_id
        if gained is not None and self._missing(gained, self.before):
            return f"gallery: + {self._name(gained)}"
        if lost is not None and self._missing(lost, self.after):
            return f"gallery: - {self._name(lost)}"
        if new.reason == FaceReason.PERSON_TAKEN:
            return "the person is another face of the photo"
        if self._by_threshold(old, new):
            what = setting("matching.loose", self.before, self.after)
            return f"{what}: {' -> '.join(thresholds_apart(self.before.loose, self.after.loose))}"
        if self._by_group(old, new):
            return "its group"
        # The person of whom more, or less, is known now than then.
        person_id = gained if gained is not None else lost
        return self._grown(person_id) if person_id is not None else "gallery: changed since"

    def _missing(self, person_id: int, circumstances: Circumstances) -> bool:
        return circumstances.gallery is not None and person_id not in circumstances.gallery

    def _by_threshold(self, old: FaceThen, new: FaceThen) -> bool:
        """Whether the old distance alone explains it: it lies between the old LOOSE and the new one."""
        if old.reason == FaceReason.WITHIN_GROUP:
            # It was never nearer than LOOSE by itself: the group was, as long as there are groups.
            grouped = self.after.settings.get("matching.groups", True)
            gone = new.decided_id is None and (old.group_distance or 0) > self.after.loose
            return bool(grouped and gone)
        if old.distance is None or new.reason == FaceReason.WITHIN_GROUP:
            return False
        if new.decided_id is not None:
            near = old.decided_id is None and old.nearest_id == new.decided_id
            return near and self.before.loose < old.distance <= self.after.loose
        return self.after.loose < old.distance <= self.before.loose

    def _by_group(self, old: FaceThen, new: FaceThen) -> bool:
        """Whether a group named the face, or took its name: by leaving it, by doubt, or by being nobody's."""
        if {old.reason, new.reason} & _BY_GROUP:
            return True
        if old.decided_id is not None and new.decided_id is not None:
            return new.group_distance is not None  # where the two differ, the group wins
        # Near enough for a group, and unknown: a face alone must be nearer.
        near = new.distance is not None and new.distance <= self.after.loose
        return near and new.decided_id is None and new.reason == FaceReason.ABOVE_LOOSE

    def _grown(self, person_id: int) -> str:
        then, now = (
            None if c.gallery is None else c.gallery.get(person_id)
            for c in (self.before, self.after)
        )
        if then is not None and now is not None and then[0] != now[0]:
            return f"gallery: references of {self._name(person_id)}, {then[0]} -> {now[0]}"
        return "gallery: faces learned since"

    def _name(self, person_id: int) -> str:
        return self.names.get(person_id, f"person {person_id}")
