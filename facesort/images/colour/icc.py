"""The ICC profiles that say no more than three primaries and a curve, or that a picture is HDR.

Most pictures have such a one.  LittleCMS in Pillow, which does all others, has no more than 8 bits per channel.
"""

from __future__ import annotations

import logging
import struct
from functools import lru_cache

import numpy as np

from facesort.images.colour.spaces import (
    SRGB,
    ColourSpace,
    Transfer,
    of_chromaticities,
    of_code_points,
)

_log = logging.getLogger(__name__)

_COLORANTS = (b"rXYZ", b"gXYZ", b"bXYZ")
_CURVES = (b"rTRC", b"gTRC", b"bTRC")
_D50 = (0.3457, 0.3585)
_MOST_TAGS = 100
_POINTS = 4096  # of a parametric curve
# Parameters of each type of parametric curve (ICC.1:2022, table 68), for a, b, c, d, e, f of
# Y = (a X + b)^g + e from d, and c X + f below.
_PARAMETERS = ("g", "gab", "gabe", "gabcd", "gabcdef")


def hdr_space(profile: bytes) -> ColourSpace | None:
    """Return what a profile's ``cicp`` tag says (ICC.1:2022, section 9.2.17), if that is PQ or HLG."""
    content = _tags(profile).get(b"cicp", b"")
    if len(content) < 12:
        return None
    space = of_code_points(content[8], content[9], full_range=content[11] != 0)
    return space if space.is_hdr else None


def is_grey(profile: bytes) -> bool:
    """Whether it is for pictures with one channel."""
    return profile[16:20] == b"GRAY"


@lru_cache(maxsize=16)
def simple_space(profile: bytes) -> ColourSpace | None:
    """Return the space of a profile that consists of three primaries, or of grey, and one curve; None for others."""
    tags = _tags(profile)
    if any(name.startswith(b"A2B") for name in tags):
        return None
    try:
        if is_grey(profile):
            return of_chromaticities(SRGB.primaries, _curve(tags[b"kTRC"]))
        curve, *others = (tags[name] for name in _CURVES)
        if any(other != curve for other in others):
            return None
        colorants = [_xyz(tags[name]) for name in _COLORANTS]
        corners = (part / sum(xyz) for xyz in colorants for part in xyz[:2])
        return of_chromaticities((*corners, *_D50), _curve(curve))
    except (LookupError, ArithmeticError, ValueError, struct.error) as error:
        _log.debug("not a profile of primaries and a curve: %r", error)
        return None


def _tags(profile: bytes) -> dict[bytes, bytes]:
    try:
        (count,) = struct.unpack_from(">I", profile, 128)
        entries = [
            struct.unpack_from(">4s2I", profile, 132 + 12 * number)
            for number in range(min(count, _MOST_TAGS))
        ]
    except struct.error as error:
        _log.debug("a profile that is cut off: %s", error)
        return {}
    return {name: profile[at : at + length] for name, at, length in entries}


def _xyz(content: bytes) -> tuple[int, int, int]:
    """In steps of 1/65536."""
    x, y, z = struct.unpack_from(">3i", content, 8)
    return x, y, z


def _curve(content: bytes) -> Transfer | float | tuple[float, ...]:
    if content[:4] == b"para":
        return _parametric(content)
    (count,) = struct.unpack_from(">I", content, 8)
    values: tuple[int, ...] = struct.unpack_from(f">{count}H", content, 12)
    if count > 1:
        return tuple(value / 65535 for value in values)
    return values[0] / 256 if values else 1.0


def _parametric(content: bytes) -> float | tuple[float, ...]:
    (kind,) = struct.unpack_from(">H", content, 8)
    names = _PARAMETERS[kind]
    values = (value / 65536 for value in struct.unpack_from(f">{len(names)}i", content, 12))
    given: dict[str, float] = dict(zip(names, values, strict=True))
    if kind == 0:
        return given["g"]
    a, b, c = given["a"], given["b"], given.get("c", 0.0)
    e = given.get("e", 0.0)
    f = e if kind == 2 else given.get("f", 0.0)
    d = given.get("d", -b / a)
    steps = np.linspace(0, 1, _POINTS)
    with np.errstate(all="ignore"):
        powers = np.maximum(a * steps + b, 0) ** given["g"] + e
    curve = np.where(steps >= d, powers, c * steps + f)
    if not np.isfinite(curve).all():
        raise ValueError("a curve that leads to infinity")
    return tuple(map(float, np.clip(curve, 0, 1)))
