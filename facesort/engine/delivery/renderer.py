"""The output JPEGs of photos that were sorted before: from a copy in the output, else from the source."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from facesort.core.records import PhotoRef
from facesort.core.routing import PlannedWrite
from facesort.core.stored import StoredPhoto
from facesort.engine.analysis.analyse import Analyser
from facesort.engine.analysis.in_order import render_again
from facesort.errors import ImageError, short_of
from facesort.files import read_own
from facesort.reasons import Reason

log = logging.getLogger(__name__)

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
        found = self.results(photos)
        for photo, result in zip(photos, found, strict=True):
            if not isinstance(result, bytes):
                log.warning("%s cannot be rendered again: %s", photo.photo.path, result)
        return [r if isinstance(r, bytes) else None for r in found]

    def results(self, photos: Sequence[StoredPhoto]) -> list[bytes | ImageError]:
        """As `jpegs`, with the error of each photo that cannot be rendered again."""
        with ThreadPoolExecutor(_AT_ONCE) as threads:
            found = list(threads.map(self._jpeg, photos))
        for photo, result in zip(photos, found, strict=True):
            self.on_result(photo.photo, None if isinstance(result, bytes) else result.reason)
        return found

    def intact_copy(self, photo: StoredPhoto) -> Path | None:
        """Path of an unchanged copy of the photo in the output; None if there is none."""
        for copy in photo.copies:
            if self._content(copy) is not None:
                return self.output / copy.target
        return None

    def _jpeg(self, photo: StoredPhoto) -> bytes | ImageError:
        for copy in photo.copies:
            data = self._content(copy)
            if data is not None:
                return data
        try:
            data = render_again(self.analyser, photo.photo, self.executor, photo.sha256)
        except ImageError as error:
            return error
        if photo.copies and hashlib.sha256(data).hexdigest() != photo.copies[0].sha256:
            return ImageError(
                Reason.RENDER_CHANGED, "the JPEG is not the one that was delivered before"
            )
        return data

    def _content(self, copy: PlannedWrite) -> bytes | None:
        """Bytes of a copy, if it exists and is unchanged."""
        try:
            data = read_own(self.output / copy.target, below=self.output, limit=copy.size)
        except (OSError, ValueError) as error:  # ValueError: a name that no path can have
            if short_of(error):
                raise
            return None
        return data if hashlib.sha256(data).hexdigest() == copy.sha256 else None
