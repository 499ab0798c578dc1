"""Read EXIF.  Broken EXIF gives less information, never an error."""

from __future__ import annotations

import logging
import re
from datetime import datetime

from PIL import ExifTags, Image

from facesort.images.decoder_errors import DECODER_ERRORS

_log = logging.getLogger(__name__)

_TAG = ExifTags.Base
# Time, fraction of a second and offset, the best first.
_TIMES = (
    (_TAG.DateTimeOriginal, _TAG.SubsecTimeOriginal, _TAG.OffsetTimeOriginal),
    (_TAG.DateTimeDigitized, _TAG.SubsecTimeDigitized, _TAG.OffsetTimeDigitized),
    (_TAG.DateTime, _TAG.SubsecTime, _TAG.OffsetTime),
)
_OFFSET = re.compile(r"([+-])(\d\d):?(\d\d)", re.ASCII)
_WIDEST_OFFSET = 14 * 60  # minutes: Kiribati


def orientation(exif: Image.Exif, default: int = 1) -> int:
    """Return the EXIF orientation, 1 to 8, or ``default`` if there is no valid one."""
    value = exif.get(ExifTags.Base.Orientation)
    return value if isinstance(value, int) and 1 <= value <= 8 else default


def captured_at(exif: Image.Exif) -> tuple[datetime | None, int | None]:
    """Return when the photo was taken, and the offset of the camera's clock.

    ``DateTimeOriginal``, else ``DateTimeDigitized``, else ``DateTime`` (the only one in some RAW files), each with its
    own fraction of a second and its own offset, for which ``OffsetTime`` stands in.

    Returns
    -------
    datetime or None
        By the camera's clock, without time zone.
    int or None
        Minutes east of UTC.
    """
    try:
        details = exif.get_ifd(ExifTags.IFD.Exif)
        spare = utc_offset(text(details.get(ExifTags.Base.OffsetTime)))
        for time, fraction, offset in _TIMES:
            moment = _moment(text(details.get(time, exif.get(time))))
            if moment is not None:
                own = utc_offset(text(details.get(offset)))
                return (
                    moment.replace(microsecond=_microseconds(text(details.get(fraction)))),
                    spare if own is None else own,
                )
    except DECODER_ERRORS as error:
        _log.debug("EXIF without a readable time: %s", error)
    return None, None


def camera(exif: Image.Exif) -> str:
    """Return the camera's make and model without repeating the make; empty if unknown."""
    try:
        make, model = text(exif.get(ExifTags.Base.Make)), text(exif.get(ExifTags.Base.Model))
    except DECODER_ERRORS as error:
        _log.debug("EXIF without a readable camera: %s", error)
        return ""
    return make_and_model(make, model)


def make_and_model(make: str, model: str) -> str:
    """Name of a camera without repeating the make."""
    if make and model.casefold().startswith(make.split()[0].casefold()):
        return model
    return f"{make} {model}".strip()


def text(value: object) -> str:
    """Text of an EXIF tag up to its end mark, without blanks around it; empty if it is no text."""
    if isinstance(value, bytes):
        value = value.decode("ascii", "replace")
    return value.partition("\0")[0].strip() if isinstance(value, str) else ""


def utc_offset(written: str) -> int | None:
    """Minutes east of UTC in ``+09:00``, ``-0330`` or ``Z``."""
    if written == "Z":
        return 0
    if (match := _OFFSET.fullmatch(written)) is None:
        return None
    sign, hours, minutes = match.groups()
    offset = 60 * int(hours) + int(minutes)
    if int(minutes) >= 60 or offset > _WIDEST_OFFSET:
        return None
    return -offset if sign == "-" else offset


def _moment(written: str) -> datetime | None:
    try:
        return datetime.strptime(written[:19], "%Y:%m:%d %H:%M:%S")
    except ValueError:  # also 0000:00:00 and blanks, from cameras whose clock is not set
        return None


def _microseconds(digits: str) -> int:
    return int(digits[:6].ljust(6, "0")) if digits.isdecimal() and digits.isascii() else 0
