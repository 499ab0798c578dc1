"""Analysis: a pure function of files and one model pack, run in worker processes.

It knows no database and no gallery, so a process pool and a cluster's executor are the same thing to it.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from pathlib import Path

import numpy as np

from facesort.core.derivatives import Derivative, Variant
from facesort.core.faces.looks import detail_edge
from facesort.core.faces.tracks import Linker
from facesort.core.faces.turns import turn_of
from facesort.core.records import Analysis, Face, PhotoInfo, PhotoRef
from facesort.core.sources.shots import same_shot
from facesort.core.text.paths import from_text
from facesort.engine.analysis.reading import (
    is_clip,
    is_video,
    read_photo,
    reading,
    refuse_size,
    sha256_of,
)
from facesort.engine.analysis.sampling import faces_in
from facesort.errors import ImageError
from facesort.faces.analysis import CropEncoder, find_faces
from facesort.faces.engines.load import load_engine
from facesort.faces.protocol import Detector, FaceEngine, ModelPack, Recogniser
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
from facesort.images.clips.clip import Part
from facesort.images.clips.clip_file import frame_at, open_clip
from facesort.images.clips.motion import movie_in
from facesort.pixels import turned
from facesort.reasons import Reason, Remark
from facesort.settings import Backend, PhotoSettings

log = logging.getLogger(__name__)

SPARSE_MS = 1_000
"""Time between two samples of a movie that belongs to a photo."""

_LONGEST_MOVIE_MS = 10_000  # what is longer is left alone
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
    without_faces : bool
        Whether photos without a face are rendered too.
    """

    roots: Mapping[str, Path]
    pack: ModelPack
    photos: PhotoSettings
    threads: int = 1
    backend: Backend = "onnxruntime"
    crop: CropEncoder = _CROP
    variants: tuple[Variant, ...] = ()
    without_faces: bool = False

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
    content : bytes or None
        Of an upload, which is in no file; None: the file is read.
    """

    ref: PhotoRef
    known: frozenset[str] = frozenset()
    shared_size: bool = False
    partners: tuple[Partner, ...] = ()
    alone_beside: frozenset[int] = frozenset()
    content: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class _Models:
    """What an engine is loaded from; sorts may know the same by other names and thresholds."""

    path: Path | None
    detector: Detector
    recogniser: Recogniser
    threads: int
    backend: Backend
    pack: ModelPack = field(compare=False)


@lru_cache(maxsize=2)  # a process of a shared worker may have calls of two sorts in turns
def _engine(models: _Models) -> FaceEngine:
    """Load the models once per worker process, so that executors need not know about them."""
    return load_engine(models.pack, threads=models.threads, backend=models.backend)


def engine_of(analyser: Analyser) -> FaceEngine:
    """The engine of this worker process, loaded when it is first asked for; its pack may have another name there."""
    pack, threads, backend = analyser.pack, analyser.threads, analyser.backend
    return _engine(_Models(pack.path, pack.detector, pack.recogniser, threads, backend, pack))


def load_models(analyser: Analyser) -> None:
    """Load the models into this worker process, so that its first photo need not wait for them."""
    engine_of(analyser)


def embedding_dim(analyser: Analyser) -> int:
    """Length of an embedding of the pack; loads the models into this worker process too."""
    engine = engine_of(analyser)
    return int(engine.embed(np.empty((0, 1, 1, 3), np.uint8)).shape[1])


def _content(analyser: Analyser, task: Task) -> bytes:
    if task.content is None:
        return read_photo(analyser.path_of(task.ref), analyser.photos.max_file_mb)
    refuse_size(len(task.content), analyser.photos.max_file_mb)
    return task.content


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
        data = _content(analyser, task)
        digest = hashlib.sha256(data).hexdigest()
        if digest in task.known:
            return Analysis(key, digest, known=True)
        if analyser.photos.videos and is_video(data, path):
            return Analysis(key, digest, is_video=True)
        part = _as_part_of_shot(analyser, task, data) if task.partners else None
        if part is not None and part.shot_of not in task.alone_beside:
            return replace(part, sha256=digest)
        loaded, faces = look_for_faces(analyser, data, path)
        tracks = _tracks_in_movie(analyser, data, path) if analyser.photos.videos else ()
    except ImageError as error:
        return Analysis(key, digest, failure=error.reason, detail=error.detail)
    info = loaded.info
    turn = 0 if loaded.hangs else turn_of((f.turn for f in faces), (f.score for f in faces))
    upright = turn if analyser.photos.auto_upright else 0
    told = (Remark.TURNED,) * bool(turn) + (Remark.UPRIGHT,) * bool(upright)
    has_output = faces or tracks or analyser.without_faces
    jpeg = _output(loaded, upright) if has_output else b""
    return Analysis(
        key,
        digest,
        info=replace(info, remarks=info.remarks + told),
        faces=faces + tracks,
        detail=loaded.damage,
        jpeg=jpeg,
        derivatives=derive(jpeg, analyser.variants) if jpeg and analyser.variants else (),
        phash=perceptual_hash(loaded.image),
        shot_of=None if part is None else part.shot_of,
        turn=turn,
    )


def look_for_faces(
    analyser: Analyser, data: bytes, name: str
) -> tuple[LoadedPhoto, tuple[Face, ...]]:
    """Decode the content of a file and find its faces; it is decoded again, finer, if small ones are looked for.

    Raises
    ------
    ImageError
        If it cannot be used.
    """
    loaded = _load(analyser, data, name)
    engine = engine_of(analyser)
    small, shown = analyser.photos.small_faces, loaded
    edge = detail_edge((loaded.info.width, loaded.info.height), small=small)
    if edge is not None and edge > max(loaded.pixels.shape[:2]):
        shown = _load(analyser, data, name, edge)
    return loaded, find_faces(
        engine, shown.image, scale=shown.scale, crop=analyser.crop, told=loaded.hangs, small=small
    )


def _tracks_in_movie(analyser: Analyser, data: bytes, name: str) -> tuple[Face, ...]:
    """Who is seen in the movie of a motion photo; nobody, if it cannot be decoded."""
    movie, linker = movie_in(data), Linker(SPARSE_MS, loose=analyser.pack.loose)
    if movie is None:
        return ()
    try:
        with open_clip(movie, name, max_megapixels=analyser.photos.max_megapixels) as clip:
            part = Part(0, _LONGEST_MOVIE_MS, SPARSE_MS)
            engine, small = engine_of(analyser), analyser.photos.small_faces
            for ms, faces in faces_in(engine, clip, part, crop=analyser.crop, small=small):
                linker.add(ms, faces)
            return linker.close(clip.ended_ms or _LONGEST_MOVIE_MS)
    except ImageError as error:
        log.warning("%s: its movie is left alone: %s", name, error)
        return ()


def _output(loaded: LoadedPhoto, turn: int) -> bytes:
    return encode_output(turned(loaded.pixels, turn))


def _as_part_of_shot(analyser: Analyser, task: Task, data: bytes) -> Analysis | None:
    """Result of a file that is of the same shot as one of its partners; None if it is not."""
    info = _look_at(analyser, task.ref, data)
    found = shot_among(analyser, task.ref, info, task.partners)
    return None if found is None else Analysis(task.ref.photo_id, "", info=info, shot_of=found)


def shot_among(
    analyser: Analyser, ref: PhotoRef, info: PhotoInfo, partners: Sequence[Partner]
) -> int | None:
    """The first partner that is of the same shot; None if none is."""
    for partner in partners:
        try:
            other = partner.info or _metadata(analyser, partner.ref)
        except ImageError:
            continue
        if same_shot(ref, info, partner.ref, other):
            return partner.ref.photo_id
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

    Of a clip, the frame at `at_ms`.

    Raises
    ------
    ImageError
        If the file cannot be read any more, or has another hash than the one given.
    """
    if photo.at_ms is not None:
        return _render_frame(analyser, photo, photo.at_ms, sha256)
    data = read_photo(analyser.path_of(photo), analyser.photos.max_file_mb)
    if sha256 not in (None, hashlib.sha256(data).hexdigest()):
        raise ImageError(Reason.RENDER_CHANGED, "another file has this name now")
    limit = analyser.photos.max_megapixels
    loaded = load_photo(data, photo.path, max_megapixels=limit, accept_damaged=True)
    return _output(loaded, photo.copies_turn)


def _render_frame(analyser: Analyser, photo: PhotoRef, at_ms: int, sha256: str | None) -> bytes:
    path = analyser.path_of(photo)
    if sha256 not in (None, sha256_of(path)):
        raise ImageError(Reason.RENDER_CHANGED, "another file has this name now")
    limits = analyser.photos
    movie = None if is_clip(path) else movie_in(read_photo(path, limits.max_file_mb))
    megapixels = limits.max_megapixels
    with reading(), open_clip(movie or path, path.name, max_megapixels=megapixels) as clip:
        return encode_output(frame_at(clip, at_ms))


def derive_jpeg(
    analyser: Analyser, jpeg: bytes, variants: Collection[Variant]
) -> tuple[Derivative, ...]:
    """Make smaller versions of an output JPEG; they depend on nothing else."""
    del analyser
    return derive(jpeg, variants)


def _load(analyser: Analyser, data: bytes, path: str, edge: int = WORKING_EDGE) -> LoadedPhoto:
    limits = analyser.photos
    return load_photo(
        data,
        path,
        max_megapixels=limits.max_megapixels,
        accept_damaged=limits.accept_damaged,
        edge=edge,
    )
