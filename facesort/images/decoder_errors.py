"""What image decoders raise on a broken or hostile file."""

from __future__ import annotations

import struct
import zlib

import rawpy
from PIL import Image

# Pillow's plugins, pillow-heif and rawpy promise OSError, SyntaxError and their own families, but read
# lengths, offsets and enumerations straight out of the file: a bad value surfaces as whatever it breaks
# first.  Only calls into decoders are guarded with this tuple.
DECODER_ERRORS: tuple[type[Exception], ...] = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    RuntimeError,
    TypeError,
    AttributeError,
    LookupError,
    ArithmeticError,
    AssertionError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
    rawpy.LibRawError,
)
"""Exceptions that mean "this file cannot be decoded" when a decoder raises them."""
