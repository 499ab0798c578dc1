"""Make smaller versions of an output JPEG, for web pages: a pure function of its bytes."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from PIL import Image

from facesort.core.derivatives import DerivedFile, Format, Variant, variants_for
from facesort.images.jpeg.codec import decode_jpeg, encode_jpeg

# AVIF: slower speeds take two to four times as long for 5 % fewer bytes, and its bytes depend on the number of threads.
_OPTIONS: dict[Format, dict[str, Any]] = {"webp": {}, "avif": {"speed": 8, "max_threads": 1}}


@dataclass(frozen=True, slots=True)
class Derivative(DerivedFile):
    """One version with its bytes.

    Parameters
    ----------
    data : bytes
        The file: upright sRGB without metadata.
    """

    data: bytes = field(repr=False)


def derive(jpeg: bytes, variants: Iterable[Variant]) -> tuple[Derivative, ...]:
    """Make the smaller versions of a picture, each size from the next larger one; the same bytes on any machine.

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
    return tuple(_derived(Image.fromarray(decode_jpeg(jpeg)), variants))


def _derived(picture: Image.Image, variants: Iterable[Variant]) -> Iterator[Derivative]:
    whole = picture.size
    for variant in variants_for(whole, variants):
        size = _size_within(whole, variant.edge)
        if size != picture.size:
            # Pillow computes in integers: the same pixels everywhere, and sharper ones than OpenCV's.
            picture = picture.resize(size, Image.Resampling.LANCZOS)
        data = _encoded(picture, variant)
        yield Derivative(variant, *size, len(data), hashlib.sha256(data).hexdigest(), data)


def _size_within(size: tuple[int, int], edge: int) -> tuple[int, int]:
    share = min(1.0, edge / max(size))
    return max(1, round(size[0] * share)), max(1, round(size[1] * share))


def _encoded(picture: Image.Image, variant: Variant) -> bytes:
    if variant.format == "jpeg":
        return encode_jpeg(np.asarray(picture), variant.quality)
    file = io.BytesIO()
    picture.save(file, variant.format, quality=variant.quality, **_OPTIONS[variant.format])
    return file.getvalue()
