"""The coordinator is killed, over and over, until the job is done: it ends as if nobody had interrupted it.

Each round is one job with a random mix of kills.  A kill that comes after the end of the job is no kill, and is not
counted.
"""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path

import pytest
from mortals import Mortal
from torture.campaign import Ledger, chance, share
from torture.event import Calm, copy_of

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL and fork")

PHOTOS = 70  # two batches
KILLS = 25  # per round, unless the job is done before
KINDS = {
    "point": "kills survived: coordinator at a named point",
    "file operation": "kills survived: coordinator between two file operations",
    "time": "kills survived: coordinator at a random time",
}


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Calm:
    return Calm.of(tmp_path_factory.mktemp("event"), PHOTOS)


@pytest.fixture(scope="module")
def passed(calm: Calm, mortal: Mortal, tmp_path_factory: pytest.TempPathFactory) -> dict[str, int]:
    """How often a job passes each named point, and does something to a file."""
    folder = tmp_path_factory.mktemp("counted")
    counts = folder / "passed.json"
    assert mortal.sort(copy_of(calm.prepared, folder), passed=str(counts)) == 0
    found: dict[str, int] = json.loads(counts.read_text(encoding="utf-8"))
    assert {"scanned", "recording", "after_copy", "committed", "file operation"} <= found.keys()
    assert found["file operation"] > 200
    return found


@pytest.mark.parametrize("round_", range(share(3, 110)))
def test_killed_until_it_is_done(
    round_: int,
    calm: Calm,
    passed: dict[str, int],
    mortal: Mortal,
    ledger: Ledger,
    tmp_path: Path,
) -> None:
    random = chance("coordinator", round_)
    root = copy_of(calm.prepared, tmp_path)
    points = sorted(passed.keys() - {"file operation"})
    for _ in range(KILLS):
        kind = random.choice(list(KINDS))
        if kind == "time":
            ended = mortal.sort(root, after_s=random.uniform(0.02, 0.5))
        else:
            # One of the next few passings: most of them belong to the batch in work, so there is some progress.
            name = random.choice(points) if kind == "point" else kind
            span = min(passed[name], 60 if kind == "file operation" else 4)
            ended = mortal.sort(root, die=[name, random.randint(1, span)])
        if ended == 0:
            break
        assert ended == -signal.SIGKILL
        ledger.count(KINDS[kind])
    calm.check(root, ledger)


def test_killed_once_at_every_point(
    calm: Calm, passed: dict[str, int], mortal: Mortal, ledger: Ledger, tmp_path: Path
) -> None:
    """First and last passing of every point there is, also of those that a later version adds."""
    points = sorted(passed.keys() - {"file operation"})
    for point in points[:: share(5, 1)]:
        for passing in sorted({1, passed[point]}):
            root = copy_of(calm.prepared, tmp_path / f"{point}-{passing}")
            assert mortal.sort(root, die=[point, passing]) == -signal.SIGKILL
            ledger.count(KINDS["point"])
            calm.check(root, ledger)
