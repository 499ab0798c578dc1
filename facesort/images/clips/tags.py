"""What a clip's tags say of when, where and with what it was taken.  Broken tags give less, never an error."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from facesort.core.records import PhotoInfo
from facesort.images.metadata import make_and_model, text, utc_offset
from facesort.images.position import from_iso_6709

_APPLE = "com.apple.quicktime."
_ANDROID = "com.android."
# The best first.
_PLACES = (f"{_APPLE}location.iso6709", "location", "location-eng")
_MAKES = (f"{_APPLE}make", f"{_ANDROID}manufacturer", "make", "avchd make")
_MODELS = (f"{_APPLE}model", f"{_ANDROID}model", "model")
# Of AVCHD, in the video itself: packs of five bytes with numbers as decimal digits.
_PACKS = bytes.fromhex("17ee8c60f84d11d98cd60800200c9a66") + b"MDPM"
_YEAR_AND_MONTH, _DAY_AND_TIME, _MAKE = 0x18, 0x19, 0xE0
_MAKERS = {0x0103: "Panasonic", 0x0108: "Sony", 0x1011: "Canon", 0x1104: "JVC"}
_AVCHD_TIME, _AVCHD_MAKE = "avchd time", "avchd make"
_SECONDS = len("2026-05-01T12:00:00")
_FIRST_YEAR = 1990  # before, clocks are not set: containers count from 1904, 1970 or 1980


def described(kind: str, size: tuple[int, int], *tags: Mapping[str, str]) -> PhotoInfo:
    """Properties of a clip.

    Parameters
    ----------
    kind : str
        Its container.
    size : tuple of int
        Width and height as shown, in px.
    *tags : mapping
        As FFmpeg gives them: those of the container, and those of the video.
    """
    known = {name.lower(): text(value) for some in reversed(tags) for name, value in some.items()}
    captured_at, offset = _captured_at(known)
    return PhotoInfo(
        kind,
        *size,
        captured_at=captured_at,
        camera=make_and_model(_first(known, _MAKES), _first(known, _MODELS)),
        utc_offset=offset,
        position=from_iso_6709(_first(known, _PLACES)),
    )


def avchd_tags(messages: Iterable[bytes]) -> dict[str, str]:
    """What the camera wrote into the video itself.

    Parameters
    ----------
    messages : iterable of bytes
        "User data unregistered" of H.264 (Rec. ITU-T H.264, D.1.7), of the first frame.
    """
    packs: dict[int, bytes] = {}
    for message in messages:
        if message.startswith(_PACKS):
            content = message[len(_PACKS) + 1 :]
            packs |= {content[at]: content[at + 1 : at + 5] for at in range(0, len(content), 5)}
    tags = {_AVCHD_MAKE: _MAKERS.get(int.from_bytes(packs.get(_MAKE, b"")[:2], "big"), "")}
    month, time = packs.get(_YEAR_AND_MONTH, b""), packs.get(_DAY_AND_TIME, b"")
    if len(month) == len(time) == 4:
        zone, digits = month[0], (month[1:] + time).hex()
        minutes = 60 * (zone >> 1 & 0xF) + 30 * (zone & 1)
        tags[_AVCHD_TIME] = (
            f"{digits[:4]}-{digits[4:6]}-{digits[6:8]}T{digits[8:10]}:{digits[10:12]}:{digits[12:]}"
            f"{'-' if zone & 0x20 else '+'}{minutes // 60:02}:{minutes % 60:02}"
        )
    return tags


def _captured_at(tags: Mapping[str, str]) -> tuple[datetime | None, int | None]:
    """Time by the camera's clock if the clip has it, else in UTC, as which containers count it."""
    for name in (f"{_APPLE}creationdate", _AVCHD_TIME, "creation_time"):
        written = tags.get(name, "")
        moment = _moment(written)
        if moment is not None:
            return moment, utc_offset(written[_SECONDS:].lstrip(".0123456789"))
    return None, None


def _moment(written: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(written[:_SECONDS])
    except ValueError:
        return None
    return moment if moment.year >= _FIRST_YEAR else None


def _first(tags: Mapping[str, str], names: tuple[str, ...]) -> str:
    return next((tags[name] for name in names if tags.get(name)), "")
