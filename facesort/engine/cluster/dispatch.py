"""Which machine of a cluster gets which call."""

from __future__ import annotations

import asyncio
import concurrent.futures
import logging
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

from facesort.core.records import Analysis, PhotoRef
from facesort.engine.analysis.analyse import Analyser
from facesort.engine.analysis.lost import WORKER_FAILURES
from facesort.engine.analysis.reading import read_photo, sha256_of
from facesort.engine.cluster.calls import Call, Peer
from facesort.engine.cluster.introduction import introduced_here, why_refused
from facesort.engine.cluster.line import Line, OwnError, of_ours
from facesort.engine.cluster.machine import MORE_CALLS, Outcome, carry_out, introduce_machine
from facesort.engine.cluster.sent_files import Room, files_of, size_of
from facesort.errors import ClusterError, ImageError, short_of

log = logging.getLogger(__name__)

_LOOK_S = 0.5  # between two looks at who is there
_PASS_S = 0.05  # before a machine takes a call again that it leaves to others
_ONCE_MORE = (*WORKER_FAILURES, concurrent.futures.CancelledError)
# Bytes of photos on their way or being looked at; the scheduler and the machines hold them until then.  35 photos of
# 24 MP, which are looked at by three to four machines of eight cores; more than these wait for one another.
_MOST_SENT = 256_000_000
_FIRST_SENT = 2  # calls that a machine has at first which is sent its photos
_FAR_S, _FAR = (
    0.5,
    3,
)  # a photo's way to a machine is long from so many seconds on, and so many times those it is there
_MOST_DOUBTS = 3  # files that another machine saw, before a machine is not asked any more


class Dispatch:
    """Gives calls to machines that would find exactly what this one finds; all of it in the thread of an event loop.

    A machine that was refused never gets a call, and a call whose machine is lost goes to another one, first of all.
    So Dask's blame for tasks whose workers died is of no account.

    Parameters
    ----------
    line : Line
        The way to the machines.
    here : Analyser
        Of the run, with the sources that are there.
    samples : sequence of PhotoRef
        Photos that each machine must have, with the same content.
    sending : bool
        Whether machines without a source are sent the photos.
    changed : callable
        Called when a machine was taken in or refused, or has left.

    Attributes
    ----------
    machines : dict of (address, name) to Peer
        All that are or were in the cluster.
    open : set of Call
        Those that are not finished.
    """

    def __init__(
        self,
        line: Line,
        here: Analyser,
        samples: Sequence[PhotoRef],
        *,
        sending: bool,
        changed: Callable[[], object],
    ) -> None:
        self._line, self._here, self._samples = line, here, tuple(samples)
        self._sending, self._changed = sending, changed
        self._calls: asyncio.PriorityQueue[Call] = asyncio.PriorityQueue()
        self._sent = Room(_MOST_SENT)
        self._broken: BaseException | None = None
        self.open: set[Call] = set()
        self.machines: dict[tuple[str, str], Peer] = {}

    def enter(self, call: Call) -> None:
        """Let one of the machines make a call; while there is none, it waits."""
        if self._broken is not None:
            call.future.set_exception(self._broken)
            return
        self.open.add(call)
        self._calls.put_nowait(call)

    async def watch(self) -> None:
        """Look who is there, until the scheduler is gone."""
        self._ours = asyncio.create_task(
            asyncio.to_thread(introduced_here, self._here, self._samples)
        )
        self._ours.add_done_callback(self._break_after)
        waits = False
        try:
            while True:
                there = await self._line.who_is_there()
                for key in there - self.machines.keys():
                    self.machines[key] = machine = Peer(*key)
                    machine.tasks.append(asyncio.create_task(self._greet(machine)))
                for key, machine in self.machines.items():
                    if key not in there and not machine.left:
                        self._lose(machine)
                nobody = all(m.left or m.refused for m in self.machines.values())
                if waits != (waits := bool(self.open) and nobody) and waits:
                    log.warning(
                        "no machine of the cluster %s works for this job, which waits for one: start `facesort worker` "
                        "on it; `facesort status` says who was refused",
                        self._line.address,
                    )
                await asyncio.sleep(_LOOK_S)
        except (OSError, ValueError) as error:
            why = str(error) or type(error).__name__
            self._break(
                ClusterError(
                    f"the scheduler at {self._line.address} is gone ({why}): start it again with "
                    "`facesort cluster start`, and run the same command again, which goes on where this one stopped"
                )
            )
        finally:
            for machine in self.machines.values():
                machine.stop()

    def _break_after(self, task: asyncio.Task[Any]) -> None:
        """Nothing goes on without one of our own tasks: without what is right, say, no machine can be checked."""
        if not task.cancelled() and (error := task.exception()) is not None:
            self._break(error)

    def _break(self, error: BaseException) -> None:
        """Fail all calls, those to come too."""
        if isinstance(error, OwnError):
            error = error.error
        self._broken = error = short_of(error) or error
        for call in self.open:
            if call.future.set_running_or_notify_cancel():
                call.future.set_exception(error)
        self.open.clear()

    def _working(self) -> list[Peer]:
        return [machine for machine in self.machines.values() if machine.works]

    def _lose(self, machine: Peer) -> None:
        """A machine is gone; its calls go elsewhere."""
        machine.left = True
        if machine.processes and not machine.refused:
            log.warning("%s has left the cluster: its photos go elsewhere", machine.name)
        self._changed()
        machine.stop()

    def _refuse(self, machine: Peer, why: str) -> None:
        machine.refused = why
        log.warning("%s gets no photo: %s", machine.name, why)
        self._changed()
        machine.stop()

    async def _greet(self, machine: Peer) -> None:
        """Let a machine introduce itself; if it is as this one, let it take calls."""
        asked = (
            introduce_machine,
            lambda: (self._abroad(self._here), self._samples, self._sending),
        )
        try:
            try:
                theirs, processes, now, machine.receives = await self._line.on(machine, *asked)
            except _ONCE_MORE:  # it was busy, or short of memory
                theirs, processes, now, machine.receives = await self._line.on(machine, *asked)
        except OwnError as error:
            return self._break(error)
        except ClusterError as error:
            return self._refuse(machine, str(error))
        except Exception as error:  # noqa: BLE001 - it may have any other code
            return self._refuse(machine, _unchecked(error))
        ours = await self._ours
        if machine.receives:
            ours = replace(ours, files=())
        try:
            why = why_refused(ours, theirs, () if machine.receives else self._samples)
        except Exception as error:  # noqa: BLE001 - as above: what it says of itself may have another form
            why = _unchecked(error)
        if why:
            return self._refuse(machine, why)
        machine.processes, machine.processes_now = processes, now
        machine.began = time.monotonic()
        log.info("%s takes part with %d processes", machine.name, processes)
        self._changed()
        for _ in range(_FIRST_SENT if machine.receives else processes + MORE_CALLS):
            self._call_more(machine)
        return None

    def _call_more(self, machine: Peer) -> None:
        """Let a machine have one more call at a time."""
        machine.calls += 1
        machine.tasks = [task for task in machine.tasks if not task.done()]
        machine.tasks.append(asyncio.create_task(self._serve(machine)))
        machine.tasks[-1].add_done_callback(self._break_after)

    def _has_too_many(self, machine: Peer) -> bool:
        """Whether a machine shall have one call less, as photos reach it slowly; it has one more if they reach it fast.

        Calls that share a slow line only make each other slower, and results are taken in order: all wait for them.
        """
        if not machine.receives or not machine.works:
            return False
        if machine.is_far and machine.calls > _FIRST_SENT:
            machine.calls -= 1
            return True
        if not machine.is_far and machine.calls < machine.processes + MORE_CALLS:
            self._call_more(machine)
        return False

    async def _serve(self, machine: Peer) -> None:
        """Give one call after the other to a machine."""
        while machine.works:
            call = await self._calls.get()
            if call not in self.open:
                continue
            if call.future.cancelled():
                self.open.remove(call)
                call.future.set_running_or_notify_cancel()  # whoever waits for it hears of it
            elif machine in call.unseen_by:
                await self._leave_to_others(call)
            else:
                await self._make(machine, call)
                if self._has_too_many(machine):
                    return

    async def _make(self, machine: Peer, call: Call) -> None:
        """Make a call on a machine; it goes back to the queue if the machine cannot."""

        def arguments() -> tuple[Any, ...]:
            files = files_of(call.analyser, call.args) if machine.receives else {}
            return call.fn, self._abroad(call.analyser), call.args, files

        try:
            room: AbstractAsyncContextManager[None] = nullcontext()
            if machine.receives:
                size = await of_ours(size_of, call.analyser, call.args)
                room = self._sent.for_(size)
            async with room:
                began = time.monotonic()
                outcome: Outcome = await self._line.on(machine, carry_out, arguments)
                way = time.monotonic() - began - outcome.seconds
                machine.is_far = way > max(_FAR_S, _FAR * outcome.seconds)
            is_here = outcome.is_unseen and await of_ours(_is_readable, self._here, call.photo)
        except OwnError as error:
            return self._break(error)
        except concurrent.futures.CancelledError:  # Dask has lost the scheduler, and found it again
            self._calls.put_nowait(call)
            return await asyncio.sleep(2 * _LOOK_S)
        except Exception as error:  # noqa: BLE001 - Dask's: the machine, or the way to it
            self._calls.put_nowait(call)
            await asyncio.sleep(2 * _LOOK_S)  # if it has left, this ends here
            return self._refuse(machine, f"it was lost ({type(error).__name__}: {error})")
        except BaseException:  # it has left
            self._calls.put_nowait(call)
            raise
        if outcome.unable:
            self._calls.put_nowait(call)
            return self._refuse(machine, outcome.unable)
        if is_here:
            call.unseen_by[machine] = outcome
            self._calls.put_nowait(call)
            return None
        # What is known was only hashed: by itself, or before it is analysed.
        machine.photos += isinstance(outcome.value, Analysis) and not outcome.value.known
        machine.latest, machine.processes_now = time.monotonic(), outcome.processes
        self._settle(call, outcome)
        for other in call.unseen_by:
            other.doubts += 1
            if other.doubts == _MOST_DOUBTS:
                seen = f"it does not see {other.doubts} files that others see"
                self._refuse(
                    other, f"{seen}, at last {call.photo and call.photo.path}: check its mount"
                )
        return None

    async def _leave_to_others(self, call: Call) -> None:
        """Of a photo that this machine sees and another one did not: it is missing if none does."""
        if not all(machine in call.unseen_by for machine in self._working()):
            self._calls.put_nowait(call)
            return await asyncio.sleep(_PASS_S)
        try:
            is_here = await asyncio.to_thread(_is_readable, self._here, call.photo, whole=True)
        except BaseException:
            self._calls.put_nowait(call)
            raise
        if not is_here:
            return self._settle(call, next(iter(call.unseen_by.values())))
        self._calls.put_nowait(call)
        for machine in filter(call.unseen_by.__contains__, self._working()):
            seen = f"it does not see {call.photo and call.photo.path}, which this machine sees"
            self._refuse(machine, f"{seen}: check its mount")
        return None

    def _settle(self, call: Call, outcome: Outcome) -> None:
        if call not in self.open or not call.future.set_running_or_notify_cancel():
            self.open.discard(call)
            return
        self.open.remove(call)
        if outcome.error is not None:
            call.future.set_exception(outcome.error)
        else:
            call.future.set_result(outcome.value)

    def _abroad(self, analyser: Analyser) -> Analyser:
        """As a machine gets it: it puts in where its sources and its pack are."""
        roots = dict.fromkeys(self._here.roots, Path())
        return replace(analyser, roots=roots, pack=replace(analyser.pack, path=None))


def _unchecked(error: Exception) -> str:
    return f"it could not be checked ({type(error).__name__}: {error})"


def _is_readable(here: Analyser, photo: PhotoRef | None, *, whole: bool = False) -> bool:
    """Whether this machine sees a photo, or can read the whole of it."""
    if photo is None:
        return False
    try:
        path = here.path_of(photo)
        return bool(sha256_of(path) if whole else read_photo(path, float("inf"), limit=1))
    except ImageError:
        return False
