"""Whoever edits, re-matches, calibrates or forgets is killed: the action is wholly there or wholly not.

What is left of a person who was forgotten: ``tests/engine/privacy/test_forget_interrupted.py``.
"""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
from jupyter_client.blocking import BlockingKernelClient
from jupyter_client.manager import KernelManager, start_new_kernel
from mortals import Mortal
from synthetic_event import (
    add_references,
    content,
    make_event,
    make_workspace,
    sort_in_threads,
    tree,
)
from torture.campaign import Ledger, chance, share
from torture.event import Rows, copy_of
from torture.test_kill_notebook import kill

from facesort.engine.gallery.action import undo
from facesort.engine.setup import open_with_pack
from facesort.settings import load_settings
from facesort.store.queries.journal import history
from facesort.workspace import open_workspace

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL and fork")

KILLS = "kills survived: re-match, forget, retry, answer, undo"
CALIBRATING = "kills survived: calibrate"
IN_A_KERNEL = "kills survived: the kernel of a review, in an answer"
KILLED = -signal.SIGKILL


@dataclass(frozen=True)
class State:
    """Everything of a workspace that an action may change."""

    rows: Rows
    corrections: bytes
    thresholds: str
    output: dict[str, str]

    @classmethod
    def of(cls, root: Path) -> State:
        workspace = open_workspace(root)
        with workspace.open_store() as store:
            rows = content(store)
        listed = workspace.corrections.read_bytes() if workspace.corrections.exists() else b""
        matching = load_settings(root / "facesort.toml")
        thresholds = f"{matching.matching} {matching.calibration and matching.calibration.strict}"
        return cls(rows, listed, thresholds, tree(root.parent / "out"))

    def is_as(self, other: State) -> bool:
        """Whether it is the same but for the list of corrections, which follows when the action is stored."""
        return (self.rows, self.thresholds, self.output) == (
            other.rows,
            other.thresholds,
            other.output,
        )


@pytest.fixture(scope="module")
def sorted_job(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sorted event; somebody was seeded since, so a re-match has something to do, and photos have failed."""
    folder = tmp_path_factory.mktemp("event")
    make_event(folder / "source", 70)
    workspace, pack = make_workspace(folder, folder / "source")
    add_references(workspace, pack, folder, {number: [45, 60] for number in range(1, 5)})
    sort_in_threads(workspace, pack)
    add_references(workspace, pack, folder, {5: [30]})
    return folder


def copy_with_output(job: Path, folder: Path) -> Path:
    if folder.exists():
        shutil.rmtree(folder)
    shutil.copytree(job / "out", folder / "out")
    return copy_of(job, folder)


@pytest.fixture(scope="module")
def faces(sorted_job: Path) -> dict[str, list[int]]:
    """Some faces of a person, and some of nobody."""
    with open_workspace(sorted_job / "hot").open_store(read_only=True) as store:
        sql = "SELECT a.face_id FROM face_state a LEFT JOIN everyone e USING (person_id) WHERE "
        ones = store.rows(sql + "e.name = 'Person 1' ORDER BY 1 LIMIT 9")
        nobodies = store.rows(sql + "e.name IS NULL ORDER BY 1 LIMIT 9")
    return {"one": [face for (face,) in ones], "nobody": [face for (face,) in nobodies]}


ACTS: dict[str, Callable[[dict[str, list[int]]], dict[str, Any]]] = {
    "answer": lambda faces: {"faces": faces["one"], "name": "Person 1"},
    "name": lambda faces: {"faces": faces["nobody"], "name": "Somebody new"},
    "undo": lambda faces: {},
    "retry": lambda faces: {},
    "forget": lambda faces: {"name": "Person 2"},
    "rematch": lambda faces: {},
    "apply": lambda faces: {},
}


@pytest.mark.parametrize("do", ACTS)
def test_an_action_that_is_killed_is_there_or_not(
    do: str,
    sorted_job: Path,
    faces: dict[str, list[int]],
    mortal: Mortal,
    ledger: Ledger,
    tmp_path: Path,
) -> None:
    """At its operations on files and at random times; a re-match, which is a job of batches, can be resumed."""
    random = chance("action", do)
    order = {"do": do, "with": ACTS[do](faces)}
    before = State.of(copy_with_output(sorted_job, tmp_path / "before"))
    root = copy_with_output(sorted_job, tmp_path / "after")
    began = time.perf_counter()
    assert mortal.act(root, **order, passed=str(tmp_path / "passed.json")) == 0
    lasts = time.perf_counter() - began
    passed = json.loads((tmp_path / "passed.json").read_text())
    after = State.of(root)
    assert not before.is_as(after)

    # What can be made again is overwritten and removed before somebody is forgotten.
    gone = {b"", bytes(len(before.corrections))} if do == "forget" else set()
    ends = set()
    for _ in range(share(2, 50)):
        root = copy_with_output(sorted_job, tmp_path / "killed")
        point = random.choice([*passed, "time"])
        if point == "time":
            ended = mortal.act(root, **order, after_s=random.uniform(0, lasts))
        else:
            ended = mortal.act(root, **order, die=[point, random.randint(1, passed[point])])
        assert ended in {0, KILLED}
        ledger.count(CALIBRATING if do == "apply" else KILLS, ended == KILLED)
        found = State.of(root)
        if do != "rematch":
            assert found.is_as(before) or found.is_as(after)
            assert found.corrections in {before.corrections, after.corrections} | gone
        ends.add(found.is_as(after))
        if do == "rematch" or found.is_as(before):
            assert mortal.act(root, **order) == 0
        now = State.of(root)
        assert now.is_as(after)
        if do != "undo":  # that one may have been done already, and would undo another action
            assert now.corrections in {after.corrections, found.corrections} | gone
        ledger.count("temporary files left", len([*(root.parent / "out").rglob(".*")]))
        sort_in_threads(*open_with_pack(root))
        assert not [path for path in root.rglob(".*")], "and the next sort tidies up"
    ledger.note(f"{do}: {len(ends)} ends")


def test_calibrate_is_killed_through_its_notebook(
    sorted_job: Path, ledger: Ledger, tmp_path: Path
) -> None:
    random, kills = chance("calibrate"), 0
    root = copy_with_output(sorted_job, tmp_path)
    before = State.of(root)
    command = [sys.executable, "-m", "facesort", "calibrate", "--apply", "-w", str(root)]
    command += ["--runs", str(tmp_path / "runs")]
    while kills < share(1, 20):
        began = subprocess.Popen(
            command, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            began.wait(random.uniform(2, 10))
        except subprocess.TimeoutExpired:
            all_of_it = psutil.Process(began.pid).children(recursive=True)
            killed = kill(began.pid, random.choice(["everything", "papermill", "kernel"]))
            began.wait(120)
            psutil.wait_procs(all_of_it, 60)
            kills += killed
            ledger.count(CALIBRATING, killed)
        else:
            assert began.returncode == 0
        found = State.of(root)
        assert (found.rows, found.output) == (before.rows, before.output)
        if found.thresholds != before.thresholds:
            assert load_settings(root / "facesort.toml").calibration is not None
            (root / "facesort.toml").unlink()
            root = copy_of(sorted_job, tmp_path)
    assert not [path for path in root.rglob(".*")]


REVIEW = """
from facesort.lab import review
from facesort.lab.review.person import PersonPanel
session = review.open_review({root!r})
panel = PersonPanel(session)
def press(action, *faces):
    acts = [{{"action": action, "ids": list(faces)}}]
    panel.sheet._handle_custom_msg({{"view": "1", "number": 1, "acts": acts}}, [])
faces = [tile["id"] for tile in panel.sheet.tiles]
print(faces)
"""


def run(client: BlockingKernelClient, code: str) -> None:
    reply = client.execute_interactive(code, output_hook=lambda _: None, timeout=120)
    assert reply["content"]["status"] == "ok", reply["content"]


@pytest.mark.parametrize("round_", range(share(1, 24)))
def test_the_kernel_of_a_review_is_killed_in_an_answer(
    round_: int, sorted_job: Path, ledger: Ledger, tmp_path: Path
) -> None:
    """With one answer after the other in the air: each of them is stored wholly or not at all, in their order."""
    random = chance("review", round_)
    root = copy_with_output(sorted_job, tmp_path)
    manager: KernelManager
    manager, client = start_new_kernel(startup_timeout=180)
    try:
        run(client, REVIEW.format(root=str(root)))
        before = State.of(root)
        client.execute("for face in faces[:9]: press('take', face)")
        time.sleep(random.uniform(0, 1.5))
        manager.signal_kernel(signal.SIGKILL)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)

    found = State.of(root)

    ledger.count(IN_A_KERNEL)
    workspace, pack = open_with_pack(root)
    with workspace.open_store(read_only=True) as store:
        taken = [action for action in history(store) if action.kind == "take_away"]
    ledger.note(f"{len(taken)} of 9 answers were stored")
    assert len(found.rows["answer"]) - len(before.rows["answer"]) == len(taken)
    edited = {"answer", "learned"}
    assert {name for name, rows in found.rows.items() if rows != before.rows[name]} <= edited | {
        f"{table}_edit" for table in edited
    }
    for _ in taken:
        undo(workspace)
    assert all(State.of(root).rows[table] == before.rows[table] for table in edited)
    sort_in_threads(workspace, pack)
    assert not [path for path in root.rglob(".*")]
