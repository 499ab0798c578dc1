"""Open a clip by its content, with PyAV, or with OpenCV where that is missing.

::

    file ──container_of──> PyAV, or OpenCV ──> Clip ──samples──> upright sRGB pixels at times

Containers: MP4 and MOV, MTS and M2TS, MKV and WEBM, AVI.  They are told by content, and FFmpeg is given nothing else:
some of its formats name other files, or addresses, that it would open.
"""

from __future__ import annotations

from importlib import import_module, metadata
from pathlib import Path
from typing import Literal

from facesort.core.records import Pixels
from facesort.errors import ImageError
from facesort.images.clips.clip import Clip, Excerpt, Part
from facesort.images.clips.containers import container_of
from facesort.images.signatures import HEAD_BYTES
from facesort.reasons import Reason

Decoder = Literal["auto", "pyav", "opencv"]


def open_clip(
    source: Path | bytes, name: str, *, max_megapixels: float, decoder: Decoder = "auto"
) -> Clip:
    """Open a clip, and decode its first frame.

    Parameters
    ----------
    source : Path or bytes
        The file, or all that is in it.
    name : str
        For messages.
    max_megapixels : float
        Clips with larger frames are refused before they are decoded.
    decoder : str
        ``auto``: PyAV if it is installed.

    Returns
    -------
    Clip
        To be closed, as a context manager.

    Raises
    ------
    ImageError
        With reason ``empty_file``, ``not_an_image``, ``unsupported_format``, ``truncated``, ``corrupt`` or
        ``too_large``.
    OSError
        If the file cannot be read.
    """
    container = container_of(*_start(source), name)
    if (_chosen() if decoder == "auto" else decoder) == "pyav":
        from facesort.images.clips.pyav import PyavClip

        return PyavClip(source, container, max_megapixels=max_megapixels)
    from facesort.images.clips.opencv import OpencvClip

    return OpencvClip(source, container, max_megapixels=max_megapixels)


def frame_at(clip: Clip, ms: int) -> Pixels:
    """The frame that is on the screen at a time: the same pixels as those of the sample then.

    Raises
    ------
    ImageError
        ``corrupt`` if the clip has ended by then.
    """
    sample = next(clip.samples(Part(ms, ms + 1, 1)), None)
    if sample is None or sample.pixels is None:
        raise ImageError(Reason.CORRUPT, f"there is no frame at {ms / 1000:.3f} s")
    return sample.pixels


def excerpt_of(
    source: Path, name: str, start_ms: int, end_ms: int, *, limit: int, max_megapixels: float
) -> Excerpt | None:
    """A part of a clip for a browser, from the last key frame before it on.

    Parameters
    ----------
    limit : int
        In bytes: what is beyond is left out.

    Returns
    -------
    Excerpt or None
        None if no browser plays it, or PyAV is missing.

    Raises
    ------
    ImageError, OSError
        As `open_clip`.
    """
    if _chosen() != "pyav":
        return None
    from facesort.images.clips.pyav import PyavClip

    container = container_of(*_start(source), name)
    clip = PyavClip(source, container, max_megapixels=max_megapixels)
    return clip.excerpt(start_ms, end_ms, limit)


def which_decoder() -> str:
    """What `open_clip` decodes with, and its version."""
    if _chosen() == "pyav":
        return f"PyAV {metadata.version('av')}"
    return f"OpenCV {import_module('cv2').__version__}"


def _chosen() -> Literal["pyav", "opencv"]:
    try:
        import_module("av")
    except (ImportError, OSError):  # not installed, or a library of the system is missing
        return "opencv"
    return "pyav"


def _start(source: Path | bytes) -> tuple[bytes, int]:
    if isinstance(source, bytes):
        return source[:HEAD_BYTES], len(source)
    with source.open("rb") as file:
        return file.read(HEAD_BYTES), source.stat().st_size
