"""Perceptual hash: similar photos differ in few bits."""

from __future__ import annotations

import imagehash
from PIL import Image

from facesort.core.records import Pixels
from facesort.images.resize import fit

_EDGE = 128  # px; the hash itself uses 32 x 32


def perceptual_hash(pixels: Pixels) -> int:
    """Perceptual hash of an image.

    Signs of the 64 lowest frequencies of the discrete cosine transform, relative to their median: Zauner,
    "Implementation and benchmarking of perceptual image hash functions" (2010), as in ImageHash.

    Returns
    -------
    int
        64 bits.
    """
    return int(str(imagehash.phash(Image.fromarray(fit(pixels, _EDGE)))), 16)
