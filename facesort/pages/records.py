"""What the pages are made of.  Files are paths relative to the folder that all of them are in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from facesort.core.derivatives import DerivedFile


@dataclass(frozen=True, slots=True)
class Person:
    """Someone with a page of their own.

    Parameters
    ----------
    name : str
        Empty: the people without a name.
    page : str
        File of the page.
    portrait : str
        File of a square picture of nobody else; empty if there is none.
    """

    name: str
    page: str
    portrait: str = ""


@dataclass(frozen=True, slots=True)
class Photo:
    """A photo that was delivered.

    Parameters
    ----------
    key : str
        Identifies it in addresses: letters and digits.
    width, height : int
        Of the delivered JPEG, in px.
    taken_at : datetime or None
        By the event's clock.
    copies : mapping of int to str
        The file that each person got, by place in `Gallery.people`.
    smaller : sequence of (str, DerivedFile)
        Smaller versions, and the file of each.
    at_ms : int or None
        Of a clip: the frame that it is; None: it is a photo.
    """

    key: str
    width: int
    height: int
    taken_at: datetime | None
    copies: Mapping[int, str]
    smaller: Sequence[tuple[str, DerivedFile]] = ()
    at_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Gallery:
    """A delivery as pages show it.

    Parameters
    ----------
    page : str
        File of the page of everybody.
    people : sequence of Person
        As they are shown.
    photos : sequence of Photo
        As they are shown: in the order of time.
    """

    title: str
    page: str
    people: Sequence[Person]
    photos: Sequence[Photo]
