"""Convert any colour mode, profile and described colour space to 8-bit sRGB."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from facesort.core.records import Pixels
from facesort.images.colour import hdr
from facesort.images.colour.spaces import SRGB, ColourSpace, Transfer

Samples = NDArray[np.unsignedinteger[Any]]
"""Numbers of a picture, uint8 or uint16, shape (height, width, 3), from 0 to the largest of their type."""

_log = logging.getLogger(__name__)

_NO_PROFILE = (ImageCms.PyCMSError, OSError, ValueError, TypeError)
_LEVELS = 9
_TOLERANCE = 2  # grey levels by which a profile may differ from sRGB without being converted
_STEPS = 65535  # of light: a twentieth of a level in the shadows
_BAND = 128  # rows that are converted at once: what fits into a processor's cache
_MODE_OF_SPACE = {"RGB ": "RGB", "GRAY": "L", "CMYK": "CMYK"}


def to_plain(image: Image.Image, white: float = 1.0) -> Image.Image:
    """Convert to 8 bits per channel, without palette or transparency.

    Transparent parts become white.  16-bit grey is scaled, not clipped; 32-bit integers and floats, which have no
    defined white, are stretched to their range.

    Parameters
    ----------
    image : Image
        Loaded, in any mode.
    white : float
        The number that means white, 0 to 1.

    Returns
    -------
    Image
        In mode ``L``, ``RGB`` or ``CMYK``; the colour profile is not yet applied.
    """
    if image.mode.startswith("I;16"):
        return Image.fromarray(
            ((np.asarray(image).astype(np.uint32) + 128) // 257).astype(np.uint8)
        )
    if image.mode in {"I", "F"}:
        return _stretched(image)
    if image.mode == "LAB":
        return _from_lab(image)
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        ground = Image.new("RGB", image.size, (round(255 * white),) * 3)
        ground.paste(layer, mask=layer)
        return ground
    if image.mode == "1":
        return image.convert("L")
    return image if image.mode in {"L", "RGB", "CMYK"} else image.convert("RGB")


@lru_cache(maxsize=16)
def is_profile(data: bytes) -> bool:
    """Whether LittleCMS can convert from an ICC profile: it reads the head also of one that is cut off."""
    try:
        _transform(ImageCms.ImageCmsProfile(io.BytesIO(data)))
    except _NO_PROFILE as error:
        _log.debug("ignoring the colour profile: %s", error)
        return False
    return True


def through_profile(image: Image.Image, profile: bytes) -> Pixels:
    """Convert to sRGB through an ICC profile.

    Relative colorimetric with black point compensation, as photo editors do by default.  With a profile that is broken
    or of another colour space, pixels are taken as sRGB.

    Parameters
    ----------
    image : Image
        In mode ``L``, ``RGB`` or ``CMYK``.
    profile : bytes
        The ICC profile.
    """
    try:
        return np.asarray(_through(image, ImageCms.ImageCmsProfile(io.BytesIO(profile))))
    except _NO_PROFILE as error:
        _log.debug("ignoring the colour profile: %s", error)
    return np.asarray(image.convert("RGB"))


def from_space(samples: Samples, space: ColourSpace) -> Pixels:
    """Convert to sRGB from a described colour space: exact to the last bit, whatever the depth of the samples.

    Colours that sRGB does not have are clipped, as LittleCMS does; light of HDR is rolled off.

    Parameters
    ----------
    samples : Samples
        Shape (height, width, 3).
    space : ColourSpace
        What they mean.

    Returns
    -------
    Pixels
        Shape (height, width, 3).
    """
    if space == SRGB and samples.dtype == np.uint8:
        return np.asarray(samples, np.uint8)
    light, matrix = space.light(8 * samples.dtype.itemsize), space.matrix_to_srgb()
    brightest = _brightest(samples, space, light) if space.is_hdr else 1.0
    converted = np.empty(samples.shape, np.uint8)
    for top in range(0, len(samples), _BAND):
        part = _looked_up(samples[top : top + _BAND], light)
        if space.transfer is Transfer.HLG:
            part = hdr.shown(part, space.luminance())
        part = np.asarray(cv2.transform(part, matrix), np.float32)
        converted[top : top + _BAND] = _as_srgb(hdr.rolled_off(part, brightest))
    return converted


@lru_cache(maxsize=16)
def is_nearly_srgb(space: ColourSpace) -> bool:
    """Whether pictures look the same if they are taken as sRGB."""
    return not space.is_hdr and _keeps(lambda probe: from_space(probe, space))


def _brightest(samples: Samples, space: ColourSpace, light: NDArray[np.float32]) -> float:
    grey = np.full(3, hdr.peak(samples, light), np.float32)
    return float(
        (hdr.shown(grey, space.luminance()) if space.transfer is Transfer.HLG else grey)[0]
    )


def _looked_up(samples: Samples, table: NDArray[np.float32]) -> NDArray[np.float32]:
    # OpenCV is three times as fast; before version 5, for 8 bits only.
    eight = samples.dtype == np.uint8
    return np.asarray(cv2.LUT(samples, table) if eight else np.take(table, samples), np.float32)


def _as_srgb(light: NDArray[np.float32]) -> Pixels:
    steps = (np.clip(light, 0, 1) * _STEPS + 0.5).astype(np.uint16)
    return np.take(_srgb_numbers(), steps)


@cache
def _srgb_numbers() -> Pixels:
    """Shape (65536,): the number of each step of light."""
    light = np.arange(_STEPS + 1) / _STEPS
    numbers = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return (255 * numbers).round().astype(np.uint8)


def _through(image: Image.Image, profile: ImageCms.ImageCmsProfile) -> Image.Image:
    mode = _MODE_OF_SPACE.get(profile.profile.xcolor_space)
    if mode == "RGB" and image.mode == "L":
        image = image.convert(
            "RGB"
        )  # a greyscale image that kept the profile of its colour original
    if mode != image.mode:
        raise ValueError(
            f"a {profile.profile.xcolor_space} profile in an image of mode {image.mode}"
        )
    transform = _transform(profile)
    if mode == "RGB" and _keeps(
        lambda probe: np.asarray(_applied(Image.fromarray(probe), transform))
    ):
        return image
    return _applied(image, transform)


def _transform(profile: ImageCms.ImageCmsProfile) -> ImageCms.ImageCmsTransform:
    """From the colours of a profile to sRGB."""
    space = profile.profile.xcolor_space
    if space not in _MODE_OF_SPACE:
        raise ValueError(f"no picture has the colours {space}")
    return ImageCms.buildTransform(
        profile,
        ImageCms.createProfile("sRGB"),
        _MODE_OF_SPACE[space],
        "RGB",
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )


def _keeps(convert: Callable[[Pixels], Pixels]) -> bool:
    """Whether it leaves a coarse colour cube unchanged: most embedded profiles are variants of sRGB."""
    levels = np.linspace(0, 255, _LEVELS).round().astype(np.uint8)
    cube = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), axis=-1)
    probe = cube.reshape(_LEVELS, -1, 3)
    return bool(np.abs(convert(probe).astype(int) - probe).max() <= _TOLERANCE)


def _applied(image: Image.Image, transform: ImageCms.ImageCmsTransform) -> Image.Image:
    converted = ImageCms.applyTransform(image, transform)
    if converted is None:  # only with inPlace=True
        raise ValueError("the colour transform returned nothing")
    return converted


def _from_lab(image: Image.Image) -> Image.Image:
    lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    return _applied(image, ImageCms.buildTransform(lab, srgb, "LAB", "RGB"))


def _stretched(image: Image.Image) -> Image.Image:
    values = np.nan_to_num(np.asarray(image).astype(np.float64), posinf=0.0, neginf=0.0)
    low, high = values.min(), values.max()
    span = high - low or 1.0
    return Image.fromarray(((values - low) / span * 255).round().astype(np.uint8))
