"""The batch state machine: PENDING -> PROCESSING -> COMMITTING -> COMMITTED.

PROCESSING writes nothing outside the workspace.  One transaction stores what a batch found, learned and plans;
COMMITTING carries out the plan and can be repeated from any point.  The README has a diagram.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain, islice, tee

from facesort.core.copies import PlannedWrite
from facesort.core.delivery.routing import UNKNOWN_FOLDER, Jpeg
from facesort.core.persons.gallery import Gallery
from facesort.core.records import Analysis, File, PhotoRef
from facesort.engine.analysis.analyse import Analyser
from facesort.engine.analysis.clip_threads import ClipThreads
from facesort.engine.analysis.in_order import analyse_in_order
from facesort.engine.analysis.parts import KeptParts, remove_parts
from facesort.engine.analysis.reading import read_parts
from facesort.engine.delivery.derivative_folder import DerivativeFolder
from facesort.engine.delivery.derivatives import Deriving
from facesort.engine.delivery.renderer import Renderer
from facesort.engine.job.changes import Change, RematchReport, recorded
from facesort.engine.job.commit import Committer, logged
from facesort.engine.job.decide import (
    AskStandings,
    Share,
    decide_batch,
    learn,
    plan_batch,
    plan_whole_clips,
    results_of,
    shares_of,
    standings_of,
)
from facesort.engine.job.progress import Progress
from facesort.engine.job.reading import Reading
from facesort.engine.job.rematch import Rematch, find_changes, fingerprint
from facesort.engine.job.staging import Staging, remove_abandoned
from facesort.engine.rules import Rules, rules_of
from facesort.engine.sources.monitor import SourceMonitor, SourceMonitors
from facesort.engine.sources.root_folder import RootFolder
from facesort.errors import ImageError
from facesort.store import Store
from facesort.store.job import commits, files, photos, rematches, runs
from facesort.store.job.files import BatchState
from facesort.store.job.photos import BatchRecord, Known
from facesort.store.queries import reports
from facesort.store.queries.delivery.commit_log import LoggedWrite, planned_writes
from facesort.store.queries.gallery import everyone, load_gallery
from facesort.store.queries.reports import Counts
from facesort.store.what_counts import standings
from facesort.workspace import Workspace

log = logging.getLogger(__name__)


def _ignore(*_: object) -> None:
    return None


@dataclass(frozen=True, slots=True)
class SortOptions:
    """Options of a sort or re-match.

    Parameters
    ----------
    executor : Executor or None
        Left open; None: processes on this machine, as many as the settings say.
    on_photo : callable of (done, total)
        Called after every analysed photo; drives progress bars.
    at : callable of str
        Called with the name of each point of the state machine as it is passed; tests kill the process there.
    """

    executor: Executor | None = None
    on_photo: Callable[[int, int], None] = _ignore
    at: Callable[[str], None] = _ignore


@dataclass(slots=True)
class Run:
    """One execution of the state machine, with everything it needs."""

    workspace: Workspace
    store: Store
    analyser: Analyser
    options: SortOptions
    sources: Mapping[str, RootFolder]
    output: RootFolder
    run_id: int
    progress: Progress = field(init=False)
    gallery: Gallery = field(init=False)
    rules: Rules = field(init=False)
    first_rules: Rules = field(init=False)
    known: Known = field(init=False)
    names: dict[int, str] = field(init=False)
    ask: AskStandings = field(init=False)
    monitors: SourceMonitors = field(init=False)
    _is_counted: bool = False

    def __post_init__(self) -> None:
        settings, pack = self.workspace.settings, self.analyser.pack
        files.reset_processing(self.store)
        self.progress = Progress(self.workspace.state, self._counted(), self.run_id)
        self.rules = rules_of(settings, pack)
        self.gallery = load_gallery(self.store, pack.pack_id, settings.matching.max_learned)
        self.names = everyone(self.store)
        self.first_rules = self.rules.before_groups()
        self.ask = partial(
            standings, self.store, unknown_folder=self.first_rules.unknown_folder, answered=False
        )
        self.monitors = SourceMonitors(
            {
                name: SourceMonitor(name, root, partial(files.pending_and_done, self.store, name))
                for name, root in self.sources.items()
            }
        )

    def sort(self, executor: Executor) -> None:
        """Finish interrupted commits, sort the pending batches, and match doubtful faces again."""
        renderer = self._renderer(executor)
        self.finish_commits(executor)
        pending = files.pending_batches(self.store, self.sources)
        if pending:  # else, none of a million photos need be known
            self._sort_pending(pending, renderer, executor)
        remove_parts(self.workspace)
        if self.workspace.settings.matching.rematch:
            self.rematch(executor)

    def _sort_pending(self, pending: Sequence[int], renderer: Renderer, executor: Executor) -> None:
        with self.store.materialized("held", "* EXCLUDE (reason, detail)"):
            self.known = photos.known_photos(self.store)
            reading = Reading(self.store, self.known, self.workspace.settings.photos.pairs)
        # Loaded lazily: `tee` holds only the photos that the workers are ahead of the current batch.
        batches, ahead, read = tee((files.batch_files(self.store, b) for b in pending), 3)
        tasks = reading.tasks(zip(pending, ahead, strict=True))
        clips = ClipThreads(
            self.analyser,
            executor,
            lambda sha256, key: KeptParts.of(self.workspace, sha256, key),
            self._part_done,
        )
        found = analyse_in_order(self.analyser, tasks, executor, failed=reading.failed, clips=clips)
        with closing(found):
            analyses = self._monitored(found, chain.from_iterable(read))
            for batch_id, batch in zip(pending, batches, strict=True):
                self._sort_batch(batch_id, batch, analyses, renderer)

    def _part_done(self) -> None:
        self.progress.alive()
        self.options.at("part")

    def finish_commits(self, executor: Executor) -> None:
        """Complete the batches that an interrupted run was committing."""
        self.progress.write("running")
        self.options.at("scanned")
        committing = files.batches_in(self.store, BatchState.COMMITTING)
        remove_abandoned(self.workspace, committing)
        for batch_id in committing:
            writes = planned_writes(self.store, batch_id)
            self._commit(batch_id, writes, self._renderer(executor))

    def _renderer(self, executor: Executor) -> Renderer:
        return Renderer(self.analyser, executor, self.output.path, self.monitors.check)

    def rematch(self, executor: Executor, *, everything: bool = False) -> RematchReport:
        """Match stored faces again and add the copies that are missing.

        Parameters
        ----------
        everything : bool
            Match all photos with faces; otherwise (without groups) those with unknown, LOOSE or corrected faces, and
            none if nothing has changed since the last complete re-match.

        Raises
        ------
        SourceGoneError
            If the source disappears; a re-match of everything continues without it.
        """
        state = partial(
            fingerprint,
            self.store,
            self.rules,
            self.analyser.pack.pack_id,
            self.gallery.max_learned,
        )
        if not everything and state() == rematches.last_fingerprint(self.store):
            if self.rules.groups:
                runs.record_groups(self.store, self.run_id, None)
            return RematchReport()
        rematch = Rematch.of(self.store, self.gallery, self.rules, self.analyser.pack.pack_id)
        renderer = self._renderer(executor)
        if everything:
            renderer = replace(renderer, on_result=_ignore)
        all_faces = everything or rematch.groups is not None
        changes = find_changes(self.store, rematch, everything=all_faces)
        report = RematchReport()
        while some := list(islice(changes, files.BATCH_SIZE)):
            report += self._rematch_batch(some, renderer)
        if rematch.groups is not None:
            runs.record_groups(self.store, self.run_id, rematch.groups.record())
        self._count_again()  # not per batch: counting takes as long as a batch
        if not report.not_rendered:
            with self.store.transaction():
                rematches.remember(self.store, state())
            self.options.at("rematched")
        return report

    def _rematch_batch(self, changes: Sequence[Change], renderer: Renderer) -> RematchReport:
        """Record some changes as one batch, and take it to COMMITTED."""
        at, started = self.options.at, time.perf_counter()
        undelivered = [p for change in changes for p in change.pictures if not p.is_whole_clip]
        found = zip(undelivered, renderer.jpegs(undelivered), strict=True)
        jpegs = {picture.key: Jpeg.of(jpeg) for picture, jpeg in found if jpeg is not None}
        there = jpegs.keys() | {
            p.key for c in changes for p in c.pictures if p.is_whole_clip and renderer.has(p)
        }
        ready = [c for c in changes if all(p.key in there for p in c.pictures)]
        report = sum(
            (change.report() for change in ready),
            RematchReport(not_rendered=len(changes) - len(ready)),
        )
        if not ready:
            return report
        batch_id = files.next_batch_id(self.store)
        Staging.of(self.workspace, batch_id).write(jpegs.values())
        at("rematch_staged")
        records = [recorded(change, jpegs) for change in ready]
        with self.store.transaction():
            ids = rematches.record_rematch(self.store, batch_id, records)
            at("rematch_recording")
        at("rematch_recorded")
        self.progress.counts.batches["COMMITTING"] += 1
        plans = chain.from_iterable(record.writes for record in records)
        writes = logged(ids, plans, (p for c in ready for p in c.pictures))
        timer = partial(self._record_times, batch_id, started)
        failed = self._commit(batch_id, writes, renderer, jpegs.values(), timer)
        report += RematchReport(files=-failed, failed=failed)
        log.info("re-match batch %d: %s", batch_id, report)
        return report

    def derive(self, executor: Executor) -> None:
        """Make the derivatives of what was delivered without them, as by a re-match, if the settings ask for them."""
        if self.workspace.settings.derivatives.enabled:
            renderer = Renderer(self.analyser, executor, self.output.path, _ignore)
            report = Deriving.of(self.workspace, self.store, renderer).run(iter, check=False)
            self._is_counted = False
            for path, why in report.failed.items():
                log.warning("no derivatives of %s: %s", path, why)
            self.options.at("derived")

    def finish(self, state: str) -> None:
        """Record how the run ended."""
        if state == "finished":  # of several files with one content, another one may stand for it
            self._count_again()
        runs.finish_run(self.store, self.run_id, state)
        self.progress.write(state)

    def _counted(self) -> Counts:
        """Count what is stored; for a million photos that takes seconds of CPU."""
        self._is_counted = True
        return reports.counts_alone(self.store)

    def _count_again(self) -> None:
        """Count again, unless nothing was stored since."""
        if not self._is_counted:
            self.progress.counts = self._counted()

    def _monitored(self, analyses: Iterator[Analysis], read: Iterator[File]) -> Iterator[Analysis]:
        """Report progress after each analysis, and stop the run if the source has disappeared."""
        total = self.progress.counts.total
        done = sum(n for s, n in self.progress.counts.photos.items() if s != "pending")
        for count, analysis in enumerate(analyses, start=done + 1):
            self.monitors.check(next(read).ref, analysis.failure)
            self.progress.photo_analysed()
            self.options.on_photo(count, total)
            yield analysis

    def _sort_batch(
        self,
        batch_id: int,
        batch: Sequence[File],
        analyses: Iterator[Analysis],
        renderer: Renderer,
    ) -> None:
        """Take one batch from PENDING to COMMITTED."""
        at, started = self.options.at, time.perf_counter()
        files.mark_processing(self.store, batch_id)
        self.progress.batch_moved("PENDING", "PROCESSING")
        at("processing")
        waiting = time.perf_counter()
        found = list(islice(analyses, len(batch)))
        waited = time.perf_counter() - waiting
        decided = decide_batch(found, self.gallery, self.first_rules, self.known)
        stand = standings_of(decided, self.ask)
        results = results_of(decided, stand)
        wanted = shares_of(decided, batch, stand, self.workspace.settings.photos.clips)
        whole = [picture for picture in wanted if picture.is_whole_clip]
        pictures, jpegs = _rendered([p for p in wanted if not p.is_whole_clip], renderer)
        plans = plan_batch(pictures, jpegs) + plan_whole_clips(whole)
        Staging.of(self.workspace, batch_id).write(jpegs)
        derived = {
            jpeg.sha256: picture.decided.analysis.derivatives
            for picture, jpeg in zip(pictures, jpegs, strict=True)
            if picture.photo.at_ms is None  # those of frames are made at the end
        }
        DerivativeFolder.of(self.workspace).write(chain.from_iterable(derived.values()))
        at("staged")
        with self.store.transaction():
            record = BatchRecord(batch_id, results, plans, derived)
            ids = photos.record_batch(self.store, record, self.analyser.pack.pack_id)
            at("recording")
        at("recorded")
        for one in found:
            if one.clip is not None:
                KeptParts.of(self.workspace, one.sha256).remove()
        self.gallery = learn(self.gallery, decided)
        self.progress.batch_moved("PROCESSING", "COMMITTING")
        self.progress.batch_recorded(batch, results)
        timer = partial(self._record_times, batch_id, started, found, waited)
        self._commit(batch_id, logged(ids, plans, wanted), renderer, jpegs, timer)
        log.info("batch %d: %d photos, %d files", batch_id, len(batch), len(plans))

    def _record_times(
        self,
        batch_id: int,
        started: float,
        found: Sequence[Analysis] = (),
        waited: float = 0.0,
    ) -> None:
        """Store how long a batch took; inside a transaction."""
        own = time.perf_counter() - started - waited
        runs.record_run_batch(self.store, self.run_id, batch_id, found, waited=waited, worked=own)
        analysis = sum(analysis.seconds for analysis in found)
        self.progress.batch_timed(analysis=analysis, wait=waited, own=own)

    def _commit(
        self,
        batch_id: int,
        writes: Sequence[LoggedWrite],
        renderer: Renderer,
        jpegs: Collection[Jpeg] = (),
        timer: Callable[[], None] = _ignore,
    ) -> int:
        """Take one batch from COMMITTING to COMMITTED; returns how many of its writes failed.

        Parameters
        ----------
        jpegs : collection of Jpeg
            Of its staged JPEGs, those that are in memory still.
        timer : callable
            Stores how long it took, with the end of the batch.
        """
        at, staging = self.options.at, Staging.of(self.workspace, batch_id)
        committer = Committer(
            self.output,
            staging,
            lambda write: renderer.again([(write.photo, None)])[0],
            lambda write: self._parts(write.photo),
            at,
            mark=self.workspace.mark,
            held=dict(jpegs),
        )
        failures = committer.carry_out(writes)
        at("written")
        with self.store.transaction():
            commits.finish_batch(self.store, batch_id, failures)
            timer()
            at("finishing")
        at("committed")
        staging.remove()
        self.progress.batch_moved("COMMITTING", "COMMITTED")
        self._count_files(batch_id, [w.plan for w in writes if w.write_id not in failures])
        self._is_counted = False
        if failures:
            self._count_again()
        self.progress.write("running")
        return len(failures)

    def _parts(self, clip: PhotoRef) -> Iterator[bytes]:
        """Read a whole clip from its source."""
        try:
            yield from read_parts(self.analyser.path_of(clip))
        except ImageError as error:
            self.monitors.check(clip, error.reason)
            raise

    def _count_files(self, batch_id: int, written: Sequence[PlannedWrite]) -> None:
        self.progress.batch_committed(
            batch_id,
            [UNKNOWN_FOLDER if w.person_id is None else self.names[w.person_id] for w in written],
        )


def _rendered(pictures: Sequence[Share], renderer: Renderer) -> tuple[list[Share], list[Jpeg]]:
    """The pictures that can be had, and their JPEGs; a re-match tries again those of clips that cannot."""
    frames = [p for p in pictures if p.photo.at_ms is not None]
    found = iter(renderer.again([(p.photo, p.decided.analysis.sha256) for p in frames]))
    jpegs = [
        picture.decided.analysis.jpeg if picture.photo.at_ms is None else next(found)
        for picture in pictures
    ]
    had = [(p, Jpeg.of(jpeg)) for p, jpeg in zip(pictures, jpegs, strict=True) if jpeg]
    return [picture for picture, _ in had], [jpeg for _, jpeg in had]
