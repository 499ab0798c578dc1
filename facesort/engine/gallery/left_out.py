"""What is left out of a folder of reference or labelled photos: one line per reason, with what to do."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from facesort.core.text.words import several
from facesort.images import PhotoKind

_NAMED = 5  # places that a line names


class Why(StrEnum):
    """Why something is left out; where the scan leaves out the same, in the scan's words."""

    NESTED = "nested"
    LOOSE = "loose"
    BLANK_IN_NAME = "blank_in_name"
    SAME_PERSON = "same_person"
    EMPTY = "empty"
    UNREADABLE = "unreadable"
    SYMBOLIC_LINK = "symbolic_link"
    BROKEN_LINK = "broken_link"
    OTHER_NAME = "other_name"
    SPECIAL_FILE = "special_file"
    HIDDEN = PhotoKind.HIDDEN.value
    SYSTEM = PhotoKind.SYSTEM.value
    VIDEO = PhotoKind.VIDEO.value
    SIDECAR = PhotoKind.SIDECAR.value
    OTHER = PhotoKind.OTHER.value


# What a line counts, and what to do.
_LINES = {
    Why.NESTED: ("photo", "deeper than a person's folder: move it up, directly into that folder"),
    Why.LOOSE: ("photo", "in nobody's folder: move it into the folder of its person"),
    Why.BLANK_IN_NAME: (
        "photo",
        "the folder's name begins or ends with a blank or an invisible character, or has several blanks in a row: "
        "rename the folder, or move its photos into the folder of that person",
    ),
    Why.SAME_PERSON: (
        "photo",
        "these folders would be one person, or share one folder of the output: put the photos into one of them, or "
        "give them names that differ more",
    ),
    Why.EMPTY: ("folder", "no photo in it: put some there"),
    Why.UNREADABLE: ("file or folder", "cannot be read"),
    Why.SYMBOLIC_LINK: ("link", "leads out of this folder, and is not followed: put a copy there"),
    Why.BROKEN_LINK: ("link", "leads nowhere: put the photo itself there"),
    Why.OTHER_NAME: (
        "link",
        "leads to a folder that is looked at under another name: copy the photos if they belong here too",
    ),
    Why.SPECIAL_FILE: ("pipe, socket or device", "not opened: remove it"),
    Why.HIDDEN: ("hidden file or folder", "rename it without the dot if it is yours"),
    Why.SYSTEM: ("file or folder", "made by a system or a network disk: nothing to do"),
    Why.VIDEO: ("video", "only photos are taken: save a frame of it as JPEG"),
    Why.SIDECAR: ("file", "belongs to a photo, but is none: nothing to do"),
    Why.OTHER: ("file", "no photo by name or content: nothing to do"),
}
_MANY = {
    "file or folder": "files or folders",
    "hidden file or folder": "hidden files or folders",
    "pipe, socket or device": "pipes, sockets or devices",
}


@dataclass(frozen=True, slots=True)
class LeftOut:
    """All that is left out for one reason.  As text, one line.

    Parameters
    ----------
    number : int
        Of photos, or of what the line counts.
    places : tuple of str
        The first files or folders, relative to the folder that was given.
    more : int
        Number of further places.
    detail : str
        Why the first one cannot be read, and what to do.
    """

    why: Why
    number: int
    places: tuple[str, ...]
    more: int = 0
    detail: str = ""

    def __str__(self) -> str:
        """Return the line, without a full stop."""
        one, advice = _LINES[self.why]
        places = ", ".join(f"'{place}'" for place in self.places)
        more = f" and {self.more:,} more" if self.more else ""
        return (
            f"left out {several(self.number, one, _MANY.get(one))} ({places}{more}): {self.why}: {advice}"
            + (f" {self.detail}" if self.detail else "")
        )


def after_a_sentence(left_out: Iterable[LeftOut]) -> str:
    """All lines, to be added to an error's sentence."""
    return "".join(f"; {line}" for line in left_out)


@dataclass(slots=True)
class _Place:
    number: int
    first: str
    detail: str


@dataclass(slots=True)
class Tally:
    """Counts what is left out, by reason and place."""

    _places: dict[Why, dict[str, _Place]] = field(default_factory=dict)

    def add(
        self, why: Why, item: str, *, place: str | None = None, number: int = 1, detail: str = ""
    ) -> None:
        """Count an item, together with all others in its place.

        Parameters
        ----------
        item : str
            Its path.
        place : str, optional
            Named instead of the item if there are several; default: the item is a place of its own.
        number : int
            Of photos in the item.
        detail : str
            As in `LeftOut`.
        """
        known = self._places.setdefault(why, {}).setdefault(place or item, _Place(0, item, detail))
        known.number += number

    def folders(self) -> set[str]:
        """The folders directly below the root in which something is left out, or that are left out themselves."""
        return {place.split("/")[0] for places in self._places.values() for place in places}

    def result(self) -> tuple[LeftOut, ...]:
        """One entry per reason."""
        return tuple(_entry(why, self._places[why]) for why in Why if why in self._places)


def _entry(why: Why, found: dict[str, _Place]) -> LeftOut:
    ordered = sorted(found.items())
    named = tuple(at.first if at.number == 1 else place for place, at in ordered[:_NAMED])
    number = sum(at.number for at in found.values())
    return LeftOut(why, number, named, len(found) - len(named), ordered[0][1].detail)
