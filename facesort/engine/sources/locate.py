"""Find every source where it is now: by its content, wherever it is mounted."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count, islice
from pathlib import Path

from facesort.core.sources.recognition import Marker, Match, recognise, recognise_elsewhere
from facesort.core.text.paths import is_of_the_system
from facesort.engine.sources.folder import SourceFolder
from facesort.engine.sources.root_folder import RootFolder
from facesort.errors import SourceGoneError, because
from facesort.store import Store
from facesort.store.queries.sources import marker_of, names_ever
from facesort.workspace import Workspace, lies_in

_LEVELS = 3  # of folders above a source whose other folders are looked at: a disk may be mounted under another name
_SIBLINGS = 30  # of them at each level


@dataclass(frozen=True, slots=True)
class Located:
    """Where the sources are.

    Parameters
    ----------
    there : dict of str to RootFolder
        By name, in the order of the settings.
    away : dict of str to str
        Why a source is not there, in a sentence, if that is no error: another source is in its place.
    """

    there: dict[str, RootFolder]
    away: dict[str, str]


def locate(workspace: Workspace, store: Store) -> Located:
    """Find the sources; changes nothing.

    Raises
    ------
    SourceGoneError
        If a source is missing or empty, or an unknown card is in its place: an empty mount point must not look like
        16,000 deleted photos.
    """
    search = _Search(workspace, store)
    for step in (search.at_home, search.in_each_others_place, search.edited, search.nearby):
        for name in search.missing():
            step(name)
    places = workspace.settings.sources
    for name in places:
        if name not in search.markers:
            search.unknown(name)
    away = {name: search.why_away(name) for name in places if name not in search.there}
    there = {name: search.there[name] for name in places if name in search.there}
    return Located(there, away)


@dataclass(slots=True)
class _Search:
    """The sources that are found so far, and what is at the paths of the others."""

    workspace: Workspace
    store: Store
    there: dict[str, RootFolder] = field(default_factory=dict)
    markers: dict[str, Marker] = field(default_factory=dict)
    at_path: dict[str, Match] = field(default_factory=dict)
    hints: dict[str, Path] = field(default_factory=dict)

    def __post_init__(self) -> None:
        markers = {name: marker_of(self.store, name) for name in self.places}
        self.markers = {name: marker for name, marker in markers.items() if marker.files}

    @property
    def places(self) -> Mapping[str, Path]:
        return self.workspace.settings.sources

    def missing(self) -> list[str]:
        """Known sources that are not found yet."""
        return [name for name in self.markers if name not in self.there]

    def at_home(self, name: str) -> None:
        """Look where it was."""
        path = self.places[name]
        self.at_path[name] = recognise(self.markers[name], self._folder(path))
        if self.at_path[name].is_certain:
            self._take(name, path)

    def in_each_others_place(self, name: str) -> None:
        """Look where the others were: two disks may have changed places."""
        if path := self._look(name, iter(self.places.values())):
            self._take(name, path)

    def edited(self, name: str) -> None:
        """Take a folder with other files under the same names, or files that were gone, if it is no other source."""
        if self.at_path[name] in {Match.EDITED, Match.BACK}:
            self._take(name, self.places[name])

    def nearby(self, name: str) -> None:
        """Look beside where it was; while something unknown is there, a user has to say which of the two is meant."""
        was_at = self.places[name]
        if path := self._look(name, _siblings(was_at)):
            if os.path.lexists(was_at) and not self._holder(was_at):
                self.hints[name] = path
            else:
                self._take(name, path)

    def _look(self, name: str, places: Iterator[Path]) -> Path | None:
        guarded = (self.workspace.root, self.workspace.settings.output)
        for path in places:
            if self._holder(path) or any(lies_in(path, g) for g in guarded):
                continue
            if recognise_elsewhere(self.markers[name], self._folder(path)).is_certain:
                return path
        return None

    def _folder(self, path: Path) -> SourceFolder:
        return SourceFolder(path, self.workspace.settings.photos)

    def _take(self, name: str, path: Path) -> None:
        if not self._holder(path):
            self.there[name] = RootFolder.of(path)

    def _holder(self, path: Path) -> str | None:
        """The source that was found at a path."""
        here = RootFolder.maybe_missing(path)
        return next((name for name, root in self.there.items() if root.is_same(here)), None)

    def unknown(self, name: str) -> None:
        """Take a new source as it is."""
        path = self.places[name]
        if self._holder(path):
            return
        try:
            with os.scandir(path) as entries:
                empty = not any(entries)
        except OSError as error:
            raise _unreadable(name, path, error, self._for_good(name)) from error
        if empty:
            raise SourceGoneError(
                f"source {name} ({path}) is empty: check the folder, or plug in the disk{self._for_good(name)}"
            )
        self._take(name, path)

    def why_away(self, name: str) -> str:
        """Why a source is not there, if another one is in its place."""
        path = self.places[name]
        if holder := self._holder(path):
            return f"{name} is not there: {path} holds {holder} now"
        try:
            os.scandir(path).close()
        except OSError as error:
            raise _unreadable(name, path, error, self._for_good(name)) from error
        raise SourceGoneError(self._another(name, path))

    def _another(self, name: str, path: Path) -> str:
        number = self.markers[name].files
        none = f"source {name} ({path}) holds none of its files ({number:,} at the last scan)"
        moved = self._moved(name)
        if self.at_path[name] is Match.EMPTY:
            return (
                f"{none}: it looks like an empty mount point. Mount the right disk and run `facesort sort` again. "
                f"{moved}{self._for_good(name)}"
            )
        new = free_name({*self.places, *names_ever(self.store)})
        add = command("facesort", "source", "add", path, "--name", new, "-w", self.workspace.root)
        return (
            f"{none}, but other files. If it is another card, `{add}` adds it, and the photos of {name} stay counted; "
            f"if {name} was emptied for good and used again, add it like this, then `facesort source remove {name}`. "
            f"If it is another disk, mount the right one and run `facesort sort` again. {moved}"
        )

    def _for_good(self, name: str) -> str:
        """How to go on without a source; the only one cannot be removed."""
        remove = command("facesort", "source", "remove", name, "-w", self.workspace.root)
        return (
            f". If its photos are gone for good, `{remove}` stops counting them"
            if len(self.places) > 1
            else ""
        )

    def _moved(self, name: str) -> str:
        if name not in self.hints:
            return "If the folder was moved, `facesort source add DIR` takes its new place"
        path = self.hints[name]
        add = command("facesort", "source", "add", path, "-w", self.workspace.root)
        return f"Its photos are in {path}: `{add}` takes that place"


def free_name(taken: Collection[str]) -> str:
    """The first of ``card-1``, ``card-2`` ... that no source has or had."""
    return next(name for number in count(1) if (name := f"card-{number}") not in taken)


def command(*words: str | Path) -> str:
    """A command as it is typed."""
    texts = [str(word) for word in words]
    return subprocess.list2cmdline(texts) if os.name == "nt" else shlex.join(texts)


def _unreadable(name: str, path: Path, error: OSError, for_good: str) -> SourceGoneError:
    return SourceGoneError(
        f"source {name} ({path}) cannot be read {because(error)}, and run `facesort sort` again: it resumes by itself. "
        "If it is in another place now, `facesort source add DIR` takes that"
        f"{for_good}"
    )


def _siblings(path: Path) -> Iterator[Path]:
    """Folders beside a folder, and what has its name beside the folders above it."""
    for level in range(min(_LEVELS, len(path.parts) - 1)):
        above, rest = path.parents[level], Path(*path.parts[len(path.parts) - level :])
        with suppress(OSError), os.scandir(above) as entries:
            names = sorted(e.name for e in entries if not is_of_the_system(e.name) and e.is_dir())
            beside = (above / name / rest for name in names)
            yield from islice((p for p in beside if p != path and os.path.isdir(p)), _SIBLINGS)
