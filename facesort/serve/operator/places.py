"""Folders by the names that the operator may say: no path of the machine is in an answer, and none is taken."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from threading import RLock

from facesort.core.text.foreign_text import printable
from facesort.core.text.paths import from_text, is_of_the_system, to_text
from facesort.core.text.words import plain
from facesort.errors import ServiceError, SettingsError, because
from facesort.faces.packs.find import pack_roots
from facesort.serve.service import ServiceOptions
from facesort.settings import load_settings

_MOST_FOLDERS = 1000  # listed at a time


@dataclass(frozen=True, slots=True)
class Folders:
    """Sub-folders of a folder.

    Parameters
    ----------
    place : str
        ``ROOT/relative/path``; empty: the roots themselves.
    names : tuple of str
    left_out : int
        Number of sub-folders beyond those that are listed.
    """

    place: str
    names: tuple[str, ...]
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class Places:
    """What the operator may choose among.

    Parameters
    ----------
    options : ServiceOptions
        Its `roots`, by name.
    turn : RLock
        Held by whoever opens the workspace's database: within one process, who reads and who writes exclude each other.
    """

    options: ServiceOptions
    turn: RLock = field(default_factory=RLock, repr=False, compare=False)

    def path_of(self, text: str) -> Path:
        """The folder that ``ROOT/relative/path`` names; it need not be there.

        Raises
        ------
        ServiceError
            If it lies in no root, or is hidden.
        """
        root_name, *parts = [part for part in text.strip().split("/") if part not in {"", "."}] or [
            ""
        ]
        root = self.options.roots.get(root_name)
        if root is None:
            raise ServiceError(
                f"{printable(text)!r} is in none of {self._named()}: begin with one of these"
            )
        if any(map(_is_hidden, parts)):
            raise ServiceError(
                f"{printable(text)!r} is hidden, or leads out of {root_name}: choose another folder"
            )
        try:
            path = root.joinpath(*map(from_text, parts)).resolve()
            inside = path.is_relative_to(root.resolve())
        except (OSError, RuntimeError):  # a loop of links
            inside = False
        if not inside:
            raise ServiceError(
                f"{printable(text)!r} is a link that leads out of {root_name}: choose another folder"
            )
        return path

    def folders(self, text: str) -> Folders:
        """Sub-folders, without hidden ones and links.

        Raises
        ------
        ServiceError
            As `path_of`, and if it is no folder or cannot be read.
        """
        if not text.strip("/ "):
            return Folders("", tuple(self.options.roots))
        path = self.path_of(text)
        try:
            with os.scandir(path) as entries:
                found = [
                    to_text(entry.name)
                    for entry in entries
                    if not _is_hidden(entry.name) and entry.is_dir(follow_symlinks=False)
                ]
        except OSError as error:
            raise ServiceError(f"{printable(text)!r} cannot be listed {because(error)}") from error
        names = sorted(found, key=lambda name: (plain(name), name))
        return Folders(self.name_of(path), tuple(names[:_MOST_FOLDERS]), len(names[_MOST_FOLDERS:]))

    def name_of(self, path: Path) -> str:
        """What answers call a folder: ``ROOT/relative/path``, and its own name alone where it is in no root."""
        for name, root in self.options.roots.items():
            for place, base in ((path, root), (path.resolve(), root.resolve())):
                if place.is_relative_to(base):
                    return to_text(str(PurePosixPath(name, *place.relative_to(base).parts)))
        return to_text(path.name or "disk")

    def said(self, sentence: object) -> str:
        """A sentence of facesort's, with names instead of the paths of this machine."""
        options = self.options
        known = {
            options.workspace: "the workspace",
            options.runs: "runs",
            options.data: "the state folder",
        }
        roots_of_packs = pack_roots(None, os.environ, Path.home())
        known |= {path: "packs" for path in roots_of_packs if path.is_absolute()}
        known |= {path: name for name, path in options.roots.items()}
        known |= {path: self.name_of(path) for path in self._of_the_job()}
        names = {
            form: name for path, name in known.items() for form in (str(path), str(path.resolve()))
        }
        longest_first = sorted(names, key=len, reverse=True)
        one = "|".join(map(re.escape, longest_first))
        return re.sub(rf"(?<![\w/])({one})(?!\w)", lambda found: names[found[0]], str(sentence))

    def _of_the_job(self) -> list[Path]:
        """Folders of the job, which may have been made elsewhere."""
        try:
            settings = load_settings(self.options.workspace / "facesort.toml")
        except SettingsError:
            return []
        pack = [Path(settings.pack)] if os.path.isabs(settings.pack) else []
        return [*settings.sources.values(), settings.output, *pack]

    def _named(self) -> str:
        return (
            ", ".join(self.options.roots)
            or "the folders of this service, as there are none (--root)"
        )


def _is_hidden(name: str) -> bool:
    return is_of_the_system(name) or bool(set(name) & {"\0", "\\"})
