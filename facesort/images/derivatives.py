"""Make smaller versions of an output JPEG, for web pages: a pure function of its bytes."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable
from functools import cache, partial
from typing import Any

import numpy as np
from PIL import Image

from facesort.core.derivatives import Derivative, Format, Variant, variants_for
from facesort.images.jpeg.codec import decode_jpeg, encode_jpeg
from facesort.pixels import fitted_size

# AVIF: slower speeds take two to four times as long for 5 % fewer bytes, and its bytes depend on the number of threads.
_OPTIONS: dict[Format, dict[str, Any]] = {"webp": {}, "avif": {"speed": 8, "max_threads": 1}}


def derive(jpeg: bytes, variants: Iterable[Variant]) -> tuple[Derivative, ...]:
    """Make the smaller versions of a picture: each the same bytes on any machine, whatever else is asked for.

    Parameters
    ----------
    jpeg : bytes
        An output JPEG: upright sRGB.
    variants : iterable of Variant
        In any order.

    Returns
    -------
    tuple of Derivative
        Those of `variants_for`, in its order.  One that is as large as the picture is encoded like the others.

    Raises
    ------
    ValueError
        If the bytes are not a JPEG.
    """
    whole = Image.fromarray(decode_jpeg(jpeg))
    shrunk = cache(partial(_shrunk, whole))
    return tuple(
        _derivative(variant, shrunk(variant.edge))
        for variant in variants_for(max(whole.size), variants)
    )


def _shrunk(picture: Image.Image, edge: int) -> Image.Image:
    """Fit a picture into a square.

    Pillow computes in integers: the same pixels everywhere, and sharper ones than OpenCV's.  It halves the picture as
    often as leaves twice the size, which takes no longer than making each size from the next larger one, and gives the
    same pixels whichever other sizes there are.
    """
    size = fitted_size(picture.size, edge)
    if size == picture.size:
        return picture
    return picture.resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0)


def _derivative(variant: Variant, picture: Image.Image) -> Derivative:
    data = _encoded(picture, variant)
    return Derivative(variant, *picture.size, len(data), hashlib.sha256(data).hexdigest(), data)


def _encoded(picture: Image.Image, variant: Variant) -> bytes:
    if variant.format == "jpeg":
        return encode_jpeg(np.asarray(picture), variant.quality)
    file = io.BytesIO()
    picture.save(file, variant.format, quality=variant.quality, **_OPTIONS[variant.format])
    return file.getvalue()
