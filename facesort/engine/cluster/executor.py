"""The processors of several machines as one executor."""

from __future__ import annotations

import asyncio
import concurrent.futures
import itertools
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from facesort.core.records import PhotoRef
from facesort.engine.analysis.analyse import Analyser
from facesort.engine.cluster.calls import Call
from facesort.engine.cluster.dispatch import Dispatch
from facesort.engine.cluster.line import Line
from facesort.engine.cluster.machine import MORE_CALLS
from facesort.engine.cluster.members import Member

T = TypeVar("T")


class ClusterExecutor(concurrent.futures.Executor):
    """Runs calls on the machines of a cluster that would find exactly what this one finds.

    Dask carries calls and results, and tells who is there (`Line`); which machine gets which call is decided by
    `Dispatch`.  While there is no machine, calls wait.

    Parameters
    ----------
    address : str
        Of the scheduler, as `facesort.settings.checked_address` gives it.
    certificates : Path or None
        Folder of ``ca.pem`` and ``client.pem``; None on this machine only.
    analyser : Analyser
        Of the run, with the sources that are there.
    samples : sequence of PhotoRef
        Photos that each machine must have, with the same content.
    sending : bool
        Whether machines without a source are sent the photos.
    changed : callable
        Called when a machine was taken in or refused, or has left; from another thread.

    Raises
    ------
    ClusterError
        If the certificates cannot be used, or no scheduler answers.
    """

    def __init__(
        self,
        address: str,
        certificates: Path | None,
        analyser: Analyser,
        samples: Sequence[PhotoRef],
        *,
        sending: bool = False,
        changed: Callable[[], object] = lambda: None,
    ) -> None:
        self._numbers = itertools.count()
        self._line = Line(address, certificates)
        self._dispatch = Dispatch(self._line, analyser, samples, sending=sending, changed=changed)
        self._watching = asyncio.run_coroutine_threadsafe(self._dispatch.watch(), self._line.loop)

    @property
    def slots(self) -> int:
        """How many calls the machines have at a time."""
        machines = list(self._dispatch.machines.values())
        return sum(machine.processes + MORE_CALLS for machine in machines if machine.works)

    def members(self) -> list[Member]:
        """The machines that are or were in the cluster during this run."""
        return [machine.member() for machine in list(self._dispatch.machines.values())]

    def submit(
        self, fn: Callable[..., T], /, *args: Any, **kwargs: Any
    ) -> concurrent.futures.Future[T]:
        """Run a function, whose first argument is the analyser, on one of the machines."""
        analyser, *others = args
        call = Call(
            next(self._numbers),
            partial(fn, **kwargs) if kwargs else fn,
            analyser,
            tuple(others),
        )
        self._line.loop.call_soon_threadsafe(self._dispatch.enter, call)
        return call.future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Leave the cluster, whose machines go on; with `cancel_futures`, abandon the calls under way."""
        if wait and not cancel_futures:
            awaited = [call.future for call in list(self._dispatch.open)]
            concurrent.futures.wait([future for future in awaited if not future.cancelled()])
        self._watching.cancel()
        with suppress(OSError, RuntimeError, TimeoutError):  # it is gone
            self._line.close()

    def __exit__(self, kind: type | None, error: object, trace: object) -> None:
        """Stop at once after an error, otherwise when all calls are done."""
        self.shutdown(cancel_futures=kind is not None)
