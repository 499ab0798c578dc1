"""Machines with addresses of their own, over TLS: a link that is cut and restored, and a slow one, change nothing."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from networks import Office, needs_networks, office
from torture.campaign import Ledger, share
from torture.event import Calm, copy_of

from facesort.engine.cluster.certificates import make_certificates
from facesort.engine.job.progress import read_progress

pytestmark = needs_networks

FACESORT = (sys.executable, "-P", "-m", "facesort")
PATIENCE_S = 300


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Calm:
    return Calm.of(tmp_path_factory.mktemp("event"), share(200, 1000))


class Machines:
    """A desk with the workspace, three machines that work for it, and what runs on them."""

    def __init__(self, net: Office, stack: ExitStack, calm: Calm, folder: Path) -> None:
        self.net, self.stack, self.folder = net, stack, folder
        self.address = f"tls://{net.address('desk')}:8786"
        make_certificates(folder / "certificates", 2)
        self.start("desk", "cluster", "start", "--bind", net.address("desk"))
        for name in net.machines[1:]:
            shutil.copytree(calm.prepared / "source", folder / name)
            words = ("worker", self.address, "--source", folder / name, "--pack", "synthetic")
            self.start(name, *words, "--workers", 1)
        self.root = copy_of(calm.prepared, folder)

    def start(self, name: str, *words: object) -> subprocess.Popen[str]:
        """Run a command of facesort on a machine, until the end of the test at most."""
        words = (*FACESORT, *words, "--certificates", self.folder / "certificates")
        process = self.net.start(name, *words)
        self.stack.callback(process.wait)
        self.stack.callback(process.kill)
        return process

    def progress(self) -> dict[str, Any]:
        return read_progress(self.root / "state") or {"workers": [], "photos": {"pending": 0}}

    def photos_of(self, name: str) -> int:
        """How many photos a machine has looked at, under all the names that it had."""
        address = f"({self.net.address(name)}:"
        return sum(m["photos"] for m in self.progress()["workers"] if address in m["name"])


def wait_until(holds: Callable[[], bool], sort: subprocess.Popen[str]) -> None:
    """Wait for something to be true while a sort runs."""
    until = time.monotonic() + PATIENCE_S
    while not holds():
        assert sort.poll() is None, "the sort ended before"
        assert time.monotonic() < until, "it never came true"
        time.sleep(0.1)


def test_a_cut_link_and_a_slow_one_change_nothing(
    calm: Calm, ledger: Ledger, tmp_path: Path
) -> None:
    with office("desk", "anna", "ben", "carl") as net, ExitStack() as stack:
        net.slow("ben", 10)
        machines = Machines(net, stack, calm, tmp_path)
        sort = machines.start(
            "desk", "sort", "-w", machines.root, "--runs", tmp_path / "runs", "--cluster", machines.address
        )  # fmt: skip
        wait_until(lambda: machines.photos_of("anna") > 10, sort)
        net.cut("anna")
        others = machines.photos_of("ben") + machines.photos_of("carl")
        wait_until(
            lambda: machines.photos_of("ben") + machines.photos_of("carl") > others + 20, sort
        )
        net.restore("anna")
        assert sort.wait(PATIENCE_S) == 3  # some photos of the event are broken

        done = machines.progress()
        assert done["photos"]["pending"] == 0
        assert not [m["refused"] for m in done["workers"] if m["refused"]]
        for name in ("anna", "ben", "carl"):
            ledger.note(f"{name} looked at {machines.photos_of(name)} photos")
            assert machines.photos_of(name) > 0
    calm.check(machines.root, ledger)
