"""Analysis of a clip: its parts in worker processes, and the tracks that go through them in this one.

The parts are the same whatever the number of workers, and they are linked in order, so neither that nor a killed job
changes the result.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from facesort.core.clips import ClipInfo, clock
from facesort.core.faces.tracks import Linker
from facesort.core.records import Analysis, PhotoInfo, PhotoRef
from facesort.engine.analysis.analyse import (
    SPARSE_MS,
    Analyser,
    Task,
    analyse_file,
    engine_of,
    shot_among,
)
from facesort.engine.analysis.lost import WORKER_FAILURES, WorkerLost, reason_of
from facesort.engine.analysis.parts import FoundPart, KeptParts
from facesort.engine.analysis.reading import is_clip, reading, sha256_once, version_of
from facesort.engine.analysis.sampling import faces_in
from facesort.errors import ImageError
from facesort.images.clips.clip import Part
from facesort.images.clips.clip_file import open_clip
from facesort.reasons import Reason, Remark

log = logging.getLogger(__name__)
T = TypeVar("T")

_SAMPLES = 50  # of a part, about: as many pictures as a worker looks at in some ten seconds
_SHORTEST_MS, _LONGEST_MS, _OF_KEY_FRAMES_MS = 1_000, 10_000, 30_000
_AHEAD = 8  # parts of one clip that are under way
_LOST_IN_A_ROW = 3  # parts, before the rest of the clip is given up
_WORKERS_KILLED = 2  # before it is the part's own fault
_LIVE_MS = 10_000  # no such movie is longer
_POLL_S = 0.5


@dataclass(frozen=True, slots=True)
class ClipFacts:
    """What a clip says of itself before a frame is looked at.

    Parameters
    ----------
    duration_ms : int
        0 if it does not say.
    """

    info: PhotoInfo
    duration_ms: int
    codec: str
    decoder: str


def clip_facts(analyser: Analyser, ref: PhotoRef) -> ClipFacts:
    """What a clip says of itself; runs in a worker.

    Raises
    ------
    ImageError
        If it cannot be used.
    """
    path, limit = analyser.path_of(ref), analyser.photos.max_megapixels
    with reading(), open_clip(path, path.name, max_megapixels=limit) as clip:
        return ClipFacts(clip.info, clip.duration_ms, clip.codec, clip.decoder)


def analyse_part(analyser: Analyser, ref: PhotoRef, part: Part) -> FoundPart:
    """Find and embed the faces in the samples of a part; runs in a worker.

    Raises
    ------
    ImageError
        If it cannot be decoded.
    """
    engine, small = engine_of(analyser), analyser.photos.small_faces
    path, limit = analyser.path_of(ref), analyser.photos.max_megapixels
    with reading(), open_clip(path, path.name, max_megapixels=limit) as clip:
        samples = tuple(faces_in(engine, clip, part, crop=analyser.crop, small=small))
        return FoundPart(samples, clip.complaints, clip.ended_ms)


def part_of(number: int, every_ms: int) -> Part:
    """A part by its number."""
    length = (
        max(min(_SAMPLES * every_ms, _LONGEST_MS), _SHORTEST_MS) if every_ms else _OF_KEY_FRAMES_MS
    )
    return Part(number * length, (number + 1) * length, every_ms)


class Stopped(Exception):
    """A clip was given up because the job ends."""


def _never() -> bool:
    return False


@dataclass(slots=True)
class ClipAnalysis:
    """One clip, part by part.

    Parameters
    ----------
    kept : callable of (sha256, key) to KeptParts, optional
        Where its parts are kept; None: nowhere.
    stopped : callable of () to bool
        Asked while it waits; if true, it is given up with `Stopped`.
    on_part : callable of ()
        Called after each part.
    """

    analyser: Analyser
    executor: Executor
    task: Task
    kept: Callable[[str, str], KeptParts] | None = None
    stopped: Callable[[], bool] = _never
    on_part: Callable[[], None] = lambda: None
    _lost: list[tuple[Part, Reason]] = field(default_factory=list)
    _complaints: int = 0
    _samples: int = 0
    _ended_ms: int | None = None
    _given_up_ms: int | None = None
    _version: tuple[int, int] = (0, 0)

    def run(self) -> Analysis:
        """Faces of the clip, one for each track; or a reason, as of a photo.

        Raises
        ------
        Stopped
            If `stopped` says so.
        PackError, ResourceError, WorkspaceError
            If something fails that is not the clip's fault.
        """
        started = time.perf_counter()
        return replace(self._run(), seconds=time.perf_counter() - started)

    def _run(self) -> Analysis:
        key, digest = self.task.ref.photo_id, ""
        try:
            path = self.analyser.path_of(self.task.ref)
            if not is_clip(path):
                return self._asked(analyse_file, self.analyser, self.task)
            self._version = version_of(path)
            digest = sha256_once(path)
            if digest in self.task.known:
                return Analysis(key, digest, known=True)
            found = self._look(path, digest)
            self._refuse_changed(path)
            return found
        except ImageError as error:
            # Another file with this content may be fine.
            digest = "" if error.reason in {Reason.MISSING, Reason.UNREADABLE} else digest
            return Analysis(key, digest, failure=error.reason, detail=error.detail)
        except WORKER_FAILURES as error:
            reason = reason_of(error)
            return Analysis(key, digest, failure=reason, detail="its head could not be read")

    def _refuse_changed(self, path: Path) -> None:
        if version_of(path) != self._version:
            raise ImageError(Reason.UNREADABLE, "it was changed while it was read: sort again")

    def hash(self) -> Analysis:
        """SHA-256 of the clip, as if its content were known."""
        key = self.task.ref.photo_id
        try:
            digest = sha256_once(self.analyser.path_of(self.task.ref))
        except ImageError as error:
            return Analysis(key, "", failure=error.reason, detail=error.detail)
        return Analysis(key, digest, known=True)

    def _look(self, path: Path, digest: str) -> Analysis:
        facts = self._asked(clip_facts, self.analyser, self.task.ref)
        photos, shot_of = self.analyser.photos, None
        if self.task.partners and 0 < facts.duration_ms <= _LIVE_MS:
            asked = self.analyser, self.task.ref, facts.info, self.task.partners
            with suppress(*WORKER_FAILURES):  # one of the pictures kills workers
                shot_of = self._asked(shot_among, *asked)
        every_ms = 0 if photos.key_frames_only else round(1000 / photos.samples_per_second)
        if shot_of is not None and every_ms:
            every_ms = max(every_ms, SPARSE_MS)
        linker = Linker(every_ms, loose=self.analyser.pack.loose)
        kept = self._kept(digest, every_ms, facts)
        for part in self._parts(path, every_ms, facts.duration_ms, kept):
            for ms, faces in part.samples:
                linker.add(ms, faces)
        if not self._samples:
            raise ImageError(*self._why_nothing())
        ended_ms = facts.duration_ms if self._ended_ms is None else self._ended_ms
        remarks = facts.info.remarks + (Remark.DAMAGED,) * bool(self._damage())
        return Analysis(
            self.task.ref.photo_id,
            digest,
            info=replace(facts.info, remarks=remarks),
            faces=linker.close(ended_ms),
            detail=self._damage(),
            shot_of=shot_of,
            clip=ClipInfo(ended_ms, facts.codec, facts.decoder, every_ms, self._samples),
        )

    def _kept(self, digest: str, every_ms: int, facts: ClipFacts) -> KeptParts | None:
        photos, pack = self.analyser.photos, self.analyser.pack
        decides = (pack.pack_id, self.analyser.backend, every_ms, facts.decoder, photos.small_faces)
        return None if self.kept is None else self.kept(digest, repr(decides))

    def _parts(
        self, path: Path, every_ms: int, duration_ms: int, kept: KeptParts | None
    ) -> Iterator[FoundPart]:
        """What is found in each part that can be read, in order."""
        under_way: deque[tuple[int, Part, FoundPart | Future[FoundPart]]] = deque()
        number, in_a_row = 0, 0
        try:
            while self._ended_ms is None:
                part = part_of(number, every_ms)
                # Beyond what the file says of its end, one at a time: it may be wrong.
                if len(under_way) < _AHEAD and (part.start_ms < duration_ms or not under_way):
                    under_way.append((number, part, self._found(number, part, kept)))
                    number += 1
                    continue
                at, part, found = under_way.popleft()
                result = self._result(path, part, found)
                if isinstance(result, Reason):
                    in_a_row += 1
                    if in_a_row == _LOST_IN_A_ROW or part.start_ms >= duration_ms:
                        self._given_up_ms = part.end_ms if part.end_ms < duration_ms else None
                        return
                    continue
                in_a_row = 0
                if kept is not None and isinstance(found, Future):
                    self._refuse_changed(path)
                    kept.write(at, result)
                self._complaints += result.complaints
                self._samples += len(result.samples)
                self._ended_ms = result.ended_ms
                if not result.samples and part.start_ms >= duration_ms:
                    return
                self.on_part()
                yield result
        finally:
            for _, _, found in under_way:
                if isinstance(found, Future):
                    found.cancel()

    def _found(
        self, number: int, part: Part, kept: KeptParts | None
    ) -> FoundPart | Future[FoundPart]:
        found = None if kept is None else kept.read(number)
        return found or self.executor.submit(analyse_part, self.analyser, self.task.ref, part)

    def _result(
        self, path: Path, part: Part, found: FoundPart | Future[FoundPart]
    ) -> FoundPart | Reason:
        """What was found in a part, or why it is lost."""
        if isinstance(found, FoundPart):
            return found
        try:
            return self._asked(analyse_part, self.analyser, self.task.ref, part, first=found)
        except ImageError as error:
            reason = error.reason
        except WORKER_FAILURES as error:
            reason = reason_of(error)
        log.warning("%s: the part from %s is left out: %s", path, clock(part.start_ms), reason)
        self._lost.append((part, reason))
        return reason

    def _asked(self, fn: Callable[..., T], *args: object, first: Future[T] | None = None) -> T:
        """What a worker says; if it was killed, maybe because of something else, another one is asked."""
        for _ in range(_WORKERS_KILLED):
            try:
                return self._wait(first or self.executor.submit(fn, *args))
            except WorkerLost:
                first = None
        return self._wait(self.executor.submit(fn, *args))

    def _wait(self, future: Future[T]) -> T:
        while True:
            try:
                return future.result(_POLL_S)
            except TimeoutError:
                if future.done():
                    return future.result()
                if self.stopped():
                    future.cancel()
                    raise Stopped from None

    def _damage(self) -> str:
        """What people are told of it; empty if nothing is wrong."""
        told = []
        if self._complaints:
            told.append(
                f"the decoder complained {self._complaints} times: pixels are missing or guessed"
            )
        if self._lost:
            places = ", ".join(f"{clock(p.start_ms)} ({reason})" for p, reason in self._lost[:5])
            told.append(f"{len(self._lost)} parts were left out, from {places}")
        if self._given_up_ms is not None:
            told.append(f"nothing from {clock(self._given_up_ms)} on was looked at")
        return "; ".join(told)

    def _why_nothing(self) -> tuple[Reason, str]:
        if self._lost:
            return self._lost[0][1], f"no part of it could be looked at ({self._lost[0][1]})"
        return Reason.CORRUPT, "no frame of it could be decoded"
