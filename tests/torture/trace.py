"""Sorts under `strace`: what they ask of the system, in order, and what happens if it does not do it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from torture import traced_sort


def _may_trace() -> bool:
    if shutil.which("strace") is None:
        return False
    traced = subprocess.run(["strace", "-o", os.devnull, "true"], capture_output=True, check=False)
    return traced.returncode == 0


needs_strace = pytest.mark.skipif(not _may_trace(), reason="strace is not here, or not allowed")


@dataclass(frozen=True)
class Ended:
    """How a traced sort ended: `kind` is ``finished``, the name of a facesort error, ``killed`` or ``crashed``."""

    kind: str
    words: str


def traced(root: Path, options: Sequence[str], *, workers: int | None = None) -> Ended:
    """Sort a workspace under `strace`."""
    sort = [sys.executable, traced_sort.__file__, str(root)]
    command = ["strace", "-f", "-qq", *options, *sort, *([] if workers is None else [str(workers)])]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    if done.returncode < 0 or done.returncode > 128:
        return Ended("killed", done.stderr)
    if done.returncode:
        return Ended("crashed", done.stderr)
    return Ended(*json.loads(done.stdout.splitlines()[-1]))


@dataclass(frozen=True)
class Call:
    """A system call that did what it was asked: its name and the files it was about."""

    name: str
    files: tuple[str, ...]
    flags: str


_CALL = re.compile(r"^\d+ +(\w+)\((.*)\) += (-?\w+)")
_RESUMED = re.compile(r"^(\d+) +<\.\.\. \w+ resumed>(.*)$")
_UNFINISHED = re.compile(r"^(\d+) +(.*) <unfinished \.\.\.>$")
_TEXT = re.compile(r'"((?:[^"\\]|\\.)*)"')
_HANDLE = re.compile(r"^-?\w+<((?:[^>\\]|\\.)*)>")


def calls(root: Path, names: Sequence[str], *, workers: int | None = None) -> list[Call]:
    """What a sort that finishes asks of the system.

    Parameters
    ----------
    root : Path
        The workspace.
    names : sequence of str
        The system calls to look for.
    workers : int, optional
        Worker processes; by default a thread does their work.
    """
    with tempfile.NamedTemporaryFile("r", encoding="utf-8", errors="surrogateescape") as log:
        options = ["-y", "-s", "4096", "-e", "signal=none", "-e", f"trace={','.join(names)}"]
        ended = traced(root, [*options, "-o", log.name], workers=workers)
        assert ended.kind == "finished", ended.words
        return list(_parsed(log))


def _parsed(lines: Iterator[str]) -> Iterator[Call]:
    begun: dict[str, str] = {}
    for line in map(str.rstrip, lines):
        if unfinished := _UNFINISHED.match(line):
            begun[unfinished[1]] = f"{unfinished[1]} {unfinished[2]}"
            continue
        if resumed := _RESUMED.match(line):
            line = begun.pop(resumed[1]) + resumed[2]
        call = _CALL.match(line)
        if call is None or call[3].startswith("-"):
            continue
        handle = _HANDLE.match(call[2])
        named = [text.encode().decode("unicode_escape") for text in _TEXT.findall(call[2])]
        # A call about an open file names it by its handle; one about a path has the path in its arguments.
        files = (
            named
            if named and call[1] not in {"write", "pwrite64"}
            else [handle[1]]
            if handle
            else []
        )
        yield Call(call[1], tuple(files), call[2])
