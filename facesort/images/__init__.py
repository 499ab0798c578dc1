"""A file becomes upright sRGB pixels, and pixels become the output JPEG."""

from __future__ import annotations

from facesort.images.kinds import PhotoKind, photo_kind
from facesort.images.output import decode_jpeg, encode_crop, encode_output
from facesort.images.photo_file import LoadedPhoto, load_photo

__all__ = [
    "LoadedPhoto",
    "PhotoKind",
    "decode_jpeg",
    "encode_crop",
    "encode_output",
    "load_photo",
    "photo_kind",
]
