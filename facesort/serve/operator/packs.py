"""Model packs as the pages show them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import TypeVar

from facesort.faces.packs.find import find_packs, pack_roots, resolve_pack
from facesort.faces.protocol import ModelPack
from facesort.workspace import Workspace

Found = TypeVar("Found")


class Packs:
    """Packs that can be chosen, and that of the job.

    Describing a pack hashes all of its files, some hundred megabytes.  So what is only shown is found again when one of
    the files has changed, and not for every page and picture; what sorts and seeds looks for itself.

    Parameters
    ----------
    workspace : Path
        Need not be there yet.
    own : ModelPack
        Of the service; may lie where no other packs are.
    """

    def __init__(self, workspace: Path, own: ModelPack) -> None:
        elsewhere = [] if own.path is None else [own.path.parent]
        self.roots = [*pack_roots(workspace, os.environ, Path.home()), *elsewhere]
        self.usual = own.name
        self._lock = Lock()
        self._known: dict[str, tuple[object, object]] = {}

    def names(self) -> list[str]:
        """Names of all that are installed."""
        return self._unless_known(
            "", self.roots, lambda: [pack.name for pack in find_packs(self.roots)]
        )

    def of(self, workspace: Workspace) -> ModelPack:
        """Pack of the job.

        Raises
        ------
        PackError
            If it is missing, or cannot be read.
        """
        name, roots = workspace.settings.pack, [workspace.packs]
        places = [*roots, Path(name)]
        return self._unless_known(f"of {name}", places, lambda: resolve_pack(name, roots))

    def _unless_known(self, key: str, places: Sequence[Path], find: Callable[[], Found]) -> Found:
        with self._lock:
            stamp = tuple(_stamps(places))
            if key not in self._known or self._known[key][0] != stamp:
                self._known[key] = stamp, find()
            return self._known[key][1]  # type: ignore[return-value]


def _stamps(places: Iterable[Path]) -> Iterator[object]:
    """Change whenever a file of a pack does, or a pack comes or goes."""
    for place in (place for place in places if place.is_absolute()):
        for path in sorted([*place.glob("*"), *place.glob("*/*.onnx")]):
            with suppress(OSError):
                found = path.stat()
                yield str(path), found.st_size, found.st_mtime_ns, found.st_ctime_ns
