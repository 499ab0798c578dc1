"""Perceptual hash: similar photos differ in few bits."""

from __future__ import annotations

import imagehash
from PIL import Image

from facesort.pixels import Pyramid, fit

_EDGE = 128  # px; the hash itself uses 32 x 32


def perceptual_hash(image: Pyramid) -> int:
    """Perceptual hash of an image.

    Signs of the 64 lowest frequencies of the discrete cosine transform, relative to their median: Zauner,
    "Implementation and benchmarking of perceptual image hash functions" (2010), as in ImageHash.

    Returns
    -------
    int
        64 bits.
    """
    return int(str(imagehash.phash(Image.fromarray(fit(image.down_to(_EDGE), _EDGE)))), 16)
