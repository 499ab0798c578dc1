"""Before a machine gets a photo: whether it would find exactly what this one finds."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from importlib.util import find_spec
from itertools import islice
from pathlib import Path

import numpy as np

from facesort.core.records import Embeddings, PhotoRef
from facesort.engine.analysis.analyse import Analyser, engine_of
from facesort.engine.analysis.lost import WORKER_FAILURES
from facesort.engine.analysis.pool import LocalPool
from facesort.engine.analysis.reading import read_parts
from facesort.engine.cluster.drawing import claimed_faces, drawing
from facesort.errors import ClusterError, ImageError
from facesort.images import derive, encode_output, load_photo, perceptual_hash
from facesort.version import __version__

# What decides about pixels and embeddings, by the names that people install; a library has one of its names.
_LIBRARIES = (
    *(("numpy",), ("opencv-python", "opencv-python-headless"), ("simplejpeg",), ("pillow",)),
    *(("rawpy",), ("pi-heif-decoder",), ("av",), ("imagehash",), ("scipy",)),
)
_ONNX = (("onnxruntime", "onnxruntime-gpu", "onnxruntime-directml"), ("insightface",))
_DLIB = (("dlib-bin", "dlib"),)
_NONE = "none"
_PARTS = 16  # that are read of a file, of 4 MB each: clips are too long to be read whole
_OWN_CHECK_S = 600.0  # a busy machine, with its models on a cold disk


@dataclass(frozen=True, slots=True, eq=False)
class Introduction:
    """What a machine says of itself.

    Parameters
    ----------
    versions : tuple of (str, str)
        Of facesort and the libraries that decide what is found; ``none`` of one that is not installed.
    files : tuple of str
        Size and SHA-256 of each file that was asked for, of a long one of its start, or why it cannot be read.
    pixels : str
        Hash of what its libraries make of a drawn picture.
    detections : str
        Hash of the faces that its detector finds in it.
    embeddings : ndarray
        Of drawn crops.
    """

    versions: tuple[tuple[str, str], ...]
    files: tuple[str, ...]
    pixels: str
    detections: str
    embeddings: Embeddings


def introduce(analyser: Analyser, samples: Sequence[PhotoRef]) -> Introduction:
    """Say what this machine is and sees; runs in a worker, here and on the other machine.

    Raises
    ------
    PackError
        If the models cannot be loaded.
    """
    pixels, detections, embeddings = _made_of_drawing(analyser)
    files = tuple(_described(analyser, photo) for photo in samples)
    return Introduction(tuple(_versions(analyser)), files, pixels, detections, embeddings)


def introduced_here(analyser: Analyser, samples: Sequence[PhotoRef]) -> Introduction:
    """What this machine is, which others are compared with; in a process of its own.

    Raises
    ------
    ClusterError
        If that fails.
    PackError, ResourceError
        If the models cannot be loaded, or no process be started.
    """
    with LocalPool(1, _OWN_CHECK_S, analyser.photos.max_worker_mb) as pool:
        try:
            return pool.submit(introduce, analyser, samples).result()
        except WORKER_FAILURES as error:  # which would be taken for a photo's
            raise ClusterError(
                f"this machine could not look at a drawing, by which others are checked ({type(error).__name__} "
                f"{error}): see `facesort doctor`, and run the same command again"
            ) from error


def why_refused(ours: Introduction, theirs: Introduction, samples: Sequence[PhotoRef]) -> str:
    """Why a machine would not find exactly what this one finds, as the end of a sentence; empty if it would."""
    other = dict(theirs.versions)
    for name, version in ours.versions:
        if (found := other.get(name, _NONE)) != version:
            return f"it has {name} {found}, and this machine {version}: install the same on both"
    for photo, here, there in zip(samples, ours.files, theirs.files, strict=True):
        if here != there:
            return (
                f"its source {photo.source} is another one: {photo.path} is {there} there, and {here} here: give the "
                "right folder with --source"
            )
    if ours.pixels != theirs.pixels:
        return (
            "its libraries decode or encode a JPEG otherwise, although they say the same versions"
        )
    if ours.detections != theirs.detections:
        return (
            "its processor finds other faces in a drawing (another place or score), so that results would depend on "
            "which machine did what: take machines whose processors have the same instructions"
        )
    apart = np.abs(ours.embeddings - theirs.embeddings).max()
    if not apart <= 0:  # it may be NaN
        return (
            f"its processor computes other embeddings (by {apart:.1e}), so that results would depend on which machine "
            "did what: take machines whose processors have the same instructions"
        )
    return ""


def _described(analyser: Analyser, photo: PhotoRef) -> str:
    try:
        path = analyser.path_of(photo)
        digest = hashlib.sha256()
        for part in islice(read_parts(path), _PARTS):
            digest.update(part)
        return f"{path.stat().st_size} bytes, {digest.hexdigest()[:16]}"
    except (ImageError, OSError) as error:
        reason = error.reason if isinstance(error, ImageError) else error.strerror
        return f"not to be read ({reason})"


def _versions(analyser: Analyser) -> Iterator[tuple[str, str]]:
    yield "facesort", f"{__version__} ({_code()[:8]})"
    yield (
        "Python",
        ".".join(platform.python_version_tuple()[:2]),
    )  # what is pickled by one is read by the other
    kinds = {analyser.pack.detector.kind, analyser.pack.recogniser.kind}
    engines = (
        *(_ONNX if kinds - {"dlib", "synthetic"} else ()),
        *(_DLIB if "dlib" in kinds else ()),
    )
    runs_it = ((analyser.backend,),) if analyser.backend == "openvino" else ()
    for names in (*_LIBRARIES, *engines, *runs_it):
        yield names[0], next(filter(None, map(_version, names)), _NONE)


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


@cache
def _code() -> str:
    """Hash of the code of facesort: its version stays between two commits."""
    spec, digest = find_spec("facesort"), hashlib.sha256()
    if spec is not None and spec.origin is not None:
        folder = Path(spec.origin).parent
        for path in sorted(folder.rglob("*.py")):
            digest.update(path.relative_to(folder).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()


def _made_of_drawing(analyser: Analyser) -> tuple[str, str, Embeddings]:
    jpeg = encode_output(drawing())
    loaded = load_photo(jpeg, "drawing.jpg", max_megapixels=analyser.photos.max_megapixels)
    engine = engine_of(analyser)
    made = [jpeg, loaded.pixels.tobytes(), repr(perceptual_hash(loaded.image)).encode()]
    made += [derived.data for derived in derive(jpeg, analyser.variants)]
    crops = engine.align(loaded.pixels, claimed_faces())
    made.append(crops.tobytes())
    found = [engine.detect(loaded.pixels, quick=quick) for quick in (False, True)]
    detected = [
        part.tobytes() for each in found for part in (each.boxes, each.landmarks, each.scores)
    ]
    return _hash(made), _hash(detected), engine.embed(crops)


def _hash(parts: Iterable[bytes]) -> str:
    return hashlib.sha256(b"".join(parts)).hexdigest()
