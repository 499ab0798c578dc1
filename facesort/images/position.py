"""Read the position from EXIF or ISO 6709.  Broken EXIF gives less information, never an error."""

from __future__ import annotations

import logging
import math
import re
from typing import Any

from PIL import ExifTags, Image

from facesort.core.records import Position
from facesort.images import metadata
from facesort.images.decoder_errors import DECODER_ERRORS

_log = logging.getLogger(__name__)

_TAG = ExifTags.GPS
_HIGHEST = 100_000  # metres; also the deepest
# Degrees only: what else the standard allows, no camera is known to write.
_ISO_6709 = re.compile(
    r"([+-]\d{2}(?:\.\d+)?)([+-]\d{3}(?:\.\d+)?)([+-]\d+(?:\.\d+)?)?(?:CRSWGS_84)?/?", re.ASCII
)
_BELOW = {b"\1", b"\3", 1, 3}  # sea level or, since EXIF 3.0, the ellipsoid


def position(exif: Image.Exif) -> Position | None:
    """Return where the photo was taken; None if that is not recorded, or was not measured.

    Both references (N or S, E or W) must be there: the wrong hemisphere is worse than none.
    """
    try:
        tags = exif.get_ifd(ExifTags.IFD.GPSInfo)
        latitude = _degrees(tags, _TAG.GPSLatitude, _TAG.GPSLatitudeRef, {"N": 1, "S": -1}, 90)
        longitude = _degrees(tags, _TAG.GPSLongitude, _TAG.GPSLongitudeRef, {"E": 1, "W": -1}, 180)
        if latitude is None or longitude is None or _without_fix(tags):
            return None
        return Position(latitude, longitude, _altitude(tags))
    except DECODER_ERRORS as error:
        _log.debug("EXIF without a readable position: %s", error)
        return None


def from_iso_6709(written: str) -> Position | None:
    """Position in ``+48.1374+011.5755+519.0/``; None if it is no such text, or was not measured."""
    if (match := _ISO_6709.fullmatch(written)) is None:
        return None
    latitude, longitude, height = (float(part) if part else math.nan for part in match.groups())
    if not (latitude or longitude) or abs(latitude) > 90 or abs(longitude) > 180:
        return None
    return Position(latitude, longitude, height if abs(height) <= _HIGHEST else None)


def _without_fix(tags: dict[int, Any]) -> bool:
    """Whether the receiver says that it did not measure: the position is then zero, or an old one."""
    satellites = metadata.text(tags.get(_TAG.GPSSatellites))
    return metadata.text(tags.get(_TAG.GPSStatus)).upper() == "V" or (
        satellites != "" and not satellites.strip("0")
    )


def _degrees(
    tags: dict[int, Any], tag: int, reference: int, signs: dict[str, int], limit: int
) -> float | None:
    sign = signs.get(metadata.text(tags.get(reference))[:1].upper())
    parts = tags.get(tag)
    if sign is None or not isinstance(parts, tuple) or len(parts) != 3:
        return None
    degrees, minutes, seconds = (float(part) for part in parts)  # NaN for a denominator of 0
    value = degrees + minutes / 60 + seconds / 3600
    fine = degrees >= 0 and 0 <= minutes <= 60 and 0 <= seconds <= 60 and value <= limit
    return sign * value if fine else None


def _altitude(tags: dict[int, Any]) -> float | None:
    value = float(tags.get(_TAG.GPSAltitude, math.nan))
    if not abs(value) <= _HIGHEST:
        return None
    return -value if tags.get(_TAG.GPSAltitudeRef) in _BELOW else value
