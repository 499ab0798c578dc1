"""Disks that are full, read-only, unplugged, or not ours, and too few file handles: for tests of what happens then."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

_NOBODY = 65534


def _may_mount() -> bool:
    if sys.platform != "linux" or os.geteuid() != 0:
        return False
    with tempfile.TemporaryDirectory() as folder:
        if subprocess.run(["mount", "-t", "tmpfs", "tmpfs", folder], check=False).returncode:
            return False
        subprocess.run(["umount", folder], check=True)
    return True


needs_mount = pytest.mark.skipif(
    not _may_mount(), reason="mounting a disk takes Linux and an administrator"
)


@contextmanager
def mounted(folder: Path, options: str) -> Iterator[None]:
    """Mount a small disk of memory on a folder; unplugged at the end, whatever is open on it."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@contextmanager
def bound(disk: Path, folder: Path) -> Iterator[None]:
    """Show a folder's content in another one, as a disk that can be unplugged and plugged in again."""
    subprocess.run(["mount", "--bind", str(disk), str(folder)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@contextmanager
def pipe(path: Path) -> Iterator[list[str]]:
    """Put a pipe in a file's place; who opens it is noted, and gets nothing instead of waiting for ever."""
    path.unlink(missing_ok=True)
    os.mkfifo(path)
    opened: list[str] = []
    over = threading.Event()

    def answer() -> None:
        while not over.is_set():
            with path.open("wb"):  # waits until somebody reads
                if not over.is_set():
                    opened.append(path.name)

    thread = threading.Thread(target=answer, daemon=True)
    thread.start()
    try:
        yield opened
    finally:
        over.set()
        reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # it need not wait any more
        thread.join(10)
        os.close(reader)


def remount(folder: Path, options: str) -> None:
    """Change a mounted disk, as a system does that finds an error on it."""
    subprocess.run(["mount", "-o", f"remount,{options}", str(folder)], check=True)


@contextmanager
def unprivileged() -> Iterator[Path]:
    """Work in a folder as someone for whom permissions count, also where the tests run as root."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        root = os.geteuid() == 0
        if root:
            os.chown(folder, _NOBODY, _NOBODY)
            os.setresuid(_NOBODY, _NOBODY, 0)
        try:
            yield folder
        finally:
            if root:
                os.setresuid(0, 0, 0)


@contextmanager
def file_handles(count: int) -> Iterator[None]:
    """Let this process have no more open files than so many; those that it has stay open."""
    import resource  # not on Windows

    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (count, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
