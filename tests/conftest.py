from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

# Before NumPy is imported: the tests run on all cores already, and threads of BLAS that wait for work use them up too.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import pytest
from collecting import (
    pytest_collection_finish as pytest_collection_finish,
    pytest_unconfigure as pytest_unconfigure,
)
from hypothesis import HealthCheck, settings
from mortals import Mortal
from new_databases import copied, made_anew
from postgres_server import postgres as postgres, postgres_server as postgres_server

from facesort.engine.job.batches import Run
from facesort.store.queries.delivery.commit_log import LoggedWrite, planned_writes

# They check, and are not tests; before any test imports them.
pytest.register_assert_rewrite("torture.event", "torture.trace")

ROOT = Path(__file__).resolve().parents[1]

# Else each of the hundreds of processes that the tests start would compile all of facesort again.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# How long an example takes says how busy the machine is. The parent is Hypothesis' own profile for CI there.
settings.register_profile(
    "unhurried", settings.default, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("unhurried")


@pytest.fixture(scope="session", autouse=True)
def _copied_databases() -> Iterator[None]:
    with copied():
        yield


@pytest.fixture(scope="module")
def databases_made_anew() -> Iterator[None]:
    """For tests of how a database is made: no copies."""
    with made_anew():
        yield


@pytest.fixture(scope="session")
def checkout() -> Path:
    """The root of the repository."""
    return ROOT


@pytest.fixture(scope="session")
def assets() -> Path:
    """The test assets: real models and photos, which are never part of the repository."""
    folder = (ROOT / os.environ.get("FACESORT_ASSETS", "../shared")).resolve()
    if (folder / "models").is_dir():
        return folder
    message = f"no test assets in {folder}: set FACESORT_ASSETS to the folder that has models/"
    if os.environ.get("CI") == "true":
        pytest.fail(message)
    pytest.skip(message)


@pytest.fixture(scope="session")
def whole_campaign() -> bool:
    """Whether slow tests run in full; CI asks for a bounded share of them."""
    return os.environ.get("FACESORT_SLOW_SHARE") != "ci"


@pytest.fixture
def other_process() -> Iterator[Callable[[str], subprocess.Popen[str]]]:
    """Start Python code in another process; when this returns, the code has run and the process waits."""
    with ExitStack() as stack:

        def start(code: str) -> subprocess.Popen[str]:
            process = subprocess.Popen(
                [sys.executable, "-c", code + "\nprint('ready', flush=True)\ninput()"],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            stack.enter_context(process)
            stack.callback(process.kill)
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            return process

        yield start


@pytest.fixture(scope="session")
def mortal() -> Iterator[Mortal]:
    """A process whose children act on workspaces and are killed; each starts from the same state."""
    mortal = Mortal()
    yield mortal
    mortal.close()


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int, list[str]]]:
    """What each fsync covered: inode, size, and the names that a folder held."""
    calls = []
    real = os.fsync

    def fsync(handle: int) -> None:
        found = os.fstat(handle)
        names = sorted(os.listdir(handle)) if stat.S_ISDIR(found.st_mode) else []
        calls.append((found.st_ino, found.st_size if not names else 0, names))
        real(handle)

    monkeypatch.setattr("os.fsync", fsync)
    return calls


@pytest.fixture(scope="session")
def plans_as_stored() -> Iterator[None]:
    """Check of every batch that is carried out from memory that the store holds the same plan."""
    carried_out: list[int] = []
    real = Run._commit

    def commit(run: Run, batch_id: int, writes: Sequence[LoggedWrite], *rest: Any) -> int:
        stored = planned_writes(run.store, batch_id)
        assert [asdict(write) for write in writes] == [asdict(write) for write in stored]
        carried_out.append(len(writes))
        return real(run, batch_id, writes, *rest)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Run, "_commit", commit)
        yield
    assert any(carried_out)
