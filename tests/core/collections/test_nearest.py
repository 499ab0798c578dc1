from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from facesort.core.collections.nearest import Query, Vectors
from facesort.core.persons.matching import centroid_distances


def unit(rng: np.random.Generator, *shape: int) -> np.ndarray:
    drawn = rng.standard_normal(shape).astype(np.float32)
    return np.asarray(drawn / np.linalg.norm(drawn, axis=-1, keepdims=True), np.float32)


def plain(vectors: dict[str, np.ndarray], query: Query) -> list[tuple[str, float]]:
    pairs = sorted(
        (float(centroid_distances(query.vector[None], vector[None])[0, 0]), key)
        for key, vector in vectors.items()
        if key not in query.leave_out
    )
    return [(key, d) for d, key in pairs if d <= query.within][: query.limit]


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32 - 1), st.integers(0, 60), st.floats(0.0, 2.0), st.integers(0, 70))
def test_answers_are_those_of_a_plain_computation(
    seed: int, count: int, within: float, limit: int
) -> None:
    rng = np.random.default_rng(seed)
    drawn = {f"{key:03}": unit(rng, 16) for key in range(count)}
    if count > 3:
        drawn["001"] = drawn["000"]  # equally near
    vectors = Vectors(16)
    for key in rng.permutation(sorted(drawn)).tolist():
        vectors.put(key, drawn[key])
    for key in sorted(drawn)[::4]:
        vectors.forget(key)
        del drawn[key]
    for key in range(900, 903):  # in rows that were freed
        drawn[str(key)] = unit(rng, 16)
        vectors.put(str(key), drawn[str(key)])
    queries = [Query(unit(rng, 16), within, limit, frozenset(sorted(drawn)[:1])) for _ in range(7)]
    queries.append(Query(drawn["900"], within, limit))
    assert vectors.nearest(queries) == [plain(drawn, query) for query in queries]


def test_an_answer_does_not_depend_on_what_else_is_asked() -> None:
    rng = np.random.default_rng(7)
    vectors = Vectors.of(unit(rng, 3000, 128), {f"{row:05}": row for row in range(3000)})
    queries = [Query(unit(rng, 128), 1.5, 50) for _ in range(64)]
    together = vectors.nearest(queries)
    assert together == [vectors.nearest([query])[0] for query in queries]
    assert all(together)


def test_a_vector_that_is_forgotten_is_overwritten_and_its_row_used_again() -> None:
    vectors = Vectors(4)
    for key in "abc":
        vectors.put(key, np.full(4, 0.5, np.float32))
    row = vectors.row("b")
    vectors.forget("b")
    assert "b" not in vectors
    assert not vectors._matrix[row].any()
    assert vectors.free_rows(1) == [row]
    assert len(set(vectors.free_rows(300))) == 300
    vectors.put("d", np.full(4, -0.5, np.float32))
    assert vectors.row("d") == row
    with pytest.raises(KeyError):
        vectors.row("b")
