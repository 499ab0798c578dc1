"""Everything that an audit shows, read at once so that the database is not held while people look."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from heapq import nsmallest
from pathlib import Path
from typing import Any

from facesort.core.moments.bursts import bursts_of, not_best
from facesort.core.moments.clocks import CameraPhotos
from facesort.core.records import PhotoRef, Position
from facesort.core.stored import StoredFace
from facesort.errors import SettingsError
from facesort.lab.audit.comparison import Comparison, compare_runs
from facesort.lab.audit.tables import LISTED, MAX_ROWS
from facesort.lab.shared.drop_rate import DropRate
from facesort.lab.shared.face_pictures import face_limit
from facesort.lab.shared.log_lines import log_lines
from facesort.lab.shared.notebooks import MAX_MINIMUM, find_folder
from facesort.lab.shared.saved_runs import SavedRuns, saved_runs
from facesort.lab.shared.summary import Summary
from facesort.lab.shared.tables import percent
from facesort.reasons import Reason
from facesort.settings import Settings
from facesort.store.queries import Store, reports
from facesort.store.queries.audit import cameras, dropped
from facesort.store.queries.audit.bursts import delivered_shots
from facesort.store.queries.audit.cameras import Camera, CameraClock
from facesort.store.queries.audit.dropped import DropRow, SourceRow
from facesort.store.queries.gallery import everyone
from facesort.store.queries.reports import Counts, RunRecord
from facesort.workspace import Workspace, open_workspace

_SLOWEST = 20
_PLACES = ("Run", "Source", "Folder", "Camera", "Format")
_MAX_HOURS = 48


@dataclass(frozen=True, slots=True)
class NearDuplicates:
    """Copies that are not the best of their burst in a person's folder.

    Parameters
    ----------
    kept : bool
        Whether they are delivered all the same, as `photos.near_duplicates` says.
    bursts : int
        Of two or more photos that are delivered.
    number : int
        Of these copies.
    copies : sequence of (photo, folder, photo that is delivered instead)
        The first `LISTED`.
    """

    kept: bool
    bursts: int
    number: int
    copies: Sequence[tuple[str, str, str]]


@dataclass(frozen=True, slots=True, eq=False)
class AuditReport:
    """What an audit shows.  Displays as one sentence, with a summary for programs.

    Parameters
    ----------
    minimum : int
        Photos that everyone should be in.
    names : mapping of person_id to str
        Everyone, also those who left the gallery.
    sources : sequence of SourceRow
        What each source holds.
    drops_by_run : mapping of run_id to DropRate
        Of all photos that were decided when the run ended.
    groups_by_run : mapping of run_id to (faces, photos, faces in doubt)
        What groups had brought when the run ended.
    counts : Counts
        Of photos by status, to check the sums of the tables.
    reasons : mapping of reason to int
        Drops, most frequent first.
    total : DropRow
        All decided photos (`DropRate` says which).
    drops : mapping of str to sequence of DropRow
        The same photos by what they have in common, under the heading of the table.
    persons
        Rows of `store.queries.audit.drops_by_person`.
    coverage, coverage_by_hour
        `store.queries.audit.Coverage` by person, and by hour.
    slowest, seconds, withheld
        Rows of the queries of the same names.
    near_duplicates : NearDuplicates
        What is left out of exports, or would be.
    clocks, sightings, positions
        What cameras recorded: the answers of `store.queries.cameras`.
    failed : sequence of (path, reason, detail)
        At most 100.
    remarked : (int, sequence of (path, remarks, detail))
        Photos with remarks: how many, and at most 100 of them.
    skipped_files : sequence of (path, reason)
        At most 100; what could not be read comes first.
    dropped_faces : sequence of StoredFace or None
        Unknown faces nearest to somebody in the gallery, the nearest first; None if they were not asked for.
    faceless : sequence of PhotoRef
        Photos in which no face was found.
    comparison : Comparison or None
        None if there was no run yet.
    """

    workspace: Workspace
    minimum: int
    names: Mapping[int, str]
    runs: Sequence[RunRecord]
    sources: Sequence[SourceRow]
    drops_by_run: Mapping[int, DropRate]
    groups_by_run: Mapping[int, tuple[int, int, int]]
    saved: SavedRuns
    counts: Counts
    reasons: Mapping[str, int]
    total: DropRow
    drops: Mapping[str, Sequence[DropRow]]
    persons: Sequence[tuple[str | None, int, int, int, float | None]]
    failed: Sequence[tuple[str, str, str]]
    remarked: tuple[int, Sequence[tuple[str, Sequence[str], str]]]
    skipped_files: Sequence[tuple[str, str]]
    slowest: Sequence[tuple[Any, ...]]
    seconds: tuple[int, float, float, float]
    withheld: Sequence[tuple[str, int, int]]
    coverage: Sequence[tuple[str, int, int, int]]
    coverage_by_hour: Sequence[tuple[str, datetime | None, int]]
    dropped_faces: Sequence[StoredFace] | None
    faceless: Sequence[PhotoRef]
    comparison: Comparison | None
    near_duplicates: NearDuplicates
    clocks: Sequence[CameraClock]
    sightings: Mapping[Camera, CameraPhotos]
    positions: Sequence[tuple[Position, datetime | None]]

    @property
    def drop_rate(self) -> DropRate:
        """Of all decided photos."""
        return DropRate(self.total[2], self.total[1])

    @property
    def short(self) -> list[str]:
        """Who is in fewer photos than the minimum."""
        return [name for name, photos, *_ in self.coverage if photos < self.minimum]

    def summary(self) -> dict[str, Any]:
        """What ``summary.json`` says; plain values, no embeddings and no pictures."""
        drop, compared = self.drop_rate, self.comparison
        return {
            "photos": {
                "total": self.counts.total,
                **{str(s): n for s, n in self.counts.photos.items()},
            },
            "drops": {
                "photos": drop.dropped,
                "of": drop.decided,
                "rate": drop.rate,
                "interval_95": drop.interval,
                "reasons": dict(self.reasons),
            },
            "absent": dict(self.counts.absent),
            "remarks": dict(self.counts.remarks),
            "same_shot": self.counts.same_shot,
            "by_group": dict(self.counts.by_group),
            "in_doubt": dict(self.counts.in_doubt),
            "sources": {
                name: {
                    "files": files,
                    "photos": photos,
                    "pending": pending,
                    "gone": gone,
                    "replaced": replaced,
                }
                for name, files, photos, pending, gone, replaced, *_ in self.sources
            },
            "shifted": {run.run_id: run.shifted for run in self.runs if run.shifted},
            "runs": len(self.runs),
            "near_duplicates": {
                "kept": self.near_duplicates.kept,
                "bursts": self.near_duplicates.bursts,
                "copies": self.near_duplicates.number,
            },
            "withheld": {name: photos for name, photos, _ in self.withheld},
            "fewer_than": {"minimum": self.minimum, "persons": self.short},
            "changed": compared
            and {
                "before": compared.before.run_id,
                "after": compared.after.run_id,
                "until_now": compared.until_now,
                "photos": compared.changed,
            },
        }

    def _repr_mimebundle_(self, **options: object) -> dict[str, Any]:
        return Summary(self.summary(), self._sentence())._repr_mimebundle_(**options)

    def _sentence(self) -> str:
        drop = self.drop_rate
        if not self.counts.total:
            return "Nothing was sorted in this workspace yet: `facesort sort` starts."
        return (
            f"{self.counts.total:,} photos, {drop.decided:,} decided in {len(self.runs):,} runs; {drop.dropped:,} of "
            f"them ({percent(drop.dropped, drop.decided) or '0 %'}) reached no person's folder."
        )


def open_audit(
    workspace: str | Path,
    runs: str | Path,
    *,
    before: int | None = None,
    after: int | None = None,
    minimum: int = 10,
    contact_sheet: int | None = 0,
) -> AuditReport:
    """Read a workspace and its saved runs, in one short opening of the database; nothing is stored.

    Parameters
    ----------
    runs : str or Path
        Folder of saved runs; may be missing.
    before, after : int or None
        Ids of the runs to compare; None: the run before the last, and as it stands now.
    minimum : int
        Photos that everyone should be in.
    contact_sheet : int or None
        How many dropped photos of each kind to load for `show_dropped_faces` and `show_faceless` (`face_limit`).

    Raises
    ------
    SettingsError
        If a number is out of range, or there is no such run.
    WorkspaceError, StoreError
        If the workspace cannot be opened; while a sort is running, its database is locked.
    """
    if not isinstance(minimum, int) or not 0 <= minimum <= MAX_MINIMUM:
        raise SettingsError(
            f"minimum must be a whole number from 0 to {MAX_MINIMUM}, got {minimum!r}"
        )
    log_lines()
    faces = face_limit(contact_sheet)
    opened = open_workspace(find_folder(workspace))
    saved = saved_runs(find_folder(runs), opened.root)
    with opened.open_store(read_only=True) as store, store.materialized("batch_run"):
        known, names = reports.run_records(store), everyone(store)
        compared = compare_runs(store, known, names, before, after) if known else None
        with reports.evaluated_once(store):
            held = dropped.sources(store)
            coverage = dropped.coverage(store, opened.settings.matching.learn_quality)
            places = {
                by: dropped.drops(store, by.lower(), MAX_ROWS)
                for by in _PLACES
                if by != "Source" or len(held) > 1
            }
            return AuditReport(
                workspace=opened,
                minimum=minimum,
                names=names,
                runs=known,
                sources=held,
                drops_by_run={
                    run: DropRate(*drop) for run, drop in dropped.drops_by_run(store).items()
                },
                groups_by_run=dropped.groups_by_run(store),
                saved=saved,
                counts=reports.counts(store),
                reasons=reports.drop_reasons(store),
                total=next(iter(dropped.drops(store, "all", 1)), ("all", 0, 0, 0, 0, 0, 0, 0, 0)),
                drops=places | drops_by_time(store),
                persons=dropped.drops_by_person(store, coverage),
                failed=reports.failed_photos(store, LISTED),
                remarked=reports.remarked_photos(store, LISTED),
                skipped_files=dropped.skipped_files(store, Reason.UNREADABLE, LISTED),
                slowest=dropped.slowest_photos(store, _SLOWEST),
                seconds=dropped.seconds_per_photo(store),
                withheld=dropped.withheld_persons(store),
                coverage=coverage.by_person,
                coverage_by_hour=coverage.by_hour,
                dropped_faces=dropped.dropped_faces(store, faces) if faces else None,
                faceless=dropped.faceless_photos(store, faces),
                comparison=compared,
                near_duplicates=_near_duplicates(store, opened.settings),
                clocks=cameras.camera_clocks(store),
                sightings=cameras.sightings(store),
                positions=cameras.positions(store),
            )


def _near_duplicates(store: Store, settings: Settings) -> NearDuplicates:
    bursts, copies = 0, 0

    def left_out() -> Iterator[tuple[tuple[int, int], tuple[str, str, str]]]:
        """Copies that are not the best, with their place among all."""
        nonlocal bursts, copies
        shots = delivered_shots(store, unknown_folder=settings.run.unknown_folder)
        for burst in bursts_of(shots):
            bursts += 1
            shown = {photo.photo_id: photo.shown for photo in burst}
            for place, left in enumerate(not_best(burst)):
                copies += 1
                instead = shown.get(left.instead or 0, "")
                yield (burst[0].photo_id, place), (shown[left.photo_id], left.folder, instead)

    first = [copy for _, copy in nsmallest(LISTED, left_out())]
    kept = settings.photos.near_duplicates == "keep"
    return NearDuplicates(kept, bursts, copies, first)


def drops_by_time(store: Store) -> dict[str, list[DropRow]]:
    """By hour, in order; by day if there are too many hours; only the worst days if there are too many of them."""
    for by in ("Hour", "Day"):
        rows = dropped.drops(store, by.lower(), _MAX_HOURS + 1)
        if len(rows) <= _MAX_HOURS:
            return {by: sorted(rows)}
    return {"Day": dropped.drops(store, "day", _MAX_HOURS)}
