"""Analyses in worker processes: in the order of the files, and each content once."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Collection, Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from facesort.core.derivatives import Derivative, Variant
from facesort.core.records import Analysis, PhotoRef
from facesort.engine.analysis.analyse import (
    Analyser,
    Task,
    analyse_file,
    derive_jpeg,
    hash_file,
    render_file,
)
from facesort.engine.analysis.clip_threads import ClipThreads
from facesort.engine.analysis.clips import ClipAnalysis
from facesort.engine.analysis.lost import (
    WORKER_FAILURES,
    WorkerFailure,
    reason_of,
    result_of_two,
)
from facesort.engine.analysis.reading import sha256_once, version_of
from facesort.errors import FREE_MEMORY, ImageError
from facesort.images import PhotoKind, photo_kind
from facesort.reasons import Reason

log = logging.getLogger(__name__)

# How far the workers may run ahead of the file that is next in order; of a cluster, twice what its machines have.
_AHEAD = 64


def render_again(
    analyser: Analyser, photo: PhotoRef, executor: Executor, sha256: str | None = None
) -> bytes:
    """Render a photo whose JPEG is lost, in a worker.

    Raises
    ------
    ImageError
        If the file cannot be read any more, has another hash than the one given, or crashed its worker.
    """
    if photo.at_ms is None or sha256 is None:
        with _failures_explained(analyser, photo):
            return executor.submit(render_file, analyser, photo, sha256).result()
    # A clip is not read whole for each of its frames, nor within the time limit of a worker.
    path = analyser.path_of(photo)
    before = version_of(path)
    if sha256_once(path) != sha256:
        raise ImageError(Reason.RENDER_CHANGED, "another file has this name now")
    jpeg = render_again(analyser, photo, executor)
    if version_of(path) != before:
        raise ImageError(Reason.RENDER_CHANGED, "it was changed while it was read")
    return jpeg


def derive_again(
    analyser: Analyser,
    photo: PhotoRef,
    executor: Executor,
    jpeg: bytes,
    variants: Collection[Variant],
) -> tuple[Derivative, ...]:
    """Make smaller versions of a photo's JPEG, in a worker.

    Raises
    ------
    ImageError
        If it crashed its worker.
    """
    with _failures_explained(analyser, photo):
        return executor.submit(derive_jpeg, analyser, jpeg, variants).result()


@contextmanager
def _failures_explained(analyser: Analyser, photo: PhotoRef) -> Iterator[None]:
    try:
        yield
    except WORKER_FAILURES as error:
        raise ImageError(*_worker_failure(analyser, photo, error)) from error


def analyse_in_order(
    analyser: Analyser,
    tasks: Iterable[Task],
    executor: Executor,
    *,
    failed: Iterable[int] = (),
    clips: ClipThreads | None = None,
) -> Generator[Analysis]:
    """Analyse files in parallel and yield the results in the order of the files.

    Of files with the same content, the first in order is analysed; the others are only hashed.  A file of the same shot
    as one of its partners is analysed only if that failed.  The results depend neither on the number of workers nor on
    their timing.

    Parameters
    ----------
    tasks : iterable of Task
    executor : Executor
        At most 64 files are under way at a time, or twice its `slots` if it has that; if the caller stops early, they
        are cancelled.
    failed : iterable of int
        Ids of photos that failed before; nothing is linked to them.
    clips : ClipThreads, optional
        Analyses the clips, and is stopped at the end; by default nothing of them is kept.
    """
    line = _Line(analyser, executor, clips or ClipThreads(analyser, executor), set(failed))
    try:
        for task in tasks:
            line.enter(task)
            while len(line.jobs) >= max(_AHEAD, 2 * getattr(executor, "slots", 0)):
                yield line.leave()
        while line.jobs:
            yield line.leave()
    finally:
        line.clips.stop()
        for job in line.jobs:
            job.future.cancel()


_Work = Callable[[Analyser, Task], Analysis]


@dataclass(slots=True, eq=False)
class _Job:
    """A task under way; of a clip by its name, or by its content."""

    task: Task
    is_clip: bool
    work: _Work = field(init=False)
    future: Future[Analysis] = field(init=False)
    found: Analysis | None = None


@dataclass(slots=True)
class _Line:
    """The tasks under way, in order.

    Parameters
    ----------
    jobs : deque of _Job
    hashing : deque of _Job
        Those of them that are being hashed, to see whether they are analysed.
    first : set of str
        SHA-256 of the files that were hashed and then analysed.
    read : set of str
        SHA-256 of all files that have left the line.
    damaged : set of str
        SHA-256 of those that could not be analysed; empty if they could not even be read.
    failed : set of int
        Ids of the photos that could not be analysed.
    """

    analyser: Analyser
    executor: Executor
    clips: ClipThreads
    failed: set[int]
    jobs: deque[_Job] = field(default_factory=deque)
    hashing: deque[_Job] = field(default_factory=deque)
    first: set[str] = field(default_factory=set)
    read: set[str] = field(default_factory=set)
    damaged: set[str] = field(default_factory=set)

    def enter(self, task: Task) -> None:
        """Start to hash or analyse the next file."""
        if task.partners:  # those in the line may succeed this time
            task = _without(task, self.failed - {job.task.ref.photo_id for job in self.jobs})
        job = _Job(task, photo_kind(task.ref.path) is PhotoKind.VIDEO)
        self._start(job, hash_file if task.shared_size else analyse_file)
        self.jobs.append(job)
        if task.shared_size:
            self.hashing.append(job)

    def leave(self) -> Analysis:
        """Wait for the result of the first file."""
        job = self.jobs.popleft()
        while True:
            self._analyse_hashed()
            hashing = [self.hashing[0].future] if self.hashing else []
            if job.future.done() and job.future not in hashing:
                break
            wait([job.future, *hashing], return_when=FIRST_COMPLETED)
        found = self._settle(job)
        self.read.add(found.sha256)
        if found.failure is not None:
            self.damaged.add(found.sha256)
        if found.sha256 in self.damaged:
            self.failed.add(found.photo_id)
        else:
            self.failed.discard(found.photo_id)
        return found

    def _settle(self, job: _Job) -> Analysis:
        """Result of the first file, now that those of all earlier ones are known."""
        found = self._result(job)
        if _is_unread(found, job.task.known, self.read):
            # The earlier file with this content was lost or changed before it could be analysed.
            found = self._analyse(job)
        if found.is_video:
            job.is_clip = True
            found = self._analyse(job)
        if found.shot_of in self.failed:
            job.task = _without(job.task, self.failed)
            found = self._analyse(job)
        if not found.sha256 and job.task.partners:  # one of these may have killed the worker
            job.task = replace(job.task, partners=())
            found = self._analyse(job)
        return found

    def _analyse_hashed(self) -> None:
        """Start to analyse the files that are hashed by now, but not those whose content came before."""
        while self.hashing and self.hashing[0].future.done():
            job = self.hashing.popleft()
            found = self._result(job)
            if _is_unread(found, job.task.known, self.first):
                self.first.add(found.sha256)
                self._start(job, analyse_file)

    def _analyse(self, job: _Job) -> Analysis:
        self._start(job, analyse_file)
        return self._result(job)

    def _start(self, job: _Job, work: _Work) -> None:
        """Hand a file to a worker."""
        job.work, job.found = work, None
        if job.is_clip:
            look = ClipAnalysis.hash if work is hash_file else ClipAnalysis.run
            job.future = self.clips.submit(look, job.task)
        else:
            job.future = self.executor.submit(work, self.analyser, job.task)

    def _result(self, job: _Job) -> Analysis:
        """Wait for one result; a worker that died or hung gives a reason code, not an exception."""
        if job.found is None:
            try:
                job.found = result_of_two(
                    job.future, lambda: self.executor.submit(job.work, self.analyser, job.task)
                )
            except WORKER_FAILURES as error:
                ref = job.task.ref
                reason, detail = _worker_failure(self.analyser, ref, error)
                job.found = Analysis(ref.photo_id, "", failure=reason, detail=detail)
        return job.found


def _is_unread(found: Analysis, *known: Collection[str]) -> bool:
    """Whether a file was only hashed, and its content is none of those."""
    return found.known and not any(found.sha256 in contents for contents in known)


def _without(task: Task, failed: Collection[int]) -> Task:
    """A task without partners that failed."""
    return replace(task, partners=tuple(p for p in task.partners if p.ref.photo_id not in failed))


def _worker_failure(
    analyser: Analyser, photo: PhotoRef, error: WorkerFailure
) -> tuple[Reason, str]:
    """Reason code and text for a file that crashed its worker, or exceeded its time or memory."""
    reason, limits = reason_of(error), analyser.photos
    if reason is Reason.TOO_LARGE:
        log.warning("%s was given up: its worker got no more memory", photo.path)
        return reason, (
            f"it takes more than {limits.max_worker_mb:g} MB of memory (photos.max_worker_mb), or the system had no "
            f"more: then {FREE_MEMORY}, and run `facesort retry`"
        )
    if reason is Reason.TIMEOUT:
        log.warning("%s was given up after %g s", photo.path, limits.timeout_s)
        return reason, f"gave up after {limits.timeout_s:g} s (photos.timeout_s)"
    log.warning("%s killed its worker: %s", photo.path, error)
    return reason, str(error)
