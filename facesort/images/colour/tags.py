"""Find out what the numbers of a picture mean: which of its colour tags counts.

- PNG: cICP, else iCCP, else sRGB, else gAMA and cHRM (PNG, third edition, section 4.3).
- HEIF and AVIF: the ICC profile, else nclx; but PQ and HLG of nclx before the profile, which cannot say what they are.
- Others: the ICC profile.
- Where nothing says more than sRGB: EXIF, with which cameras mark Adobe RGB (DCF 2.0: R03 and uncalibrated).
"""

from __future__ import annotations

import logging
import struct

from pi_heif.as_plugin import HeifImageFile
from PIL import ExifTags, Image
from PIL.AvifImagePlugin import AvifImageFile
from PIL.PngImagePlugin import PngImageFile

from facesort.images.boxes import nclx_of_primary_item
from facesort.images.colour import icc
from facesort.images.colour.conversion import is_nearly_srgb, is_profile
from facesort.images.colour.spaces import (
    ADOBE_RGB,
    SRGB,
    ColourSpace,
    Transfer,
    of_chromaticities,
    of_code_points,
)
from facesort.images.decoder_errors import DECODER_ERRORS
from facesort.images.metadata import text

_log = logging.getLogger(__name__)

Colour = bytes | ColourSpace
"""What numbers mean: a described space, or an ICC profile that is more than that."""

_GREY_MODES = frozenset({"1", "L", "LA", "I;16", "I;16B", "I;16L"})
_PNG_SIGNATURE = 8  # bytes
_SRGB_GAMMA = 1 / 2.2  # as gAMA gives it
_SAME = 0.01  # how close a gamma or a chromaticity is the same
_CALIBRATED, _ADOBE = 1, 2  # EXIF's ColorSpace; 2 is not in the standard
_UNSPECIFIED = 2  # Rec. ITU-T H.273
_INDEX = 1  # EXIF's InteroperabilityIndex


def container_colour(image: Image.Image, data: bytes) -> Colour | None:
    """Return what the container says of a picture's colours.

    Parameters
    ----------
    image : Image
        Opened by its plugin; need not be loaded.
    data : bytes
        The whole file.

    Returns
    -------
    bytes or ColourSpace or None
        None if nothing, or sRGB as encoders write it unless told otherwise.
    """
    profile = image.info.get("icc_profile") or b""
    by_profile = _by_profile(profile, image.mode) if profile else None
    if isinstance(image, PngImageFile):
        return _cicp(data) or by_profile or _png_colour(image)
    if not isinstance(image, (HeifImageFile, AvifImageFile)):
        return by_profile
    space = _nclx(image, data)
    if space is not None and space.is_hdr:
        return space
    return by_profile or (None if space == SRGB else space)


def exif_colour(exif: Image.Exif) -> ColourSpace | None:
    """Return sRGB or Adobe RGB as EXIF says, None if it does not."""
    try:
        declared = exif.get_ifd(ExifTags.IFD.Exif).get(ExifTags.Base.ColorSpace)
        if declared in {_CALIBRATED, _ADOBE}:
            return ADOBE_RGB if declared == _ADOBE else SRGB
        index = text(exif.get_ifd(ExifTags.IFD.Interop).get(_INDEX))
    except DECODER_ERRORS as error:
        _log.debug("EXIF without a readable colour space: %s", error)
        return None
    return {"R03": ADOBE_RGB, "R98": SRGB}.get(index)


def _by_profile(profile: bytes, mode: str) -> Colour | None:
    space = icc.hdr_space(profile) or icc.simple_space(profile)
    if space is None or (icc.is_grey(profile) and mode not in _GREY_MODES):
        return profile if is_profile(profile) else None
    return SRGB if is_nearly_srgb(space) else space


def _nclx(image: Image.Image, data: bytes) -> ColourSpace | None:
    points = nclx_of_primary_item(data)
    if points is None and (found := image.info.get("nclx_profile")):  # of the bitstream
        points = found["color_primaries"], found["transfer_characteristics"]
    # The decoders undo matrix and range.
    return None if points is None else of_code_points(*points)


def _cicp(data: bytes) -> ColourSpace | None:
    """What the cICP chunk of a PNG says; it stands before the pixels."""
    at = _PNG_SIGNATURE
    while at + 12 <= len(data):
        length, name = struct.unpack_from(">I4s", data, at)
        if name == b"cICP" and length == 4:
            primaries, transfer, _matrix, full_range = data[at + 8 : at + 12]
            if _UNSPECIFIED in {primaries, transfer}:
                return None
            return of_code_points(primaries, transfer, full_range=full_range != 0)
        if name == b"IDAT":
            break
        at += 12 + length
    return None


def _png_colour(image: PngImageFile) -> ColourSpace | None:
    if "srgb" in image.info:
        return SRGB
    gamma, corners = image.info.get("gamma"), image.info.get("chromaticity")
    # cHRM has the white point first.
    primaries = SRGB.primaries if corners is None else (*corners[2:], *corners[:2])
    if max(abs(a - b) for a, b in zip(primaries, SRGB.primaries, strict=True)) < _SAME:
        primaries = SRGB.primaries
    # Writers of sRGB are told to add its primaries, and a gamma that approximates its curve.
    approximates = primaries == SRGB.primaries and abs((gamma or 0) - _SRGB_GAMMA) < _SAME
    transfer = 1 / gamma if gamma and not approximates else Transfer.SRGB
    for corners in (primaries, SRGB.primaries):
        try:
            space = of_chromaticities(corners, transfer)
        except ValueError as error:
            _log.debug("ignoring cHRM or gAMA: %s", error)
        else:
            return None if space == SRGB else space
    return None
