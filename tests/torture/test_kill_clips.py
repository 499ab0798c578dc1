"""A job with clips is killed until it is done: it ends as if nobody had interrupted it.

What was looked at before a kill is not looked at again, and a forget finds it.
"""

from __future__ import annotations

import itertools
import json
import signal
import sys
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from drawn_clips import Actor, every, stage, write_clip
from filmed_event import STRANGER, make_filmed_event
from mortals import Mortal
from private_event import needles, seen
from torture.campaign import Ledger, chance, share
from torture.event import Calm, copy_of
from torture.test_kill_workers import WorkerKiller, assert_retried

from facesort.engine.analysis.clips import analyse_part
from facesort.engine.analysis.pool import LocalPool
from facesort.engine.analysis.reading import sha256_of
from facesort.engine.job.sort import SortOptions, run_sort
from facesort.engine.privacy.forget import forget
from facesort.engine.setup import open_with_pack

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL and fork")

LONG_MS = 42_000  # five parts
KILLS = 25  # per round, unless the job is done before
KILLED = "kills survived: coordinator, in clips"


def make_long_event(root: Path, photos: int) -> None:
    """The filmed event, and a clip of many parts in which people and a stranger come and go."""
    make_filmed_event(root, photos)
    actors = [
        Actor(3, 0, 14_000, at=lambda ms: (10 + ms // 100, 80)),
        Actor(STRANGER, 5000, 33_000, at=lambda _: (400, 80)),
        Actor(4, 18_000, 38_000, at=lambda ms: (20 + ms // 400, 100)),
        Actor(3, 34_000, LONG_MS, at=lambda _: (500, 60)),
    ]
    write_clip(root / "card-1" / "C0007.MP4", stage(actors, every(250, LONG_MS)))


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Calm:
    return Calm.of(
        tmp_path_factory.mktemp("event"), 6, make_long_event, videos=True, samples_per_second=1
    )


@pytest.fixture(scope="module")
def passed(calm: Calm, mortal: Mortal, tmp_path_factory: pytest.TempPathFactory) -> dict[str, int]:
    """How often a job passes each named point, and does something to a file."""
    folder = tmp_path_factory.mktemp("counted")
    counts = folder / "passed.json"
    assert mortal.sort(copy_of(calm.prepared, folder), passed=str(counts)) == 0
    found: dict[str, int] = json.loads(counts.read_text(encoding="utf-8"))
    assert found["part"] >= 9
    return found


@pytest.mark.parametrize("round_", range(share(2, 40)))
def test_killed_until_it_is_done(
    round_: int,
    calm: Calm,
    passed: dict[str, int],
    mortal: Mortal,
    ledger: Ledger,
    tmp_path: Path,
) -> None:
    random = chance("clips", round_)
    root = copy_of(calm.prepared, tmp_path)
    points = sorted(passed.keys() - {"file operation", "part"})
    for _ in range(KILLS):
        name = random.choice(["part", "part", "file operation", "time", random.choice(points)])
        # Threads, or worker processes, which die with their coordinator.
        how = {"threads": random.choice([0, 1, 2])}
        if name == "time":
            ended = mortal.sort(root, after_s=random.uniform(0.1, 4), **{"with": how})
        else:
            span = min(passed[name], 40 if name == "file operation" else 4)
            ended = mortal.sort(root, die=[name, random.randint(1, span)], **{"with": how})
        if ended == 0:
            break
        assert ended == -signal.SIGKILL
        ledger.count(KILLED)
    calm.check(root, ledger)


class Noting(ThreadPoolExecutor):
    """Threads that note which parts of which clip they look at."""

    def __init__(self) -> None:
        super().__init__(2)
        self.looked: list[tuple[str, int]] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        if fn is analyse_part:
            analyser, ref, part = args
            digest = sha256_of(analyser.path_of(ref))
            self.looked.append((digest, part.start_ms // (part.end_ms - part.start_ms)))
        return super().submit(fn, *args, **kwargs)


def kept(root: Path) -> set[tuple[str, int]]:
    """The parts of clips that a job has left behind: of which clip, and their numbers."""
    return {(path.parent.name, int(path.stem)) for path in root.glob("clips/*/[0-9]*.npz")}


def test_what_was_looked_at_is_not_looked_at_again(
    calm: Calm, passed: dict[str, int], mortal: Mortal, ledger: Ledger, tmp_path: Path
) -> None:
    for passing in range(1, passed["part"] + 1, share(4, 1)):
        root = copy_of(calm.prepared, tmp_path / str(passing))
        assert mortal.sort(root, die=["part", passing]) == -signal.SIGKILL
        ledger.count(KILLED)
        before = kept(root)
        assert len(before) >= passing
        workspace, pack = open_with_pack(root)
        with Noting() as executor:
            run_sort(workspace, pack, SortOptions(executor))
        assert not before & set(executor.looked)
        assert len(executor.looked) == len(set(executor.looked)) == passed["part"] - len(before)
        calm.check(root, ledger)


@pytest.mark.parametrize("name", ["Person 3", None])
def test_nothing_of_a_face_is_left_in_a_killed_clip_after_a_forget(
    name: str | None, calm: Calm, mortal: Mortal, ledger: Ledger, tmp_path: Path
) -> None:
    root = copy_of(calm.prepared, tmp_path)
    assert mortal.sort(root, die=["part", 7]) == -signal.SIGKILL
    ledger.count(KILLED)
    workspace, _ = open_with_pack(root)
    wanted = needles(
        (embedding.tobytes(), b"")
        for path in root.glob("clips/*/*.npz")
        for embedding in np.load(path)["embeddings"]
    )
    assert seen(root, wanted) == len(wanted) > 10
    forget(workspace, name)
    assert seen(root, wanted) == 0
    assert list(workspace.clips.glob("*")) == []
    if name is None:  # there was nobody yet to forget
        calm.check(root, ledger)


@pytest.mark.parametrize("round_", range(share(1, 8)))
def test_workers_are_killed(
    round_: int, calm: Calm, ledger: Ledger, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    root = copy_of(calm.prepared, tmp_path)
    workspace, pack = open_with_pack(root)
    killer, parts = WorkerKiller(chance("workers of clips", round_)), itertools.count()

    def at(point: str) -> None:
        if point == "part" and not next(parts) % 3:
            killer.on_photo(0, 0)

    with LocalPool(2, 60) as pool:
        run_sort(workspace, pack, SortOptions(pool, at=at))
    killer.rest()
    ledger.count("kills survived: worker processes, in clips", killer.kills)
    lost = caplog.text.count("is left out")
    ledger.note(f"round {round_}: {killer.kills} kills, {lost} parts lost three workers")
    assert lost <= killer.kills / 3
    twice = caplog.text.count("killed its worker")  # or its copy could not be made just then
    assert twice <= killer.kills / 2
    if twice:  # as of photos: they are told, and can be tried again
        assert_retried(workspace, pack)
    elif not lost:
        calm.check(root, ledger)
