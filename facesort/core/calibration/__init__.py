"""Calibration: the error rates of a sort with their confidence intervals, and the thresholds that follow from them.

Distances are computed as in a sort (`comparisons`); `rates` and `intervals` count and bound all rates; `crowd` and
`forecast` use a sample of the user's photos; `suggestion` and `result` hold the outcome.
"""

from __future__ import annotations

from facesort.core.calibration.comparisons import (
    Comparisons as Comparisons,
)
from facesort.core.calibration.comparisons import (
    compare as compare,
)
from facesort.core.calibration.comparisons import (
    reference_pairs as reference_pairs,
)
from facesort.core.calibration.crowd import (
    CrowdPairs as CrowdPairs,
)
from facesort.core.calibration.crowd import (
    CrowdTest as CrowdTest,
)
from facesort.core.calibration.crowd import (
    compare_crowd as compare_crowd,
)
from facesort.core.calibration.crowd import (
    photo_pairs as photo_pairs,
)
from facesort.core.calibration.forecast import (
    DropForecast as DropForecast,
)
from facesort.core.calibration.forecast import (
    Forecast as Forecast,
)
from facesort.core.calibration.rates import (
    Rate as Rate,
)
from facesort.core.calibration.rates import (
    Trials as Trials,
)
from facesort.core.calibration.result import (
    Calibration as Calibration,
)
from facesort.core.calibration.result import (
    OperatingPoint as OperatingPoint,
)
from facesort.core.calibration.result import (
    calibrate as calibrate,
)
from facesort.core.calibration.result import (
    gallery_fingerprint as gallery_fingerprint,
)
from facesort.core.calibration.result import (
    operating_point as operating_point,
)
from facesort.core.calibration.suggestion import (
    Basis as Basis,
)
from facesort.core.calibration.suggestion import (
    Suggestion as Suggestion,
)
from facesort.core.calibration.suggestion import (
    Targets as Targets,
)
from facesort.core.calibration.suggestion import (
    refuse_too_few as refuse_too_few,
)
from facesort.core.calibration.suggestion import (
    suggest as suggest,
)
