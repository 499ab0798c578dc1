"""Killed at every edge of the state machine and resumed, a job ends as if it had never been interrupted."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from mortals import Mortal
from synthetic_event import (
    content,
    make_event,
    make_workspace,
    sort_in_threads,
    tree,
    write_photo,
)

from facesort.engine.delivery.verify import verify_output
from facesort.engine.job.sort import run_sort
from facesort.engine.setup import open_with_pack
from facesort.settings import DerivativeSettings, load_settings, save_settings
from facesort.store.queries.delivery.commit_log import verified_writes

# Every edge, in the order in which a batch passes them; the number is which passing.
POINTS = [
    ("processing", 1),
    ("processing", 2),
    ("analysed", 20),
    ("analysed", 70),
    ("staged", 1),
    ("staged", 3),
    ("recording", 1),  # inside the transaction
    ("recording", 2),
    ("recorded", 1),
    ("recorded", 3),
    ("before_copy", 1),
    ("before_copy", 30),
    ("after_copy", 2),  # a half-named file is in the output
    ("after_copy", 60),
    ("after_rename", 5),
    ("written", 1),
    ("finishing", 2),  # inside the transaction
    ("committed", 1),
    ("committed", 3),
    ("rematch_staged", 1),
    ("rematch_recording", 2),  # inside the transaction
    ("rematch_recorded", 1),
    ("after_copy", 100),
    ("committed", 4),
    ("rematched", 1),
    ("derived", 1),
]


JUST_BEYOND = {1: 131, 2: 50, 3: 122, 4: 113}
"""Variations of each identity that are 0.800 to 0.802 from its seed."""


@dataclass(frozen=True)
class Uninterrupted:
    """A prepared workspace that nobody has sorted, and how it ends when nobody interrupts."""

    prepared: Path
    output: dict[str, str]
    rows: dict[str, list[tuple[object, ...]]]
    derivatives: dict[str, str]
    source: dict[str, tuple[str, int]]


def source_state(source: Path) -> dict[str, tuple[str, int]]:
    return {
        name: (digest, (source / name).stat().st_mtime_ns) for name, digest in tree(source).items()
    }


def copy_of(prepared: Path, folder: Path) -> Path:
    """A copy of the prepared workspace with an output of its own, on the same source."""
    shutil.copytree(prepared / "hot", folder / "hot")
    settings = load_settings(folder / "hot" / "facesort.toml")
    settings = settings.model_copy(update={"output": folder / "out"})
    save_settings(settings, folder / "hot" / "facesort.toml")
    return folder / "hot"


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Uninterrupted]:
    prepared = tmp_path_factory.mktemp("prepared")
    make_event(prepared / "source", photos=80)
    # The first photos are just beyond STRICT: who is in them is said by the re-match at the end.
    for number in range(55):
        identity = 1 + number % 4
        path = prepared / "source" / "a" / f"{number}.JPG"
        write_photo(path, [identity], variation=JUST_BEYOND[identity], shade=100 + number)
    workspace, _ = make_workspace(prepared, prepared / "source", variation=200)
    matching = workspace.settings.matching.model_copy(update={"strict": 0.8})
    derivatives = DerivativeSettings(enabled=True, edges=(64,), formats=("webp",))
    changed = {"matching": matching, "derivatives": derivatives}
    settings = workspace.settings.model_copy(update=changed)
    save_settings(settings, workspace.root / "facesort.toml")
    before = source_state(prepared / "source")
    calm = tmp_path_factory.mktemp("calm")
    workspace, pack = open_with_pack(copy_of(prepared, calm))
    sort_in_threads(workspace, pack)
    with workspace.open_store() as store:
        rows = content(store)
    assert [kind for _, kind, _ in rows["batch"]] == ["sort"] * 3 + ["rematch"] * 2
    assert len(rows["learned"]) > 20
    assert len(rows["write"]) > 80
    copied = {sha256 for *_, sha256, _, _, _, _ in rows["write"]}
    assert {jpeg for jpeg, *_ in rows["derivative"]} == copied
    assert len(rows["thumbnail"]) == 4
    yield Uninterrupted(prepared, tree(calm / "out"), rows, tree(workspace.derivatives), before)


def kill_at(mortal: Mortal, root: Path, point: str, passing: int, *, threads: int = 2) -> None:
    """Sort in another process that is killed there; fails if it was not."""
    said = root.parent / "said.txt"
    ended = mortal.sort(
        root, die=[point, passing], says=str(said), **{"with": {"threads": threads}}
    )
    assert ended == -signal.SIGKILL, said.read_text()


def assert_as_uninterrupted(root: Path, expected: Uninterrupted) -> None:
    workspace, pack = open_with_pack(root)
    sort_in_threads(workspace, pack)
    output = workspace.settings.output
    assert tree(output) == expected.output
    with workspace.open_store() as store:
        assert content(store) == expected.rows
        assert verify_output(output, verified_writes(store)).passed
    assert tree(workspace.derivatives) == expected.derivatives
    assert list(workspace.staging.iterdir()) == []
    assert source_state(workspace.settings.sources["card-1"]) == expected.source


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
@pytest.mark.parametrize(("point", "passing"), POINTS)
def test_killed_once(
    point: str, passing: int, uninterrupted: Uninterrupted, mortal: Mortal, tmp_path: Path
) -> None:
    root = copy_of(uninterrupted.prepared, tmp_path)
    kill_at(mortal, root, point, passing)
    assert_as_uninterrupted(root, uninterrupted)


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
@pytest.mark.parametrize("number", [300, 555])
def test_killed_while_files_are_written(
    number: int, uninterrupted: Uninterrupted, mortal: Mortal, tmp_path: Path
) -> None:
    root = copy_of(uninterrupted.prepared, tmp_path)
    kill_at(mortal, root, "file operation", number)
    assert_as_uninterrupted(root, uninterrupted)


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
def test_killed_again_and_again(
    uninterrupted: Uninterrupted, mortal: Mortal, tmp_path: Path
) -> None:
    root = copy_of(uninterrupted.prepared, tmp_path)
    for point in ("analysed", "recorded", "after_copy", "after_rename", "finishing", "committed"):
        kill_at(mortal, root, point, 1)
    assert_as_uninterrupted(root, uninterrupted)


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
def test_worker_processes_end_with_a_killed_coordinator(
    uninterrupted: Uninterrupted, mortal: Mortal, tmp_path: Path
) -> None:
    root = copy_of(uninterrupted.prepared, tmp_path)
    kill_at(mortal, root, "recorded", 1, threads=0)
    while alive_in(mortal.child):  # for as long as a test may last
        time.sleep(0.2)
    assert_as_uninterrupted(root, uninterrupted)


def alive_in(group: int) -> list[int]:
    """Processes of a process group, whoever has adopted them."""
    found = []
    for process in psutil.process_iter(["status"]):
        with suppress(ProcessLookupError):  # it has just ended
            if os.getpgid(process.pid) == group and process.info["status"] != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
    return found


def test_sorting_twice_changes_nothing(uninterrupted: Uninterrupted, tmp_path: Path) -> None:
    root = copy_of(uninterrupted.prepared, tmp_path)
    for _ in range(2):
        assert_as_uninterrupted(root, uninterrupted)


def test_the_number_of_workers_changes_nothing(
    uninterrupted: Uninterrupted, tmp_path: Path
) -> None:
    workspace, pack = open_with_pack(copy_of(uninterrupted.prepared, tmp_path))
    run_sort(workspace, pack)  # real processes
    assert tree(workspace.settings.output) == uninterrupted.output
    assert tree(workspace.derivatives) == uninterrupted.derivatives
    with workspace.open_store() as store:
        assert content(store) == uninterrupted.rows
