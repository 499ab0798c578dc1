"""A session refreshes its observers, and serialises actions that Jupyter may run concurrently."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from synthetic_event import make_gallery, write_photo

from facesort.engine.gallery.view import read_gallery
from facesort.faces.protocol import ModelPack
from facesort.lab import calibrate, seed
from facesort.lab.review.panel import Panel
from facesort.lab.review.session import ReviewSession
from facesort.lab.seed.add_form import Press
from facesort.lab.seed.add_panel import AddPanel
from facesort.lab.seed.gallery_panel import GalleryPanel
from facesort.lab.shared.session import Session
from facesort.workspace import Workspace

Job = tuple[Workspace, ModelPack]


class Gate:
    """Blocks whoever waits until it is opened."""

    def __init__(self) -> None:
        self.inside, self.opened = threading.Event(), threading.Event()

    def wait(self) -> None:
        self.inside.set()
        assert self.opened.wait(180)


class Gated(ThreadPoolExecutor):
    """An executor that waits for a gate before it analyses."""

    def __init__(self, gate: Gate) -> None:
        super().__init__(1)
        self._gate = gate

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        self._gate.wait()
        return super().submit(fn, *args, **kwargs)


@contextmanager
def between(
    gate: Gate, first: Callable[[], object], second: Callable[[], object]
) -> Iterator[None]:
    """Run the body while the first action is unfinished and the second is requested; both finish afterwards."""
    with ThreadPoolExecutor(2) as threads:
        try:
            one = threads.submit(first)
            assert gate.inside.wait(180)
            two = threads.submit(second)
            with pytest.raises(TimeoutError):
                two.result(timeout=0.3)
            yield
        finally:
            gate.opened.set()
        one.result(timeout=180)
        two.result(timeout=180)


@pytest.fixture
def job(tmp_path: Path) -> Job:
    """Person 1 to Person 3, two references each."""
    made = make_gallery(tmp_path, {identity: [30, 60] for identity in (1, 2, 3)})
    write_photo(tmp_path / "source" / "a.png", [1, 2], variation=90)
    return made


def test_observers_follow_and_a_rerun_cell_replaces_its_own(job: Job) -> None:
    session, calls = Session(*job), list[str]()
    session.follow("a", lambda: calls.append("replaced"))
    session.follow("a", lambda: calls.append("a"))
    session.follow("b", lambda: calls.append("b"))
    session.follow("slow", lambda: calls.append("slow"), deferred=True)

    session.changed()
    session.changed(by="b")

    assert calls == ["a", "b", "slow", "a", "slow"], "outside a notebook nothing is deferred"


def test_deferred_observers_follow_once_when_changes_pause(job: Job) -> None:
    session, calls = Session(*job), list[str]()
    session.pause_s = 0.05
    session.follow("fast", lambda: calls.append("fast"))
    session.follow("slow", lambda: calls.append("slow"), deferred=True)
    session.follow("origin", lambda: calls.append("origin"), deferred=True)

    async def edit() -> None:
        session.changed()
        session.changed(by="origin")
        assert calls == ["fast", "fast"]
        await asyncio.sleep(0.3)

    asyncio.run(edit())

    assert calls == ["fast", "fast", "slow"]


def test_what_a_user_does_comes_between_two_deferred_observers(job: Job) -> None:
    session, calls = Session(*job), list[str]()
    session.pause_s = 0.0

    def slow() -> None:
        calls.append("slow")
        if calls.count("slow") == 1:
            asyncio.get_running_loop().call_soon(press)

    def press() -> None:
        calls.append("press")
        session.changed()

    session.follow("slow", slow, deferred=True)
    session.follow("last", lambda: calls.append("last"), deferred=True)

    async def edit() -> None:
        session.changed()
        await asyncio.sleep(0.5)

    asyncio.run(edit())

    assert calls == ["slow", "press", "slow", "last"]


def people(job: Job) -> dict[str, int]:
    return {card.person.name: len(card.references) for card in read_gallery(*job).cards}


def test_seeding_and_editing_take_turns(job: Job, tmp_path: Path) -> None:
    gate = Gate()
    session = seed.open_gallery(job[0].root, executor=Gated(gate))
    panel, editor = AddPanel(session), GalleryPanel(session).editor
    write_photo(tmp_path / "new.png", [1], variation=120)
    press = Press("Person 1", path=str(tmp_path / "new.png"))
    editor.open("Person 1")
    editor.name.value = "Ada"

    with between(gate, lambda: panel.add(press), editor.rename):
        assert people(job) == {"Person 1": 2, "Person 2": 2, "Person 3": 2}

    assert people(job) == {"Ada": 3, "Person 2": 2, "Person 3": 2}
    assert "1 reference added" in panel.message.value
    assert "is now called Ada" in editor.message.value


def test_looking_at_the_source_and_moving_a_threshold_take_turns(job: Job) -> None:
    gate = Gate()
    session = calibrate.open_calibration(job[0].root, executor=Gated(gate))
    before = session.thresholds

    with between(
        gate,
        lambda: calibrate.look_at_source(session, photos=1, seed=0),
        lambda: session.move(strict=0.25, loose=0.5),
    ):
        assert (session.thresholds, session.sample) == (before, None)

    assert (session.thresholds.strict, session.thresholds.loose) == (0.25, 0.5)
    assert session.sample is not None


class Empty(Panel):
    """Shows nothing."""

    def update(self) -> str:
        return ""


def test_two_panels_of_the_review_take_turns(job: Job) -> None:
    gate, done = Gate(), list[str]()
    review = ReviewSession(*job)
    one, other = Empty(review, "one"), Empty(review, "other")

    def slowly() -> None:
        gate.wait()
        done.append("one")

    with between(
        gate,
        lambda: one.edit(slowly, lambda _: "done"),
        lambda: other.edit(lambda: done.append("other"), lambda _: "done"),
    ):
        assert done == []

    assert done == ["one", "other"]
