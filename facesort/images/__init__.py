"""Decode photo files to upright sRGB pixels, and encode pixels as JPEG."""

from __future__ import annotations

from facesort.images.derivatives import derive as derive
from facesort.images.jpeg.codec import decode_jpeg as decode_jpeg, jpeg_size as jpeg_size
from facesort.images.kinds import (
    RAW_SUFFIXES as RAW_SUFFIXES,
    TOLD_BY_CONTENT as TOLD_BY_CONTENT,
    PhotoKind as PhotoKind,
    kind_by_content as kind_by_content,
    photo_kind as photo_kind,
)
from facesort.images.output import encode_crop as encode_crop, encode_output as encode_output
from facesort.images.phash import perceptual_hash as perceptual_hash
from facesort.images.photo_file import (
    LoadedPhoto as LoadedPhoto,
    load_photo as load_photo,
    look_at as look_at,
)
from facesort.images.raster import WORKING_EDGE as WORKING_EDGE
from facesort.images.signatures import HEAD_BYTES as HEAD_BYTES
