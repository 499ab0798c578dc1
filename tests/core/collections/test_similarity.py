from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, strategies as st

from facesort.core.collections.similarity import SimilarityScale

DISTANCES = st.floats(0.0, 2.0)


@st.composite
def scales(draw: st.DrawFn) -> SimilarityScale:
    strict = draw(st.floats(0.01, 1.5))
    return SimilarityScale(strict, draw(st.floats(strict, 1.99)))


@given(scales())
def test_the_thresholds_are_where_clients_expect_them(scale: SimilarityScale) -> None:
    assert scale.distance(80.0) == max(scale.loose, scale.strict + 1e-6)
    assert scale.distance(99.0) == scale.strict
    assert scale.distance(100.0) == 0.0
    assert scale.distance(0.0) == 2.0
    assert scale.similarity(0.0) == 100.0
    assert scale.similarity(scale.strict) == pytest.approx(99.0)
    assert scale.similarity(2.0) == 0.0


@given(scales(), DISTANCES, DISTANCES)
def test_what_is_nearer_is_never_less_alike(scale: SimilarityScale, a: float, b: float) -> None:
    near, far = sorted((a, b))
    assert scale.similarity(near) >= scale.similarity(far)


@given(scales(), DISTANCES)
def test_a_similarity_leads_back_to_its_distance(scale: SimilarityScale, distance: float) -> None:
    assert scale.distance(float(scale.similarity(distance))) == pytest.approx(distance, abs=1e-9)


def test_a_rounding_error_outside_is_still_a_similarity() -> None:
    scale = SimilarityScale(0.8, 1.0)
    assert scale.similarity(np.array([-1e-7, 2.0 + 1e-7])).tolist() == [100.0, 0.0]


def test_equal_or_odd_thresholds_still_give_a_scale() -> None:
    for scale in (SimilarityScale(1.0, 1.0), SimilarityScale(0.0, 0.0), SimilarityScale(2.0, 2.0)):
        at = scale.similarity(np.linspace(0.0, 2.0, 50))
        assert np.all(np.diff(at) <= 0)
        assert at[0] == 100.0
        assert at[-1] == 0.0
