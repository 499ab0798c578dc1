"""The way to the machines of a cluster: Dask carries a call there, and its answer back."""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from distributed import Client

from facesort.engine.cluster.calls import Peer
from facesort.engine.cluster.dask_settings import as_facesort_needs_it
from facesort.engine.cluster.machine import unpack_and_run
from facesort.engine.cluster.reach import check_scheduler
from facesort.errors import ClusterError

T = TypeVar("T")

_ANSWER_S = 30
_CLOSE_S = 5


class Line:
    """A connection with a scheduler.

    Parameters
    ----------
    address : str
        Of the scheduler, as `facesort.settings.checked_address` gives it.
    certificates : Path or None
        Folder of ``ca.pem`` and ``client.pem``; None on this machine only.

    Raises
    ------
    ClusterError
        If the certificates cannot be used, or no scheduler answers.
    """

    def __init__(self, address: str, certificates: Path | None) -> None:
        self.address = address
        security = check_scheduler(address, certificates)
        with as_facesort_needs_it():
            try:
                # Any: its types leave open whether it is connected
                self._client: Any = Client(
                    address, security=security, set_as_default=False, direct_to_workers=True
                )
            except (OSError, ValueError) as error:
                raise ClusterError(
                    f"the scheduler at {address} does not answer any more ({error.__cause__ or error}): run the same "
                    "command again"
                ) from error

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """Dask's event loop, in whose thread everything else here is asked."""
        found: asyncio.AbstractEventLoop = self._client.loop.asyncio_loop
        return found

    def close(self) -> None:
        """Leave the cluster, whose machines go on; from any thread.

        Raises
        ------
        OSError, RuntimeError, TimeoutError
            If the scheduler is gone.
        """
        self._client.close(timeout=_CLOSE_S)

    async def who_is_there(self) -> set[tuple[str, str]]:
        """Address and name of each worker.

        Raises
        ------
        OSError, ValueError
            If the scheduler is gone.
        """
        told = await asyncio.wait_for(self._client.scheduler.identity(), _ANSWER_S)
        return {(address, str(of["name"])) for address, of in told["workers"].items()}

    async def on(
        self, machine: Peer, fn: Callable[..., Any], arguments: Callable[[], tuple[Any, ...]]
    ) -> Any:
        """Run a function on a machine; what it returns or raises.

        Parameters
        ----------
        arguments : callable
            Makes them, in another thread: they may have to be read.

        Raises
        ------
        OwnError
            If they cannot be made or packed here.
        """
        future = await asyncio.to_thread(self._handed_over, machine, fn, arguments)
        try:
            return await future
        finally:
            future.release()

    def _handed_over(
        self, machine: Peer, fn: Callable[..., Any], arguments: Callable[[], tuple[Any, ...]]
    ) -> Any:
        """Read, pack and hand over what a call needs, and keep nothing of it; in a thread, as it may be large."""
        try:
            call = pickle.dumps((fn, arguments()))
        except Exception as error:
            raise OwnError(error) from error
        return self._client.submit(
            unpack_and_run,
            call,
            workers=[machine.address],
            allow_other_workers=False,
            pure=False,
        )


class OwnError(Exception):
    """What this machine could not do, for want of memory, say: no other machine is to blame.

    Parameters
    ----------
    error : Exception
        What became of it.
    """

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error


async def of_ours(fn: Callable[..., T], *args: object) -> T:
    """Do in a thread what is this machine's own part of a call.

    Raises
    ------
    OwnError
        If it fails.
    """
    try:
        return await asyncio.to_thread(fn, *args)
    except Exception as error:
        raise OwnError(error) from error
