"""Groups of very many faces: those of comparing all with all, found in near cells."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from facesort.core.groups import cells, linkage, merging, neighbours
from facesort.core.groups.cells import Nodes, pairs_in_cells
from facesort.core.groups.linkage import Linkage, link
from facesort.core.groups.merging import GrowingGroups
from facesort.core.persons.sightings import Sightings

LOWEST = 0.37  # of mbf128: LOOSE 1.12


def drawn(people: int, lone: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Faces, good and bad, of people with one to many photos and of some seen once; persons; a reference each."""
    rng = np.random.default_rng(seed)
    person = np.repeat(np.arange(people), rng.integers(1, 40, people))
    person = rng.permutation(np.concatenate([person, np.full(lone, -1)]))
    centres = rng.standard_normal((people, 128))
    faces = rng.standard_normal((len(person), 128)) * rng.uniform(0.6, 1.0, (len(person), 1))
    faces[person >= 0] += centres[person[person >= 0]]
    references = centres + 0.5 * rng.standard_normal(centres.shape)
    return unit(faces), person, unit(references)


def unit(rows: np.ndarray) -> np.ndarray:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def nodes_of(faces: np.ndarray, photos: np.ndarray | None = None) -> Nodes:
    rows = np.arange(len(faces))
    return Nodes(
        faces, np.ones_like(rows), Sightings.of_photos(rows if photos is None else photos), rows
    )


def as_set(pairs: neighbours.Pairs) -> set[tuple[int, int]]:
    found = list(zip(pairs.first.tolist(), pairs.second.tolist(), strict=True))
    assert len(set(found)) == len(found)
    assert (pairs.first < pairs.second).all()
    return set(found)


def linked(faces: np.ndarray, references: np.ndarray, *, exact: int = 0, **more: object) -> Linkage:
    given = {"order": np.arange(len(faces)), "lowest": LOWEST, "exact": exact}
    seen = Sightings.of_photos(np.arange(len(faces)))
    return link(faces, more.pop("seen", seen), references, **(given | more))  # type: ignore[arg-type]


def same(one: Linkage, other: Linkage) -> bool:
    fields = ("score", "person", "joined", "merges", "heights")
    return all(np.array_equal(getattr(one, each), getattr(other, each)) for each in fields)


def test_groups_are_those_of_comparing_all_with_all() -> None:
    faces, _, references = drawn(150, 500)
    found, exact = linked(faces, references), linked(faces, references, exact=10_000)
    for threshold in (LOWEST, 0.4, 0.45):
        groups = found.groups(threshold)
        assert groups.tolist() == exact.groups(threshold).tolist()
        assert 600 < len(set(groups.tolist())) < 750
    assert found.person.tolist() == exact.person.tolist()


@pytest.mark.parametrize(("probes", "missed"), [(4, 0.015), (16, 0.001), (48, 0.0)])
def test_few_nearest_faces_are_missed(probes: int, missed: float) -> None:
    faces, _, _ = drawn(150, 500)
    seen = Sightings.of_photos(np.arange(len(faces)))
    nearest = as_set(neighbours.nearest_pairs(faces, seen, LOWEST, kept=8))
    found = as_set(pairs_in_cells(nodes_of(faces), LOWEST, probes))
    assert len(nearest) > 18_000
    assert len(nearest - found) <= missed * len(nearest)


def test_up_to_a_number_all_are_compared_with_all(monkeypatch: pytest.MonkeyPatch) -> None:
    faces, _, references = drawn(10, 10)
    monkeypatch.setattr(linkage, "pairs_in_cells", lambda *_: pytest.fail("looked into cells"))
    linked(faces, references, exact=len(faces) + len(references))
    with pytest.raises(pytest.fail.Exception):
        linked(faces, references, exact=len(faces) + len(references) - 1)


def test_cosines_are_means_over_members() -> None:
    faces, _, _ = drawn(3, 0)
    rows = np.arange(len(faces))
    total, size = faces.copy(), np.ones_like(rows)
    total[0], size[0] = faces[:4].sum(axis=0), 4
    nodes = Nodes(total, size, Sightings.of_photos(rows), rows[[0, *range(4, len(rows))]])
    pairs = pairs_in_cells(nodes, 0.01, 48)
    of_group = pairs.first == 0
    expected = (faces[:4] @ faces[pairs.second[of_group]].T).mean(axis=0)
    assert len(expected) > 3
    assert pairs.cosine[of_group] == pytest.approx(expected, abs=1e-6)
    assert not np.isin(pairs.second, (1, 2, 3)).any()


def test_faces_that_meet_are_no_pair() -> None:
    faces, person, _ = drawn(40, 0)
    photos = np.arange(len(faces)) // 2
    pairs = pairs_in_cells(nodes_of(faces, photos), LOWEST, 48)
    assert (person[0::2][: len(person) // 2] == person[1::2]).any()
    assert len(pairs)
    assert (photos[pairs.first] != photos[pairs.second]).all()


def test_nobody_is_twice_in_a_photo_where_many_join_at_once() -> None:
    rng = np.random.default_rng(3)
    faces = unit(
        rng.standard_normal(128) + rng.uniform(0.5, 1, (600, 1)) * rng.standard_normal((600, 128))
    )
    photos = np.arange(600) // 3  # three times the same person
    found = linked(faces, faces[:0], seen=Sightings.of_photos(photos)).groups(LOWEST)
    assert len({*zip(photos.tolist(), found.tolist(), strict=True)}) == 600
    assert np.bincount(found).max() > 50


def test_a_large_group_takes_many_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(4)
    apart = rng.uniform(0.3, 1.2, (1500, 1))
    faces = unit(rng.standard_normal(128) + apart * rng.standard_normal((1500, 128)))
    rounds: list[int] = []
    usual = GrowingGroups.round

    def counted(groups: GrowingGroups, pairs: neighbours.Pairs, slack: float) -> neighbours.Pairs:
        rounds.append(len(pairs))
        return usual(groups, pairs, slack)

    monkeypatch.setattr(GrowingGroups, "round", counted)
    exact = linked(faces, faces[:1], exact=10_000).person
    one_at_a_time = len(rounds)
    assert (linked(faces, faces[:1]).person == exact).mean() > 0.99
    assert (len(rounds) - one_at_a_time) * 4 < one_at_a_time


def test_what_a_user_said_stands() -> None:
    faces, person, references = drawn(30, 20)
    theirs = np.flatnonzero(person == 3)
    stranger = int(np.flatnonzero(person == -1)[0])
    no, yes = int(theirs[0]), int(theirs[-1])
    found = linked(faces, references, apart=[(no, 3)], together=[(yes, 3), (stranger, 3)])
    assert found.person[no] != 3
    assert found.person[yes] == 3
    exact = linked(
        faces, references, exact=10_000, apart=[(no, 3)], together=[(yes, 3), (stranger, 3)]
    )
    assert found.person.tolist() == exact.person.tolist()


def test_the_order_of_rows_does_not_matter() -> None:
    faces, _, references = drawn(60, 100)
    shuffled = np.random.default_rng(1).permutation(len(faces))
    one = linked(faces, references)
    other = linked(faces[shuffled], references, order=shuffled)
    for field in ("score", "person", "joined"):
        assert np.array_equal(getattr(one, field)[shuffled], getattr(other, field))


def test_the_number_of_threads_does_not_matter() -> None:
    faces, _, references = drawn(150, 500)
    with threadpool_limits(1):
        alone = linked(faces, references)
    with threadpool_limits(2):
        assert same(alone, linked(faces, references))


def test_the_size_of_parts_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    faces, _, _ = drawn(60, 100)
    whole = as_set(pairs_in_cells(nodes_of(faces), LOWEST, 4))
    monkeypatch.setattr(cells, "_COLUMNS", 7)
    monkeypatch.setattr(neighbours, "_SPARE", 50)
    assert as_set(pairs_in_cells(nodes_of(faces), LOWEST, 4)) == whole


def test_one_picture_of_everybody() -> None:
    face = unit(np.ones((1, 128)))
    faces = np.repeat(face, 500, axis=0)
    found = linked(faces, face)
    assert found.person.tolist() == [0] * 500


@pytest.mark.parametrize("n", [1, 2, 3])
def test_hardly_any_faces(n: int) -> None:
    found = linked(unit(np.eye(8)[:n]), np.empty((0, 8), np.float32))
    assert found.person.tolist() == [-1] * n


def peak_of(work: Callable[[], object]) -> float:
    """Memory that NumPy takes at most meanwhile, in MB."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1] / 1e6
    finally:
        tracemalloc.stop()


def test_joining_very_many_groups_copies_few_sums_at_a_time() -> None:
    rng = np.random.default_rng(3)
    n = 40_000
    faces = unit(rng.standard_normal((n, 128)).astype(np.float32))
    seen = Sightings.of_photos(np.arange(n))
    groups = GrowingGroups(faces.copy(), seen, 0, LOWEST, ())
    one, other = np.arange(0, n, 2), np.arange(1, n, 2)
    height = np.full(n // 2, 0.5, np.float32)
    peak = peak_of(lambda: groups.join(neighbours.Pairs.none(), one, other, height))
    assert groups.total[::2].tolist() == (faces[::2] + faces[1::2]).tolist()
    assert peak < 15, f"{faces.nbytes / 2e6} MB are the sums of all of them"


def test_groups_that_take_several_at_once_have_the_sums_of_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    faces, _, references = drawn(30, 100)
    found = linked(faces, references)
    monkeypatch.setattr(merging, "_CHUNK", 2)
    assert same(linked(faces, references), found)


def test_only_faces_with_too_many_neighbours_are_sorted() -> None:
    n, kept = 600_000, 8
    first = np.arange(0, n, 2, dtype=np.int32)
    some = np.arange(20, dtype=np.int32)
    pairs = neighbours.Pairs(
        np.concatenate([first, np.zeros(20, np.int32)]),
        np.concatenate([first + 1, 100 + some]),
        np.concatenate([np.full(n // 2, 0.5, np.float32), np.linspace(0.4, 0.6, 20, dtype=np.float32)]),
    )  # fmt: skip
    found = neighbours.KeptPairs(n, LOWEST, kept)
    found.add(pairs)
    peak = peak_of(found.thinned)
    nearest = sorted([0.5, *np.linspace(0.4, 0.6, 20)])[-kept]
    assert found.bar[0] == pytest.approx(nearest)
    assert (found.bar[1:] == np.float32(LOWEST)).all()
    held = sum(each.nbytes for each in (pairs.first, pairs.second, pairs.cosine)) / 1e6
    counts = 8 * n / 1e6
    assert peak < 2.5 * held + 2.5 * counts


def test_pairs_of_very_many_crowded_faces_are_thinned_some_faces_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    n, each, kept = 20_000, 40, 8
    first = np.repeat(np.arange(n, dtype=np.int32), each)
    rng = np.random.default_rng(3)
    second = first + rng.integers(1, n, len(first)).astype(np.int32)
    cosine = np.maximum(rng.random(len(first), np.float32).round(3), np.float32(LOWEST))
    pairs = neighbours.Pairs(first, second, cosine)

    def thinned(at_once: int) -> tuple[neighbours.KeptPairs, neighbours.Pairs, float]:
        monkeypatch.setattr(neighbours, "_AT_ONCE", at_once)
        found = neighbours.KeptPairs(2 * n, LOWEST, kept)
        found.add(pairs)
        peak = peak_of(found.thinned)
        return found, found.thinned(), peak

    at_once, all_kept, much = thinned(10**9)
    in_parts, some_kept, peak = thinned(50_000)
    assert np.array_equal(in_parts.bar, at_once.bar)
    for name in ("first", "second", "cosine"):
        assert np.array_equal(getattr(some_kept, name), getattr(all_kept, name))
    assert len(some_kept) < len(pairs)
    held = 12 * len(pairs) / 1e6
    assert peak < 1.5 * held < much, "its three columns, and a copy of one"
