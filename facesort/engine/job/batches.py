"""The batch state machine: PENDING -> PROCESSING -> COMMITTING -> COMMITTED.

PROCESSING writes nothing outside the workspace.  One transaction stores what a batch found, learned and plans;
COMMITTING carries out the plan and can be repeated from any point.  The README has a diagram.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from functools import partial
from itertools import chain, islice, tee

from facesort.core.gallery import Gallery
from facesort.core.records import Analysis, File, PhotoRef
from facesort.core.routing import UNKNOWN_FOLDER, PlannedWrite
from facesort.engine.analysis.analyse import Analyser
from facesort.engine.analysis.in_order import analyse_in_order, render_again
from facesort.engine.delivery.derivative_folder import DerivativeFolder
from facesort.engine.delivery.derivatives import Deriving
from facesort.engine.delivery.renderer import Renderer
from facesort.engine.job.commit import Committer, mark_of
from facesort.engine.job.decide import (
    AskStandings,
    decide_batch,
    learn,
    plan_batch,
    results_of,
    standings_of,
)
from facesort.engine.job.progress import Progress
from facesort.engine.job.reading import Reading
from facesort.engine.job.rematch import (
    Change,
    Rematch,
    RematchReport,
    find_changes,
    fingerprint,
    recorded,
)
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
from facesort.store.queries.commit_log import planned_writes
from facesort.store.queries.gallery import everyone, load_gallery
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

    def __post_init__(self) -> None:
        settings, pack = self.workspace.settings, self.analyser.pack
        files.reset_processing(self.store)
        self.progress = Progress(self.workspace.state, reports.counts(self.store), self.run_id)
        self.rules = rules_of(settings, pack)
        self.gallery = load_gallery(self.store, pack.pack_id, settings.matching.max_learned)
        self.known = photos.known_photos(self.store)
        self.names = everyone(self.store)
        self.first_rules = self.rules.before_groups()
        self.ask = partial(
            standings, self.store, unknown_folder=self.first_rules.unknown_folder, answered=False
        )
        self.monitors = SourceMonitors(
            {
                name: SourceMonitor(name, root, *files.pending_and_done(self.store, name))
                for name, root in self.sources.items()
            }
        )

    def sort(self, executor: Executor) -> None:
        """Finish interrupted commits, sort the pending batches, and match doubtful faces again."""
        self.finish_commits(executor)
        pending = files.pending_batches(self.store, self.sources)
        # Loaded lazily: `tee` holds only the photos that the workers are ahead of the current batch.
        batches, ahead, read = tee((files.batch_files(self.store, b) for b in pending), 3)
        reading = Reading(self.store, self.known, self.workspace.settings.photos.pairs)
        tasks = reading.tasks(zip(pending, ahead, strict=True))
        analyses = self._monitored(
            analyse_in_order(self.analyser, tasks, executor, failed=reading.failed),
            chain.from_iterable(read),
        )
        for batch_id, batch in zip(pending, batches, strict=True):
            self._sort_batch(batch_id, batch, analyses, executor)
        if self.workspace.settings.matching.rematch:
            self.rematch(executor)

    def finish_commits(self, executor: Executor) -> None:
        """Complete the batches that an interrupted run was committing."""
        self.progress.write("running")
        self.options.at("scanned")
        committing = files.batches_in(self.store, BatchState.COMMITTING)
        remove_abandoned(self.workspace, committing)
        for batch_id in committing:
            self._commit(batch_id, executor)

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
        renderer = Renderer(
            self.analyser,
            executor,
            self.output.path,
            _ignore if everything else self.monitors.check,
        )
        all_faces = everything or rematch.groups is not None
        changes = find_changes(self.store, rematch, everything=all_faces)
        report = RematchReport()
        while some := list(islice(changes, files.BATCH_SIZE)):
            report += self._rematch_batch(some, renderer)
        if rematch.groups is not None:
            runs.record_groups(self.store, self.run_id, rematch.groups.record())
        # Not per batch: counting takes as long as a batch.
        self.progress.counts = reports.counts(self.store)
        if not report.not_rendered:
            with self.store.transaction():
                rematches.remember(self.store, state())
            self.options.at("rematched")
        return report

    def _rematch_batch(self, changes: Sequence[Change], renderer: Renderer) -> RematchReport:
        """Record some changes as one batch, and take it to COMMITTED."""
        at, started = self.options.at, time.perf_counter()
        undelivered = [change.stored for change in changes if change.targets]
        found = zip(undelivered, renderer.jpegs(undelivered), strict=True)
        jpegs = {stored.photo.photo_id: jpeg for stored, jpeg in found if jpeg is not None}
        ready = [c for c in changes if not c.targets or c.stored.photo.photo_id in jpegs]
        report = sum(
            (change.report() for change in ready),
            RematchReport(not_rendered=len(changes) - len(ready)),
        )
        if not ready:
            return report
        batch_id = files.next_batch_id(self.store)
        Staging.of(self.workspace, batch_id).write(jpegs.values())
        at("rematch_staged")
        with self.store.transaction():
            rematches.record_rematch(self.store, batch_id, [recorded(c, jpegs) for c in ready])
            at("rematch_recording")
        at("rematch_recorded")
        self.progress.counts.batches["COMMITTING"] += 1
        failed = self._commit(batch_id, renderer.executor)
        report += RematchReport(files=-failed, failed=failed)
        seconds = self._record_times(batch_id, started)
        log.info("re-match batch %d: %s, %.1f s", batch_id, report, seconds)
        return report

    def derive(self, executor: Executor) -> None:
        """Make the derivatives of what was delivered without them, as by a re-match, if the settings ask for them."""
        if self.workspace.settings.derivatives.enabled:
            renderer = Renderer(self.analyser, executor, self.output.path, _ignore)
            report = Deriving.of(self.workspace, self.store, renderer).run(iter, check=False)
            for path, why in report.failed.items():
                log.warning("no derivatives of %s: %s", path, why)
            self.options.at("derived")

    def finish(self, state: str) -> None:
        """Record how the run ended."""
        if state == "finished":  # of several files with one content, another one may stand for it
            self.progress.counts = reports.counts(self.store)
        runs.finish_run(self.store, self.run_id, state)
        self.progress.write(state)

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
        executor: Executor,
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
        writes = plan_batch(decided, batch, stand)
        wanted = {w.photo_id: w.sha256 for w in writes}
        copied = [d for d in decided if d.decided and d.photo_id in wanted]
        Staging.of(self.workspace, batch_id).write(d.analysis.jpeg for d in copied)
        derived = {wanted[d.photo_id]: d.analysis.derivatives for d in copied}
        DerivativeFolder.of(self.workspace).write(chain.from_iterable(derived.values()))
        at("staged")
        with self.store.transaction():
            record = BatchRecord(batch_id, results, writes, derived)
            photos.record_batch(self.store, record, self.analyser.pack.pack_id)
            at("recording")
        at("recorded")
        self.gallery = learn(self.gallery, decided)
        self.progress.batch_moved("PROCESSING", "COMMITTING")
        self.progress.batch_recorded(batch, results)
        self._commit(batch_id, executor)
        seconds = self._record_times(batch_id, started, found, waited)
        log.info(
            "batch %d: %d photos, %d files, %.1f s", batch_id, len(batch), len(writes), seconds
        )

    def _record_times(
        self,
        batch_id: int,
        started: float,
        found: Sequence[Analysis] = (),
        waited: float = 0.0,
    ) -> float:
        """Store how long a batch took; returns its seconds."""
        seconds = time.perf_counter() - started
        own = seconds - waited
        with self.store.transaction():
            runs.record_run_batch(
                self.store, self.run_id, batch_id, found, waited=waited, worked=own
            )
        analysis = sum(analysis.seconds for analysis in found)
        self.progress.batch_timed(analysis=analysis, wait=waited, own=own)
        return seconds

    def _commit(self, batch_id: int, executor: Executor) -> int:
        """Take one batch from COMMITTING to COMMITTED; returns how many of its writes failed."""
        at, staging = self.options.at, Staging.of(self.workspace, batch_id)
        writes = planned_writes(self.store, batch_id)
        committer = Committer(
            self.output,
            staging,
            lambda write: self._render(executor, write.photo),
            at,
            mark=mark_of(self.workspace),
        )
        failures = committer.carry_out(writes)
        at("written")
        with self.store.transaction():
            commits.finish_batch(self.store, batch_id, failures)
            at("finishing")
        at("committed")
        staging.remove()
        self.progress.batch_moved("COMMITTING", "COMMITTED")
        self._count_files(batch_id, [w.plan for w in writes if w.write_id not in failures])
        if failures:
            self.progress.counts = reports.counts(self.store)
        self.progress.write("running")
        return len(failures)

    def _count_files(self, batch_id: int, written: Sequence[PlannedWrite]) -> None:
        self.progress.batch_committed(
            batch_id,
            [UNKNOWN_FOLDER if w.person_id is None else self.names[w.person_id] for w in written],
        )

    def _render(self, executor: Executor, photo: PhotoRef) -> bytes | None:
        """Render a lost staged JPEG again; None if that is not possible any more."""
        try:
            return render_again(self.analyser, photo, executor)
        except ImageError as error:
            self.monitors.check(photo, error.reason)
            log.warning("%s cannot be rendered again: %s", photo.path, error)
            return None
