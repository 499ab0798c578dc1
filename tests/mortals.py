"""Children that act on workspaces, and are killed meanwhile or meet each other."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

_MORTAL = Path(__file__).with_name("mortal.py")


class Mortal:
    """The process whose children act and die, one after the other."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, _MORTAL],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def sort(self, root: Path, *, after_s: float | None = None, **order: Any) -> int:
        """Sort, or do what the order says; see `act`."""
        return self.act(root, after_s=after_s, **order)

    def act(self, root: Path, *, after_s: float | None = None, **order: Any) -> int:
        """Act in a child, kill it after some time if so wished, and return how it ended."""
        self.begin(root, **order)
        killer = threading.Timer(after_s or 0, kill, [self.child])
        if after_s is not None:
            killer.start()
        ended = self.end()
        killer.cancel()
        return ended

    def begin(self, root: Path, **order: Any) -> None:
        """Let a child begin; its process id is `child`."""
        assert self._process.stdin is not None
        order |= {"workspace": str(root), "output": str(root.parent / "out")}
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        self.child = int(self._read())

    def end(self) -> int:
        """Wait for the child's end; returns how it ended."""
        return int(self._read())

    def _read(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()

    def close(self) -> None:
        self._process.communicate()


def kill(pid: int, number: int = signal.SIGKILL) -> None:
    with suppress(ProcessLookupError):  # it was done, and this is no kill
        os.kill(pid, number)
