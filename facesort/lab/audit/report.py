"""Everything that an audit shows, read at once, so that the database is free again while people look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from facesort.core.audit import AuditedPhoto, Coverage, Group, coverage, group_by
from facesort.core.changes import Change, Circumstances, compare
from facesort.core.history import Moment, drops_by_run, state_at
from facesort.errors import SettingsError
from facesort.lab.audit.runs import SavedRun, read_saved_runs
from facesort.lab.shared.drop_rate import DropRate
from facesort.lab.shared.notebooks import find_folder
from facesort.lab.shared.summary import Summary
from facesort.lab.shared.tables import percent
from facesort.reasons import PhotoStatus, Reason
from facesort.store.queries import Store, audit, reports
from facesort.store.queries.audit import AuditedRun, TimedPhoto, Withheld
from facesort.store.queries.gallery import everyone, person_summaries
from facesort.store.queries.reports import Counts
from facesort.store.queries.review import ReviewFace
from facesort.workspace import Workspace, open_workspace

LISTED = 100  # rows of a list of files
SLOWEST = 20


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two moments of a job.

    Parameters
    ----------
    until_now : bool
        Whether what users said since the later run counts as well.
    circumstances : pair of Circumstances
    changes : sequence of Change
    new : int
        Photos that were decided after the first moment only.
    """

    before: AuditedRun
    after: AuditedRun
    until_now: bool
    circumstances: tuple[Circumstances, Circumstances]
    changes: Sequence[Change]
    new: int


@dataclass(frozen=True, slots=True)
class Sheet:
    """Dropped photos to look at.

    Parameters
    ----------
    faces : sequence of ReviewFace
        Unknown ones that came nearest to somebody.
    faceless : sequence of str
        Paths of photos in which no face was found.
    """

    faces: Sequence[ReviewFace]
    faceless: Sequence[str]


@dataclass(frozen=True, slots=True, eq=False)
class AuditReport:
    """A workspace with its runs.  Displays as one sentence, with a summary for programs.

    Parameters
    ----------
    minimum : int
        Photos that everyone should be in.
    names : mapping of person_id to str
        Everyone that a row may point to.
    runs : sequence of AuditedRun
    drops_by_run : mapping of run_id to DropRate
        Of all photos that were decided when the run ended.
    saved : sequence of SavedRun
    saved_others : int
        Saved runs that were left out.
    photos : sequence of AuditedPhoto
        All of them.
    counts : Counts
        The same photos, counted by the database.
    drops : mapping of reason to int
        Counted by the database.
    failed : sequence of (path, reason, detail)
        At most 100.
    skipped : mapping of reason to int
    skipped_files : sequence of (path, reason)
        At most 100; what could not be read comes first.
    slowest : sequence of TimedPhoto
    seconds : (analyses, median, 99th percentile, sum)
    withheld : sequence of Withheld
    coverage : sequence of Coverage
        Fewest photos first.
    sheet : Sheet or None
        None: it was not asked for.
    comparison : Comparison or None
        None: there was no run yet.
    """

    workspace: Workspace
    minimum: int
    names: Mapping[int, str]
    runs: Sequence[AuditedRun]
    drops_by_run: Mapping[int, DropRate]
    saved: Sequence[SavedRun]
    saved_others: int
    photos: Sequence[AuditedPhoto]
    counts: Counts
    drops: Mapping[str, int]
    failed: Sequence[tuple[str, str, str]]
    skipped: Mapping[str, int]
    skipped_files: Sequence[tuple[str, str]]
    slowest: Sequence[TimedPhoto]
    seconds: tuple[int, float, float, float]
    withheld: Sequence[Withheld]
    coverage: Sequence[Coverage]
    sheet: Sheet | None
    comparison: Comparison | None

    @property
    def total(self) -> Group:
        """All decided photos."""
        everything = group_by(self.photos, lambda _: "all")
        return everything[0] if everything else Group("all", 0, {})

    @property
    def short(self) -> list[Coverage]:
        """Who is in fewer photos than they should."""
        return [person for person in self.coverage if person.photos < self.minimum]

    def summary(self) -> dict[str, Any]:
        """What ``summary.json`` says; plain values, no embeddings and no pictures."""
        total, compared = self.total, self.comparison
        drop = DropRate(total.dropped, total.decided)
        return {
            "photos": {
                "total": len(self.photos),
                **{str(s): n for s, n in self.counts.photos.items()},
            },
            "drops": {
                "photos": drop.dropped,
                "of": drop.decided,
                "rate": drop.rate,
                "interval_95": drop.interval,
                "reasons": dict(total.reasons),
            },
            "runs": len(self.runs),
            "withheld": {person.name: person.photos for person in self.withheld},
            "fewer_than": {"minimum": self.minimum, "persons": [p.name for p in self.short]},
            "changed": compared
            and {
                "before": compared.before.run_id,
                "after": compared.after.run_id,
                "until_now": compared.until_now,
                "photos": len(compared.changes),
            },
        }

    def _repr_mimebundle_(self, **options: object) -> dict[str, Any]:
        return Summary(self.summary(), self._sentence())._repr_mimebundle_(**options)

    def _sentence(self) -> str:
        total = self.total
        if not self.photos:
            return "Nothing was sorted in this workspace yet: `facesort sort` starts."
        return (
            f"{len(self.photos):,} photos, {total.decided:,} decided in {len(self.runs):,} runs; {total.dropped:,} of "
            f"them ({percent(total.dropped, total.decided) or '0 %'}) reached no person's folder."
        )


def read_audit(
    workspace: str | Path,
    runs: str | Path,
    *,
    compared: tuple[int | None, int | None],
    minimum: int,
    contact_sheet: int,
) -> AuditReport:
    """Read everything in one short opening of the database.

    Parameters
    ----------
    workspace, runs : str or Path
    compared : pair of run ids or None
        None: the run before the last; as it stands now.
    contact_sheet : int
        How many dropped photos of each kind to show; 0 leaves faces in the database.
    """
    opened = open_workspace(find_folder(workspace))
    saved, others = read_saved_runs(find_folder(runs), opened.root)
    with opened.open_store(read_only=True) as store:
        known, photos = audit.runs(store), audit.audited_photos(store)
        drops = drops_by_run(audit.results(store), [run.run_id for run in known])
        names = everyone(store)
        gallery = [summary.person.name for summary in person_summaries(store)]
        return AuditReport(
            workspace=opened,
            minimum=minimum,
            names=names,
            runs=known,
            drops_by_run={key: DropRate(*drop) for key, drop in drops.items()},
            saved=saved,
            saved_others=others,
            photos=photos,
            counts=reports.counts(store),
            drops=reports.drop_reasons(store),
            failed=reports.failed_photos(store, LISTED),
            skipped=reports.skipped_reasons(store),
            skipped_files=audit.skipped_files(store, Reason.UNREADABLE, LISTED),
            slowest=audit.slowest_photos(store, SLOWEST),
            seconds=audit.seconds_per_photo(store),
            withheld=audit.withheld_persons(store),
            coverage=coverage(audit.shots(store), gallery, opened.settings.matching.learn_quality),
            sheet=_sheet(store, photos, contact_sheet) if contact_sheet else None,
            comparison=_compare(store, known, compared, names) if known else None,
        )


def _sheet(store: Store, photos: Sequence[AuditedPhoto], limit: int) -> Sheet:
    faceless = [photo.path for photo in photos if photo.status is PhotoStatus.NO_FACE]
    return Sheet(audit.dropped_faces(store, limit), faceless[:limit])


def _compare(
    store: Store,
    runs: Sequence[AuditedRun],
    compared: tuple[int | None, int | None],
    names: Mapping[int, str],
) -> Comparison:
    by_id = {run.run_id: run for run in runs}
    before = _run(by_id, compared[0]) or runs[max(len(runs) - 2, 0)]
    after = _run(by_id, compared[1])
    moments = (_moment(store, before), _moment(store, after))
    results, decisions = audit.results(store), audit.decisions(store)
    first, second = (state_at(moment, results, decisions) for moment in moments)
    last = after or runs[-1]
    pair = (_circumstances(before), _circumstances(last))
    changes = compare((first, second), pair, names)
    return Comparison(before, last, after is None, pair, changes, len(second.keys() - first.keys()))


def _run(by_id: Mapping[int, AuditedRun], run_id: int | None) -> AuditedRun | None:
    if run_id is None:
        return None
    if run_id not in by_id:
        listed = ", ".join(map(str, by_id))
        raise SettingsError(f"there is no run {run_id} in this workspace: it has {listed}")
    return by_id[run_id]


def _moment(store: Store, run: AuditedRun | None) -> Moment:
    """The end of a run; None: now."""
    if run is None:
        return Moment(None, audit.said_at(store, None), audit.withheld_at(store, None))
    end = run.ended_at or run.started_at
    return Moment(run.run_id, audit.said_at(store, end), audit.withheld_at(store, end))


def _circumstances(run: AuditedRun) -> Circumstances:
    settings = dict(run.settings)
    recorded = settings.pop("gallery", None)
    return Circumstances(
        settings=dict(_flat(settings)),
        pack_id=run.pack_id,
        gallery=recorded
        and {
            int(key): (person["references"], person["learned"])
            for key, person in recorded["persons"].items()
        },
    )


def _flat(values: Mapping[str, Any], prefix: str = "") -> list[tuple[str, object]]:
    """Settings by dotted names, those of sections that are empty left out."""
    flat: list[tuple[str, object]] = []
    for name, value in values.items():
        if isinstance(value, dict):
            flat += _flat(value, f"{prefix}{name}.")
        elif value is not None:
            flat.append((f"{prefix}{name}", value))
    return flat
