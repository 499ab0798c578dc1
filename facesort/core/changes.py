"""What changed between two moments of a job, photo by photo, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from facesort.core.history import Decided, FaceAnswer, PhotoAnswer
from facesort.reasons import FaceReason, PhotoStatus


@dataclass(frozen=True, slots=True)
class Circumstances:
    """Under what a run decided, as it recorded it.

    Parameters
    ----------
    settings : mapping of dotted name to value
        As they took effect.
    gallery : mapping of person_id to (references, learned), or None
        None: an older facesort did not record it.
    """

    settings: Mapping[str, object]
    pack_id: str
    gallery: Mapping[int, tuple[int, int]] | None

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


@dataclass(frozen=True, slots=True)
class Change:
    """A photo that is decided otherwise than before.

    Parameters
    ----------
    causes : tuple of str
        In words, at least one.
    """

    photo_id: int
    before: PhotoAnswer
    after: PhotoAnswer
    causes: tuple[str, ...]


def compare(
    states: tuple[Mapping[int, PhotoAnswer], Mapping[int, PhotoAnswer]],
    circumstances: tuple[Circumstances, Circumstances],
    names: Mapping[int, str],
) -> list[Change]:
    """Photos that were decided at both moments, and not alike.

    Parameters
    ----------
    states : pair of mappings of photo_id to PhotoAnswer
        Before and after, from `state_at`.
    circumstances : pair of Circumstances
        Of the last run before, and of the last run after.
    names : mapping of person_id to str

    Returns
    -------
    list of Change
        In the order of the photos.
    """
    before, after = states
    why = _Why(*circumstances, names)
    return [
        Change(key, before[key], after[key], why.photo(before[key], after[key]))
        for key in sorted(before.keys() & after.keys())
        if _shown(before[key]) != _shown(after[key])
    ]


def _shown(answer: PhotoAnswer) -> tuple[object, ...]:
    return answer.status, answer.reason, answer.persons


@dataclass(frozen=True, slots=True)
class _Why:
    before: Circumstances
    after: Circumstances
    names: Mapping[int, str]

    def photo(self, before: PhotoAnswer, after: PhotoAnswer) -> tuple[str, ...]:
        """Causes of a photo's change, each once."""
        pairs = [(before.faces.get(face_id), after.faces[face_id]) for face_id in after.faces]
        causes = [
            cause
            for old, new in pairs
            if old is not None and old.person_id != new.person_id
            for cause in self._face(old, new)
        ]
        both = before.persons & after.persons
        for person_id in sorted(both & (before.withheld ^ after.withheld)):
            word = "not to be delivered" if person_id in after.withheld else "to be delivered again"
            causes.append(f"user's answer: {self._name(person_id)} {word}")
        if not causes:
            tried = before.status is PhotoStatus.FAILED or after.status is PhotoStatus.FAILED
            causes = ["retry" if tried else "decided again"]
        return tuple(dict.fromkeys(causes))

    def _face(self, old: FaceAnswer, new: FaceAnswer) -> list[str]:
        if new.by_user or new.decided.reason in (
            FaceReason.REJECTED_BY_USER,
            FaceReason.CONFIRMED_BY_USER,
        ):
            return ["user's answer"]
        if old.by_user:
            return ["user's answer taken back"]
        again = {"rematch": "re-match", "retry": "retry"}.get(new.decided.kind, "decided again")
        return [again, self._reason(old.decided, new.decided)]

    def _reason(self, old: Decided, new: Decided) -> str:
        """What made the machine decide otherwise; by what it recorded, never by deciding again."""
        if self.before.pack_id != self.after.pack_id:
            return f"model pack: {self.before.pack_id[:12]} -> {self.after.pack_id[:12]}"
        gained, lost = new.person_id, old.person_id
        if gained is not None and self._missing(gained, self.before):
            return f"gallery: + {self._name(gained)}"
        if lost is not None and self._missing(lost, self.after):
            return f"gallery: - {self._name(lost)}"
        if self._by_threshold(old, new):
            return f"setting matching.loose: {self.before.loose:g} -> {self.after.loose:g}"
        # The person of whom more, or less, is known now than then.
        person_id = gained if gained is not None else lost
        return self._grown(person_id) if person_id is not None else "gallery as it has become"

    def _missing(self, person_id: int, circumstances: Circumstances) -> bool:
        return circumstances.gallery is not None and person_id not in circumstances.gallery

    def _by_threshold(self, old: Decided, new: Decided) -> bool:
        """Whether the old distance alone explains it: it lies between the old LOOSE and the new one."""
        if old.distance is None:
            return False
        if new.person_id is not None:
            near = old.person_id is None and old.nearest_id == new.person_id
            return near and self.before.loose < old.distance <= self.after.loose
        return self.after.loose < old.distance <= self.before.loose

    def _grown(self, person_id: int) -> str:
        then, now = (
            None if c.gallery is None else c.gallery.get(person_id)
            for c in (self.before, self.after)
        )
        if then is not None and now is not None and then[0] != now[0]:
            return f"gallery: references of {self._name(person_id)}, {then[0]} -> {now[0]}"
        return "gallery: what was learned meanwhile"

    def _name(self, person_id: int) -> str:
        return self.names.get(person_id, f"person {person_id}")
