"""How far a sort is: from its progress files, so that nobody has to wait for the database."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Any

from anyio import to_thread

from facesort.core.text.meanings import explain
from facesort.engine.job.progress import (
    current_status,
    is_running,
    read_heartbeat,
    read_progress,
)
from facesort.errors import BusyError, FacesortError
from facesort.serve.operator.places import Places
from facesort.serve.operator.sorting import Sorting
from facesort.workspace import is_workspace, open_workspace

MOST_LISTENERS = 16
_EVERY_S = 1.0
_SHOWN = ("photos", "faces", "batches", "persons", "skipped", "absent", "sources")


class Tracker:
    """What all who watch a sort are told; the files are read once a second for all of them."""

    def __init__(self, places: Places, sorting: Sorting) -> None:
        self._options, self._sorting, self._places = places.options, sorting, places
        self._lock = Lock()
        self._known: tuple[object, dict[str, Any]] | None = None
        self._read_at = 0.0
        self._listeners = 0

    def progress(self) -> dict[str, Any]:
        """Counts that add up, rate, and seconds left; ``state`` is ``none`` where there is no workspace.

        Raises
        ------
        FacesortError
            If the workspace cannot be read.
        """
        with self._lock:
            if self._known is not None and time.monotonic() - self._read_at < _EVERY_S:
                return self._known[1]
            stamp = self._stamp()
            if self._known is None or stamp != self._known[0]:
                self._known = stamp, self._read()
            self._read_at = time.monotonic()
            return self._known[1]

    def worker_status(self) -> dict[str, Any]:
        """The process that sorts: whether it lives, its last sign of life, and why one that was started here failed."""
        state = self._options.workspace / "state"
        progress, beat = read_progress(state), read_heartbeat(state)
        alive = progress is not None and is_running(progress)
        own = self._sorting.is_own()
        return {
            "running": alive or own,
            "started_here": own,
            "pid": progress["pid"] if progress is not None and alive else None,
            "alive": alive,
            "heartbeat_at": None if beat is None else beat.at.astimezone(UTC).isoformat(),
            "heartbeat_age_seconds": None if beat is None else _age(beat.at),
            "analysed": None if beat is None else beat.analysed,
            "trouble": self._places.said(self._sorting.trouble()),
        }

    @contextmanager
    def seat(self) -> Iterator[None]:
        """Be one of those who listen; entered and left in the event loop.

        Raises
        ------
        BusyError
            If there are as many as can be had.
        """
        if self._listeners >= MOST_LISTENERS:
            raise BusyError(f"{MOST_LISTENERS} pages watch already: close one of them")
        self._listeners += 1
        try:
            yield
        finally:
            self._listeners -= 1

    async def events(self) -> AsyncIterator[str]:
        """Server-sent events: the progress when it changes, and a comment every second that nothing did."""
        told = ""
        while True:
            report = await to_thread.run_sync(self._told)
            yield f"event: progress\ndata: {report}\n\n" if report != told else ": alive\n\n"
            told = report
            await asyncio.sleep(_EVERY_S)

    def _told(self) -> str:
        try:
            report = self.progress()
        except FacesortError:
            report = {"state": "unreadable"}  # the page says why when it is loaded again
        worker = self.worker_status()
        return json.dumps({**report, "running": worker["running"], "trouble": worker["trouble"]})

    def _stamp(self) -> object:
        """Changes whenever the figures may have."""
        root = self._options.workspace
        progress = read_progress(root / "state")
        if progress is not None and is_running(progress):
            return progress
        return tuple(
            _changed_at(root / name)
            for name in (
                "facesort.toml",
                "facesort.duckdb",
                "facesort.duckdb.wal",
                "state/progress.json",
            )
        )

    def _read(self) -> dict[str, Any]:
        if not is_workspace(self._options.workspace):
            return {"state": "none", "photos": {"total": 0}}
        with self._places.turn:
            report = current_status(open_workspace(self._options.workspace))
        photos = report["photos"]
        failures = [
            {"reason": reason, "photos": number, "meaning": explain(reason)}
            for reason, number in report.get("failures", {}).items()
        ]
        return {
            "state": report["state"],
            **{name: report.get(name, {}) for name in _SHOWN},
            "done": photos["total"] - photos["pending"],
            "images_per_second": report["images_per_second"],
            "eta_seconds": report["eta_seconds"],
            "failures": failures,
        }


def _changed_at(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def _age(at: datetime) -> float:
    return round(max((datetime.now(UTC) - at).total_seconds(), 0.0), 1)
