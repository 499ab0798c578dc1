"""Analysis: a pure function of files and one model pack, run in worker processes.

It knows no database and no gallery, so a process pool and a cluster's executor are the same thing to it.
"""

from __future__ import annotations

import hashlib
import os
import stat
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path

from facesort.core.derivatives import Variant
from facesort.core.looks import detail_edge
from facesort.core.paths import from_text
from facesort.core.records import Analysis, Face, PhotoInfo, PhotoRef
from facesort.core.shots import same_shot
from facesort.core.turns import turn_of
from facesort.errors import ImageError, short_of
from facesort.faces.analysis import CropEncoder, find_faces
from facesort.faces.engines.load import load_engine
from facesort.faces.look import turned
from facesort.faces.protocol import FaceEngine, ModelPack
from facesort.images import (
    WORKING_EDGE,
    LoadedPhoto,
    derive,
    encode_crop,
    encode_output,
    load_photo,
    look_at,
    perceptual_hash,
)
from facesort.reasons import Reason, Remark
from facesort.settings import Backend, PhotoSettings

_JPEG_MAGIC = b"\xff\xd8\xff"
_JPEG_HEADER = 1 << 18  # bytes; metadata come first, and rarely take more than 64 kB
# A crop for people to look at: the face with 40 % more on each side, at most 160 px, about 5 kB.
_CROP = partial(encode_crop, context=0.4, edge=160, quality=80)


@dataclass(frozen=True, slots=True)
class Analyser:
    """What all analyses of a job have in common; sent to the workers.

    Parameters
    ----------
    roots : mapping of str to Path
        Where each source is, by its name; ``""`` for photos of no source.
    threads : int
        Threads per worker for the networks.
    backend : Backend
        Runs the recogniser (see `faces.backends`).
    crop : CropEncoder
        Encodes the thumbnails of faces.
    variants : tuple of Variant
        Smaller versions to be made of each output JPEG.
    """

    roots: Mapping[str, Path]
    pack: ModelPack
    photos: PhotoSettings
    threads: int = 1
    backend: Backend = "onnxruntime"
    crop: CropEncoder = _CROP
    variants: tuple[Variant, ...] = ()

    def path_of(self, photo: PhotoRef) -> Path:
        """Where a photo is on the disk.

        Raises
        ------
        ImageError
            ``missing``, if its source is not used any more.
        """
        if photo.source not in self.roots:
            raise ImageError(Reason.MISSING, f"the source {photo.source} is not used any more")
        return self.roots[photo.source] / from_text(photo.path)


@dataclass(frozen=True, slots=True)
class Partner:
    """A photo that may be of the same shot as another one.

    Parameters
    ----------
    info : PhotoInfo or None
        What it says about itself, if that is known, as of a card that is not there; None: its file is asked.
    """

    ref: PhotoRef
    info: PhotoInfo | None = None


@dataclass(frozen=True, slots=True)
class Task:
    """One file to be analysed, and what is known about its content beforehand.

    Parameters
    ----------
    known : frozenset of str
        SHA-256 of photos of this size: a file that is one of them is only hashed.
    shared_size : bool
        Whether another file of this run has the same size, so that it is hashed before it is analysed.
    partners : tuple of Partner
        Photos that may be of the same shot, nearest first; all come earlier in order.  If one of them is, no faces are
        looked for in this file.
    alone_beside : frozenset of int
        Ids of partners: faces are looked for although it is of the same shot as one of these.
    """

    ref: PhotoRef
    known: frozenset[str] = frozenset()
    shared_size: bool = False
    partners: tuple[Partner, ...] = ()
    alone_beside: frozenset[int] = frozenset()


@lru_cache(maxsize=1)
def _engine(pack: ModelPack, threads: int, backend: Backend) -> FaceEngine:
    """Load the models once per worker process, so that executors need not know about them."""
    return load_engine(pack, threads=threads, backend=backend)


def load_models(analyser: Analyser) -> None:
    """Load the models into this worker process, so that its first photo need not wait for them."""
    _engine(analyser.pack, analyser.threads, analyser.backend)


def read_photo(path: Path, max_file_mb: float, *, limit: int = -1) -> bytes:
    """Read a whole file, once.

    Parameters
    ----------
    limit : int
        Only so many bytes from its start are read; -1: all.

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
        with path.open("rb") as stream:
            data = stream.read(limit)
    except FileNotFoundError:
        raise ImageError(Reason.MISSING, "it was there when the source was scanned") from None
    except OSError as error:
        raise short_of(error) or ImageError(
            Reason.UNREADABLE, os.strerror(error.errno or 0)
        ) from error
    if not data:
        raise ImageError(Reason.EMPTY_FILE, "0 bytes")
    return data


def analyse_file(analyser: Analyser, task: Task) -> Analysis:
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
    found = _analyse(analyser, task)
    return replace(found, seconds=time.perf_counter() - started)


def hash_file(analyser: Analyser, task: Task) -> Analysis:
    """Compute the SHA-256 of one file, as if its content were known."""
    try:
        data = read_photo(analyser.path_of(task.ref), analyser.photos.max_file_mb)
    except ImageError as error:
        return Analysis(task.ref.photo_id, "", failure=error.reason, detail=error.detail)
    return Analysis(task.ref.photo_id, hashlib.sha256(data).hexdigest(), known=True)


def _analyse(analyser: Analyser, task: Task) -> Analysis:
    key, path, digest = task.ref.photo_id, task.ref.path, ""
    try:
        data = read_photo(analyser.path_of(task.ref), analyser.photos.max_file_mb)
        digest = hashlib.sha256(data).hexdigest()
        if digest in task.known:
            return Analysis(key, digest, known=True)
        part = _as_part_of_shot(analyser, task, data) if task.partners else None
        if part is not None and part.shot_of not in task.alone_beside:
            return replace(part, sha256=digest)
        loaded = _load(analyser, data, path)
        faces = _faces(analyser, loaded, data, path)
    except ImageError as error:
        return Analysis(key, digest, failure=error.reason, detail=error.detail)
    info = loaded.info
    turn = 0 if loaded.hangs else turn_of((f.turn for f in faces), (f.score for f in faces))
    upright = turn if analyser.photos.auto_upright else 0
    told = (Remark.TURNED,) * bool(turn) + (Remark.UPRIGHT,) * bool(upright)
    jpeg = _output(loaded, upright) if faces else b""
    return Analysis(
        key,
        digest,
        info=replace(info, remarks=info.remarks + told),
        faces=faces,
        detail=loaded.damage,
        jpeg=jpeg,
        derivatives=derive(jpeg, analyser.variants) if jpeg and analyser.variants else (),
        phash=perceptual_hash(loaded.pixels),
        shot_of=None if part is None else part.shot_of,
        turn=turn,
    )


def _faces(analyser: Analyser, loaded: LoadedPhoto, data: bytes, path: str) -> tuple[Face, ...]:
    """Faces of a photo, which is decoded again, finer, if small ones are looked for."""
    engine = _engine(analyser.pack, analyser.threads, analyser.backend)
    small, shown = analyser.photos.small_faces, loaded
    edge = detail_edge((loaded.info.width, loaded.info.height), small=small)
    if edge is not None and edge > max(loaded.pixels.shape[:2]):
        shown = _load(analyser, data, path, edge)
    return find_faces(
        engine, shown.pixels, scale=shown.scale, crop=analyser.crop, told=loaded.hangs, small=small
    )


def _output(loaded: LoadedPhoto, turn: int) -> bytes:
    return encode_output(turned(loaded.pixels, turn))


def _as_part_of_shot(analyser: Analyser, task: Task, data: bytes) -> Analysis | None:
    """Result of a file that is of the same shot as one of its partners; None if it is not."""
    info = _look_at(analyser, task.ref, data)
    for partner in task.partners:
        try:
            other = partner.info or _metadata(analyser, partner.ref)
        except ImageError:
            continue
        if same_shot(task.ref, info, partner.ref, other):
            return Analysis(task.ref.photo_id, "", info=info, shot_of=partner.ref.photo_id)
    return None


def _metadata(analyser: Analyser, photo: PhotoRef) -> PhotoInfo:
    """Read what a file says about itself; of a JPEG only the start is read, as far as that is enough."""
    path = analyser.path_of(photo)
    start = read_photo(path, analyser.photos.max_file_mb, limit=_JPEG_HEADER)
    if start.startswith(_JPEG_MAGIC):
        with suppress(ImageError):
            return _look_at(analyser, photo, start)
    return _look_at(analyser, photo, read_photo(path, analyser.photos.max_file_mb))


def _look_at(analyser: Analyser, photo: PhotoRef, data: bytes) -> PhotoInfo:
    return look_at(data, photo.path, max_megapixels=analyser.photos.max_megapixels)


def render_file(analyser: Analyser, photo: PhotoRef, sha256: str | None = None) -> bytes:
    """Render the output JPEG of a photo that was analysed, as it was then: settings that changed since do not count.

    Raises
    ------
    ImageError
        If the file cannot be read any more, or has another hash than the one given.
    """
    data = read_photo(analyser.path_of(photo), analyser.photos.max_file_mb)
    if sha256 not in (None, hashlib.sha256(data).hexdigest()):
        raise ImageError(Reason.RENDER_CHANGED, "another file has this name now")
    limit = analyser.photos.max_megapixels
    loaded = load_photo(data, photo.path, max_megapixels=limit, accept_damaged=True)
    return _output(loaded, photo.copies_turn)


def _load(analyser: Analyser, data: bytes, path: str, edge: int = WORKING_EDGE) -> LoadedPhoto:
    limits = analyser.photos
    return load_photo(
        data,
        path,
        max_megapixels=limits.max_megapixels,
        accept_damaged=limits.accept_damaged,
        edge=edge,
    )
