"""ROC and DET: error rates over all thresholds, and their bands at a few."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facesort.core.calibration import Comparisons, Rate

_STEP = 0.0025
_BANDS = 20  # intervals take time in a large gallery

Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Curves:
    """Rates along a grid of thresholds.

    Parameters
    ----------
    thresholds, fmr, fnmr, fpir, fnir : ndarray of shape (n,), float64
    strangers, impostors, mated, genuine : int
        Trials behind FPIR, FMR, FNIR and FNMR.
    persons : int
        In the gallery.
    band_at : ndarray of shape (at most 20,), float64
        Thresholds at which FNIR has an interval.
    bands : tuple of Rate
        FNIR there.
    """

    thresholds: Numbers
    fmr: Numbers
    fnmr: Numbers
    fpir: Numbers
    fnir: Numbers
    strangers: int
    impostors: int
    mated: int
    genuine: int
    persons: int
    band_at: Numbers
    bands: tuple[Rate, ...]


def draw_curves(comparisons: Comparisons) -> Curves:
    """Count along all thresholds.

    Raises
    ------
    InsufficientTrialsError
        If one of the rates would be over nothing.
    """
    grid = np.arange(0.0, 2.0 + _STEP / 2, _STEP)
    sides = comparisons.fmr(), comparisons.fnmr(), comparisons.fpir(), comparisons.fnir()
    fmr, fnmr, fpir, fnir = (side.values(grid) for side in sides)
    # Where something happens: between the first stranger who is named and the last.
    busy = np.flatnonzero((fpir > 0) & (fpir < 1))
    first, last = (busy[0], busy[-1]) if len(busy) else (0, len(grid) - 1)
    places = np.unique(np.linspace(max(first - 1, 0), last, _BANDS).astype(int))
    return Curves(
        thresholds=grid,
        fmr=fmr,
        fnmr=fnmr,
        fpir=fpir,
        fnir=fnir,
        impostors=len(sides[0]),
        genuine=len(sides[1]),
        strangers=len(sides[2]),
        mated=len(sides[3]),
        persons=comparisons.gallery,
        band_at=grid[places],
        bands=tuple(sides[3].rates(grid[places].tolist())),
    )
