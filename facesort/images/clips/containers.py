"""The containers whose clips are read, by content."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from facesort.errors import ImageError
from facesort.images.boxes import brands
from facesort.images.signatures import Reader, signature_of
from facesort.reasons import Reason

CONVERT = "convert the clip to MP4"
"""What to do about a clip that cannot be read."""


_WIDEST_PIXEL = 4  # ratio of the sides of a pixel; beyond, the ratio is no ratio


@dataclass(frozen=True, slots=True)
class Container:
    """How a clip is stored.

    Parameters
    ----------
    format : str
        As people call it; goes into `PhotoInfo.format`.
    ffmpeg : str
        What FFmpeg calls the reader of it.
    """

    format: str
    ffmpeg: str


def width_shown(width: int, pixel: Fraction | None) -> int:
    """Width of a frame with square pixels, in px; `pixel`: width of one by its height, as the file says."""
    fine = pixel and Fraction(1, _WIDEST_PIXEL) <= pixel <= _WIDEST_PIXEL
    return max(1, round(width * pixel)) if fine and pixel else width


def container_of(head: bytes, size: int, name: str) -> Container:
    """Tell the container of a clip.

    Parameters
    ----------
    head : bytes
        The first `HEAD_BYTES` bytes, or the whole file if it is smaller.
    size : int
        Of the file, in bytes.
    name : str
        For the message.

    Raises
    ------
    ImageError
        ``empty_file``, ``unsupported_format`` for a video of another kind, else ``not_an_image``.
    """
    if not size:
        raise ImageError(Reason.EMPTY_FILE, "the file is empty")
    found = signature_of(head, size)
    if found is None or found.reader is not Reader.PLAYER:
        what = f"{found.format}, not a video" if found else "not a known video format"
        raise ImageError(Reason.NOT_AN_IMAGE, f"the content of {name} is {what}")
    match found.format:
        case "MP4 or QuickTime" | "QuickTime":
            is_mov = brands(head)[:1] in {(), (b"qt  ",)}
            return Container("MOV" if is_mov else "MP4", "mov")
        case "Matroska":
            return Container("WEBM" if b"webm" in head else "MKV", "matroska")
        case "AVI":
            return Container("AVI", "avi")
        case "MPEG" if b"G" in (head[:1], head[4:5]):
            return Container("MTS", "mpegts")
    raise ImageError(Reason.UNSUPPORTED_FORMAT, f"{found.format} cannot be read: {CONVERT}")
