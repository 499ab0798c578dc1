"""Jobs that search a collection in videos: one at a time, beside the requests; known until the service stops."""

from __future__ import annotations

import logging
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from uuid import uuid4

from facesort.core.collections.protocol import FaceCollections
from facesort.core.collections.records import Collection, Once
from facesort.core.collections.seen import SeenVideo
from facesort.engine.analysis.video_finder import VideoFinder
from facesort.engine.collections.videos import search_video
from facesort.errors import BusyError, ImageError, MissingItemError, OnceError
from facesort.reasons import Reason
from facesort.serve.videos.uploads import MOST_WAITING, Uploads

log = logging.getLogger(__name__)

KEPT_S = 24 * 3600.0
_MOST_KEPT = 3_000_000  # boxes of all results, about 24 bytes each
_BOXES_OF_A_JOB = 1_000  # at least, for all else that is kept of it
_LOOK_S = 60.0  # between two looks for results that are old
_UNFORESEEN = "this cannot be done now; the log says more under the id of this job"


class State(StrEnum):
    """How far a job is."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class StoredVideo:
    """Where a client says that a video is."""

    bucket: str
    name: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a job is to do.

    Parameters
    ----------
    path : Path
        The video.
    within : float
        Largest distance.
    video : StoredVideo or None
        None: it was sent.
    tag : str or None
        What the client calls the job.
    once : Once or None
        What makes the request count once, for as long as its job is known.
    """

    collection: Collection
    path: Path = field(repr=False)
    within: float
    video: StoredVideo | None = None
    tag: str | None = None
    once: Once | None = None


@dataclass(slots=True, eq=False)
class Job:
    """One job, as it is now.

    Parameters
    ----------
    files : ExitStack
        Closed once the video is not needed any more.
    why : str
        What is wrong, if it failed.
    reason : Reason or None
        The same as a code, if it is about the video.
    ended : float
        By `time.monotonic`.
    """

    wanted: Wanted
    files: ExitStack = field(repr=False)
    job_id: str = field(default_factory=lambda: uuid4().hex)
    state: State = State.WAITING
    why: str = ""
    reason: Reason | None = None
    seen: SeenVideo | None = None
    ended: float = 0.0
    removed: threading.Event = field(default_factory=threading.Event)

    @property
    def is_over(self) -> bool:
        """Whether it was done, or failed."""
        return self.state in {State.DONE, State.FAILED}

    @property
    def weight(self) -> int:
        """How much is kept of it, in boxes."""
        faces = self.seen.faces if self.seen is not None else ()
        return _BOXES_OF_A_JOB + sum(len(face.track.boxes) + 4 * len(face.near) for face in faces)


class VideoJobs:
    """All jobs of a service.  Thread-safe.

    Results are in memory only, without embeddings, and end after `KEPT_S`, with their collection, with the service, or
    when newer ones need the room.

    Parameters
    ----------
    uploads : Uploads
        Where videos are that were sent.
    most_waiting : int
        Jobs that are not over; more are told to come back.
    """

    def __init__(
        self,
        finder: VideoFinder,
        collections: FaceCollections,
        uploads: Uploads,
        most_waiting: int = MOST_WAITING,
    ) -> None:
        self.uploads = uploads
        self._finder, self._collections, self._most = finder, collections, most_waiting
        self._jobs: dict[str, Job] = {}
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closed = threading.Event()

    def submit(self, wanted: Wanted, files: ExitStack | None = None) -> Job:
        """Let a video be searched; what `files` holds is let go at the end of the job, or here if there will be none.

        Raises
        ------
        BusyError
            If too many jobs wait already, or the service stops.
        OnceError
            If its token was used for another request.
        """
        with ExitStack() as mine, self._changed:
            mine.push(files or ExitStack())
            if self._closed.is_set():
                raise BusyError("this service is about to stop: ask again later")
            self._expire()
            if (known := self._known(wanted.once)) is not None:
                return known
            self.need_room()
            job = Job(wanted, mine.pop_all())
            self._jobs[job.job_id] = job
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="videos", daemon=True)
                self._thread.start()
            self._changed.notify()
            return job

    def need_room(self) -> None:
        """Raise `BusyError` if too many jobs wait already."""
        with self._changed:
            if sum(not job.is_over for job in self._jobs.values()) >= self._most:
                raise BusyError(
                    f"{self._most} videos wait already: send it again when one of them is done"
                )

    def _known(self, once: Once | None) -> Job | None:
        if once is None:
            return None
        for job in self._jobs.values():
            if job.wanted.once is not None and job.wanted.once.token == once.token:
                if job.wanted.once != once:
                    raise OnceError(
                        "ClientRequestToken was used for another request: take a new one"
                    )
                return job
        return None

    def job(self, job_id: str) -> Job:
        """A job.

        Raises
        ------
        MissingItemError
            If it is not known, or not any more.
        CollectionError
            If its collection cannot be asked.
        """
        with self._changed:
            self._expire()
            job = self._jobs.get(job_id)
        if job is None or not self._is_there(job.wanted.collection):
            self.remove(job_id)
            raise MissingItemError(
                f"there is no job {job_id!r}: results are kept for {KEPT_S / 3600:.0f} h, and until the service stops "
                "or the collection is deleted"
            )
        return job

    def _is_there(self, collection: Collection) -> bool:
        """Whether a collection is still there, and is not another one of that name."""
        try:
            found = self._collections.collection(collection.collection_id)
        except MissingItemError:
            return False
        return found.created_at == collection.created_at

    def remove(self, job_id: str) -> None:
        """Forget a job, and end it if it is not over; nothing happens if it is not known."""
        with self._changed:
            job = self._jobs.pop(job_id, None)
            if job is None:
                return
            job.removed.set()
            if job.state is State.WAITING:
                job.files.close()

    def remove_of(self, collection_id: str) -> None:
        """Forget all jobs of a collection."""
        with self._changed:
            for job in list(self._jobs.values()):
                if job.wanted.collection.collection_id == collection_id:
                    self.remove(job.job_id)

    def close(self) -> None:
        """End all jobs, and forget them."""
        with self._changed:
            self._closed.set()
            for job_id in list(self._jobs):
                self.remove(job_id)
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()

    def _expire(self) -> None:
        """Forget what is old, or too much; the lock is held."""
        now, kept = time.monotonic(), 0
        for job in reversed(list(self._jobs.values())):
            kept += job.weight
            is_too_much = (
                kept > _MOST_KEPT and kept > job.weight
            )  # the newest stays, whatever it is
            if job.is_over and (now - job.ended > KEPT_S or is_too_much):
                self.remove(job.job_id)

    def _run(self) -> None:
        while (job := self._next()) is not None:
            self._carry_out(job)

    def _next(self) -> Job | None:
        """Wait for the next job; None at the end."""
        with self._changed:
            while not self._closed.is_set():
                self._expire()
                for job in self._jobs.values():
                    if job.state is State.WAITING:
                        job.state = State.RUNNING
                        return job
                self._changed.wait(_LOOK_S)
        return None

    def _carry_out(self, job: Job) -> None:
        wanted = job.wanted
        try:
            with job.files:
                found = self._finder.find(wanted.path, job.removed.is_set)
            seen = search_video(self._collections, wanted.collection, found, wanted.within)
        except ImageError as error:
            # A file that was sent has a name that means nothing to who sent it.
            detail = error.detail if wanted.video else error.detail.replace(wanted.path.name, "it")
            self._end(job, State.FAILED, f"the video cannot be used: {detail}", error.reason)
        except MissingItemError as error:  # the collection was deleted meanwhile
            self._end(job, State.FAILED, str(error))
        except Exception:  # the thread goes on with the next one
            if not job.removed.is_set():
                log.exception("a video failed", extra={"facts": {"job": job.job_id}})
            self._end(job, State.FAILED, _UNFORESEEN)
        else:
            job.seen = seen
            self._end(job, State.DONE)

    def _end(self, job: Job, state: State, why: str = "", reason: Reason | None = None) -> None:
        with self._changed:
            job.why, job.reason, job.ended = why, reason, time.monotonic()
            job.state = state
