"""Find the faces of a video that a client sent or named: in worker processes of its own, which end with it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Protocol

from facesort.core.records import Analysis, PhotoRef
from facesort.engine.analysis.analyse import Analyser, Task
from facesort.engine.analysis.clips import ClipAnalysis
from facesort.engine.analysis.pool import LocalPool
from facesort.faces.engines.backends import choose_backend
from facesort.faces.protocol import ModelPack
from facesort.images import encode_crop
from facesort.settings import Backend, PhotoSettings

VIDEO_LIMITS = PhotoSettings(max_megapixels=100.0)
"""What a video may take: of a part of it, the time and memory of a photo of one's own card."""
_NICE = 10
# Enough to tell how bright a face is; nobody looks at it, and it is not kept.
_TINY = partial(encode_crop, context=0.0, edge=32, quality=90)


class VideoFinder(Protocol):
    """Thread-safe."""

    def find(self, path: Path, stopped: Callable[[], bool]) -> Analysis:
        """Follow the faces of a video, or say why that cannot be done.

        Parameters
        ----------
        stopped : callable of () to bool
            Asked now and then; if true, it is given up.

        Returns
        -------
        Analysis
            Each crop shows the box of its face, and nothing around it.

        Raises
        ------
        Stopped
            If `stopped` says so.
        PackError, ResourceError
            If something fails that is not the video's fault.
        """
        ...


class PooledVideoFinder:
    """A `VideoFinder` that starts worker processes for each video.

    Photos have workers of their own, which come first where both want to run.

    Parameters
    ----------
    workers : int
        Processes.
    """

    def __init__(
        self,
        pack: ModelPack,
        *,
        workers: int,
        backend: Backend = "auto",
        limits: PhotoSettings = VIDEO_LIMITS,
    ) -> None:
        self._pack, self._workers, self._limits = pack, workers, limits
        self._backend = choose_backend(pack, backend)

    def find(self, path: Path, stopped: Callable[[], bool]) -> Analysis:
        """Follow the faces of a video; see `VideoFinder`."""
        analyser = Analyser(
            {"": path.parent}, self._pack, self._limits, backend=self._backend, crop=_TINY
        )
        task = Task(PhotoRef(0, path.name))
        with LocalPool.of(self._workers, self._limits, nice=_NICE) as pool:
            return ClipAnalysis(analyser, pool, task, stopped=stopped).run()
