"""List every file of the sources once, and nothing outside them.

A link is one more name for what it leads to, if that is inside a source: users of git-annex have nothing else.
"""

from __future__ import annotations

import errno
import logging
import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from facesort.core.records import in_64_bits
from facesort.core.sources.files import FoundFile, KnownFiles, Listing, Place, SkippedFile
from facesort.core.text.paths import from_text, to_text
from facesort.engine.scan.folders import (
    Folder,
    OpenFolder,
    Reach,
    identity_of,
    is_link,
    opened,
    read_head,
)
from facesort.engine.scan.places import SourceRoot, overlap
from facesort.engine.sources.root_folder import RootFolder
from facesort.errors import SettingsError, because, short_of
from facesort.images import TOLD_BY_CONTENT, PhotoKind, kind_by_content, photo_kind

log = logging.getLogger(__name__)

_LEFT_OUT = frozenset({PhotoKind.HIDDEN, PhotoKind.SYSTEM})
_SYMBOLIC_LINK, _BROKEN_LINK, _OTHER_NAME = "symbolic_link", "broken_link", "other_name"


class _Link(NamedTuple):
    """A link, to be followed when all folders are listed."""

    source: str
    path: str
    kind: PhotoKind
    folder: str
    name: str


@dataclass(slots=True)
class Walk:
    """Lists sources.

    Parameters
    ----------
    known : KnownFiles
        Photos whatever they are called, as long as their size and time are the same.
    skipped : mapping of Place to SkippedFile
        What the last scan left out: not opened again as long as its size and time are the same.
    apart : sequence of RootFolder
        Folders that must not be inside a source.
    videos : bool
        Whether clips are taken, too.
    """

    roots: Sequence[SourceRoot]
    known: KnownFiles
    skipped: Mapping[Place, SkippedFile]
    apart: Sequence[RootFolder]
    videos: bool = False
    listing: Listing = field(default_factory=Listing)
    _links: list[_Link] = field(default_factory=list)
    _listed: set[str] = field(default_factory=set)  # plain folders, without links
    _numbers: set[tuple[int, int]] = field(default_factory=set)  # the same, by device and inode
    _others: set[str] = field(default_factory=set)  # other folders, without links

    def run(self) -> Listing:
        """List the sources, then the folders that only links lead to, each once.

        Raises
        ------
        SettingsError
            If one of `apart`, or another source, is inside a source under another name.
        """
        for root in self.roots:
            self._others.update(map(str, Path(root.real).parents))
            identity = root.folder.device, root.folder.inode
            self._list_below(Folder(root.source, "", root.real, identity))
        while self._links:
            links, self._links = self._links, []
            folders = [folder for link in links for folder in self._follow(link)]
            for folder in sorted(folders, key=lambda f: (len(f.real), f)):  # the outer ones first
                self._list_below(folder)
        return self.listing

    def _list_below(self, top: Folder) -> None:
        folders = [top]
        while folders:
            folder = folders.pop()
            if folder.real in self._listed:
                self._skip((folder.source, folder.path), _OTHER_NAME)
                continue
            (self._listed if folder.plain else self._others).add(folder.real)
            try:
                with opened(folder) as at, at.entries() as entries:
                    self._refuse_apart(folder, at.found)
                    if folder.plain:
                        self._numbers.add(identity_of(at.found))
                    for entry in entries:
                        folders += self._look(at, entry)
            except OSError as error:
                self._unreadable((folder.source, folder.path), error)

    def _refuse_apart(self, folder: Folder, found: os.stat_result) -> None:
        """Compare by number: a folder that is mounted twice (in a container, for example) has two names."""
        for root in self.apart:
            if (root.device, root.inode) == identity_of(found):
                raise SettingsError(
                    f"{self._shown((folder.source, folder.path))} in the source is the same folder as {root.path}: "
                    "source, output and workspace must be three folders apart from each other"
                )
        for other in self.roots:
            if other.source != folder.source and other.is_at(found):
                raise overlap(other, self._root(folder.source))

    def _look(self, at: OpenFolder, entry: os.DirEntry[str]) -> Sequence[Folder]:
        """Note a file; a folder is given back to be listed later."""
        name, folder = entry.name, at.folder
        place = folder.source, folder.prefix + (name if name.isascii() else to_text(name))
        try:
            if not name.isascii() and from_text(to_text(name)) != name:
                raise OSError(errno.EILSEQ, "its name has a character that facesort uses itself")
            kind = photo_kind(name if folder.plain else place[1])
            if folder.linked and kind in _LEFT_OUT:
                return ()  # it is listed under its own name
            if is_link(entry):
                if kind in _LEFT_OUT:
                    self._skip(place, kind)
                else:
                    self._links.append(_Link(*place, kind, folder.real, name))
            elif entry.is_file(follow_symlinks=False):
                self._add(place, kind, entry.stat(follow_symlinks=False), at.reach(name))
            elif not entry.is_dir(follow_symlinks=False):
                self._skip(place, PhotoKind.OTHER)
            else:
                return at.subfolder(entry, place[1])
        except FileNotFoundError:
            pass  # deleted since its folder was listed
        except OSError as error:
            self._unreadable(place, error)
        return ()

    def _follow(self, link: _Link) -> Sequence[Folder]:
        """Note the file that a link leads to; a folder is given back to be listed."""
        place = link.source, link.path
        try:
            real = self._target_of(link)
        except OSError as error:
            self._unreadable(place, error)
            return ()
        inside = any(root.holds(real) for root in self.roots)
        try:
            found = os.stat(real, follow_symlinks=False) if inside else None
            if found is None:
                self._skip(place, _SYMBOLIC_LINK)
            elif stat.S_ISLNK(found.st_mode):  # it leads nowhere
                self._skip(place, _BROKEN_LINK)
            elif stat.S_ISDIR(found.st_mode):
                if found.st_ino and identity_of(found) in self._numbers:
                    self._skip(
                        place, _OTHER_NAME
                    )  # also where small and capital letters are the same
                    return ()
                return (Folder(*place, real, identity_of(found), linked=True),)
            elif stat.S_ISREG(found.st_mode):
                self._add(place, link.kind, found, (real, None))
            else:
                self._skip(place, PhotoKind.OTHER)
        except (FileNotFoundError, NotADirectoryError):
            self._skip(place, _BROKEN_LINK)
        except OSError as error:
            self._unreadable(place, error)
        return ()

    def _target_of(self, link: _Link) -> str:
        """Where a link leads; quick if that is in a folder that was listed, as all of git-annex' are."""
        path = os.path.join(link.folder, link.name)
        target = "" if os.name == "nt" else os.readlink(path)
        *folders, name = target.split("/")
        here = "/" if target.startswith("/") else link.folder
        for folder in folders:
            if folder == "..":
                here = os.path.dirname(here)
            elif folder:
                here = os.path.join(here, folder)
                if here not in self._listed and here not in self._others:
                    break  # it may be a link
        else:
            if name not in {"", ".", ".."} and not os.path.islink(real := os.path.join(here, name)):
                return real
        try:
            os.stat(path)
        except OSError as error:
            # A circle, more links in a row than the system follows, or a file where a folder should be.
            if error.errno in {errno.ELOOP, errno.ENOTDIR}:
                return path
        return os.path.realpath(path)

    def _add(self, place: Place, kind: PhotoKind, found: os.stat_result, reach: Reach) -> None:
        now = found.st_size, in_64_bits(found.st_mtime_ns)
        if kind in TOLD_BY_CONTENT:
            kind = self._by_content(place, kind, found, reach)
        if not (kind is PhotoKind.PHOTO or (kind is PhotoKind.VIDEO and self.videos)):
            self.listing.skipped[place] = SkippedFile(kind.value, *now)
        elif (row := self.known.unchanged(*place, *now)) is not None:
            self.listing.unchanged.append(row)
        else:
            self.listing.files.append(FoundFile(*place, *now))

    def _by_content(
        self, place: Place, kind: PhotoKind, found: os.stat_result, reach: Reach
    ) -> PhotoKind:
        """Kind of a file that may be a photo under a strange name; opened once only, as long as it does not change."""
        now = found.st_size, in_64_bits(found.st_mtime_ns)
        before, last = self.known.row_of(*place), self.skipped.get(place)
        if before is not None and self.known.looks_as(before, *now):
            return PhotoKind.PHOTO
        if last and last[1:] == now and last.reason in TOLD_BY_CONTENT:
            return PhotoKind(last.reason)
        return kind_by_content(read_head(reach, found), found.st_size, kind)

    def _skip(self, place: Place, reason: str) -> None:
        self.listing.skipped[place] = SkippedFile(str(reason))

    def _unreadable(self, place: Place, error: OSError) -> None:
        if short_of(error):
            raise error
        log.warning("%s cannot be read %s", self._shown(place), because(error))
        self.listing.unreadable.add(place)

    def _shown(self, place: Place) -> str:
        source, path = place
        return to_text(str(self._root(source).folder.path / path))  # text that a log can hold

    def _root(self, source: str) -> SourceRoot:
        return next(root for root in self.roots if root.source == source)
