"""The folders of the sources: apart from each other, and still there at the end of a scan."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from facesort.engine.sources.root_folder import RootFolder
from facesort.errors import SettingsError, SourceGoneError, because


@dataclass(frozen=True, slots=True)
class SourceRoot:
    """The folder of a source.

    Parameters
    ----------
    source : str
        Name of the source.
    folder : RootFolder
        By the path that the user gave.
    real : str
        Its path without links.
    """

    source: str
    folder: RootFolder
    real: str

    def holds(self, real: str) -> bool:
        """Whether a path without links is this folder, or inside it."""
        root, path = os.path.normcase(self.real), os.path.normcase(real)
        return path == root or path.startswith(os.path.join(root, ""))

    def is_at(self, found: os.stat_result) -> bool:
        """Whether this is the same folder, under whatever name; not every file system numbers its folders."""
        identity = self.folder.device, self.folder.inode
        return found.st_ino != 0 and identity == (found.st_dev, found.st_ino)


def find_roots(places: Mapping[str, Path]) -> tuple[SourceRoot, ...]:
    """Find the folders of the sources.

    Raises
    ------
    SettingsError
        If one is in another.
    SourceGoneError
        If one cannot be found.
    """
    roots: list[SourceRoot] = []
    for source, path in places.items():
        try:
            root = SourceRoot(source, RootFolder.of(path), os.path.realpath(path))
        except OSError as error:
            raise SourceGoneError(
                f"source {path} ({source}) cannot be read {because(error)}, and run the command again"
            ) from error
        for other in roots:
            if other.holds(root.real) or root.holds(other.real):
                raise overlap(other, root)
        roots.append(root)
    return tuple(roots)


def overlap(one: SourceRoot, other: SourceRoot) -> SettingsError:
    """Say that a folder is in two sources."""
    return SettingsError(
        f"the sources {one.source} ({one.folder.path}) and {other.source} ({other.folder.path}) are the same folder, "
        "or one is in the other, so that each photo would be there twice: remove one of them with "
        "`facesort source remove NAME`"
    )


def refuse_gone(roots: Iterable[SourceRoot]) -> None:
    """Raise if a disk was unplugged while its files were listed: what was not found says nothing then.

    Raises
    ------
    SourceGoneError
    """
    for root in roots:
        if not root.folder.is_there():
            raise SourceGoneError(
                f"source {root.folder.path} ({root.source}) is gone: plug in the disk and run the command again"
            )
