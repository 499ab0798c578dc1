"""A scheduler and workers on this machine: each a process of its own, with its own path to the source."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

_SCHEDULER = """
import sys
from facesort.engine.cluster.scheduler import run_scheduler
run_scheduler("127.0.0.1", int(sys.argv[1]), None, lambda said: print(said, flush=True))
"""
_WORKER = """
import json, sys
from dataclasses import replace
from pathlib import Path
from facesort.engine.cluster.machine import Machine, run_worker
from facesort.faces.packs.find import resolve_pack
address, least, processes, sources, prelude, tests = sys.argv[1:]
sys.path.append(tests)
pack = resolve_pack("synthetic", [])
exec(prelude)
places = {name: Path(place) for name, place in json.loads(sources).items()}
machine = Machine(places, pack, int(processes), least=int(least))
run_worker(address, machine, None, lambda said: print(said, flush=True))
"""
_TESTS = str(Path(__file__).parent)


@dataclass
class Cluster:
    """What runs, and where.

    Parameters
    ----------
    source : Path
        That each worker gets a copy of; the files are the same, the paths are not.
    """

    folder: Path
    source: Path
    port: int = field(default_factory=lambda: _free_port())
    scheduler: subprocess.Popen[str] | None = None
    workers: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"tcp://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start the scheduler, and wait until it listens."""
        if self.scheduler is not None:  # it was killed
            with self.scheduler:
                pass
        self.scheduler = _started(_SCHEDULER, str(self.port))
        assert self.scheduler.stdout is not None
        assert self.scheduler.stdout.readline().strip() == self.address

    def place(self, number: int) -> Path:
        """The source as a worker sees it."""
        place = self.folder / f"machine-{number}" / "source"
        if not place.exists():
            shutil.copytree(self.source, place, copy_function=os.link, symlinks=True)
        return place

    def add(
        self,
        processes: int = 1,
        *,
        least: int | None = None,
        prelude: str = "",
        source: Path | None = None,
        blind: bool = False,
    ) -> subprocess.Popen[str]:
        """Start a worker; `prelude` is run in it before, with its `pack`; one that is blind sees no source."""
        sources = {} if blind else {"card-1": str(source or self.place(len(self.workers)))}
        worker = _started(
            _WORKER,
            self.address,
            str(least or processes),
            str(processes),
            json.dumps(sources),
            prelude,
            _TESTS,
        )
        self.workers.append(worker)
        return worker

    def alive(self) -> list[subprocess.Popen[str]]:
        """The workers that run."""
        return [worker for worker in self.workers if worker.poll() is None]

    def stop(self) -> None:
        """End all that was started."""
        for process in (*self.workers, *filter(None, [self.scheduler])):
            kill(process.pid)
            with process:  # its pipe is closed, and it is waited for
                pass


@contextmanager
def cluster(folder: Path, source: Path, workers: int = 0) -> Iterator[Cluster]:
    """A scheduler and workers of one process each, until the end."""
    running = Cluster(folder, source)
    try:
        running.start()
        for _ in range(workers):
            running.add()
        yield running
    finally:
        running.stop()


def processes_of(worker: subprocess.Popen[str]) -> list[int]:
    """The processes in which a worker looks for faces."""
    with suppress(psutil.Error):
        return [child.pid for child in psutil.Process(worker.pid).children(recursive=True)]
    return []


def kill(pid: int) -> bool:
    """Kill a process, if it is there."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
        return True
    return False


def _started(program: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", program, *arguments], stdout=subprocess.PIPE, text=True
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
