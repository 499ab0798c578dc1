"""What may stand where a run's ``summary.json`` should be."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path

_GOOD = {"notebook": "03_sort", "parameters": {"workspace": "/nowhere"}}


def _text(data: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(data)


def _but(**values: object) -> Callable[[Path], object]:
    return _text(json.dumps(_GOOD | values).encode())


def _in_place_of_it(make: Callable[[Path], object]) -> Callable[[Path], object]:
    def replace(path: Path) -> None:
        path.unlink()
        make(path)

    return replace


BAD_SUMMARIES: Mapping[str, Callable[[Path], object]] = {
    "empty": _text(b""),
    "half": _text(b'{"notebook": '),
    "not UTF-8": _text(b'{"notebook": "\xff"}'),
    "UTF-16": _text(json.dumps(_GOOD).encode("utf-16")),
    "nested": _text(b"[" * 100_000),
    "nested in a field": _text(b'{"more": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
    "nested objects": _text(b'{"run": ' * 100_000),
    "a long number": _text(b'{"run": {"run_id": ' + b"9" * 100_000 + b"}}"),
    "half a character": _text(b'{"notebook": "\\ud800"}'),
    "a list": _text(b"[]"),
    "a word": _text(b"null"),
    "another program's": _text(b'{"name": "x", "version": 3}'),
    "huge": lambda path: os.truncate(path, 1 << 40),
    "a number as notebook": _but(notebook=3),
    "no parameters": _but(parameters=None),
    "a list as parameters": _but(parameters=["workspace"]),
    "a number as workspace": _but(parameters={"workspace": 5}),
    "NUL in the workspace": _but(parameters={"workspace": "/a\0b"}),
    "a text as run": _but(run="1"),
    "a text as number": _but(run={"run_id": "1"}),
    "a list as error": _but(error=["x"]),
    "a number as state": _but(state=1),
    "no time": _but(started_at="yesterday"),
    "a number as time": _but(started_at=[1]),
    "a time out of range": _but(finished_at="99999-01-01T00:00:00"),
    "a link": _in_place_of_it(lambda path: path.symlink_to(path.parent / "other")),
    "a loop of links": _in_place_of_it(lambda path: path.symlink_to(path)),
    "a folder": _in_place_of_it(Path.mkdir),
}
if hasattr(os, "mkfifo"):
    BAD_SUMMARIES = {**BAD_SUMMARIES, "a pipe": _in_place_of_it(os.mkfifo)}
