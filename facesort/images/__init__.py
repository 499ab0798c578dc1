"""A file becomes upright sRGB pixels, and pixels become the output JPEG."""

from __future__ import annotations

from facesort.images.jpeg import decode_jpeg, jpeg_size
from facesort.images.kinds import PhotoKind, photo_kind
from facesort.images.output import encode_crop, encode_output
from facesort.images.phash import perceptual_hash
from facesort.images.photo_file import LoadedPhoto, load_photo

__all__ = [
    "LoadedPhoto",
    "PhotoKind",
    "decode_jpeg",
    "encode_crop",
    "encode_output",
    "jpeg_size",
    "load_photo",
    "perceptual_hash",
    "photo_kind",
]
