"""Run as a process: act on workspaces in children that are killed, or that meet each other.

A line of JSON comes in for each act, and the status with which its child ended goes out.  The parent has imported
everything and holds no thread and no database, so a child costs a fork and not two seconds of imports.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stderr, redirect_stdout
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import facesort.lab.review
import facesort.lab.run.launch  # noqa: F401  here, and not in every child
from facesort.cli import cli
from facesort.core.persons.matching import Thresholds
from facesort.engine.calibration.calibrate import run_calibration
from facesort.engine.calibration.in_force import apply_calibration
from facesort.engine.gallery.action import undo
from facesort.engine.job.repair import Watch, repair_output
from facesort.engine.job.sort import SortOptions, retry_failed, run_rematch, run_sort
from facesort.engine.privacy.forget import forget
from facesort.engine.review.answers import answer_faces, name_faces
from facesort.engine.setup import open_with_pack
from facesort.errors import FacesortError
from facesort.faces.protocol import ModelPack
from facesort.workspace import Workspace

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
REFUSED, CRASHED = 1, 70

At = Callable[[str], None]


def dies_at(wanted: tuple[str, int]) -> At:
    """A function that kills this process without any clean-up when it is told of the n-th such event."""
    name, left = wanted

    def at(point: str) -> None:
        nonlocal left
        left -= point == name
        if point == name and not left:
            os.kill(os.getpid(), signal.SIGKILL)

    return at


def counts(passed: dict[str, int]) -> At:
    """A function that counts what it is told of."""

    def at(point: str) -> None:
        passed[point] = passed.get(point, 0) + 1

    return at


def sort(workspace: Workspace, pack: ModelPack, at: At, threads: int = 1) -> None:
    """With no threads, in worker processes."""
    with ThreadPoolExecutor(threads or 1) as executor:
        given = executor if threads else None
        run_sort(workspace, pack, SortOptions(given, lambda done, total: at("analysed"), at))


def rematch(workspace: Workspace, pack: ModelPack, at: At) -> None:
    with ThreadPoolExecutor(1) as executor:
        run_rematch(workspace, pack, SortOptions(executor, at=at))


def repair(workspace: Workspace, pack: ModelPack, at: At) -> None:
    with ThreadPoolExecutor(2) as executor:
        repair_output(workspace, pack, executor, Watch(at=at))


def apply(workspace: Workspace, pack: ModelPack, at: At) -> None:
    """Calibrate, and store thresholds of one's own."""
    found = run_calibration(workspace, pack, datetime(2026, 11, 21, tzinfo=UTC))
    apply_calibration(workspace, found.calibration, Thresholds(0.7, 1.05, 0.05))


def answer_one_by_one(
    workspace: Workspace, pack: ModelPack, at: At, faces: list[int], name: str
) -> None:
    """Each answer opens the database and closes it, which moves the log into it."""
    for face in faces:
        answer_faces(workspace, {face: name}, "no")


ACTS: dict[str, Callable[..., object]] = {
    "sort": sort,
    "rematch": rematch,
    "repair": repair,
    "apply": apply,
    "forget": lambda workspace, pack, at, name: forget(workspace, name),
    "retry": lambda workspace, pack, at: retry_failed(workspace),
    "undo": lambda workspace, pack, at: undo(workspace),
    "answer": lambda workspace, pack, at, faces, name: answer_faces(
        workspace, dict.fromkeys(faces, name), "no"
    ),
    "answer one by one": answer_one_by_one,
    "name": lambda workspace, pack, at, faces, name: name_faces(workspace, faces, name),
}


def act(order: dict[str, Any]) -> None:
    """Do one thing with a workspace; `order` says where to die, or where to write what was passed."""
    passed: dict[str, int] = {}
    at = dies_at(tuple(order["die"])) if "die" in order else counts(passed)
    files = (order["workspace"], order["output"])

    def audit(event: str, args: tuple[Any, ...]) -> None:
        if event in FILE_EVENTS and (event.startswith("ctypes") or str(args[0]).startswith(files)):
            at("file operation")

    workspace, pack = open_with_pack(Path(order["workspace"]))
    sys.addaudithook(audit)
    ACTS[order.get("do", "sort")](workspace, pack, at, **order.get("with", {}))
    if "passed" in order:
        Path(order["passed"]).write_text(json.dumps(passed), encoding="utf-8")


def give_up_capabilities() -> None:
    """Let permissions count for this process, which is root's: it keeps its files, and may not read what forbids it."""
    ask = (ctypes.c_uint32 * 2)(0x20080522, 0)  # of capget(2): its third version, this process
    nothing = (ctypes.c_uint32 * 6)()
    if ctypes.CDLL(None, use_errno=True).capset(ask, nothing):
        raise OSError(ctypes.get_errno(), "capset")


def status_of(order: dict[str, Any]) -> int:
    """Exit status of an act or of a command; what it says goes to a file, if one is given."""
    with (
        open(order.get("says", os.devnull), "w", encoding="utf-8") as says,
        redirect_stdout(says),
        redirect_stderr(says),
    ):
        for handle in (1, 2):  # of the processes that this one starts, too
            os.dup2(says.fileno(), handle)
        try:
            os.umask(order.get("umask", os.umask(0)))
            if order.get("permissions count"):
                give_up_capabilities()
            if "command" in order:
                cli(order["command"], prog_name="facesort")
            else:
                act(order)
        except SystemExit as ended:
            return ended.code if isinstance(ended.code, int) else 0
        except FacesortError as error:
            print(f"Error: {error}")  # noqa: T201
            return REFUSED
        except BaseException:  # noqa: BLE001  told, and a status of its own
            traceback.print_exc(file=says)
            return CRASHED
    return 0


def main() -> None:
    for line in sys.stdin:
        child = os.fork()
        if not child:
            status = CRASHED
            try:
                os.setpgid(0, 0)
                status = status_of(json.loads(line))
            finally:
                sys.stderr.flush()
                os._exit(status)
        print(child, flush=True)  # noqa: T201
        _, ended = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(ended), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
