"""Calibration: how often the sort would be wrong, how sure that is, and which thresholds follow.

Everything rests on distances of the sort's own scorer (`comparisons`); all rates are counted and bounded in one
place (`rates`, `intervals`); `crowd` and `forecast` look at the user's own photos; `suggestion` and `calibration` say
what to do.
"""

from __future__ import annotations

from facesort.core.calibration.calibration import (
    Calibration,
    OperatingPoint,
    calibrate,
    gallery_fingerprint,
    operating_point,
)
from facesort.core.calibration.comparisons import Comparisons, compare, reference_pairs
from facesort.core.calibration.crowd import CrowdPairs, CrowdTest, compare_crowd, photo_pairs
from facesort.core.calibration.forecast import DropForecast, Forecast
from facesort.core.calibration.rates import Rate, Trials
from facesort.core.calibration.suggestion import Basis, Suggestion, Targets, refuse_too_few, suggest

__all__ = [
    "Basis",
    "Calibration",
    "Comparisons",
    "CrowdPairs",
    "CrowdTest",
    "DropForecast",
    "Forecast",
    "OperatingPoint",
    "Rate",
    "Suggestion",
    "Targets",
    "Trials",
    "calibrate",
    "compare",
    "compare_crowd",
    "gallery_fingerprint",
    "operating_point",
    "photo_pairs",
    "reference_pairs",
    "refuse_too_few",
    "suggest",
]
