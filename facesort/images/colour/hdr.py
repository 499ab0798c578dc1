"""High dynamic range: PQ and HLG of Rec. ITU-R BT.2100, and their way to a standard screen.

The tone mapping is the EETF of Report ITU-R BT.2390 (section 5.4; also Report ITU-R BT.2408, annex 5), from the
brightest light of the picture to a screen whose white is the reference white of HDR, 203 cd/m2 (BT.2408, table 1).  It
is applied to the strongest of the three primaries, and the others are scaled alike: hues stay, and nothing is clipped.
A picture without highlights, in which nothing is brighter than a white sheet of paper, stays as it is.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

_Floats = NDArray[np.float32]

WHITE = 203.0
"""Luminance of a white sheet of paper in cd/m2 (BT.2408, table 1)."""

HLG_WHITE = 0.75
"""Its signal in HLG (BT.2408, table 1)."""

_PQ_PEAK = 10_000.0  # cd/m2
# BT.2100, table 4: the constants of PQ.
_M1, _M2 = 2610 / 16384, 2523 / 4096 * 128
_C1, _C2, _C3 = 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32
# BT.2100, table 5: the constants of HLG, with the nominal peak and the system gamma that belongs to it.
_A = 0.17883277
_B, _C = 1 - 4 * _A, 0.5 - _A * np.log(4 * _A)
_HLG_PEAK, _HLG_GAMMA = 1_000.0, 1.2

_PEAK_SHARE = 1e-4  # of the pixels may be brighter than the peak: noise and glints
_STEPS = 65535


def pq_light(signal: NDArray[np.float64]) -> NDArray[np.float64]:
    """EOTF of PQ: luminance in cd/m2 of signals 0 to 1."""
    root = np.power(signal, 1 / _M2)
    return np.asarray(
        _PQ_PEAK * (np.maximum(root - _C1, 0) / (_C2 - _C3 * root)) ** (1 / _M1), np.float64
    )


def pq_signal(light: NDArray[np.float64]) -> NDArray[np.float64]:
    """Inverse of `pq_light`."""
    power = np.power(light / _PQ_PEAK, _M1)
    return np.asarray(((_C1 + _C2 * power) / (1 + _C3 * power)) ** _M2, np.float64)


PQ_WHITE = float(pq_signal(np.array(WHITE)))
"""Signal of a white sheet of paper in PQ."""


def hlg_light(signal: NDArray[np.float64]) -> NDArray[np.float64]:
    """Inverse OETF of HLG: light of the scene, 0 to 1, of signals 0 to 1."""
    bright = (np.exp((signal - _C) / _A) + _B) / 12
    return np.where(signal <= 0.5, signal**2 / 3, bright)


def shown(scene: _Floats, weights: _Floats) -> _Floats:
    """OOTF of HLG: what a screen of 1000 cd/m2 makes of the light of a scene.

    Parameters
    ----------
    scene : NDArray[float32]
        Shape (..., 3), 0 to 1.
    weights : NDArray[float32]
        Shape (3,): the share of each primary in the luminance.

    Returns
    -------
    NDArray[float32]
        Shape (..., 3); 1 is a white sheet of paper.
    """
    luminance = np.maximum(scene @ weights, 0)[..., None]
    return np.asarray(scene * luminance ** (_HLG_GAMMA - 1) * (_HLG_PEAK / WHITE), np.float32)


def peak(signals: NDArray[np.unsignedinteger[Any]], light: _Floats) -> float:
    """Light of the brightest signals of a picture, except for a ten-thousandth of its pixels.

    Parameters
    ----------
    signals : NDArray[uint8 or uint16]
        Shape (height, width, 3).
    light : NDArray[float32]
        Of each signal.
    """
    counts = np.bincount(_strongest(signals).ravel(), minlength=len(light))
    brighter = counts.sum() - np.cumsum(counts)
    return float(light[np.argmax(brighter <= _PEAK_SHARE * counts.sum())])


def rolled_off(light: _Floats, brightest: float) -> _Floats:
    """Bring the light of a picture down to that of a standard screen, by the EETF of BT.2390.

    With ``E`` the PQ signal of a light divided by that of the brightest, and ``m`` the same of the screen's white:
    above the knee ``k = 1.5 m - 0.5`` and with ``t = (E - k) / (1 - k)``, ``E`` becomes
    ``(2 t^3 - 3 t^2 + 1) k + (t^3 - 2 t^2 + t) (1 - k) + (-2 t^3 + 3 t^2) m``.

    Parameters
    ----------
    light : NDArray[float32]
        Shape (..., 3), of the screen's primaries; 1 is a white sheet of paper.
    brightest : float
        Light of the brightest pixels; what is above it stays above 1.

    Returns
    -------
    NDArray[float32]
        Shape (..., 3); the argument itself if it has no highlights.
    """
    if brightest <= 1:
        return light
    strongest = _strongest(light)
    roots = np.sqrt(np.clip(strongest / np.float32(brightest), 0, 1))
    shares = _shares(brightest)[(roots * _STEPS + 0.5).astype(np.uint16)]
    return np.asarray(light * shares[..., None], np.float32)


def _strongest(channels: NDArray[Any]) -> NDArray[Any]:
    """Several times faster than ``max(axis=-1)``."""
    return np.asarray(np.maximum(np.maximum(channels[..., 0], channels[..., 1]), channels[..., 2]))


@lru_cache(maxsize=1)
def _shares(brightest: float) -> _Floats:
    """Shape (65536,): what remains of a light, in equal steps of its root, which are fine where eyes see them."""
    light = brightest * (np.arange(1, _STEPS + 1) / _STEPS) ** 2
    return np.concatenate([[1], _eetf(light, brightest) / light]).astype(np.float32)


def _eetf(light: NDArray[np.float64], brightest: float) -> NDArray[np.float64]:
    top = pq_signal(np.array(brightest * WHITE))
    signal, white = pq_signal(light * WHITE) / top, PQ_WHITE / top
    knee = 1.5 * white - 0.5
    t = np.maximum(signal - knee, 0) / (1 - knee)
    rolled = (
        (2 * t**3 - 3 * t**2 + 1) * knee
        + (t**3 - 2 * t**2 + t) * (1 - knee)
        + (-2 * t**3 + 3 * t**2) * white
    )
    return pq_light(np.where(signal < knee, signal, rolled) * top) / WHITE
