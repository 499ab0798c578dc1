"""Convert any colour mode and profile to 8-bit sRGB."""

from __future__ import annotations

import io
import logging

import numpy as np
from PIL import Image, ImageCms

_log = logging.getLogger(__name__)

_LEVELS = 9
_TOLERANCE = 2  # grey levels by which a profile may differ from sRGB without being converted
_MODE_OF_SPACE = {"RGB ": "RGB", "GRAY": "L", "CMYK": "CMYK"}


def to_plain(image: Image.Image) -> Image.Image:
    """Convert to 8 bits per channel, without palette or transparency.

    Transparent parts become white.  16-bit grey is scaled, not clipped; 32-bit integers and floats, which have no
    defined white, are stretched to their range.

    Parameters
    ----------
    image : Image
        Loaded, in any mode.

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
        ground = Image.new("RGB", image.size, "white")
        ground.paste(layer, mask=layer)
        return ground
    if image.mode == "1":
        return image.convert("L")
    return image if image.mode in {"L", "RGB", "CMYK"} else image.convert("RGB")


def to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Convert to sRGB through the embedded profile.

    Relative colorimetric with black point compensation, as photo editors do by default.  Without a profile, or with one
    that is broken or of another colour space, pixels are taken as sRGB.

    Parameters
    ----------
    image : Image
        In mode ``L``, ``RGB`` or ``CMYK``.
    profile : bytes or None
        The ICC profile.

    Returns
    -------
    Image
        In mode ``RGB``.
    """
    if profile:
        try:
            return _through(image, ImageCms.ImageCmsProfile(io.BytesIO(profile)))
        except (ImageCms.PyCMSError, OSError, ValueError, TypeError) as error:
            _log.debug("ignoring the colour profile: %s", error)
    return image.convert("RGB")


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
    transform = ImageCms.buildTransform(
        profile,
        ImageCms.createProfile("sRGB"),
        mode,
        "RGB",
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )
    if mode == "RGB" and _is_identity(transform):
        return image
    return _applied(image, transform)


def _is_identity(transform: ImageCms.ImageCmsTransform) -> bool:
    """Whether it leaves a coarse colour cube unchanged: most embedded profiles are variants of sRGB."""
    levels = np.linspace(0, 255, _LEVELS).round().astype(np.uint8)
    cube = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), axis=-1)
    probe = Image.fromarray(cube.reshape(_LEVELS, -1, 3))
    moved = np.asarray(_applied(probe, transform)).astype(int) - np.asarray(probe)
    return bool(np.abs(moved).max() <= _TOLERANCE)


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
