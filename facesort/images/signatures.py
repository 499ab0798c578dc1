"""The first bytes of picture and video formats: the one table by which content is told."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto

from facesort.images.boxes import brands
from facesort.images.tiff.directories import TIFF_MAGIC

HEAD_BYTES = 4096
"""How many bytes at the start of a file are looked at."""

_Evidence = Callable[[bytes, int], bool]


class Reader(Enum):
    """What reads a format."""

    RASTER = auto()
    TIFF = auto()
    """Pillow or LibRaw: the directories tell."""
    RAW = auto()
    NOTHING = auto()
    """A picture that cannot be read here."""
    PLAYER = auto()
    """A video."""


@dataclass(frozen=True, slots=True)
class Signature:
    """How files of one format start.

    Parameters
    ----------
    format : str
        ``JPEG``, ``JPEG XL``, ``Matroska`` ...
    magic : bytes or tuple of bytes
        What the file has at ``offset``.
    evidence : callable
        Given the first `HEAD_BYTES` bytes and the size of the file in bytes, whether they fit: for a magic that is so
        short that text or other data may start with it.
    """

    format: str
    reader: Reader
    magic: bytes | tuple[bytes, ...]
    offset: int = 0
    evidence: _Evidence = lambda _, __: True


def signature_of(head: bytes, size: int) -> Signature | None:
    """Find the format of a file.

    Parameters
    ----------
    head : bytes
        The first `HEAD_BYTES` bytes, or the whole file if it is smaller.
    size : int
        Of the file, in bytes.

    Returns
    -------
    Signature or None
        None: neither a picture nor a video.
    """
    for signature in _TABLE:
        if head.startswith(signature.magic, signature.offset) and signature.evidence(head, size):
            return signature
    return None


def _has_brand(*wanted: bytes) -> _Evidence:
    return lambda head, _: not set(wanted).isdisjoint(brands(head))


def _is_no_audio(head: bytes, _size: int) -> bool:
    return brands(head)[:1] not in {(b"M4A ",), (b"M4B ",), (b"M4P ",), (b"F4A ",), (b"F4B ",)}


def _contains(*words: bytes) -> _Evidence:
    return lambda head, _: any(word in head for word in words)


def _matches(pattern: bytes) -> _Evidence:
    compiled = re.compile(pattern)
    return lambda head, _: compiled.match(head) is not None


def _is_bmp(head: bytes, size: int) -> bool:
    """Whether a DIB header of a known length follows, and the pixels start within the file."""
    if len(head) < 18:
        return False
    start, header = struct.unpack_from("<II", head, 10)
    return header in {12, 16, 40, 52, 56, 64, 108, 124} and start <= size


def _is_jxl_codestream(head: bytes, size: int) -> bool:
    """Whether the size header (ISO/IEC 18181-1, D.2) gives a picture that so many bytes may hold, and not text."""
    bits = int.from_bytes(head[2:20], "little")

    def take(count: int) -> int:
        nonlocal bits
        value = bits & ((1 << count) - 1)
        bits >>= count
        return value

    small = take(1)

    def side() -> int:
        return 8 * (take(5) + 1) if small else take((9, 13, 18, 30)[take(2)]) + 1

    height = side()
    ratio = take(3)
    share = (0, 1, 1.2, 4 / 3, 1.5, 16 / 9, 1.25, 2)[ratio]
    width = height * share if ratio else side()
    bits_per_pixel = 8 * size / max(1, width * height)
    return 1e-5 < bits_per_pixel < 256 + 8e5 / (width * height) and not _is_text(head[2:])


def _is_text(head: bytes) -> bool:
    """Whether there are no control characters but those of text."""
    return not re.search(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f-\x9f]", head)


def _is_icon(head: bytes, size: int) -> bool:
    """Whether the first image of the list lies behind the list and within the file."""
    if len(head) < 22:
        return False
    count, length, start = struct.unpack_from("<4xH8xII", head)
    return head[9] == 0 and length > 0 and 0 < count <= 256 and 6 + 16 * count <= start <= size


def _is_pcx(head: bytes, size: int) -> bool:
    """Whether the bits per pixel, the corners and the number of planes make sense."""
    if len(head) < 128 or size < 130:
        return False
    left, top, right, bottom = struct.unpack_from("<4H", head, 4)
    return head[3] in {1, 2, 4, 8} and left <= right and top <= bottom and 1 <= head[65] <= 4


def _is_sgi(head: bytes, size: int) -> bool:
    """Whether bytes per channel, dimensions and sides make sense."""
    if len(head) < 12 or size < 512:
        return False
    depth, dimensions, width, height = struct.unpack_from(">BHHH", head, 3)
    return depth in {1, 2} and dimensions in {1, 2, 3} and width > 0 and height > 0


def _is_transport_stream(head: bytes, _size: int) -> bool:
    """Whether the sync byte comes back with each packet: of 188 bytes, or of 192 with a time in front."""
    return any(
        head[offset : offset + 8 * step : step] == 8 * b"G" for offset, step in ((0, 188), (4, 192))
    )


def _is_quicktime(head: bytes, size: int) -> bool:
    """Whether the first box may be as long as it says."""
    length = int.from_bytes(head[:4], "big")
    return length in {0, 1} or 8 <= length <= size


# The first that fits counts.
# fmt: off
_TABLE = (
    Signature("JPEG-LS", Reader.NOTHING, b"\xff\xd8\xff\xf7"),
    Signature("JPEG-LS", Reader.NOTHING, b"\xff\xd8\xff\xe8", evidence=_contains(b"\xff\xf7\0")),
    Signature("JPEG", Reader.RASTER, b"\xff\xd8\xff"),
    Signature("TIFF", Reader.TIFF, TIFF_MAGIC),
    Signature("PNG", Reader.RASTER, b"\x89PNG\r\n\x1a\n"),
    Signature("GIF", Reader.RASTER, (b"GIF87a", b"GIF89a")),
    Signature("WEBP", Reader.RASTER, b"RIFF", evidence=lambda head, _: head[8:12] == b"WEBP"),
    Signature("BMP", Reader.RASTER, b"BM", evidence=_is_bmp),
    Signature("CR3", Reader.RAW, b"ftyp", 4, _has_brand(b"crx ")),
    Signature("AVIF", Reader.RASTER, b"ftyp", 4, _has_brand(b"avif", b"avis")),
    Signature("HEIF", Reader.RASTER, b"ftyp", 4, _has_brand(
        b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"mif2", b"msf1",
        # not compressed with HEVC
        b"avci", b"avcs", b"j2is", b"j2ki", b"jpeg", b"jpgs", b"unif", b"vvic", b"vvis",
    )),
    Signature("RAF", Reader.RAW, b"FUJIFILMCCD-RAW"),
    Signature("CRW", Reader.RAW, b"HEAPCCDR", 6),
    Signature("MRW", Reader.RAW, b"\0MRM"),
    Signature("X3F", Reader.RAW, b"FOVb"),
    # pictures that cannot be read here
    Signature("JPEG XL", Reader.NOTHING, b"\0\0\0\x0cJXL \r\n\x87\n"),
    Signature("JPEG XL", Reader.NOTHING, b"\xff\x0a", evidence=_is_jxl_codestream),
    Signature("Motion JPEG 2000", Reader.PLAYER, b"\0\0\0\x0cjP  \r\n\x87\n",
              evidence=lambda head, _: brands(head[12:])[:1] == (b"mjp2",)),
    Signature("JPEG 2000", Reader.NOTHING, b"\0\0\0\x0cjP  \r\n\x87\n"),
    Signature("JPEG 2000", Reader.NOTHING, b"\xff\x4f\xff\x51"),
    Signature("JPEG XS", Reader.NOTHING, (b"\0\0\0\x0cJXS \r\n\x87\n", b"\xff\x10\xff\x50")),
    Signature("JPEG XR", Reader.NOTHING, (b"II\xbc\0", b"II\xbc\1")),
    Signature("PSD", Reader.NOTHING, (b"8BPS\0\1", b"8BPS\0\2")),
    Signature("GIMP", Reader.NOTHING, b"gimp xcf "),
    Signature("OpenEXR", Reader.NOTHING, b"v/1\1"),
    Signature("Radiance HDR", Reader.NOTHING, (b"#?RADIANCE", b"#?RGBE"),
              evidence=_contains(b"FORMAT=32-bit_rle_")),
    Signature("BPG", Reader.NOTHING, b"BPG\xfb"),
    Signature("QOI", Reader.NOTHING, b"qoif",
              evidence=lambda head, _: head[12:13] in {b"\3", b"\4"}),
    Signature("DPX", Reader.NOTHING, (b"SDPX\0", b"XPDS")),
    Signature("FITS", Reader.NOTHING, b"SIMPLE  =                    T"),
    Signature("DDS", Reader.NOTHING, b"DDS |\0\0\0"),
    Signature("JNG", Reader.NOTHING, (b"\x8bJNG\r\n\x1a\n", b"\x8aMNG\r\n\x1a\n")),
    Signature("PPM", Reader.NOTHING, (b"P5", b"P6"),
              evidence=_matches(rb"..(\s|#[^\n]*\n)+\d+(\s|#[^\n]*\n)+\d+(\s|#[^\n]*\n)+\d{1,5}\s")),
    Signature("PAM", Reader.NOTHING, b"P7\n", evidence=_contains(b"\nENDHDR\n")),
    Signature("PFM", Reader.NOTHING, (b"PF", b"Pf"), evidence=_matches(rb"..\s\d+\s\d+\s-?\d+(\.\d+)?\s")),
    Signature("SGI", Reader.NOTHING, (b"\x01\xda\0", b"\x01\xda\1"), evidence=_is_sgi),
    Signature("Sun raster", Reader.NOTHING, b"\x59\xa6\x6a\x95"),
    Signature("PCX", Reader.NOTHING, (b"\n\0\1", b"\n\2\1", b"\n\3\1", b"\n\4\1", b"\n\5\1"), evidence=_is_pcx),
    Signature("ICO", Reader.NOTHING, b"\0\0\1\0", evidence=_is_icon),
    Signature("ICNS", Reader.NOTHING, b"icns\0"),
    # videos
    Signature("MP4 or QuickTime", Reader.PLAYER, b"ftyp", 4, _is_no_audio),
    Signature("QuickTime", Reader.PLAYER, (b"moov", b"mdat", b"wide", b"skip", b"free", b"pnot"), 4, _is_quicktime),
    Signature("AVI", Reader.PLAYER, b"RIFF", evidence=lambda head, _: head[8:12] == b"AVI "),
    Signature("Matroska", Reader.PLAYER, b"\x1a\x45\xdf\xa3", evidence=_contains(b"matroska", b"webm")),
    Signature("MPEG", Reader.PLAYER, b"\0\0\1\xba"),
    Signature("MPEG", Reader.PLAYER, b"\0\0\1\xb3"),
    Signature("MPEG", Reader.PLAYER, b"", evidence=_is_transport_stream),
    Signature("Windows Media", Reader.PLAYER, bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")),
    Signature("Flash", Reader.PLAYER, b"FLV\1"),
    Signature("MXF", Reader.PLAYER, bytes.fromhex("060e2b34020501010d0102")),
    Signature("Ogg", Reader.PLAYER, b"OggS", evidence=_contains(b"\x80theora")),
    Signature("REDCODE", Reader.PLAYER, (b"RED1", b"RED2"), 4),
)
# fmt: on
