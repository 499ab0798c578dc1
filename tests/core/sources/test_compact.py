"""A dict in columns behaves as a dict."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, strategies as st

from facesort.core.sources.compact import Compact

TEXTS = st.text("abc", min_size=1, max_size=3)


@given(st.lists(st.tuples(TEXTS, st.integers(1, 9))), st.lists(st.tuples(TEXTS, st.integers(1, 9))))
def test_it_is_what_a_dict_is(before: list[tuple[str, int]], since: list[tuple[str, int]]) -> None:
    rows = np.array(before, [("key", "S64"), ("value", np.int64)])
    found, expected = Compact[str, int](rows["key"], rows["value"]), dict(before)
    assert found == expected
    for key, value in since:
        found[key] = expected[key] = value
    assert (found, len(found)) == (expected, len(expected))
    for key in [*expected, "ccc", "cccc"]:
        assert (key in found, found.get(key)) == (key in expected, expected.get(key))


def test_numbers_and_texts_come_back_as_python_has_them() -> None:
    found = Compact[int, str](np.array([3, 1]), np.array(["c", "a"], "S64"))
    assert [*found.items()] == [(1, "a"), (3, "c")]
    assert {type(part) for item in found.items() for part in item} == {int, str}
    with pytest.raises(KeyError, match="2"):
        found[2]


def test_a_longer_text_is_not_taken_for_one_that_it_begins_with() -> None:
    found = Compact[str, int](np.array([b"aa"]), np.array([1]))
    assert "aaa" not in found
    assert "a" not in found


def test_nothing_is_removed() -> None:
    found = Compact[str, int](np.array([b"aa"]), np.array([1]))
    with pytest.raises(TypeError, match="stays known"):
        del found["aa"]
