"""The output JPEG of a photo that was sorted before: from a copy that is in the output, else from the source."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from facesort.core.routing import PlannedWrite
from facesort.engine.analysis.analyse import Analyser, render_again
from facesort.errors import ImageError
from facesort.reasons import Reason
from facesort.store.job.rematches import StoredPhoto

log = logging.getLogger(__name__)

_AT_ONCE = 16  # threads that wait for workers, or read copies


@dataclass(frozen=True, slots=True)
class Renderings:
    """Where output JPEGs come from.

    Parameters
    ----------
    executor : Executor
        Renders from the source.
    output : Path
        Root of the copies.
    saw : callable of (Reason or None)
        Told how each rendering ended; may raise to stop, as when the source is gone.
    """

    analyser: Analyser
    executor: Executor
    output: Path
    saw: Callable[[Reason | None], None]

    def jpegs(self, photos: Sequence[StoredPhoto]) -> list[bytes | None]:
        """Output JPEGs of some photos, in order; None where it cannot be had any more.

        Parameters
        ----------
        photos : sequence of StoredPhoto
            A few: all their JPEGs are in memory.
        """
        with ThreadPoolExecutor(_AT_ONCE) as threads:
            found = list(threads.map(self._jpeg, photos))
        jpegs: list[bytes | None] = []
        for photo, result in zip(photos, found, strict=True):
            if isinstance(result, bytes):
                self.saw(None)
                jpegs.append(result)
            else:
                log.warning("%s cannot be rendered again: %s", photo.photo.path, result)
                self.saw(result.reason)
                jpegs.append(None)
        return jpegs

    def intact(self, photo: StoredPhoto) -> Path | None:
        """A copy of the photo in the output that is still what was written; None if there is none."""
        for copy in photo.copies:
            path = self.output / copy.target
            if _content(path, copy) is not None:
                return path
        return None

    def _jpeg(self, photo: StoredPhoto) -> bytes | ImageError:
        for copy in photo.copies:
            data = _content(self.output / copy.target, copy)
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


def _content(path: Path, copy: PlannedWrite) -> bytes | None:
    """Bytes of a copy, if it is there and what was written."""
    try:
        if not path.is_file() or path.stat().st_size != copy.size:  # a pipe would be waited for
            return None
        data = path.read_bytes()
    except OSError:
        return None  # it is rendered again
    return data if hashlib.sha256(data).hexdigest() == copy.sha256 else None
