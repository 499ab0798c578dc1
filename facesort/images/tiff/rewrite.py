"""Write a directory anew, for decoders that read only the first one, or no BigTIFF."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Literal

from facesort.images.tiff.directories import TYPES, Directory, size_of

_EIGHT_BYTES = {16: 4, 17: 9, 18: 4}  # BigTIFF's integers -> those of TIFF

Tags = dict[int, tuple[int, bytes]]
"""Tag -> code of its type, and its value in the file's byte order."""


def as_tiff(directory: Directory) -> bytes:
    """The file of a directory as a TIFF that has it in front, and no other one."""
    return with_directory(directory.data, directory.order, tags_of(directory))


def tags_of(directory: Directory) -> Tags:
    """All tags with a value, in the types of TIFF."""
    tags: Tags = {}
    for tag, (kind, count, _) in directory.entries.items():
        payload = directory.payload(tag)
        if payload and kind in _EIGHT_BYTES:
            values = struct.unpack(f"{directory.order}{count}{TYPES[kind]}", payload)
            kind = _EIGHT_BYTES[kind]
            payload = struct.pack(f"{directory.order}{count}{TYPES[kind]}", *values)
        if payload:
            tags[tag] = kind, payload
    return tags


def with_directory(
    data: bytes, order: Literal["<", ">"], tags: Mapping[int, tuple[int, bytes]]
) -> bytes:
    """Append a directory and make it the first one; what stands behind the header stays in its place."""
    end = len(data) + len(data) % 2
    start = end + 2 + 12 * len(tags) + 4
    entries, outside = [], bytearray()
    for tag, (kind, payload) in sorted(tags.items()):
        value = payload
        if len(payload) > 4:
            outside += bytes(len(outside) % 2)
            value = struct.pack(f"{order}I", start + len(outside))
            outside += payload
        count = len(payload) // size_of(kind)
        entries.append(struct.pack(f"{order}HHI4s", tag, kind, count, value))
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", end)
    written = struct.pack(f"{order}H", len(entries)) + b"".join(entries) + bytes(4)
    return b"".join((head, data[8:], bytes(end - len(data)), written, outside))
