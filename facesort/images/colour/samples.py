"""The samples of a picture, as many bits as its decoder gives.

Pillow has no mode of three channels with more than 8 bits: it cuts off the rest.
"""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from pi_heif.as_plugin import HeifImageFile
from pi_heif.heif import HeifFile
from PIL import ImageFile
from PIL.PngImagePlugin import PngImageFile

from facesort.images.colour.conversion import Samples
from facesort.images.tiff.picture import TiffPicture

_BYTE = 8  # bits
_COLOURS = 3


def deep_samples(image: ImageFile.ImageFile, data: bytes, white: float) -> Samples | None:
    """Decode with 16 bits per channel, without transparency.

    Parameters
    ----------
    image : ImageFile
        Opened by its plugin.
    data : bytes
        The whole file.
    white : float
        The number that means white, 0 to 1: the ground of what is transparent.

    Returns
    -------
    NDArray[uint16] or None
        Shape (height, width, 3); None if the picture or its decoder has no more than 8 bits per channel.
    """
    samples = _decoded(image, data)
    return None if samples is None else _flattened(samples, white)


def _decoded(image: ImageFile.ImageFile, data: bytes) -> NDArray[np.uint16] | None:
    if isinstance(image, HeifImageFile):
        return _of_heif(data, bits) if (bits := _depth(image)) > _BYTE else None
    if isinstance(image, TiffPicture):
        return image.deep_samples()
    if isinstance(image, PngImageFile) and image.tile[0].args in {"RGB;16B", "RGBA;16B"}:
        return _of_png(image, data)
    if not image.mode.startswith("I;16"):
        return None
    image.load()
    return np.asarray(image).astype(np.uint16)[..., None]


def _depth(image: HeifImageFile) -> int:
    bits = image.info["bit_depth"]
    return bits if isinstance(bits, int) else _BYTE


def _of_heif(data: bytes, bits: int) -> NDArray[np.uint16]:
    file = HeifFile(io.BytesIO(data), convert_hdr_to_8bit=False)  # type: ignore[no-untyped-call]
    samples = np.atleast_3d(np.asarray(file[file.primary_index], np.uint16))
    return np.asarray(samples | samples >> bits, np.uint16)  # they fill the upper bits


def _of_png(image: PngImageFile, data: bytes) -> NDArray[np.uint16]:
    """Decode twice: as Pillow does, and with the bytes of each sample exchanged, which gives those it cuts off."""
    image.load()
    rest = PngImageFile(io.BytesIO(data))
    rest.tile = [tile._replace(args=str(tile.args).replace("16B", "16L")) for tile in rest.tile]
    rest.load()
    return np.asarray(np.asarray(image).astype(np.uint16) << 8 | np.asarray(rest), np.uint16)


def _flattened(samples: NDArray[np.uint16], white: float) -> NDArray[np.uint16]:
    """Make three channels of one to four: transparent parts become white."""
    colours = samples.shape[2] - (samples.shape[2] + 1) % 2
    plain = samples[..., :colours]
    if samples.shape[2] > colours:
        share = samples[..., colours:].astype(np.float32) / 65535
        plain = (plain * share + (65535 * white) * (1 - share) + 0.5).astype(np.uint16)
    return np.repeat(plain, _COLOURS, axis=2) if colours == 1 else np.ascontiguousarray(plain)
