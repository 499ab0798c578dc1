"""RGB colour spaces by their primaries and their transfer function, as tags outside of ICC profiles name them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from facesort.images.colour import hdr

_D65 = (0.3127, 0.3290)
_BT709 = (0.640, 0.330, 0.300, 0.600, 0.150, 0.060, *_D65)
_BT601_525 = (0.630, 0.340, 0.310, 0.595, 0.155, 0.070, *_D65)
_ADOBE_RGB = (0.640, 0.330, 0.210, 0.710, 0.150, 0.060, *_D65)
# Rec. ITU-T H.273, table 2.
_PRIMARIES = {
    1: _BT709,
    4: (0.670, 0.330, 0.210, 0.710, 0.140, 0.080, 0.310, 0.316),  # BT.470 M
    5: (0.640, 0.330, 0.290, 0.600, 0.150, 0.060, *_D65),  # BT.601, 625 lines
    6: _BT601_525,
    7: _BT601_525,  # SMPTE 240M
    8: (0.681, 0.319, 0.243, 0.692, 0.145, 0.049, 0.310, 0.316),  # film
    9: (0.708, 0.292, 0.170, 0.797, 0.131, 0.046, *_D65),  # BT.2020 and BT.2100
    10: (1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 1 / 3, 1 / 3),  # CIE XYZ
    11: (0.680, 0.320, 0.265, 0.690, 0.150, 0.060, 0.314, 0.351),  # DCI-P3
    12: (0.680, 0.320, 0.265, 0.690, 0.150, 0.060, *_D65),  # Display P3
    22: (0.630, 0.340, 0.295, 0.605, 0.155, 0.077, *_D65),  # EBU Tech 3213
}
_EXPONENTS = (0.1, 10.0)
_LEAST_VOLUME = 1e-3  # between three primaries; sRGB's have 0.1
_BRADFORD = np.array(
    [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
)


class Transfer(Enum):
    """Transfer functions that are no pure powers."""

    SRGB = auto()
    PQ = auto()
    HLG = auto()


Curve = Transfer | float | tuple[float, ...]

# Rec. ITU-T H.273, table 3.  All others are those of video cameras (BT.709, BT.601, BT.2020 ...) or of film; pictures
# that are tagged with them were made for screens, and are taken as sRGB.
_TRANSFERS: dict[int, Transfer | float] = {
    4: 2.2,
    5: 2.8,
    8: 1.0,
    16: Transfer.PQ,
    18: Transfer.HLG,
}


@dataclass(frozen=True, slots=True)
class ColourSpace:
    """How the numbers of a picture mean colours.

    Parameters
    ----------
    primaries : tuple of 8 float
        CIE 1931 x and y of red, green, blue and white.
    transfer : Transfer or float or tuple of float
        From numbers to light; a float is the exponent of a power, a tuple a curve from 0 to 1 in equal steps.
    full_range : bool
        Whether 0 is black and the largest number white; else 16/256 and 235/256 are.
    """

    primaries: tuple[float, ...] = _BT709
    transfer: Curve = Transfer.SRGB
    full_range: bool = True

    @property
    def is_hdr(self) -> bool:
        """Whether it shows more light than a white sheet of paper."""
        return self.transfer in {Transfer.PQ, Transfer.HLG}

    @property
    def white(self) -> float:
        """The number of a white sheet of paper, 0 to 1."""
        match self.transfer:
            case Transfer.PQ:
                white = hdr.PQ_WHITE
            case Transfer.HLG:
                white = hdr.HLG_WHITE
            case _:
                white = 1.0
        return white if self.full_range else (16 + 219 * white) / 256

    def light(self, bits: int) -> NDArray[np.float32]:
        """Light of each number.

        Returns
        -------
        NDArray[float32]
            Shape (2**bits,); 1 is a white sheet of paper.  With HLG, light of the scene, which `hdr.shown` makes that
            of the screen.
        """
        return _light(self, bits)

    def matrix_to_srgb(self) -> NDArray[np.float32]:
        """Shape (3, 3): from linear light of this space to that of sRGB, white to white (Bradford)."""
        return np.asarray(np.linalg.inv(_to_xyz(_BT709)) @ _to_xyz(self.primaries), np.float32)

    def luminance(self) -> NDArray[np.float32]:
        """Shape (3,): the share of each primary in the luminance."""
        return np.asarray(_to_xyz(self.primaries)[1], np.float32)


SRGB = ColourSpace()
ADOBE_RGB = ColourSpace(_ADOBE_RGB, 563 / 256)  # Adobe RGB (1998), section 4.3.1.2


def of_code_points(primaries: int, transfer: int, *, full_range: bool = True) -> ColourSpace:
    """Return the space that code points of Rec. ITU-T H.273 name; what they leave open is as in sRGB."""
    return ColourSpace(
        _PRIMARIES.get(primaries, _BT709), _TRANSFERS.get(transfer, Transfer.SRGB), full_range
    )


def of_chromaticities(primaries: tuple[float, ...], transfer: Curve) -> ColourSpace:
    """Return the space of measured primaries.

    Raises
    ------
    ValueError
        If they span no colours, or an exponent is not between 1/10 and 10.
    """
    if isinstance(transfer, float) and not _EXPONENTS[0] <= transfer <= _EXPONENTS[1]:
        raise ValueError(f"no picture has the exponent {transfer}")
    if primaries[-1] <= 0 or abs(np.linalg.det(_corners(primaries)[:, :3])) < _LEAST_VOLUME:
        raise ValueError(f"primaries {primaries} span no colours")
    return ColourSpace(primaries, transfer)


@lru_cache(maxsize=4)
def _light(space: ColourSpace, bits: int) -> NDArray[np.float32]:
    numbers = np.arange(2**bits) / (2**bits - 1)
    if not space.full_range:
        numbers = np.clip((np.arange(2**bits) * 256 / 2**bits - 16) / 219, 0, 1)
    match space.transfer:
        case Transfer.SRGB:
            light = np.where(
                numbers <= 0.04045, numbers / 12.92, ((numbers + 0.055) / 1.055) ** 2.4
            )
        case Transfer.PQ:
            light = hdr.pq_light(numbers) / hdr.WHITE
        case Transfer.HLG:
            light = hdr.hlg_light(numbers)
        case tuple(points):
            light = np.interp(numbers, np.linspace(0, 1, len(points)), points)
        case exponent:
            light = numbers**exponent
    return np.asarray(np.nan_to_num(light), np.float32)


def _to_xyz(primaries: tuple[float, ...]) -> NDArray[np.float64]:
    """Shape (3, 3): from linear RGB to XYZ, adapted to D65."""
    corners = _corners(primaries)
    white = corners[:, 3] / corners[1, 3]
    matrix = corners[:, :3] * np.linalg.solve(corners[:, :3], white)
    d65 = np.array([_D65[0], _D65[1], 1 - sum(_D65)]) / _D65[1]
    gain = (_BRADFORD @ d65) / (_BRADFORD @ white)
    return np.asarray(np.linalg.inv(_BRADFORD) @ np.diag(gain) @ _BRADFORD @ matrix)


def _corners(primaries: tuple[float, ...]) -> NDArray[np.float64]:
    """Shape (3, 4): x, y and z of each."""
    x, y = np.reshape(primaries, (4, 2)).T
    return np.stack([x, y, 1 - x - y])
