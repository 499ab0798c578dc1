"""Give Pillow a PNG with what is needed of it only: metadata of any size or kind never fail a photo.

Pillow refuses a whole file for text that unpacks to more than 1 MB, for a wrong checksum in a comment and for a frame
of an animation out of order, and it looks for EXIF behind the pixels by decoding them.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator

from PIL import PngImagePlugin

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PICTURE = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"})
_SHORTEST = {
    b"gAMA": 4,
    b"cHRM": 32,
    b"sRGB": 1,
    b"cICP": 4,
    b"mDCV": 24,
    b"cLLI": 8,
    b"iCCP": 3,
    b"eXIf": 8,
}
_BEFORE_PIXELS = _SHORTEST.keys() - {b"eXIf"}  # else they do not count, as for other decoders
_TEXTS = frozenset({b"tEXt", b"zTXt", b"iTXt"})
_XMP = b"XML:com.adobe.xmp"
# ImageMagick writes EXIF so.
_RAW_PROFILES = frozenset({b"Raw profile type exif", b"Raw profile type APP1"})
_NEEDED = frozenset({*_SHORTEST, _XMP, *_RAW_PROFILES})
_LARGEST = 1 << 24  # bytes of a profile or XMP when unpacked

# Only the profile is still unpacked by Pillow.
PngImagePlugin.MAX_TEXT_CHUNK = _LARGEST


def tidied(data: bytes) -> bytes:
    """Keep the picture, its colours, EXIF and XMP of a PNG, the metadata before the pixels.

    Parameters
    ----------
    data : bytes
        The whole file.

    Returns
    -------
    bytes
        ``data`` itself if there is nothing to leave out; a broken file stays as it is from where it breaks.
    """
    front: list[bytes] = []
    pixels: list[bytes] = []
    changed = False
    seen: set[bytes] = set()  # many that unpack to much would take hours
    for name, whole in chunks(data):
        if name in _PICTURE or not name:
            (pixels if pixels or name == b"IDAT" else front).append(whole)
            continue
        what = whole[8:-4].partition(b"\0")[0] if name in _TEXTS else name
        too_late = bool(pixels) and name in _BEFORE_PIXELS
        kept = b"" if what in seen or what not in _NEEDED or too_late else _metadata(name, whole)
        seen.add(what)
        front.append(kept)
        changed |= kept is not whole or bool(pixels)
    return b"".join((SIGNATURE, *front, *pixels)) if changed else data


def chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Name and whole chunk of each, up to the last; what is no chunk comes as one without a name."""
    at = len(SIGNATURE)
    name = b""
    while name != b"IEND" and at + 12 <= len(data):
        length, name = struct.unpack_from(">I4s", data, at)
        if at + 12 + length > len(data) or not name.isalpha():
            break
        yield name, data[at : at + 12 + length]
        at += 12 + length
    if name != b"IEND":
        yield b"", data[at:]


def _metadata(name: bytes, whole: bytes) -> bytes:
    """The chunk as it shall be read; empty if it is not needed, or broken."""
    content = whole[8:-4]
    if whole[-4:] != checksum(name, content):
        return b""
    key, _, value = content.partition(b"\0")
    if name in _SHORTEST:
        is_whole = len(content) >= _SHORTEST[name]
        return whole if is_whole and (name != b"iCCP" or _text(name, value)) else b""
    if (text := _text(name, value)) is None:
        return b""
    if key == _XMP:
        return chunk(b"iTXt", _XMP + bytes(5) + text)
    # A line with the type, one with the length, then hexadecimal digits.
    digits = re.sub(rb"\s", b"", text.strip().partition(b"\n")[2].strip().partition(b"\n")[2])
    if re.fullmatch(rb"(?i)457869660000(?:[0-9a-f]{2})+", digits):
        return chunk(b"eXIf", bytes.fromhex(digits[12:].decode()))
    return b""


def _text(name: bytes, value: bytes) -> bytes | None:
    """Unpacked text or profile of a chunk behind its name; None if it is broken or too large."""
    if name == b"tEXt":
        return value
    method = value[:1]
    if name == b"iTXt":
        method, value = value[1:2], value[:1] + value[2:].split(b"\0", 2)[-1]
        if value[:1] == b"\0":
            return value[1:]
    if method != b"\0":
        return None
    value = value[1:]
    unpacker = zlib.decompressobj()
    try:
        text = unpacker.decompress(value, _LARGEST)
    except zlib.error:
        return None
    return None if unpacker.unconsumed_tail else text


def chunk(name: bytes, content: bytes) -> bytes:
    """A chunk with its length and checksum."""
    return struct.pack(">I", len(content)) + name + content + checksum(name, content)


def checksum(name: bytes, content: bytes) -> bytes:
    """The checksum of a chunk, as it stands at its end."""
    return struct.pack(">I", zlib.crc32(content, zlib.crc32(name)))
