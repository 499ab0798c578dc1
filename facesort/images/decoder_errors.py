"""Exceptions that image decoders raise on broken or malicious files."""

from __future__ import annotations

import struct
import zlib

import rawpy
from PIL import Image

# Pillow's plugins, pi_heif and rawpy document OSError, SyntaxError and exceptions of their own, but use lengths,
# offsets and enumerations from the file unchecked, so that a bad value can raise nearly anything.  Catch this tuple
# around calls into decoders only.
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
"""From a decoder, these mean that the file cannot be decoded."""
