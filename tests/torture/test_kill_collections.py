"""A service that is killed: a face that was answered is there, one that was not is wholly there or wholly not."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from drawn_collections import collection, drawn, face
from dying_collections import ids, keys_of
from torture.campaign import Ledger

from facesort.core.collections.protocol import FaceCollections
from facesort.engine.collections.opening import open_collections

pytestmark = pytest.mark.slow
KILLS = "kills survived: a process that adds and erases faces of collections"
ALL = 10**9


@pytest.fixture(params=["duckdb", "postgres"])
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    yield request.getfixturevalue("postgres").url if request.param == "postgres" else ""


def test_what_was_answered_is_there(
    tmp_path: Path, url: str, whole_campaign: bool, ledger: Ledger
) -> None:
    kills = 100 if whole_campaign else 12
    tmp_path.chmod(0o700)
    chance = random.Random(7)
    there: set[int] = set()  # numbers of additions, see `act`
    gone: set[int] = set()
    with closing(open_collections(tmp_path, url or None)) as store:
        store.create(collection("guests"))
    begun = {"adds": 0, "removes": 0}
    for _ in range(kills):
        said = _killed(tmp_path, url, max(there | gone, default=-1) + 1, chance.uniform(0.0, 0.3))
        for what, number in said:
            if what == "added":
                there.add(number)
            elif what == "removed":
                there.discard(number)
                gone.add(number)
        ledger.count(KILLS)
        what, number = said[-1]
        with closing(open_collections(tmp_path, url or None)) as store:
            found = _whole(store)
            if what in begun:  # not answered
                begun[what] += 1
                assert found - {number} == there - {number}
                there = found
                gone |= {number} - found
            assert found == there
        _nothing_else_is_left(tmp_path, url, there)
    assert all(begun.values()) or not whole_campaign, begun
    assert there
    ledger.note(
        f"{len(there)} additions stayed; killed in {begun['adds']} additions, {begun['removes']} erasures"
    )


def _killed(folder: Path, url: str, first: int, after_s: float) -> list[tuple[str, int]]:
    """What a process said until it was killed, some time after it began to act."""
    with subprocess.Popen(
        [sys.executable, "-m", "dying_collections", str(folder), url, str(first)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[1],
    ) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline()]
        time.sleep(after_s)
        process.kill()
        lines += process.stdout.readlines()
    whole = [line.split() for line in lines if line.endswith("\n")]
    return [(what, int(number)) for what, number in whole]


def _whole(store: FaceCollections) -> set[int]:
    """Numbers of additions of which all faces are there; of every other, none is."""
    known = {found.face_id for found in store.faces("guests", limit=ALL)}
    whole, number = set(), 0
    left = len(known)
    while left > 0:
        here = known & set(ids(keys_of(number)))
        assert len(here) in (0, len(keys_of(number))), "half of an addition"
        if here:
            whole.add(number)
            stored = store.embeddings("guests", ids(keys_of(number)))
            assert np.array_equal(stored, np.stack([drawn(key) for key in keys_of(number)]))
            query = drawn(keys_of(number)[0])
            (match,) = store.nearest_faces("guests", query, within=0.0, limit=5)
            assert match.found == face(keys_of(number)[0])
        left -= len(here)
        number += 1
    return whole


def _nothing_else_is_left(folder: Path, url: str, there: set[int]) -> None:
    """The file of the vectors holds those that are known, and zeros."""
    if url:
        return
    (path,) = (folder / "collections").glob("*.f32")
    rows = np.fromfile(path, "<f4").reshape(-1, len(drawn(0)))
    left = {row.tobytes() for row in rows[rows.any(axis=1)]}
    assert left == {drawn(key).tobytes() for number in there for key in keys_of(number)}
