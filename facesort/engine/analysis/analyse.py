"""Analysis: a pure function of one file and one model pack, run in worker processes.

It knows no database and no gallery, so a process pool and a cluster's executor are the same thing to it.
"""

from __future__ import annotations

import hashlib
import logging
import os
import stat
import time
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Executor, Future, TimeoutError
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

from pebble import ProcessExpired

from facesort.core.paths import from_text
from facesort.core.records import Analysis, PhotoRef
from facesort.engine.analysis.memory import EXIT_OUT_OF_MEMORY
from facesort.errors import ImageError, short_of
from facesort.faces.analysis import find_faces
from facesort.faces.engines.load import load_engine
from facesort.faces.protocol import FaceEngine, ModelPack
from facesort.images import encode_crop, encode_output, load_photo, perceptual_hash
from facesort.reasons import Reason
from facesort.settings import Backend, PhotoSettings

log = logging.getLogger(__name__)

# A crop for people to look at: the face with 40 % more on each side, at most 160 px, about 5 kB.
_CROP = partial(encode_crop, context=0.4, edge=160, quality=80)
# How far the workers may run ahead of the photo that is next in order.
_AHEAD = 64

_WORKER_FAILURES = (TimeoutError, ProcessExpired, MemoryError)


@dataclass(frozen=True, slots=True)
class Analyser:
    """What all analyses of a job have in common; sent to the workers.

    Parameters
    ----------
    root : Path
        The source folder.
    threads : int
        Threads per worker for the networks.
    backend : Backend
        Runs the recogniser (see `faces.backends`).
    """

    root: Path
    pack: ModelPack
    photos: PhotoSettings
    threads: int = 1
    backend: Backend = "onnxruntime"

    def path_of(self, photo: PhotoRef) -> Path:
        """Where a photo is on the disk."""
        return self.root / from_text(photo.path)


@lru_cache(maxsize=1)
def _engine(pack: ModelPack, threads: int, backend: Backend) -> FaceEngine:
    """Load the models once per worker process, so that executors need not know about them."""
    return load_engine(pack, threads=threads, backend=backend)


def read_photo(path: Path, max_file_mb: float) -> bytes:
    """Read a whole file, once.

    Raises
    ------
    ImageError
        ``missing``, ``unreadable``, ``empty_file`` or ``too_large``.
    ResourceError
        If this process is out of file handles or memory, which is not the photo's fault.
    """
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):  # reading a pipe would block, a device never ends
            raise ImageError(Reason.UNREADABLE, "it is not a regular file any more")
        size = found.st_size
        if size > max_file_mb * 1e6:
            raise ImageError(
                Reason.TOO_LARGE,
                f"{size / 1e6:.0f} MB, the limit photos.max_file_mb is {max_file_mb:g}",
            )
        data = path.read_bytes()
    except FileNotFoundError:
        raise ImageError(Reason.MISSING, "it was there when the source was scanned") from None
    except OSError as error:
        raise short_of(error) or ImageError(
            Reason.UNREADABLE, os.strerror(error.errno or 0)
        ) from error
    if not data:
        raise ImageError(Reason.EMPTY_FILE, "0 bytes")
    return data


def analyse_file(analyser: Analyser, photo: PhotoRef) -> Analysis:
    """Find and embed the faces of one file, and render its output JPEG.

    Returns
    -------
    Analysis
        With a reason code instead of faces if the file cannot be used; that raises nothing.

    Raises
    ------
    PackError
        If the model pack cannot be loaded, which is not the photo's fault.
    """
    started = time.perf_counter()
    engine = _engine(analyser.pack, analyser.threads, analyser.backend)
    digest = ""
    try:
        data = read_photo(analyser.path_of(photo), analyser.photos.max_file_mb)
        digest = hashlib.sha256(data).hexdigest()
        loaded = load_photo(data, photo.path, max_megapixels=analyser.photos.max_megapixels)
    except ImageError as error:
        return Analysis(
            photo.photo_id,
            digest,
            failure=error.reason,
            detail=error.detail,
            seconds=time.perf_counter() - started,
        )
    faces = find_faces(engine, loaded.pixels, scale=loaded.scale, crop=_CROP)
    return Analysis(
        photo.photo_id,
        digest,
        info=loaded.info,
        faces=faces,
        jpeg=encode_output(loaded.pixels) if faces else b"",
        phash=perceptual_hash(loaded.pixels),
        seconds=time.perf_counter() - started,
    )


def render_file(analyser: Analyser, photo: PhotoRef, sha256: str | None = None) -> bytes:
    """Render a photo's output JPEG.

    Raises
    ------
    ImageError
        If the file cannot be read any more, or has another hash than the one given.
    """
    data = read_photo(analyser.path_of(photo), analyser.photos.max_file_mb)
    if sha256 not in (None, hashlib.sha256(data).hexdigest()):
        raise ImageError(Reason.RENDER_CHANGED, "another file has this name now")
    loaded = load_photo(data, photo.path, max_megapixels=analyser.photos.max_megapixels)
    return encode_output(loaded.pixels)


def render_again(
    analyser: Analyser, photo: PhotoRef, executor: Executor, sha256: str | None = None
) -> bytes:
    """Render a photo whose JPEG is lost, in a worker.

    Raises
    ------
    ImageError
        If the file cannot be read any more, has another hash than the one given, or crashed its worker.
    """
    try:
        return executor.submit(render_file, analyser, photo, sha256).result()
    except _WORKER_FAILURES as error:
        raise ImageError(*_worker_failure(analyser, photo, error)) from error


def analyse_in_order(
    analyser: Analyser, photos: Iterable[PhotoRef], executor: Executor
) -> Iterator[Analysis]:
    """Analyse photos in parallel and yield the results in the order of the photos.

    Parameters
    ----------
    photos : iterable of PhotoRef
    executor : Executor
        At most 64 photos are under way at a time, whatever its size; if the caller stops early, they are cancelled.
    """
    waiting: deque[tuple[PhotoRef, Future[Analysis]]] = deque()
    try:
        for photo in photos:
            waiting.append((photo, executor.submit(analyse_file, analyser, photo)))
            if len(waiting) >= _AHEAD:
                yield _result(analyser, *waiting.popleft(), executor)
        while waiting:
            yield _result(analyser, *waiting.popleft(), executor)
    finally:
        for _, future in waiting:
            future.cancel()


def _result(
    analyser: Analyser, photo: PhotoRef, future: Future[Analysis], executor: Executor
) -> Analysis:
    """Wait for one analysis; a worker that died or hung gives a reason code, not an exception."""
    try:
        try:
            return future.result()
        except ProcessExpired as error:
            if error.exitcode == EXIT_OUT_OF_MEMORY:
                raise
            # It may have been killed because of another file: by an out-of-memory killer, for example.
            return executor.submit(analyse_file, analyser, photo).result()
    except _WORKER_FAILURES as error:
        reason, detail = _worker_failure(analyser, photo, error)
        return Analysis(photo.photo_id, "", failure=reason, detail=detail)


def _worker_failure(
    analyser: Analyser, photo: PhotoRef, error: TimeoutError | ProcessExpired | MemoryError
) -> tuple[Reason, str]:
    """Reason code and text for a file that crashed its worker, or exceeded its time or memory."""
    if isinstance(error, MemoryError) or getattr(error, "exitcode", None) == EXIT_OUT_OF_MEMORY:
        limit = analyser.photos.max_worker_mb
        log.warning("%s was given up: its worker got no more memory", photo.path)
        # A refused allocation does not tell which of the two it was.
        return Reason.TOO_LARGE, (
            f"it takes more than {limit:g} MB of memory (photos.max_worker_mb), or the system had no more: then close "
            "other programs or use fewer processes (--workers), and run `facesort retry`"
        )
    if isinstance(error, TimeoutError):
        limit = analyser.photos.timeout_s
        log.warning("%s was given up after %g s", photo.path, limit)
        return Reason.TIMEOUT, f"gave up after {limit:g} s (photos.timeout_s)"
    log.warning("%s killed its worker (exit code %s)", photo.path, error.exitcode)
    return Reason.WORKER_DIED, f"its worker process ended with code {error.exitcode}"
