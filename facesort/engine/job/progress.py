"""Progress and status: small JSON files that other processes can read while a sort has the database open."""

from __future__ import annotations

import json
import logging
import os
import re
import signal
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from facesort.clock import utc_text
from facesort.engine.cluster.members import Member
from facesort.engine.counted import Report, keep_report, kept_report, status_report
from facesort.errors import StoreLockedError, because
from facesort.files import (
    Kind,
    expect,
    make_own_folder,
    read_own,
    remove_own,
    replace_json,
    stamp_of,
)
from facesort.reasons import PhotoStatus, Reason
from facesort.workspace import Workspace

if TYPE_CHECKING:
    from facesort.core.records import File
    from facesort.store.job.photos import PhotoResult
    from facesort.store.queries.reports import Counts

log = logging.getLogger(__name__)

_HEARTBEAT_S = 1.0
# Rate and ETA use the last photos only, since folders differ in speed.
_RATE_WINDOW = 500
_OF_A_KILLED_RUN = re.compile(r"\.[0-9]{6,}\.json\.new")


class _Written(Report):
    """The shape of ``progress.json``."""

    pid: int = Field(gt=0, lt=2**31)
    process_started: float


class Heartbeat(BaseModel):
    """The shape of ``heartbeat.json``.

    Parameters
    ----------
    analysed : int
        Photos, since that sort began.
    at : datetime
        UTC.
    """

    model_config = ConfigDict(frozen=True)

    pid: int = Field(gt=0, lt=2**31)
    analysed: int = Field(ge=0)
    at: AwareDatetime


def read_progress(folder: Path) -> dict[str, Any] | None:
    """Read the last progress that a sort wrote; None before the first one, and if something else lies there."""
    try:
        data = read_own(folder / "progress.json", below=folder.parent)
        _Written.model_validate_json(data)
        return dict(json.loads(data))
    except (OSError, ValueError):
        return None


@dataclass(slots=True)
class Progress:
    """Counts that are updated during a run, and the files that show them.

    Parameters
    ----------
    folder : Path
        ``state/`` of the workspace.
    counts : Counts
        As stored at the start; updated batch by batch, so that the cost per batch does not grow with the job.
    workers : callable
        Gives the workers of a cluster as they are now.
    """

    folder: Path
    counts: Counts
    run_id: int
    workers: Callable[[], Sequence[Member]] = tuple
    # A PID alone could be another process after a reboot.
    _process_started: float = field(default_factory=lambda: _started(os.getpid()))
    _analysed: int = 0
    _beat: float = 0.0
    _turn: Lock = field(default_factory=Lock)
    _failed: set[Path] = field(default_factory=set)
    _times: deque[tuple[float, int]] = field(default_factory=lambda: deque([(time.monotonic(), 0)]))

    def __post_init__(self) -> None:
        folder, below = self.folder / "batches", self.folder.parent
        left: list[Path] = []
        with self._logged(folder):
            make_own_folder(folder, below=below)
            left = [p for p in folder.iterdir() if _OF_A_KILLED_RUN.fullmatch(p.name)]
        for path in left:
            with self._logged(path):
                remove_own(path, below=below)

    def photo_analysed(self) -> None:
        """Count one more analysed photo; writes progress at most once a second."""
        self._analysed += 1
        now = time.monotonic()
        self._times.append((now, self._analysed))
        if len(self._times) > _RATE_WINDOW:
            self._times.popleft()
        if now - self._beat >= _HEARTBEAT_S:
            self._beat = now
            self._write_heartbeat()
            self.write("running")

    def alive(self) -> None:
        """Say that a part of a clip is done, as one clip may take an hour; from any thread, at most once a second."""
        now = time.monotonic()
        if now - self._beat >= _HEARTBEAT_S:
            self._beat = now
            self._write_heartbeat()

    def batch_moved(self, old: str, new: str) -> None:
        """Count a batch that changed its state."""
        self.counts.batches[old] -= 1
        self.counts.batches[new] += 1

    def batch_recorded(self, batch: Sequence[File], results: Sequence[PhotoResult]) -> None:
        """Count the stored results of the files of a batch."""
        linked = sum(result.decided_as is not None for result in results)
        self.counts = replace(self.counts, same_shot=self.counts.same_shot + linked)
        for file, result in zip(batch, results, strict=True):
            self.counts.photos[PhotoStatus.PENDING] -= 1
            self.counts.photos[result.status] += 1
            if result.status is PhotoStatus.FAILED and result.reason is not None:
                failures = self.counts.failures
                failures[result.reason] = failures.get(result.reason, 0) + 1
            self.counts.sources[file.source]["pending"] -= 1
            for decision in result.decisions:
                self.counts.faces[decision.outcome] += 1
            if result.is_decided and result.analysis.info is not None:
                for code in map(str, result.analysis.info.remarks):
                    self.counts.remarks[code] = self.counts.remarks.get(code, 0) + 1
            if result.is_decided and result.analysis.clip is not None:
                self._count_clip(result)

    def _count_clip(self, result: PhotoResult) -> None:
        of_clip = {"total": 1, result.status.value: 1, "tracks": len(result.decisions)}
        if result.reason is Reason.AWAITS_REVIEW:
            of_clip[result.reason.value] = 1
        for name, number in of_clip.items():
            self.counts.clips[name] = self.counts.clips.get(name, 0) + number

    def batch_committed(self, batch_id: int, names: Sequence[str]) -> None:
        """Count the files of a batch that are in the output.

        Parameters
        ----------
        names : sequence of str
            Name of the person of each verified file.
        """
        for name in names:
            self.counts.persons[name] = self.counts.persons.get(name, 0) + 1
        summary = {"batch_id": batch_id, "files": len(names), "finished_at": utc_text()}
        self._write(self.folder / "batches" / f"{batch_id:06d}.json", summary)

    def batch_timed(self, *, analysis: float, wait: float, own: float) -> None:
        """Add what a batch took, in seconds, as in `Counts.seconds`."""
        for stage, seconds in (("analysis", analysis), ("wait", wait), ("own", own)):
            self.counts.seconds[stage] = self.counts.seconds.get(stage, 0.0) + seconds

    def write(self, state: str) -> dict[str, Any]:
        """Write ``progress.json``; returns what it says."""
        report = status_report(state, self.counts, *self._rate_and_eta())
        report |= {
            "run_id": self.run_id,
            "pid": os.getpid(),
            "process_started": self._process_started,
            "updated_at": utc_text(),
            "workers": [asdict(member) for member in self.workers()],
        }
        self._write(self.folder / "progress.json", report)
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
        self._write(self.folder / "heartbeat.json", beat)

    def _write(self, path: Path, value: Any) -> None:
        """Replace a state file; a failure is only logged.

        Windows refuses while another process reads the file, and a full disk always: the next update will do, and the
        run reports a full disk itself.
        """
        with self._turn, self._logged(path):
            expect(path.parent, Kind.FOLDER)
            replace_json(path, value, durable=False)

    @contextmanager
    def _logged(self, path: Path) -> Iterator[None]:
        """Log a failure, once per file: progress is written every second."""
        try:
            yield
        except OSError as error:
            if self._failed.isdisjoint({path, path.parent}):
                log.warning("%s cannot be written %s", path, because(error))
            self._failed.add(path)


def read_heartbeat(folder: Path) -> Heartbeat | None:
    """Read the last sign of life of a sort; None before the first one, and if something else lies there."""
    try:
        return Heartbeat.model_validate_json(
            read_own(folder / "heartbeat.json", below=folder.parent, limit=1000)
        )
    except (OSError, ValueError):
        return None


def interrupt(progress: Mapping[str, Any]) -> None:
    """Stop the sort that wrote a progress file, as Ctrl-C does; nothing happens if it has ended."""
    import psutil

    with suppress(psutil.Error):
        process = psutil.Process(progress["pid"])
        if is_running(progress):
            process.send_signal(signal.SIGINT)  # psutil refuses if another process has the PID now


def is_running(progress: Mapping[str, Any]) -> bool:
    """Whether the process that wrote a progress file is still running."""
    if progress["state"] != "running":
        return False
    import psutil

    try:
        return abs(_started(progress["pid"]) - float(progress["process_started"])) < 1
    except psutil.Error:
        return False


def _started(pid: int) -> float:
    """When a process was started, in seconds since 1970."""
    import psutil

    return float(psutil.Process(pid).create_time())


def current_status(workspace: Workspace) -> dict[str, Any]:
    """Counts, rate and ETA of a workspace, also while a sort has the database open.

    Returns
    -------
    dict
        As `status_report` gives it; ``state`` is ``running`` only while the process that says so is running.

    Raises
    ------
    StoreLockedError
        If a program other than a sort has the database open and no sort has run yet.
    """
    progress = read_progress(workspace.state)
    if progress is not None and is_running(progress):
        return progress
    stamp = stamp_of(workspace.database)
    counted = kept_report(workspace, stamp)
    if counted is not None:
        return counted
    from facesort.store.job import runs  # and DuckDB
    from facesort.store.queries import reports

    try:
        with workspace.open_store(read_only=True) as store:
            run_id = runs.latest_run_id(store)
            state = "idle" if run_id is None else reports.run_record(store, run_id).state
            # A run recorded as running was killed: its process is gone.
            state = "interrupted" if state == "running" else state
            report = status_report(state, reports.counts_alone(store))
    except StoreLockedError as error:
        if progress is None:
            raise StoreLockedError(
                f"{workspace.root} is in use by another program, and no sort has left figures to show meanwhile: "
                "ask again when it is done"
            ) from error
        if progress["state"] != "running":
            return progress
        # That sort was killed: its process is gone.
        return progress | {"state": "interrupted", "images_per_second": None, "eta_seconds": None}
    keep_report(workspace, stamp, report)
    return report
