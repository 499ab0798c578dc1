"""Find the faces of images that arrive as bytes: in warm workers that may die, with a bounded queue."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from facesort.core.faces.quality import brightness
from facesort.core.records import Face, Pixels
from facesort.engine.analysis.analyse import Analyser, embedding_dim, look_for_faces
from facesort.engine.analysis.lost import WORKER_FAILURES, WorkerFailure, reason_of
from facesort.engine.analysis.pool import LocalPool
from facesort.errors import BusyError, ImageError, PackError
from facesort.faces.engines.backends import choose_backend
from facesort.faces.protocol import ModelPack
from facesort.reasons import Reason
from facesort.settings import Backend, PhotoSettings

IMAGE_LIMITS = PhotoSettings(max_megapixels=100.0, max_file_mb=16.0, timeout_s=20.0)
"""What one image may take: far below what a photo of one's own card may, as anybody may have made it."""


@dataclass(frozen=True, slots=True)
class FoundFaces:
    """Faces of one image, best detection score first; boxes and landmarks are in px of the upright image.

    Parameters
    ----------
    width, height : int
        Of the upright image, in px.
    brightness : tuple of float
        Of each face, in the same order: of its box, 0 to 255 (`core.quality.brightness`).
    """

    width: int
    height: int
    faces: tuple[Face, ...]
    brightness: tuple[float, ...]


class FaceFinder(Protocol):
    """Thread-safe; an engine is never shared between threads, since each worker process has its own."""

    @property
    def pack(self) -> ModelPack:
        """Model pack of its engines."""
        ...

    @property
    def backend(self) -> str:
        """What runs the recogniser."""
        ...

    @property
    def dim(self) -> int:
        """Length of an embedding."""
        ...

    def find(self, image: bytes) -> FoundFaces:
        """Decode an image and find its faces; waits for a worker.

        Raises
        ------
        ImageError
            If it cannot be used; `reason` is one of ``empty_file``, ``not_an_image``, ``unsupported_format``,
            ``truncated``, ``corrupt``, ``too_large``, ``timeout`` and ``worker_died``.
        BusyError
            If too many images wait already.
        """
        ...

    def close(self) -> None:
        """Finish what was accepted, and end the workers."""
        ...


def find_in_image(analyser: Analyser, image: bytes) -> FoundFaces:
    """Find and embed the faces of an image exactly as those of a photo; runs in a worker.

    Raises
    ------
    ImageError
        If it cannot be used.
    """
    loaded, faces = look_for_faces(analyser, image, "")
    light = (_brightness(loaded.pixels, face.box / np.float32(loaded.scale)) for face in faces)
    return FoundFaces(loaded.info.width, loaded.info.height, faces, tuple(light))


def _brightness(pixels: Pixels, box: NDArray[np.float32]) -> float:
    height, width = pixels.shape[:2]
    left, top, right, bottom = np.clip(np.rint(box), 0, [width, height] * 2).astype(int)
    return brightness(pixels[top : max(bottom, top + 1), left : max(right, left + 1)])


def _no_crop(pixels: Pixels, box: NDArray[np.float32]) -> bytes:
    """Nobody looks at the faces, and nothing of them is kept."""
    del pixels, box
    return b""


class PooledFinder:
    """A `FaceFinder` with worker processes, whose models are loaded when it is made.

    Parameters
    ----------
    workers : int
        Processes.
    most_waiting : int
        Images that are accepted at a time.

    Raises
    ------
    PackError
        If the models cannot be loaded.
    """

    def __init__(
        self,
        pack: ModelPack,
        *,
        workers: int,
        most_waiting: int = 64,
        backend: Backend = "auto",
        limits: PhotoSettings = IMAGE_LIMITS,
    ) -> None:
        chosen = choose_backend(pack, backend)
        self._analyser = Analyser({}, pack, limits, backend=chosen, crop=_no_crop)
        self._free = threading.BoundedSemaphore(most_waiting)
        self._pool = LocalPool.of(workers, limits)
        try:
            loading = [self._pool.submit(embedding_dim, self._analyser) for _ in range(workers)]
            self._dim = loading[0].result()
        except BaseException as error:
            self._pool.shutdown(cancel_futures=True)
            if isinstance(error, WORKER_FAILURES):
                raise PackError(
                    f"the models of pack {pack.name} cannot be loaded: {_explained(error, limits).detail}"
                ) from error
            raise

    @property
    def pack(self) -> ModelPack:
        """Model pack of the engines."""
        return self._analyser.pack

    @property
    def backend(self) -> str:
        """What runs the recogniser."""
        return self._analyser.backend

    @property
    def dim(self) -> int:
        """Length of an embedding."""
        return self._dim

    def find(self, image: bytes) -> FoundFaces:
        """Decode an image and find its faces; see `FaceFinder`."""
        if not self._free.acquire(blocking=False):
            raise BusyError("too many images wait already: send it again in a moment")
        try:
            return self._pool.submit(find_in_image, self._analyser, image).result()
        except WORKER_FAILURES as error:
            raise _explained(error, self._analyser.photos) from error
        finally:
            self._free.release()

    def close(self) -> None:
        """Finish what was accepted, and end the workers."""
        self._pool.shutdown()


def _explained(error: WorkerFailure, limits: PhotoSettings) -> ImageError:
    reason = reason_of(error)
    if reason is Reason.TOO_LARGE:
        return ImageError(reason, f"it takes more than {limits.max_worker_mb:g} MB of memory")
    if reason is Reason.TIMEOUT:
        return ImageError(reason, f"given up after {limits.timeout_s:g} s")
    return ImageError(reason, "its worker process crashed")
