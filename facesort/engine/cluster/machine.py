"""A machine that lends its processors: one local pool behind Dask's worker, so that limits and blame stay ours."""

from __future__ import annotations

import asyncio
import itertools
import os
import pickle
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from secrets import token_hex
from tempfile import gettempdir
from typing import Any, TypeVar, cast

from distributed import Security, Worker, get_worker
from distributed.diagnostics.plugin import WorkerPlugin

from facesort.core.records import Analysis, PhotoRef
from facesort.core.text.words import several
from facesort.engine.analysis.analyse import Analyser
from facesort.engine.cluster.certificates import Role
from facesort.engine.cluster.dask_settings import PAGES, as_facesort_needs_it
from facesort.engine.cluster.growing_pool import GrowingPool
from facesort.engine.cluster.introduction import Introduction, introduce
from facesort.engine.cluster.reach import security_for, why_unreachable
from facesort.engine.cluster.sent_files import SentFiles, cannot_unpack, unpacked
from facesort.engine.sources.root_folder import RootFolder
from facesort.errors import ClusterError, FacesortError, ImageError
from facesort.faces.protocol import ModelPack
from facesort.files import scratch_folder, sweep_scratch
from facesort.reasons import Reason

T = TypeVar("T")

MORE_CALLS = 2
"""Calls that a machine has besides those in its processes, so that none of these waits for the network."""

_PLUGIN = "facesort"
_SENT = "facesort-sent-"
_AGAIN_S = 1.0
_UNSEEN = {Reason.MISSING, Reason.UNREADABLE}


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a call ended; what Dask raises by itself is about the machine.

    Parameters
    ----------
    unable : str
        Why the machine cannot go on, as the end of a sentence; empty: `value` or `error` is the call's own.
    processes : int
        That the machine has now.
    seconds : float
        That it had the call, without its way there and back.
    """

    value: Any = None
    error: Exception | None = None
    unable: str = ""
    processes: int = 0
    seconds: float = 0.0

    @property
    def is_unseen(self) -> bool:
        """Whether a file could not be read."""
        if isinstance(self.error, ImageError):
            return self.error.reason in _UNSEEN
        return isinstance(self.value, Analysis) and self.value.failure in _UNSEEN


class Machine(WorkerPlugin):
    """What one machine has, and its processes.

    Parameters
    ----------
    sources : mapping of str to Path
        Where each source is on this machine; none: photos are sent to it.
    pack : ModelPack
        This machine's copy.
    processes : int
        That look for faces, at most.
    least : int, optional
        So many of them stay when nothing is to be done; by default all.
    """

    name = _PLUGIN

    def __init__(
        self,
        sources: Mapping[str, Path],
        pack: ModelPack,
        processes: int,
        *,
        least: int | None = None,
    ) -> None:
        self._sources, self._pack, self.processes = sources, pack, processes
        self.least = processes if least is None else least
        self._pool = GrowingPool(self.least, processes)
        self._roots: dict[str, RootFolder] = {}
        self.scratch = Path()

    @property
    def processes_now(self) -> int:
        """How many there are at the moment."""
        return self._pool.processes

    @property
    def receives(self) -> bool:
        """Whether photos are sent to it."""
        return not self._sources

    def introduce(
        self, analyser: Analyser, samples: Sequence[PhotoRef], sending: bool
    ) -> Introduction:
        """Get ready for a run, and say what this machine is; one that is sent its photos is asked for none.

        Raises
        ------
        ClusterError
            If it has another pack or lacks a source.
        PackError, ResourceError
            If its models cannot be loaded, or its processes not be started.
        """
        if analyser.pack.pack_id != self._pack.pack_id:
            raise ClusterError(
                f"it has another model pack ({self._pack.name}, {self._pack.pack_id[:12]}) than the workspace "
                f"({analyser.pack.name}, {analyser.pack.pack_id[:12]}): give a copy of that one with --pack"
            )
        if not self._sources:
            self._check_sending(analyser, sending)
            return self._run(introduce, analyser, ((),), {})
        for name in analyser.roots:
            if name not in self._sources:
                raise ClusterError(f"it has no source {name}: give it with --source {name}=DIR")
            if not self._sources[name].is_dir():
                raise ClusterError(
                    f"its source {name} ({self._sources[name]}) is no folder: mount it, or give another one"
                )
        # Replaced, not changed: calls of another sort go through it meanwhile.
        self._roots = self._roots | {
            name: RootFolder.of(self._sources[name]) for name in analyser.roots
        }
        return self._run(introduce, analyser, (samples,), self._sources)

    def _check_sending(self, analyser: Analyser, sending: bool) -> None:
        if not sending:
            raise ClusterError(
                "it has no source: give it with --source, or sort with --send-files, which sends it the photos"
            )
        if analyser.photos.videos:
            raise ClusterError("clips are too long to be sent: give it their source with --source")

    def carry_out(
        self,
        fn: Callable[..., Any],
        analyser: Analyser,
        args: Sequence[object],
        files: SentFiles,
    ) -> Outcome:
        """Make a call of the coordinator in one of the processes, with what this machine has, or was sent."""
        began = time.monotonic()
        outcome = self._carried_out(fn, analyser, args, files)
        seconds = time.monotonic() - began
        return replace(outcome, processes=self.processes_now, seconds=seconds)

    def _carried_out(
        self,
        fn: Callable[..., Any],
        analyser: Analyser,
        args: Sequence[object],
        files: SentFiles,
    ) -> Outcome:
        sent = (
            unpacked(files, list(analyser.roots), self.scratch)
            if self.receives
            else nullcontext(self._sources)
        )
        try:
            with sent as roots:
                outcome = Outcome(self._run(fn, analyser, args, roots))
        except ImageError as error:
            outcome = Outcome(error=error)
        except FacesortError as error:  # its models, its memory ...
            return Outcome(unable=str(error))
        except Exception as error:  # noqa: BLE001 - the coordinator's caller gets it
            outcome = Outcome(error=error)
        for root in (root for name, root in self._roots.items() if name in analyser.roots):
            if not root.is_there():
                return Outcome(
                    unable=f"its folder {root.path} is gone: mount it, and start the worker again"
                )
        return outcome

    def close(self) -> None:
        """End the processes."""
        self._pool.close()

    def _run(
        self,
        fn: Callable[..., T],
        analyser: Analyser,
        args: Sequence[object],
        roots: Mapping[str, Path],
    ) -> T:
        own = replace(
            analyser,
            roots={name: roots[name] for name in analyser.roots if name in roots},
            pack=analyser.pack.lying_as(self._pack),
        )
        return self._pool.run(analyser.photos, fn, own, *args)


def unpack_and_run(call: bytes) -> Any:
    """Run a call of the coordinator; it is packed, since the scheduler unpickles what it can, and need not see it."""
    fn, args = pickle.loads(call)  # noqa: S301 - whoever can send it may run programs here anyway
    return fn(*args)


def introduce_machine(
    analyser: Analyser, samples: Sequence[PhotoRef], sending: bool
) -> tuple[Introduction, int, int, bool]:
    """As `Machine.introduce`; how many processes it has at most, and now, and whether it is sent its photos.

    It runs in Dask's worker.

    Raises
    ------
    ClusterError
        As `Machine.introduce`, or if the worker is one of Dask's own.
    """
    machine = get_worker().plugins.get(_PLUGIN)
    if not isinstance(machine, Machine):
        raise ClusterError("it is a worker of Dask's own: start it with `facesort worker`")
    introduction = machine.introduce(analyser, samples, sending)
    return introduction, machine.processes, machine.processes_now, machine.receives


def carry_out(
    fn: Callable[..., Any], analyser: Analyser, args: Sequence[object], files: SentFiles
) -> Outcome:
    """As `Machine.carry_out`; runs in Dask's worker."""
    machine = cast("Machine", get_worker().plugins[_PLUGIN])
    return machine.carry_out(fn, analyser, args, files)


def run_worker(
    address: str,
    machine: Machine,
    certificates: Path | None,
    told: Callable[[str], None],
) -> None:
    """Lend this machine's processors to a cluster, until this process is interrupted; joins again if it comes back.

    Parameters
    ----------
    address : str
        Of the scheduler, as `facesort.settings.checked_address` gives it.
    told : callable of str
        Called with a sentence when it waits or has joined.

    Raises
    ------
    ClusterError
        If the certificates cannot be used, or there is no room for photos that are sent.
    """
    security = security_for(address, certificates, Role.WORKER)
    sweep_scratch(_SENT)
    with ExitStack() as stack:
        if machine.receives:
            try:
                machine.scratch = stack.enter_context(scratch_folder(_SENT))
            except OSError as error:
                raise cannot_unpack(Path(gettempdir()), error) from error
        stack.callback(machine.close)
        with as_facesort_needs_it():
            asyncio.run(_lend(address, machine, security, told))


def _listens_at(address: str) -> str | None:
    """Without certificates on this machine only, as the scheduler; Dask would listen at all its addresses."""
    scheme, _, place = address.partition("://")
    return None if scheme == "tls" else place.rpartition(":")[0].replace("localhost", "127.0.0.1")


async def _lend(
    address: str, machine: Machine, security: Security, told: Callable[[str], None]
) -> None:
    """Join, and join again; each time under a new name, so that it is checked again."""
    said = ""
    for number in itertools.count(1):
        while why := await why_unreachable(address, security, Role.WORKER):
            if why != said:
                told(f"waits for the scheduler at {address}: {why}")
            said = why
            await asyncio.sleep(_AGAIN_S)
        try:
            async with Worker(
                address,
                host=_listens_at(address),
                name=f"{socket.gethostname()}:{os.getpid()}:{number}:{token_hex(4)}",
                nthreads=machine.processes + MORE_CALLS,
                memory_limit=0,
                dashboard_address=PAGES,
                security=security,
                plugins=(machine,),
            ) as worker:
                few = f"{machine.least} to " if machine.least < machine.processes else ""
                told(
                    f"joined {address} with {few}{several(machine.processes, 'process', 'processes')}"
                )
                await worker.finished()
        except (OSError, RuntimeError) as error:  # it was gone again
            told(f"could not join {address} ({error}): tries again")
            await asyncio.sleep(_AGAIN_S)
        said = ""
