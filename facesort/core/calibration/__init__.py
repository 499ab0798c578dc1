"""Calibration: the error rates of a sort with their confidence intervals, and the thresholds that follow from them.

Distances are computed as in a sort (`comparisons`); `rates` and `intervals` count and bound all rates; `crowd` and
`forecast` use a sample of the user's photos; `suggestion` and `result` hold the outcome.
"""

from __future__ import annotations

from facesort.core.calibration.comparisons import (
    Comparisons as Comparisons,
    compare as compare,
    reference_pairs as reference_pairs,
)
from facesort.core.calibration.crowd import (
    CrowdPairs as CrowdPairs,
    CrowdTest as CrowdTest,
    compare_crowd as compare_crowd,
    photo_pairs as photo_pairs,
)
from facesort.core.calibration.forecast import (
    DropForecast as DropForecast,
    Forecast as Forecast,
    GroupedSample as GroupedSample,
)
from facesort.core.calibration.rates import (
    Rate as Rate,
    Trials as Trials,
)
from facesort.core.calibration.result import (
    Calibration as Calibration,
    OperatingPoint as OperatingPoint,
    calibrate as calibrate,
    gallery_fingerprint as gallery_fingerprint,
    operating_point as operating_point,
)
from facesort.core.calibration.suggestion import (
    Basis as Basis,
    Suggestion as Suggestion,
    Targets as Targets,
    refuse_too_few as refuse_too_few,
    suggest as suggest,
)
