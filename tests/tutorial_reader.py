"""Runs the tutorial: every command of docs/tutorial.md, in order, in one folder.

As a script it writes the outputs into the page: ``python tests/tutorial_reader.py``.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from facesort.demo.event import build_demo_event

PAGE = Path(__file__).resolve().parents[1] / "docs" / "tutorial.md"
# A block of commands and outputs, or a command in a comment: what a press in a notebook does.
_STEP = re.compile(
    r"^```console\n(?P<shown>.*?)^```$|^<!-- pressed\n(?P<pressed>.*?)^-->$", re.M | re.S
)
# What is another one each time.
_VOLATILE = (
    (re.compile(r"\d{8}T\d{6}Z"), "20261128T183000Z"),
    (re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d(:\d\d)?"), "2026-11-28 18:30"),
    (re.compile(r"\b[0-9a-f]{12}\b"), "0123456789ab"),
    # A kernel that takes long to end is interrupted by Jupyter's client, and says so.
    (re.compile(r"^\[IPKernelApp\] ERROR \| KeyboardInterrupt caught in kernel\.\n", re.M), ""),
)


def commands(block: str) -> list[str]:
    """Commands of a block as they stand there: behind a dollar sign; lines that go on begin with ``> ``."""
    return re.findall(r"^\$ (.*(?:\n> .*)*)$", block, re.M)


def same_each_time(text: str) -> str:
    """An output without what differs between two runs."""
    for pattern, put in _VOLATILE:
        text = pattern.sub(put, text)
    return text


class Reader:
    """Somebody who follows the tutorial in a folder, whom ``make demo`` has left its event there."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "tour"
        self.home.mkdir()
        build_demo_event(self.home / "facesort-demo" / "event")
        keep = {k: v for k, v in os.environ.items() if not k.startswith(("FACESORT", "PYTEST"))}
        search = f"{Path(sys.executable).parent}{os.pathsep}{keep['PATH']}"
        quiet = {"TQDM_DISABLE": "1", "HOME": str(folder), "COLUMNS": "100", "LC_ALL": "C.UTF-8"}
        self._environment = keep | quiet | {"PATH": search}

    def run(self, shown: str) -> str:
        """What a command prints, on both streams."""
        done = subprocess.run(
            ["bash", "-c", shown.replace("\n> ", "\n")],
            cwd=self.home,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        text = re.sub(r"[^\n]*\r", "", done.stdout.decode("utf-8"))  # bars of progress draw over it
        text = re.sub(r" *\d+%\|[^|\n]*\|[^\]\n]*\]\n?", "", text)
        text = re.sub(r"[ \t]+$|\ufeff", "", text, flags=re.M)
        return text.replace(str(self.home), "/home/you/tour")


def followed(page: str, reader: Reader) -> str:
    """The page with the outputs that its commands have now."""

    def ran(step: re.Match[str]) -> str:
        if step["pressed"] is not None:
            subprocess.run([sys.executable, "-c", step["pressed"]], cwd=reader.home, check=True)
            return step[0]
        parts = [f"$ {shown}\n{reader.run(shown)}" for shown in commands(step["shown"])]
        return "```console\n" + "".join(p if p.endswith("\n") else f"{p}\n" for p in parts) + "```"

    return _STEP.sub(ran, page)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        written = followed(PAGE.read_text(encoding="utf-8"), Reader(Path(scratch)))
    PAGE.write_text(same_each_time(written), encoding="utf-8")
