"""Notebooks that are opened while a sort runs, and what a notebook shows of errors; in real kernels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from synthetic_event import make_gallery, sort_in_threads, write_photo

from facesort.engine.job.progress import Progress
from facesort.lab.shared.notebooks import notebook_path
from facesort.store.queries import reports
from facesort.workspace import Workspace

Message = dict[str, Any]

SHOWN = {"display_data", "execute_result", "update_display_data", "error"}
WAITS = "Waits for the workspace"


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """Persons 1 and 2, two references each, in two photos."""
    workspace, pack = make_gallery(tmp_path, {1: [30, 60], 2: [30, 60]})
    for number in (1, 2):
        write_photo(tmp_path / "source" / f"{number}.png", [number], variation=90)
    sort_in_threads(workspace, pack)
    return workspace


def run(kernel: BlockingKernelClient, code: str, **options: bool) -> list[Message]:
    """What a cell sends to the page."""
    sent: list[Message] = []
    kernel.execute_interactive(code, timeout=120, output_hook=sent.append, **options)
    return sent


def press(kernel: BlockingKernelClient, button: str) -> list[Message]:
    """What the kernel sends to the page when a button is pressed."""
    click = {"comm_id": button, "data": {"method": "custom", "content": {"event": "click"}}}
    message = kernel.session.msg("comm_msg", click)
    kernel.shell_channel.send(message)
    sent: list[Message] = []
    while not (sent and sent[-1]["content"].get("execution_state") == "idle"):
        sent += [
            one
            for one in [kernel.get_iopub_msg(timeout=120)]
            if one["parent_header"].get("msg_id") == message["header"]["msg_id"]
        ]
    return sent


def shown(sent: list[Message]) -> list[Message]:
    return [message for message in sent if message["msg_type"] in SHOWN]


def button(sent: list[Message], description: str) -> str:
    """The id of a button that a cell made."""
    (found,) = (
        message["content"]["comm_id"]
        for message in sent
        if message["msg_type"] == "comm_open"
        and message["content"]["data"]["state"].get("description") == description
    )
    return str(found)


def cells(name: str, workspace: Workspace) -> list[str]:
    """The cells of a notebook with this workspace."""
    found = nbformat.read(notebook_path(name), as_version=4).cells
    parameters, *others = (cell.source for cell in found if cell.cell_type == "code")
    return [f"{parameters}\nworkspace = {str(workspace.root)!r}", *others]


def text(message: Message) -> str:
    return str(message["content"]["data"])


def kinds(message: Message) -> list[str]:
    """As what it is sent: a widget, a table, a picture."""
    return sorted(message["content"]["data"])


@pytest.mark.parametrize("name", ["01_seed", "02_calibrate", "04_review", "05_audit"])
def test_a_notebook_waits_while_a_sort_runs_and_fills_when_it_has_ended(
    name: str, workspace: Workspace, kernel: BlockingKernelClient
) -> None:
    parameters, first, *others = cells(name, workspace)
    run(kernel, parameters)
    with workspace.open_store() as store:
        Progress(workspace.state, reports.counts(store), run_id=2).write("running")
        opening = run(kernel, first)
        assert "error" not in {message["msg_type"] for message in opening}
        again = button(opening, "Try again")
        waiting = [place for code in others for place in shown(run(kernel, code))]
        assert [WAITS in text(place) for place in waiting] == [True, False] * len(others)
        assert shown(press(kernel, again)) == []

    filled = shown(press(kernel, again))

    places = [place["content"]["transient"] for place in [*shown(opening), *waiting]]
    taken = [place["content"]["transient"] for place in filled]
    assert taken == [place for place in places if place in taken]
    assert not any(WAITS in text(place) for place in filled)
    rerun = [place for code in others for place in shown(run(kernel, code))]
    assert not [place for place in rerun if place["msg_type"] == "error" or WAITS in text(place)]
    assert [kinds(place) for place in filled[1:]] == [kinds(place) for place in rerun]


@pytest.mark.parametrize("name", ["01_seed", "04_review"])
def test_what_nobody_can_wait_for_fails_in_one_sentence(
    name: str, workspace: Workspace, kernel: BlockingKernelClient
) -> None:
    parameters, first, *_ = cells(name, workspace)
    run(kernel, parameters)
    with workspace.open_store():
        (failed,) = shown(run(kernel, first, allow_stdin=False))

    assert failed["content"]["ename"] == "StoreLockedError"
    (sentence,) = failed["content"]["traceback"]
    assert "is in use by process" in sentence


def test_a_lost_disk_is_one_sentence_and_a_surprise_keeps_its_traceback(
    kernel: BlockingKernelClient, tmp_path: Path
) -> None:
    workspace, _ = make_gallery(tmp_path, {1: [30]})
    (tmp_path / "source").rmdir()
    parameters, first, sort, *_ = cells("03_sort", workspace)
    run(kernel, parameters)
    run(kernel, first)

    *_, failed = shown(run(kernel, sort))

    assert failed["content"]["ename"] == "SourceGoneError"
    (sentence,) = failed["content"]["traceback"]
    assert str(tmp_path / "source") in sentence
    (surprise,) = shown(run(kernel, "1 / 0"))
    assert len(surprise["content"]["traceback"]) > 1

    (tmp_path / "source").mkdir()
    interrupt = "def run_sort(*_): raise KeyboardInterrupt"
    run(kernel, f"from facesort.lab.sort import cells\n{interrupt}\ncells.run_sort = run_sort")
    *_, ended, stopped = shown(run(kernel, sort))
    assert "run ended" in text(ended)
    assert stopped["content"]["traceback"] == ["Stopped. Run this cell again to go on."]
