"""The forecast of a job from some of its photos."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from facesort.core.calibration import Forecast
from facesort.errors import InsufficientTrialsError

INF = float("inf")


def forecast(
    nearest: list[float], learnable: Sequence[float] = (), photos: int | None = None
) -> Forecast:
    return Forecast(
        len(nearest) if photos is None else photos,
        np.array(nearest, dtype=np.float32),
        np.array(learnable, dtype=np.float32),
        np.arange(len(learnable), dtype=np.int64),
    )


def test_no_photo_gives_no_forecast() -> None:
    with pytest.raises(InsufficientTrialsError, match="no photo"):
        forecast([]).drops(1.0)
    with pytest.raises(InsufficientTrialsError, match="no faces in the sample"):
        forecast([INF]).learned().at(0.8)


@pytest.mark.parametrize(
    ("loose", "dropped"), [(0.0, 4), (0.49, 4), (0.5, 3), (0.8, 2), (1.0, 1), (2.0, 1)]
)
def test_a_photo_without_a_face_is_dropped_at_every_threshold(loose: float, dropped: int) -> None:
    found = forecast([0.5, np.float32(0.8), 1.0, INF]).drops(loose)
    assert (found.dropped, found.sampled, found.value) == (dropped, 4, dropped / 4)
    assert (found.low, found.high) == (dropped / 4, dropped / 4)  # everything was looked at


def test_the_curve_falls_and_stays_in_its_band() -> None:
    rng = np.random.default_rng(2)
    sample = forecast(list(rng.random(60) * 2), photos=1000)
    found = [sample.drops(loose) for loose in np.linspace(0, 2, 41).tolist()]
    values = [f.value for f in found]
    assert values == sorted(values, reverse=True) and values[0] == 1.0 and values[-1] == 0.0
    assert all(f.low <= f.value <= f.high and f.low < f.high for f in found)
    assert [f.low for f in found] == sorted((f.low for f in found), reverse=True)
    assert [f.high for f in found] == sorted((f.high for f in found), reverse=True)


def test_learned_faces_are_counted_with_their_interval() -> None:
    rate = forecast([0.5] * 4, [0.5, 0.75, INF, INF]).learned().at(0.75)
    assert (rate.errors, rate.trials, rate.value) == (2, 4, 0.5)
    assert 0 < rate.low < 0.5 < rate.high < 1
