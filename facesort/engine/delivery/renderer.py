"""The output JPEGs of photos that were sorted before: from a copy in the output, else from the source."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from facesort.core.copies import PlannedWrite
from facesort.core.records import PhotoRef
from facesort.core.stored import StoredPhoto
from facesort.engine.analysis.analyse import Analyser
from facesort.engine.analysis.in_order import render_again
from facesort.engine.analysis.reading import read_parts
from facesort.errors import ImageError, short_of
from facesort.files import file_sha256, read_own
from facesort.reasons import Reason

log = logging.getLogger(__name__)

T = TypeVar("T")

_AT_ONCE = 16  # threads that wait for workers, or read copies


@dataclass(frozen=True, slots=True)
class Renderer:
    """Provides output JPEGs.

    Parameters
    ----------
    executor : Executor
        Renders from the source.
    output : Path
        The output folder.
    on_result : callable of (PhotoRef, Reason or None)
        Called after each photo with the reason if it failed; may raise to stop, as when the source is gone.
    """

    analyser: Analyser
    executor: Executor
    output: Path
    on_result: Callable[[PhotoRef, Reason | None], None]

    def jpegs(self, photos: Sequence[StoredPhoto]) -> list[bytes | None]:
        """Output JPEGs of some photos, in order; None for one that cannot be rendered again.

        Parameters
        ----------
        photos : sequence of StoredPhoto
            A few: all their JPEGs are in memory.
        """
        return _told([photo.photo for photo in photos], self.results(photos))

    def results(self, photos: Sequence[StoredPhoto]) -> list[bytes | ImageError]:
        """As `jpegs`, with the error of each photo that cannot be rendered again."""
        return self._noted([photo.photo for photo in photos], self._jpeg, photos)

    def again(self, photos: Sequence[tuple[PhotoRef, str | None]]) -> list[bytes | None]:
        """As `jpegs`, from the sources alone.

        Parameters
        ----------
        photos : sequence of (PhotoRef, SHA-256 that its file must have or None)
        """
        refs = [photo for photo, _ in photos]
        found = self._noted(refs, self._render, photos)
        return _told(refs, found)

    def _noted(
        self, refs: Sequence[PhotoRef], work: Callable[[T], bytes | ImageError], some: Sequence[T]
    ) -> list[bytes | ImageError]:
        """Wait for several at once, then say how each ended."""
        with ThreadPoolExecutor(_AT_ONCE) as threads:
            found = list(threads.map(work, some))
        for ref, result in zip(refs, found, strict=True):
            self.on_result(ref, None if isinstance(result, bytes) else result.reason)
        return found

    def intact_copy(self, photo: StoredPhoto) -> Path | None:
        """Path of an unchanged copy of the photo in the output; None if there is none."""
        for copy in photo.copies:
            try:
                same = file_sha256(self.output / copy.target, below=self.output) == copy.sha256
            except (OSError, ValueError) as error:  # ValueError: a name that no path can have
                if short_of(error):
                    raise
                continue
            if same:
                return self.output / copy.target
        return None

    def has(self, clip: StoredPhoto) -> bool:
        """Whether the source of a whole clip is there."""
        try:
            return self.analyser.path_of(clip.photo).is_file()
        except ImageError:
            return False

    def parts(self, clip: StoredPhoto) -> Iterator[bytes]:
        """A whole clip, a few MB at a time: from an unchanged copy, else from its source.

        Raises
        ------
        ImageError
            If it cannot be read.
        """
        return read_parts(self.intact_copy(clip) or self.analyser.path_of(clip.photo))

    def _jpeg(self, photo: StoredPhoto) -> bytes | ImageError:
        for copy in photo.copies:
            data = self._content(copy)
            if data is not None:
                return data
        found = self._render((photo.photo, photo.sha256))
        if not isinstance(found, bytes) or not photo.copies:
            return found
        if hashlib.sha256(found).hexdigest() != photo.copies[0].sha256:
            return ImageError(
                Reason.RENDER_CHANGED, "the JPEG is not the one that was delivered before"
            )
        return found

    def _render(self, photo: tuple[PhotoRef, str | None]) -> bytes | ImageError:
        ref, sha256 = photo
        try:
            return render_again(self.analyser, ref, self.executor, sha256)
        except ImageError as error:
            return error

    def _content(self, copy: PlannedWrite) -> bytes | None:
        """Bytes of a copy, if it exists and is unchanged."""
        try:
            data = read_own(self.output / copy.target, below=self.output, limit=copy.size)
        except (OSError, ValueError) as error:  # ValueError: a name that no path can have
            if short_of(error):
                raise
            return None
        return data if hashlib.sha256(data).hexdigest() == copy.sha256 else None


def _told(refs: Sequence[PhotoRef], found: Sequence[bytes | ImageError]) -> list[bytes | None]:
    """Log what cannot be rendered again."""
    for ref, result in zip(refs, found, strict=True):
        if not isinstance(result, bytes):
            log.warning("%s cannot be rendered again: %s", ref.path, result)
    return [result if isinstance(result, bytes) else None for result in found]
