"""How folders of persons fill, shown while a sort runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from synthetic_event import make_gallery

from facesort.engine.job.progress import Progress
from facesort.lab.sort import filling as module
from facesort.lab.sort.filling import filling, persons_html
from facesort.store.queries import reports
from facesort.workspace import Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return make_gallery(tmp_path, {1: [30], 2: [30]})[0]


class Place:
    """What is displayed."""

    def __init__(self) -> None:
        self.shown: list[str] = []

    def update(self, content: object) -> None:
        self.shown.append(content.data)  # type: ignore[attr-defined]


def test_files_of_persons_are_shown_once_a_second_and_cleared_at_the_end(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, now = Place(), 100.0
    monkeypatch.setattr(module, "is_interactive", lambda: True)
    monkeypatch.setattr(module, "display", lambda *_, **__: place)
    with workspace.open_store() as store:  # as a sort does
        progress = Progress(workspace.state, reports.counts(store), run_id=1)
        with filling(workspace, clock=lambda: now) as photo_done:
            for number in (1, 2):
                progress.batch_committed(number, ["Person 2"] * 3)
                progress.write("running")
                photo_done()
                now += 1.1
                photo_done()
                photo_done()

    numbers = [re.findall(r">(Person \d)<.*?>(\d)<", shown) for shown in place.shown]
    assert numbers == [
        [("Person 1", "0"), ("Person 2", "3")],
        [("Person 1", "0"), ("Person 2", "6")],
        [],
    ]


def test_an_unattended_run_shows_none(
    workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    with filling(workspace, clock=lambda: 0.0) as photo_done:
        photo_done()

    assert capsys.readouterr().out == ""


def test_of_many_persons_those_with_the_most_files_are_shown() -> None:
    html = persons_html({f"<b>{number}": number for number in range(100)})

    assert re.findall(r"&lt;b&gt;(\d+)<", html) == [str(number) for number in range(60, 100)]
    assert "60 more people have fewer." in html
