"""Two moments of a job, and which photos changed between them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from facesort.core.delivery.changes import ChangedPhoto, Circumstances, Moment, causes
from facesort.errors import SettingsError
from facesort.lab.audit.tables import LISTED
from facesort.store.queries import Store
from facesort.store.queries.audit.history import changed_photos
from facesort.store.queries.reports import RunRecord


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two moments of a job.

    Parameters
    ----------
    until_now : bool
        Whether what users answered since the later run counts as well.
    new : int
        Photos that were decided after the first moment only.
    causes : Counter of str
        How many photos changed for each cause, or combination of causes.
    first : sequence of (ChangedPhoto, causes)
        The first `LISTED` photos that changed.
    """

    before: RunRecord
    after: RunRecord
    until_now: bool
    circumstances: tuple[Circumstances, Circumstances]
    new: int
    causes: Counter[str]
    first: Sequence[tuple[ChangedPhoto, str]]

    @property
    def changed(self) -> int:
        """How many photos changed."""
        return self.causes.total()


def refuse_unknown_runs(runs: Sequence[RunRecord], *asked: int | None) -> None:
    """Refuse numbers of runs that a workspace does not have, if it has any run.

    Parameters
    ----------
    *asked : int or None
        None is not checked.
    """
    known = [run.run_id for run in runs]
    for run_id in asked:
        if known and run_id is not None and run_id not in known:
            listed = ", ".join(map(str, known))
            raise SettingsError(f"there is no run {run_id} in this workspace: it has {listed}")


def compare_runs(
    store: Store,
    runs: Sequence[RunRecord],
    names: Mapping[int, str],
    before: int | None,
    after: int | None,
) -> Comparison:
    """Compare two runs of a workspace that has at least one.

    Parameters
    ----------
    names : mapping of person_id to str
    before, after : int or None
        Their numbers; None: the run before the last, and as it stands now.

    Raises
    ------
    SettingsError
        If there is no such run.
    """
    refuse_unknown_runs(runs, before, after)
    by_id = {run.run_id: run for run in runs}
    first = runs[max(len(runs) - 2, 0)] if before is None else by_id[before]
    last = runs[-1] if after is None else by_id[after]
    pair = (_circumstances(first), _circumstances(last))
    counted, shown = Counter[str](), list[tuple[ChangedPhoto, str]]()

    def count(photo: ChangedPhoto) -> None:
        why = "; ".join(causes(photo, pair, names))
        counted[why] += 1
        if len(shown) < LISTED:
            shown.append((photo, why))

    later = Moment() if after is None else _end(last)
    new = changed_photos(store, _end(first), later, count)
    return Comparison(first, last, after is None, pair, new, counted, shown)


def _end(run: RunRecord) -> Moment:
    return Moment(run.run_id, run.finished_at or run.started_at)


def _circumstances(run: RunRecord) -> Circumstances:
    settings = dict(run.settings)
    settings.pop("scan", None)
    groups = settings.pop("groups", None) or {"decided_by": "given"}
    recorded = settings.pop("gallery", None)
    return Circumstances(
        settings=dict(_flat(settings)),
        pack_id=run.pack_id,
        gallery=recorded
        and {
            int(key): (person["references"], person["learned"])
            for key, person in recorded["persons"].items()
        },
        loose_of_event=groups["decided_by"] != "given",
    )


def _flat(values: Mapping[str, Any], prefix: str = "") -> list[tuple[str, object]]:
    """Settings by dotted names, without those that are not set."""
    flat: list[tuple[str, object]] = []
    for name, value in values.items():
        if isinstance(value, dict):
            flat += _flat(value, f"{prefix}{name}.")
        elif value is not None:
            flat.append((f"{prefix}{name}", value))
    return flat
