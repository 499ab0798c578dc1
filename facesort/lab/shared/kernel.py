"""The process that a notebook runs in, which can be started before the notebook is read.

Imports nothing of papermill, nbformat and the workspace: most of the time until a notebook's first cell runs is spent
on imports in both processes, and one that is started first makes its own meanwhile.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty
from tempfile import TemporaryDirectory
from time import monotonic
from typing import Any

import zmq
from ipykernel.kernelspec import get_kernel_dict, make_ipkernel_cmd
from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from jupyter_core.utils import run_sync
from traitlets import default

from facesort.errors import NotebookError, because, resources_explained
from facesort.files import need_handles
from facesort.import_path import safe_environment

_HANDLES = 128  # of files; sorting with two workers takes 70
_PROCESS = "facesort.lab.shared.ipykernel_process"


class _Client(AsyncKernelClient):
    async def wait_for_ready(self, timeout: float | None = None) -> None:
        """As jupyter_client's, which then waits 0.2 s more for what was said to others: a new kernel has none.

        Raises
        ------
        RuntimeError
            If the kernel dies, or does not answer in time (in s).
        """
        began = monotonic()
        while not await self._is_ready():
            if not await self.is_alive():
                raise RuntimeError("Kernel died before replying to kernel_info")
            if timeout is not None and monotonic() - began > timeout:
                raise RuntimeError(f"Kernel didn't respond in {timeout:g} seconds")

    async def _is_ready(self) -> bool:
        """Whether it answers, and what it says to all of its clients arrives."""
        self.kernel_info()
        try:
            reply = await self.get_shell_msg(timeout=1)
            if reply["msg_type"] != "kernel_info_reply":
                return False
            await self.get_iopub_msg(timeout=0.2)
        except Empty:
            return False
        return True


class Kernel(AsyncKernelManager):
    """Starts a kernel with the current interpreter, and with nothing that the place or the user would add to it.

    A kernel spec called ``python3`` in the user's home or on ``JUPYTER_PATH`` takes precedence over the environment's,
    and may start an interpreter without facesort.  An unattended run should do the same for everybody, so the user's
    IPython settings and start-up files, which are made for typing, are not read.
    """

    folder: Path
    _client: Any = None
    _is_killed = False

    @property
    def kernel_spec(self) -> KernelSpec:
        """How to start it."""
        command = make_ipkernel_cmd(_PROCESS, python_arguments=["-P"])
        return KernelSpec(**get_kernel_dict() | {"argv": command})

    def start_kernel(self, **options: Any) -> Any:
        """Start in a folder of its own: the current one may hold a ``matplotlibrc``."""
        folder = str(self.folder)
        environment = safe_environment() | {"IPYTHONDIR": folder}
        environment.pop("PYTHONSTARTUP", None)
        return super().start_kernel(**options | {"env": environment, "cwd": folder})

    def client(self, **options: Any) -> Any:
        """Keep it, to close it: papermill leaves the channels open of a kernel that it has not started."""
        self._client = super().client(**options)
        return self._client

    async def _start(self, *arguments: str) -> None:
        await self.start_kernel(extra_arguments=list(arguments))

    async def _kill(self) -> None:
        """End it at once: an interrupt would make it complain where nothing runs."""
        if self.provisioner is not None:
            self._is_killed = True
            await self.provisioner.kill()

    async def _end(self) -> None:
        """End what runs by an interrupt, and then the process; wait for it."""
        if self._client is None:
            await self._kill()  # it was never asked for anything
        if self._is_killed and self.provisioner is not None:
            await self.provisioner.wait()
        elif await self.is_alive():
            await self.shutdown_kernel()
        await self.cleanup_resources()
        if self._client is not None:
            self._client.stop_channels()

    start = run_sync(_start)
    kill = run_sync(_kill)
    end = run_sync(_end)

    @default("client_factory")
    def _hurry(self) -> type[_Client]:
        return _Client

    @default("transport_encryption")
    def _encrypt_where_possible(self) -> str:
        """The messages between the processes contain faces."""
        return "auto" if zmq.has("curve") else "disabled"


@contextmanager
def started_kernel(module: str | None = None) -> Iterator[Kernel]:
    """Start a kernel in an empty folder, which is removed with it at the end.

    Parameters
    ----------
    module : str, optional
        What it imports by itself, before it is asked to run a cell.

    Raises
    ------
    NotebookError
        If it cannot be started.
    ResourceError
        If hardly any file can be opened any more.
    """
    refuse_few_handles()
    arguments = [f"--IPKernelApp.exec_lines=import {module}; del facesort"] if module else []
    try:
        place = TemporaryDirectory(prefix="facesort-", ignore_cleanup_errors=True)
    except OSError as error:
        raise _not_started(error) from error
    with place as folder:
        kernel = Kernel(kernel_name="python3")
        kernel.folder = Path(folder)
        try:
            try:
                with _readable_to_owner():
                    kernel.start(*arguments)
            except OSError as error:
                raise _not_started(error) from error
            yield kernel
        finally:
            kernel.end()


def _not_started(error: OSError) -> NotebookError:
    return NotebookError(f"the process of a notebook cannot be started {because(error)}")


def refuse_few_handles() -> None:
    """Raise ResourceError if too few files can be opened for a notebook to run."""
    with resources_explained():
        need_handles(_HANDLES)


@contextmanager
def _readable_to_owner() -> Iterator[None]:
    """Under a umask that closes files to their own owner, Jupyter cannot read what it writes for its kernel."""
    # It can only be asked by setting it: meanwhile nothing is open to others.
    before = os.umask(0o077)
    os.umask(before & ~0o700)
    try:
        yield
    finally:
        os.umask(before)
