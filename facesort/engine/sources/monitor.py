"""Tell a photo that cannot be read from a disk that is gone, while photos are read."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from facesort.core.records import PhotoRef
from facesort.core.text.paths import from_text
from facesort.engine.sources.root_folder import RootFolder
from facesort.errors import SourceGoneError
from facesort.images import PhotoKind, photo_kind
from facesort.reasons import Reason

_SUSPICIOUS = {Reason.MISSING, Reason.UNREADABLE}
_IN_A_ROW = 3
_SAMPLE = 20


@dataclass(frozen=True, slots=True)
class SourceMonitors:
    """The monitors of the sources that were there when the run started."""

    by_source: Mapping[str, SourceMonitor]

    def check(self, photo: PhotoRef, failure: Reason | None) -> None:
        """Note how one photo ended.

        Raises
        ------
        SourceGoneError
            If its disk is gone.
        """
        if monitor := self.by_source.get(photo.source):
            monitor.check(failure)

    def samples(self) -> tuple[PhotoRef, ...]:
        """A few photos or clips of each source, by which another machine can tell that it has the same."""
        return tuple(
            PhotoRef(0, path, source=source)
            for source, monitor in self.by_source.items()
            for path in monitor.samples()
        )


@dataclass(slots=True)
class SourceMonitor:
    """Tells a photo that cannot be read from a disk that is gone.

    Parameters
    ----------
    name : str
        Of the source.
    files : callable
        Gives the photos of the source that wait, and those that do not, relative to its root; asked once, before the
        disk is considered gone, when a few of each are tried.
    """

    name: str
    root: RootFolder
    files: Callable[[], tuple[Sequence[str], Sequence[str]]]
    _found: tuple[Sequence[str], Sequence[str]] | None = None
    _in_a_row: int = 0

    def check(self, failure: Reason | None) -> None:
        """Note how one photo ended; after several failures in a row, check the disk.

        Raises
        ------
        SourceGoneError
            If the disk is gone.
        """
        self._in_a_row = self._in_a_row + 1 if failure in _SUSPICIOUS else 0
        if not self._in_a_row:
            return
        # A lost disk can remain as an empty folder, or as one whose files give input/output errors. If the user only
        # deleted photos, those that were read before are still there.
        lost = self._in_a_row >= _IN_A_ROW and not self._any_left(failure)
        if lost or not self.root.is_there():
            raise SourceGoneError(
                f"source {self.name} ({self.root.path}) is gone: plug in the disk and run `facesort sort` again. "
                "What is committed stays; the batch in work starts again"
            )

    def samples(self) -> Sequence[str]:
        """The first photo that waits, the last one, and one between them; else of those done, or of clips."""
        photos = [
            [path for path in paths if photo_kind(path) is PhotoKind.PHOTO]
            for paths in self._pending_and_done()
        ]
        some = next(filter(None, (*photos, *self._pending_and_done())), ())
        return [*dict.fromkeys(some[at] for at in (0, len(some) // 2, -1) if some)]

    def _pending_and_done(self) -> tuple[Sequence[str], Sequence[str]]:
        if self._found is None:
            self._found = self.files()
        return self._found

    def _any_left(self, failure: Reason | None) -> bool:
        pending, done = self._pending_and_done()
        return self._readable(pending) or (failure is Reason.MISSING and self._any_exists(done))

    def _any_exists(self, paths: Sequence[str]) -> bool:
        return any(os.path.lexists(self.root.path / from_text(path)) for path in _spread(paths))

    def _readable(self, paths: Sequence[str]) -> bool:
        for path in _spread(paths):
            with suppress(OSError):
                if _is_readable(self.root.path / from_text(path)):
                    return True
        return False


def _is_readable(path: Path) -> bool:
    if not path.is_file():  # a pipe would be waited for
        return False
    with path.open("rb") as stream:
        stream.read(1)
    return True


def _spread(paths: Sequence[str]) -> Sequence[str]:
    """A few paths, evenly spread and from the end: those are least likely to be in the system's cache."""
    return paths[:: -max(len(paths) // _SAMPLE, 1)]
