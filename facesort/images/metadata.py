"""Read EXIF.  Broken EXIF gives less information, never an error."""

from __future__ import annotations

import logging
from datetime import datetime

from PIL import ExifTags, Image

from facesort.images.decoder_errors import DECODER_ERRORS

_log = logging.getLogger(__name__)


def orientation(exif: Image.Exif, default: int = 1) -> int:
    """Return the EXIF orientation, 1 to 8, or ``default`` if there is no valid one."""
    value = exif.get(ExifTags.Base.Orientation)
    return value if isinstance(value, int) and 1 <= value <= 8 else default


def captured_at(exif: Image.Exif) -> datetime | None:
    """Return when the photo was taken, by the camera's clock.

    ``DateTimeOriginal`` with fractions of a second, else ``DateTimeDigitized``, else ``DateTime`` (the only one in some
    RAW files).
    """
    try:
        details = exif.get_ifd(ExifTags.IFD.Exif)
        texts = (
            details.get(ExifTags.Base.DateTimeOriginal),
            details.get(ExifTags.Base.DateTimeDigitized),
            exif.get(ExifTags.Base.DateTime),
        )
        fraction = _text(details.get(ExifTags.Base.SubsecTimeOriginal))
    except DECODER_ERRORS as error:
        _log.debug("EXIF without a readable time: %s", error)
        return None
    for number, value in enumerate(texts):
        if moment := _moment(_text(value)):
            digits = (
                fraction if number == 0 and fraction.isdecimal() and fraction.isascii() else "0"
            )
            return moment.replace(microsecond=int(digits[:6].ljust(6, "0")))
    return None


def camera(exif: Image.Exif) -> str:
    """Return the camera's make and model without repeating the make; empty if unknown."""
    try:
        make, model = _text(exif.get(ExifTags.Base.Make)), _text(exif.get(ExifTags.Base.Model))
    except DECODER_ERRORS as error:
        _log.debug("EXIF without a readable camera: %s", error)
        return ""
    if make and model.casefold().startswith(make.split()[0].casefold()):
        return model
    return f"{make} {model}".strip()


def _text(value: object) -> str:
    if isinstance(value, bytes):
        value = value.decode("ascii", "replace")
    return value.partition("\0")[0].strip() if isinstance(value, str) else ""


def _moment(text: str) -> datetime | None:
    try:
        return datetime.strptime(text[:19], "%Y:%m:%d %H:%M:%S")
    except ValueError:  # also 0000:00:00 and blanks, from cameras whose clock is not set
        return None
