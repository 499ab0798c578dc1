"""No call is lost, whatever becomes of its machine while it is made."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from facesort.core.records import Analysis, PhotoRef
from facesort.engine.analysis.analyse import Analyser, Task, analyse_file, hash_file
from facesort.engine.cluster import dispatch as module, machine, sent_files
from facesort.engine.cluster.calls import Call, Peer
from facesort.engine.cluster.dispatch import Dispatch
from facesort.engine.cluster.executor import ClusterExecutor
from facesort.engine.cluster.introduction import Introduction
from facesort.engine.cluster.line import Line
from facesort.engine.cluster.machine import Outcome, introduce_machine
from facesort.engine.cluster.sent_files import Room
from facesort.engine.sources.monitor import SourceMonitor
from facesort.engine.sources.root_folder import RootFolder
from facesort.errors import ClusterError, ImageError, ResourceError
from facesort.faces.packs.files import synthetic_pack
from facesort.reasons import Reason
from facesort.settings import PhotoSettings


class Given(Line):
    """No line: what a machine answers is given."""

    def __init__(self, answer: Callable[[], Any]) -> None:
        self.address, self.answer = "tcp://127.0.0.1:8786", answer

    async def on(self, machine: Peer, fn: Callable[..., Any], arguments: Any) -> Any:
        return self.answer()


class Unconnected(Line):
    """Calls are made ready for a machine, and handed over to nobody."""

    def __init__(self, submit: Any = None) -> None:
        self.address, self._client = "tcp://127.0.0.1:8786", SimpleNamespace(submit=submit)


class Books(Dispatch):
    """Without a cluster."""

    def __init__(self, source: Path, line: Line) -> None:
        here = Analyser({"card-1": source}, synthetic_pack(), PhotoSettings())
        super().__init__(line, here, (), sending=True, changed=lambda: None)
        self._sent = Room(10_000)

    def join(self, name: str, *, receives: bool = False) -> Peer:
        peer = Peer(f"tcp://{name}:1", name, processes=1, receives=receives)
        self.machines[peer.address, name] = peer
        peer.tasks.append(asyncio.create_task(self._serve(peer)))
        return peer

    def ask(self, name: str, number: int = 0, fn: Callable[..., Any] = analyse_file) -> Call:
        task = Task(PhotoRef(1, name, source="card-1"))
        call = Call(number, fn, self._here, (task,))
        self.enter(call)
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
        line = Given(unseen)
        books = Books(tmp_path, line)
        call, peer = books.ask("a.jpg"), books.join("a")
        await asyncio.sleep(0.1)
        books._refuse(peer, "its mount")
        await asyncio.sleep(0.1)
        line.answer = lambda: Outcome(7)
        books.join("b")
        assert await asyncio.wrap_future(call.future) == 7

    seconds(run)


def test_whoever_waits_for_a_call_hears_that_it_was_cancelled(tmp_path: Path) -> None:
    async def run() -> None:
        books = Books(tmp_path, Given(unseen))
        call = books.ask("a.jpg")
        waits = asyncio.create_task(asyncio.to_thread(concurrent.futures.wait, [call.future]))
        await asyncio.sleep(0.1)
        assert call.future.cancel()
        books.join("a")
        await waits
        assert not books.open

    seconds(run)


def test_the_end_does_not_wait_for_what_was_cancelled(tmp_path: Path) -> None:
    books = Books(tmp_path, Given(unseen))
    executor = object.__new__(ClusterExecutor)
    executor._dispatch = books
    assert books.ask("a.jpg").future.cancel()
    with pytest.raises(AttributeError, match="_watching"):  # it got that far
        executor.shutdown()


def test_a_photo_that_is_here_is_not_missing_because_no_machine_sees_it(tmp_path: Path) -> None:
    async def run() -> None:
        line = Given(unseen)
        books = Books(tmp_path, line)
        (tmp_path / "here.jpg").write_bytes(b"photo")
        here, peer = books.ask("here.jpg"), books.join("a")
        while not peer.refused:
            await asyncio.sleep(0.01)
        assert "does not see here.jpg, which this machine sees" in peer.refused
        assert not here.future.done()
        line.answer = lambda: Outcome(7)
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


def test_a_full_disk_is_its_machines_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(sent_files, "_unpack", full)
    with (
        pytest.raises(ClusterError, match="cannot be written"),
        sent_files.unpacked({("card-1", "a.jpg"): b"photo"}, ["card-1"], tmp_path),
    ):
        raise AssertionError


def test_a_source_is_known_by_what_it_has(tmp_path: Path) -> None:
    root = RootFolder.of(tmp_path)
    of = [(["a.mp4", "b.jpg"], ["c.jpg"]), (["a.mp4"], ["c.jpg"]), (["a.mp4"], []), ([], ["d.mp4"])]
    known = [
        list(SourceMonitor("card-1", root, partial(tuple, files)).samples())
        for files in (*of, ([], []))
    ]
    assert known == [["b.jpg"], ["c.jpg"], ["a.mp4"], ["d.mp4"], []]


class Scales(Given):
    """Machines that are sent photos and take a moment for each; how many bytes they have is weighed."""

    held = most = 0

    async def on(self, machine: Peer, fn: Callable[..., Any], arguments: Any) -> Any:
        *_, files = arguments()
        size = sum(map(len, files.values()))
        self.held += size
        self.most = max(self.most, self.held)
        await asyncio.sleep(0.02)
        self.held -= size
        return Outcome(7)


def test_only_so_much_is_on_its_way_at_a_time_also_where_one_photo_is_larger(
    tmp_path: Path,
) -> None:
    sizes = [4000, 3000, 9000, 25_000, 1, 4000, 5000, 2000]
    for number, size in enumerate(sizes):
        (tmp_path / f"{number}.arw").write_bytes(bytes(size))

    async def run() -> None:
        scales = Scales(unseen)
        books = Books(tmp_path, scales)
        calls = [books.ask(f"{number}.arw", number) for number in range(len(sizes))]
        for name in "abcdefgh":
            books.join(name, receives=True)
        for call in calls:
            assert await asyncio.wrap_future(call.future) == 7
        assert scales.most == 25_000
        (tmp_path / "3.arw").write_bytes(b"small")
        scales.most = 0
        for call in [books.ask(f"{number}.arw", number) for number in range(len(sizes))]:
            assert await asyncio.wrap_future(call.future) == 7
        assert 9000 <= scales.most <= 10_000

    seconds(run)


class Slow(Given):
    """One machine that is sent photos, over a line that takes a while for each."""

    under_way = most = 0

    def __init__(self, way: float) -> None:
        super().__init__(unseen)
        self._way, self._line = way, asyncio.Lock()
        self.said = Introduction((), (), "", "", np.zeros((1, 2), np.float32))

    async def on(self, machine: Peer, fn: Callable[..., Any], arguments: Any) -> Any:
        if fn is introduce_machine:
            return self.said, 8, 8, True
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        async with self._line:
            await asyncio.sleep(self._way)
        await asyncio.sleep(0.01)
        self.under_way -= 1
        return Outcome(7, seconds=0.01)

    def books(self, source: Path) -> Books:
        """Books of a machine that says the same of itself."""
        books = Books(source, self)
        books._ours = asyncio.ensure_future(asyncio.sleep(0, self.said))
        return books


@pytest.mark.parametrize(("way", "most"), [(0.2, 2), (0.0, 10)])
def test_a_machine_behind_a_slow_line_has_few_photos_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: float, most: int
) -> None:
    """All others waited for the first of ten that shared its line."""
    monkeypatch.setattr(module, "_FAR_S", 0.1)

    async def run() -> None:
        slow, peer = Slow(way), Peer("tcp://a:1", "a")
        books = slow.books(tmp_path)
        calls = [books.ask(f"{number}.jpg", number) for number in range(12 if way else 200)]
        await books._greet(peer)
        for call in calls:
            assert await asyncio.wrap_future(call.future) == 7
        assert not peer.refused
        assert slow.most == most

    seconds(run)


def test_a_machine_whose_line_becomes_slow_has_fewer_photos(tmp_path: Path) -> None:
    async def run() -> None:
        books, peer = Slow(0.0).books(tmp_path), Peer("tcp://a:1", "a")
        calls = [books.ask(f"{number}.jpg", number) for number in range(200)]
        await books._greet(peer)
        for call in calls:
            await asyncio.wrap_future(call.future)
        assert peer.calls == 10
        peer.is_far = True
        while books._has_too_many(peer):
            pass
        assert peer.calls == 2

    seconds(run)


def test_what_is_sent_is_read_and_packed_beside_the_event_loop(tmp_path: Path) -> None:
    threads = []

    class Packed:
        def __reduce__(self) -> tuple[Any, ...]:
            threads.append(threading.current_thread())
            return str, ()

    async def answer() -> int:
        return 7

    class Handed:
        release = staticmethod(lambda: None)

        def __await__(self) -> Any:
            return answer().__await__()

    async def run() -> None:
        line, peer = Unconnected(lambda *_, **__: Handed()), Peer("tcp://a:1", "a")
        assert await line.on(peer, print, lambda: (Packed(),)) == 7

    seconds(run)
    assert threads
    assert threading.main_thread() not in threads


@pytest.mark.parametrize(
    ("where", "error", "words"),
    [
        ("size_of", MemoryError(), "out of memory"),
        ("files_of", OSError(24, "Too many open files"), "Too many open files"),
        ("files_of", MemoryError(), "out of memory"),
    ],
)
def test_what_this_machine_lacks_is_no_other_ones_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str, error: Exception, words: str
) -> None:
    """One after the other was refused."""

    def lack(*_: object) -> None:
        raise error

    monkeypatch.setattr(module, where, lack)
    monkeypatch.setattr(module, "_LOOK_S", 0.01)

    async def run() -> None:
        books = Books(tmp_path, Unconnected())
        calls = [books.ask("a.jpg", number) for number in range(2)]
        peers = [books.join(name, receives=True) for name in "ab"]
        for call in calls:
            with pytest.raises(ResourceError, match=words):
                await asyncio.wait_for(asyncio.wrap_future(call.future), 5)
        assert [peer.refused for peer in peers] == ["", ""]

    seconds(run)


def test_a_machine_is_not_refused_because_this_one_could_not_ask_it(tmp_path: Path) -> None:
    async def run() -> None:
        books = Books(tmp_path, Unconnected())
        books._abroad = lack_memory  # type: ignore[method-assign]
        call, peer = books.ask("a.jpg"), Peer("tcp://a:1", "a")
        await books._greet(peer)
        with pytest.raises(ResourceError, match="out of memory"):
            call.future.result(0)
        assert not peer.refused

    seconds(run)


def lack_memory(*_: object) -> Analyser:
    raise MemoryError


def test_a_photo_that_is_hashed_before_it_is_analysed_counts_once(tmp_path: Path) -> None:
    async def run() -> None:
        line = Given(lambda: Outcome(Analysis(1, "00", known=True)))
        books = Books(tmp_path, line)
        peer = books.join("a")
        await asyncio.wrap_future(books.ask("a.jpg", 0, hash_file).future)
        line.answer = lambda: Outcome(Analysis(1, "00"))
        await asyncio.wrap_future(books.ask("a.jpg", 1).future)
        assert peer.photos == 1

    seconds(run)


def test_a_sort_that_begins_while_a_photo_of_another_ends_disturbs_it_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The photo's machine was taken for lost."""
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    lending = machine.Machine({n: tmp_path / n for n in "ab"}, synthetic_pack(), 1)
    monkeypatch.setattr(lending, "_run", lambda *_: 7)
    one, other = (
        Analyser({name: tmp_path / name}, synthetic_pack(), PhotoSettings()) for name in "ab"
    )
    lending.introduce(one, (), sending=False)
    is_there = RootFolder.is_there

    def meanwhile(root: RootFolder) -> bool:
        lending.introduce(other, (), sending=False)
        return is_there(root)

    monkeypatch.setattr(RootFolder, "is_there", meanwhile)
    assert lending.carry_out(print, one, (), {}).value == 7
