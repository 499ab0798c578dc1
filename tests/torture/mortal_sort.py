"""Run as a process: sort workspaces in children that are killed.

A line of JSON comes in for each sort, and the status with which its child ended goes out.  The parent has imported
everything and holds no thread and no database, so a child costs a fork and not two seconds of imports.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from facesort.engine.job.sort import SortOptions, run_sort
from facesort.engine.setup import open_with_pack

# Audit events of Python that are operations on files; `ctypes` is how a file is renamed without replacing.
FILE_EVENTS = {
    "open",
    "os.rename",
    "os.remove",
    "os.mkdir",
    "os.rmdir",
    "os.link",
    "ctypes.call_function",
}


def dies_at(wanted: tuple[str, int]) -> Callable[[str], None]:
    """A function that kills this process without any clean-up when it is told of the n-th such event."""
    name, left = wanted

    def at(point: str) -> None:
        nonlocal left
        left -= point == name
        if point == name and not left:
            os.kill(os.getpid(), signal.SIGKILL)

    return at


def counts(passed: dict[str, int]) -> Callable[[str], None]:
    """A function that counts what it is told of."""

    def at(point: str) -> None:
        passed[point] = passed.get(point, 0) + 1

    return at


def sort(order: dict[str, Any]) -> None:
    """Sort one workspace; `order` says where to die, or where to write what was passed."""
    passed: dict[str, int] = {}
    at = dies_at(tuple(order["die"])) if "die" in order else counts(passed)
    files = (order["workspace"], order["output"])

    def audit(event: str, args: tuple[Any, ...]) -> None:
        if event in FILE_EVENTS and (event.startswith("ctypes") or str(args[0]).startswith(files)):
            at("file operation")

    workspace, pack = open_with_pack(Path(order["workspace"]))
    sys.addaudithook(audit)
    with ThreadPoolExecutor(1) as executor:
        run_sort(workspace, pack, SortOptions(executor, lambda done, total: at("analysed"), at))
    if "passed" in order:
        Path(order["passed"]).write_text(json.dumps(passed), encoding="utf-8")


def main() -> None:
    for line in sys.stdin:
        child = os.fork()
        if not child:
            status = 1
            try:
                sort(json.loads(line))
                status = 0
            finally:
                sys.stderr.flush()
                os._exit(status)
        print(child, flush=True)  # noqa: T201
        _, ended = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(ended), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
