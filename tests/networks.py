"""Machines with addresses of their own on one network, whose links can be cut and slowed: Linux' network namespaces."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import uuid4

import pytest


def _ip(command: str) -> None:
    subprocess.run(["ip", *command.split()], check=True, capture_output=True)


def _may_make() -> bool:
    if (
        sys.platform != "linux"
        or os.geteuid() != 0
        or not (shutil.which("ip") and shutil.which("tc"))
    ):
        return False
    name = f"try-{uuid4().hex[:6]}"
    if subprocess.run(["ip", "netns", "add", name], capture_output=True, check=False).returncode:
        return False
    _ip(f"netns delete {name}")
    return True


needs_networks = pytest.mark.skipif(
    not _may_make(), reason="network namespaces take Linux, iproute2 and an administrator"
)


@dataclass(frozen=True, slots=True)
class Office:
    """Machines by name, on one switch and nothing else.

    Parameters
    ----------
    hub : str
        The namespace of the switch.
    machines : sequence of str
        The first has the address 10.77.0.1.
    """

    hub: str
    machines: Sequence[str]

    def address(self, machine: str) -> str:
        return f"10.77.0.{1 + self.machines.index(machine)}"

    def start(self, machine: str, *words: object, **options: object) -> subprocess.Popen[str]:
        """Run a program on a machine."""
        command = ["ip", "netns", "exec", self._space(machine), *map(str, words)]
        return subprocess.Popen(command, text=True, **options)  # type: ignore[call-overload, no-any-return]

    def cut(self, machine: str) -> None:
        """Pull a machine's plug out of the switch: what is under way is lost, and nobody is told."""
        _ip(f"-n {self.hub} link set dev {machine} down")

    def restore(self, machine: str) -> None:
        _ip(f"-n {self.hub} link set dev {machine} up")

    def slow(self, machine: str, megabytes_per_second: float) -> None:
        """Slow a link down, both ways."""
        limit = f"tbf rate {8 * megabytes_per_second:g}mbit burst 64kb latency 400ms"
        for space, device in ((self.hub, machine), (self._space(machine), "lan")):
            command = f"tc -n {space} qdisc add dev {device} root {limit}"
            subprocess.run(command.split(), check=True)

    def _space(self, machine: str) -> str:
        return f"{self.hub}-{machine}"

    def _plug_in(self, machine: str) -> None:
        space = self._space(machine)
        _ip(f"netns add {space}")
        _ip(f"-n {self.hub} link add name {machine} type veth peer name lan netns {space}")
        _ip(f"-n {self.hub} link set dev {machine} master switch up")
        _ip(f"-n {space} address add {self.address(machine)}/24 dev lan")
        _ip(f"-n {space} link set dev lan up")
        _ip(f"-n {space} link set dev lo up")

    def _remove(self) -> None:
        for space in [self.hub, *map(self._space, self.machines)]:
            subprocess.run(["ip", "netns", "delete", space], capture_output=True, check=False)


@contextmanager
def office(*machines: str) -> Iterator[Office]:
    """Build an office; afterwards nothing of it is left."""
    made = Office(f"office-{uuid4().hex[:6]}", machines)
    try:
        _ip(f"netns add {made.hub}")
        _ip(f"-n {made.hub} link add name switch type bridge")
        _ip(f"-n {made.hub} link set dev switch up")
        for machine in machines:
            made._plug_in(machine)
        yield made
    finally:
        made._remove()
