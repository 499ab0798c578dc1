"""Progress that others can read while the sort holds the database: small JSON files, replaced by rename."""

from __future__ import annotations

import json
import logging
import os
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from facesort.clock import utc_text
from facesort.files import replace_json
from facesort.reasons import PhotoStatus
from facesort.store.job.photos import PhotoResult
from facesort.store.queries.reports import Counts

log = logging.getLogger(__name__)

_HEARTBEAT_S = 1.0
# Rate and ETA look at the last photos only: a job speeds up and slows down with its folders.
_RATE_WINDOW = 500


def status_report(
    state: str, counts: Counts, rate: float | None = None, eta: float | None = None
) -> dict[str, Any]:
    """What ``facesort status --json`` prints.

    Parameters
    ----------
    state : str
        ``running``, ``idle``, ``finished``, ``failed`` or ``interrupted``.
    rate : float or None
        Images per second.
    eta : float or None
        Seconds.
    """
    return {
        "state": state,
        "photos": {"total": counts.total} | {s.value: n for s, n in counts.photos.items()},
        "faces": {"total": sum(counts.faces.values())}
        | {o.value: n for o, n in counts.faces.items()},
        "batches": {name.lower(): n for name, n in counts.batches.items()},
        "images_per_second": None if rate is None else round(rate, 2),
        "eta_seconds": None if eta is None else round(eta),
        "persons": dict(counts.persons),
        "skipped": dict(counts.skipped),
    }


def read_progress(folder: Path) -> dict[str, Any] | None:
    """The last progress that a sort wrote; None before the first one."""
    try:
        value = json.loads((folder / "progress.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) else None


@dataclass(slots=True)
class Progress:
    """Counts that move with the job, and the files that show them.

    Parameters
    ----------
    folder : Path
        ``state/`` of the workspace.
    counts : Counts
        As the store has them at the start; kept up to date batch by batch, so that the cost per batch does not
        grow with the job.
    """

    folder: Path
    counts: Counts
    run_id: int
    # A PID alone may be another process after a restart.
    _process_started: float = field(default_factory=lambda: float(psutil.Process().create_time()))
    _analysed: int = 0
    _beat: float = 0.0
    _times: deque[tuple[float, int]] = field(default_factory=lambda: deque([(time.monotonic(), 0)]))

    def __post_init__(self) -> None:
        with _logged("state files"):
            (self.folder / "batches").mkdir(parents=True, exist_ok=True)
            for half in self.folder.rglob(".*.new"):  # of a job that was killed
                half.unlink()

    def photo_analysed(self) -> None:
        """One more photo came back from the workers; beats at most once a second."""
        self._analysed += 1
        now = time.monotonic()
        self._times.append((now, self._analysed))
        if len(self._times) > _RATE_WINDOW:
            self._times.popleft()
        if now - self._beat >= _HEARTBEAT_S:
            self._beat = now
            self._write_heartbeat()
            self.write("running")

    def batch_moved(self, old: str, new: str) -> None:
        """A batch changed its state."""
        self.counts.batches[old] -= 1
        self.counts.batches[new] += 1

    def batch_recorded(self, results: Sequence[PhotoResult]) -> None:
        """The results of a batch are stored."""
        for result in results:
            self.counts.photos[PhotoStatus.PENDING] -= 1
            self.counts.photos[result.status] += 1
            for decision in result.decisions:
                self.counts.faces[decision.outcome] += 1

    def batch_committed(self, batch_id: int, names: Sequence[str]) -> None:
        """The files of a batch are in the output.

        Parameters
        ----------
        names : sequence of str
            Person's name of each verified file.
        """
        for name in names:
            self.counts.persons[name] = self.counts.persons.get(name, 0) + 1
        summary = {"batch_id": batch_id, "files": len(names), "finished_at": utc_text()}
        _show(self.folder / "batches" / f"{batch_id:06d}.json", summary)

    def write(self, state: str) -> dict[str, Any]:
        """Write ``progress.json``; returns what it says."""
        report = status_report(state, self.counts, *self._rate_and_eta())
        report |= {
            "run_id": self.run_id,
            "pid": os.getpid(),
            "process_started": self._process_started,
            "updated_at": utc_text(),
        }
        _show(self.folder / "progress.json", report)
        return report

    def _rate_and_eta(self) -> tuple[float | None, float | None]:
        """Images per second over the last photos, and seconds left at that rate."""
        (start, first), (end, last) = self._times[0], self._times[-1]
        if last == first or end <= start:
            return None, None
        rate = (last - first) / (end - start)
        return rate, self.counts.photos[PhotoStatus.PENDING] / rate

    def _write_heartbeat(self) -> None:
        beat = {"pid": os.getpid(), "analysed": self._analysed, "at": utc_text()}
        _show(self.folder / "heartbeat.json", beat)


def _show(path: Path, value: Any) -> None:
    """Replace a state file, if that is possible.

    On Windows it is not while somebody reads the file, and on a full disk it is not at all: the next one will do, and
    what the job needs of the disk it will say itself.
    """
    with _logged(path.name):
        replace_json(path, value)


@contextmanager
def _logged(name: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        log.warning("%s cannot be written: %s", name, os.strerror(error.errno or 0))


def is_running(progress: Mapping[str, Any]) -> bool:
    """Whether the process that wrote a progress file is still at work."""
    try:
        started = psutil.Process(progress["pid"]).create_time()
    except (psutil.Error, KeyError):
        return False
    return bool(progress["state"] == "running" and abs(started - progress["process_started"]) < 1)
