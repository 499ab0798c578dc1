"""Folders of reference or labelled photos, one per person: which photos are taken, and what is left out.

The rules are the scan's: where the name says nothing, the content decides what is a photo; what is hidden or made by a
system is nobody's; no link leads out.
"""

from __future__ import annotations

import os
import unicodedata
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from facesort.core.delivery.routing import folder_key, safe_folder
from facesort.core.text.foreign_text import printable
from facesort.core.text.paths import is_of_the_system, to_text
from facesort.engine.gallery.left_out import LeftOut, Tally, Why, after_a_sentence
from facesort.engine.gallery.seed import Candidate, person_name
from facesort.errors import GalleryError, because, short_of
from facesort.files.own import Kind, kind_of, open_regular
from facesort.images import HEAD_BYTES, TOLD_BY_CONTENT, PhotoKind, kind_by_content, photo_kind

_ALIKE = 4  # folders of one person that a line names


@dataclass(frozen=True, slots=True)
class PersonFolders:
    """Photos of several persons, from `person_folders`.

    Parameters
    ----------
    candidates : tuple of Candidate
        At least one; by folder, then by name.
    left_out : tuple of LeftOut
    """

    candidates: tuple[Candidate, ...]
    left_out: tuple[LeftOut, ...]


@dataclass(frozen=True, slots=True)
class PhotosAt:
    """Photos of one person, from `photos_at`.

    Parameters
    ----------
    photos : tuple of Path
        At least one; by name.
    left_out : tuple of LeftOut
    """

    photos: tuple[Path, ...]
    left_out: tuple[LeftOut, ...] = ()


def person_folders(root: Path) -> PersonFolders:
    """List the photos directly in the sub-folders of a folder, each named after a person.

    A folder is left out if its name does not say exactly who it is: with blanks at its ends, or if two folders would be
    one person.

    Raises
    ------
    GalleryError
        If no photo can be taken; the message says what was left out.
    """
    if not os.path.isdir(root):
        raise GalleryError(f"{root} is not a folder")
    walk = _Walk(root, depth=1)
    candidates = tuple(
        Candidate(name, path)
        for name, folder in _persons(walk.photos, walk.left_out)
        for path in walk.photos[folder]
    )
    left_out = walk.left_out.result()
    if not candidates:
        raise GalleryError(
            f"{root} has no sub-folder with photos to take: make one per person, named after them"
            + after_a_sentence(left_out)
        )
    return PersonFolders(candidates, left_out)


def photos_at(path: Path) -> PhotosAt:
    """List a photo itself, or the photos directly in a folder.

    Raises
    ------
    GalleryError
        If the path does not exist, or no photo can be taken; the message says what was left out.
    """
    if os.path.isfile(path):
        return PhotosAt((path,))
    if not os.path.isdir(path):
        raise GalleryError(f"{path} is neither a photo nor a folder")
    walk = _Walk(path, depth=0)
    left_out = walk.left_out.result()
    if not walk.photos:
        raise GalleryError(f"there is no photo in {path}{after_a_sentence(left_out)}")
    return PhotosAt(tuple(walk.photos[""]), left_out)


def _persons(photos: dict[str, list[Path]], left_out: Tally) -> Iterator[tuple[str, str]]:
    """Name and folder of everybody whose folder's name leaves no doubt."""
    alike = defaultdict[str, list[str]](list)
    for folder, paths in photos.items():
        if person_name(folder) == _tidy(person_name(folder)):
            alike[_key(person_name(folder))].append(folder)
        else:
            first = f"{folder}/{to_text(paths[0].name)}"
            left_out.add(Why.BLANK_IN_NAME, first, place=folder, number=len(paths))
    for folders in alike.values():
        if len(folders) == 1:
            yield person_name(folders[0]), folders[0]
            continue
        group = " = ".join([*folders[:_ALIKE], "..."] if len(folders) > _ALIKE else folders)
        left_out.add(Why.SAME_PERSON, group, number=sum(len(photos[f]) for f in folders))


def _tidy(name: str) -> str:
    """The name as somebody would type it: single blanks, and nothing invisible at its ends."""
    seen = [i for i, char in enumerate(name) if not char.isspace() and _is_drawn(char)]
    return " ".join(name[seen[0] : seen[-1] + 1].split()) if seen else ""


def _is_drawn(char: str) -> bool:
    return (
        unicodedata.category(char) == "Co" or printable(char) == char
    )  # Co: a byte that is not UTF-8, see `to_text`


def _key(name: str) -> str:
    """Equal for two names that would be one person, or have one folder in the output."""
    try:
        return folder_key(safe_folder(name))
    except GalleryError:  # no folder can be named after it: it is refused when it is enrolled
        return folder_key(name)


class _Walk:
    """What is found below a folder.  Places are paths relative to it, with ``/``; its own is ``""``.

    Parameters
    ----------
    depth : int
        How many folders below the root the photos are that are taken.
    """

    def __init__(self, root: Path, depth: int) -> None:
        self.photos = defaultdict[str, list[Path]](list)
        self.left_out = Tally()
        self._depth = depth
        self._root = root.resolve()
        self._linked = set[Path]()
        self._look_at(root)

    def _look_at(self, root: Path) -> None:
        folders, of_persons = [(root, "")], list[str]()
        while folders:
            path, place = folders.pop()
            if place and place.count("/") < self._depth:
                of_persons.append(place)
            names = self._names(path, place)
            below = [(path / name, f"{place}/{to_text(name)}".lstrip("/")) for name in names]
            folders += reversed([entry for entry in below if self._is_folder(*entry)])
        told = self.left_out.folders()
        for place in of_persons:
            if place not in self.photos and place not in told:
                self.left_out.add(Why.EMPTY, place)

    def _names(self, path: Path, place: str) -> list[str]:
        try:
            return sorted(os.listdir(path))
        except OSError as error:
            if not place:
                raise GalleryError(f"{path} cannot be read {because(error)}") from error
            self._unreadable(place, error)
            return []

    def _unreadable(self, place: str, error: OSError) -> None:
        if short := short_of(error):
            raise short from error
        self.left_out.add(Why.UNREADABLE, place, detail=because(error))

    def _is_folder(self, path: Path, place: str) -> bool:
        """Whether to look into it; what is no folder is taken or left out here."""
        if is_of_the_system(path.name):  # not looked into: .git may hold a million files
            self.left_out.add(Why.HIDDEN if path.name.startswith(".") else Why.SYSTEM, place)
            return False
        try:
            what = kind_of(path)
            if what is Kind.LINK:
                what = self._behind_link(Path(os.path.realpath(path)), place)
            if what is Kind.FILE:
                self._file(path, place)
            elif what is not None and what is not Kind.FOLDER:
                self.left_out.add(Why.SPECIAL_FILE, place)
        except OSError as error:
            self._unreadable(place, error)
            return False
        return what is Kind.FOLDER

    def _behind_link(self, target: Path, place: str) -> Kind | None:
        """What a link leads to, as one more name for it; None if it is left out."""
        if not target.is_relative_to(self._root):
            self.left_out.add(Why.SYMBOLIC_LINK, place)
            return None
        what = kind_of(target)
        if what is None or what is Kind.LINK:  # it leads to itself
            self.left_out.add(Why.BROKEN_LINK, place)
            return None
        if what is Kind.FOLDER:
            seen = not any(map(is_of_the_system, target.relative_to(self._root).parts))
            if seen or target in self._linked:
                self.left_out.add(Why.OTHER_NAME, place)
                return None
            self._linked.add(target)
        return what

    def _file(self, path: Path, place: str) -> None:
        folder, _, _ = place.rpartition("/")
        level = place.count("/")
        kind = photo_kind(place)
        if kind in TOLD_BY_CONTENT:
            with open_regular(path) as file:
                size = os.fstat(file.fileno()).st_size
                kind = kind_by_content(file.read(HEAD_BYTES), size, kind)
        if kind is not PhotoKind.PHOTO:
            self.left_out.add(Why(kind.value), place, place=place.split("/")[0])
        elif level < self._depth:
            self.left_out.add(Why.LOOSE, place)
        elif level > self._depth:
            inside = "/".join(place.split("/")[: self._depth + 1])
            self.left_out.add(Why.NESTED, place, place=inside)
        else:
            self.photos[folder].append(path)
