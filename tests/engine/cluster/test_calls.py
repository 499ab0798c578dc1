"""No call is lost, whatever becomes of its machine while it is made."""

from __future__ import annotations

import asyncio
import concurrent.futures
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from facesort.core.records import PhotoRef
from facesort.engine.analysis.analyse import Analyser, Task, analyse_file
from facesort.engine.cluster import executor as module, machine, sent_files
from facesort.engine.cluster.calls import Call, Peer
from facesort.engine.cluster.executor import ClusterExecutor
from facesort.engine.cluster.machine import Outcome
from facesort.engine.sources.monitor import SourceMonitor
from facesort.engine.sources.root_folder import RootFolder
from facesort.errors import ClusterError, ImageError
from facesort.faces.packs.files import synthetic_pack
from facesort.reasons import Reason
from facesort.settings import PhotoSettings


class Books(ClusterExecutor):
    """Without a cluster: what a machine answers is given."""

    def __init__(self, source: Path, answer: Callable[[], Outcome]) -> None:
        self._here = Analyser({"card-1": source}, synthetic_pack(), PhotoSettings())
        self._calls, self._open, self._machines = asyncio.PriorityQueue(), set(), {}
        self._broken, self._changed, self._answer = None, lambda: None, answer

    async def _on(self, machine: Peer, fn: Callable[..., Any], *args: Any) -> Any:
        return self._answer()

    def join(self, name: str) -> Peer:
        peer = Peer(f"tcp://{name}:1", name, processes=1)
        self._machines[peer.address, name] = peer
        peer.tasks.append(asyncio.create_task(self._serve(peer)))
        return peer

    def enter(self, name: str) -> Call:
        task = Task(PhotoRef(1, name, source="card-1"))
        call = Call(0, analyse_file, self._here, (task,))
        self._enter(call)
        return call


def unseen() -> Outcome:
    return Outcome(error=ImageError(Reason.MISSING, "it was there"))


def seconds(of: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(of(), 10))


def test_a_machine_refused_while_its_photo_is_looked_at_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(*_: object, **__: object) -> bool:
        time.sleep(0.3)
        return True

    monkeypatch.setattr(module, "_is_readable", slow)

    async def run() -> None:
        books = Books(tmp_path, unseen)
        call, peer = books.enter("a.jpg"), books.join("a")
        await asyncio.sleep(0.1)
        books._refuse(peer, "its mount")
        await asyncio.sleep(0.1)
        books._answer = lambda: Outcome(7)
        books.join("b")
        assert await asyncio.wrap_future(call.future) == 7

    seconds(run)


def test_whoever_waits_for_a_call_hears_that_it_was_cancelled(tmp_path: Path) -> None:
    async def run() -> None:
        books = Books(tmp_path, unseen)
        call = books.enter("a.jpg")
        waits = asyncio.create_task(asyncio.to_thread(concurrent.futures.wait, [call.future]))
        await asyncio.sleep(0.1)
        assert call.future.cancel()
        books.join("a")
        await waits
        assert not books._open

    seconds(run)


def test_the_end_does_not_wait_for_what_was_cancelled(tmp_path: Path) -> None:
    books = Books(tmp_path, unseen)
    assert books.enter("a.jpg").future.cancel()
    with pytest.raises(AttributeError, match="_watching"):  # it got that far
        books.shutdown()


def test_a_photo_that_is_here_is_not_missing_because_no_machine_sees_it(tmp_path: Path) -> None:
    async def run() -> None:
        books = Books(tmp_path, unseen)
        (tmp_path / "here.jpg").write_bytes(b"photo")
        here, peer = books.enter("here.jpg"), books.join("a")
        while not peer.refused:
            await asyncio.sleep(0.01)
        assert "does not see here.jpg, which this machine sees" in peer.refused
        assert not here.future.done()
        books._answer = lambda: Outcome(7)
        books.join("b")
        assert await asyncio.wrap_future(here.future) == 7

    seconds(run)


@pytest.mark.parametrize(
    ("address", "host"),
    [
        ("tcp://127.0.0.1:8786", "127.0.0.1"),
        ("tcp://localhost:8786", "127.0.0.1"),
        ("tcp://[::1]:8786", "[::1]"),
        ("tls://office-1:8786", None),
    ],
)
def test_without_certificates_a_worker_is_for_this_machine_only(
    address: str, host: str | None
) -> None:
    assert machine._listens_at(address) == host


def test_a_full_disk_is_its_machines_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(sent_files, "_unpack", full)
    with (
        pytest.raises(ClusterError, match="cannot be written"),
        sent_files.unpacked({("card-1", "a.jpg"): b"photo"}, ["card-1"]),
    ):
        raise AssertionError


def test_a_source_is_known_by_what_it_has(tmp_path: Path) -> None:
    root = RootFolder.of(tmp_path)
    of = [(["a.mp4", "b.jpg"], ["c.jpg"]), (["a.mp4"], ["c.jpg"]), (["a.mp4"], []), ([], ["d.mp4"])]
    known = [list(SourceMonitor("card-1", root, *files).samples()) for files in (*of, ([], []))]
    assert known == [["b.jpg"], ["c.jpg"], ["a.mp4"], ["d.mp4"], []]
