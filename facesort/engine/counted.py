"""What a job counted: what is said of it, and how long it is kept."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, field_validator

from facesort.engine.cluster.members import Member
from facesort.errors import StoreError
from facesort.files import Stamp, keep_while, kept_while, stamp_of
from facesort.reasons import PhotoStatus
from facesort.workspace import Workspace

if TYPE_CHECKING:
    from facesort.store import Store
    from facesort.store.queries.reports import Counts

_MANY = 100_000  # files; to count fewer takes less than a second
_FEW = 20_000  # photos; of more, it takes as long as of all
_CHANGED = ("photos", "faces", "clips", "by_group", "in_doubt")
"""What answers about faces, and edits of persons, change in a report, besides the files of each person."""


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
        "absent": dict(counts.absent),
        "remarks": dict(counts.remarks),
        "clips": dict(counts.clips),
        "same_shot": counts.same_shot,
        "sources": {name: dict(of) for name, of in counts.sources.items()},
        "by_group": dict(counts.by_group),
        "in_doubt": dict(counts.in_doubt),
        "failures": dict(counts.failures),
        "failed_copies": dict(counts.failed_copies),
        "seconds": {stage: round(s, 3) for stage, s in counts.seconds.items()},
        "derivatives": dict(counts.derivatives),
        "published": dict(counts.published),
        "dead_objects": dict(counts.dead_objects),
        "workers": [],
    }


class Report(BaseModel):
    """The shape of `status_report`; older ones lack what has a default."""

    model_config = ConfigDict(strict=True)

    state: str
    photos: dict[str, int]
    faces: dict[str, int]
    batches: dict[str, int]
    persons: dict[str, int]
    skipped: dict[str, int] = Field(default_factory=dict)
    absent: dict[str, int] = Field(default_factory=dict)
    remarks: dict[str, int] = Field(default_factory=dict)
    clips: dict[str, int] = Field(default_factory=dict)
    same_shot: int = 0
    sources: dict[str, dict[str, int]] = Field(default_factory=dict)
    by_group: dict[str, int] = Field(default_factory=dict)
    in_doubt: dict[str, int] = Field(default_factory=dict)
    failures: dict[str, int] = Field(default_factory=dict)
    failed_copies: dict[str, int] = Field(default_factory=dict)
    seconds: dict[str, float] = Field(default_factory=dict)
    derivatives: dict[str, int] = Field(default_factory=dict)
    published: dict[str, int] = Field(default_factory=dict)
    dead_objects: dict[str, int] = Field(default_factory=dict)
    workers: list[Member] = Field(default_factory=list)
    images_per_second: float | None
    eta_seconds: float | None

    @field_validator("photos")
    @classmethod
    def _is_complete(cls, photos: dict[str, int]) -> dict[str, int]:
        if missing := {"total", *PhotoStatus} - photos.keys():
            raise ValueError(f"without {', '.join(sorted(missing))}")
        return photos


class _Counted(BaseModel):
    """The shape of ``counted.json``: what was counted in a database, which has not changed since.

    Parameters
    ----------
    version : str
        Of the facesort that counted.
    database : list of int
        As `facesort.files.stamp_of` tells it.
    """

    model_config = ConfigDict(strict=True)

    version: str
    database: list[int]
    report: Report


def keep_counts(workspace: Workspace, store: Store, state: str, counts: Counts) -> None:
    """Keep what a job counted at its end, so that nobody has to count after it.

    Parameters
    ----------
    store : Store
        Of the workspace; nothing is written to it any more.
    """
    with suppress(StoreError):  # it only saves time
        keep_report(workspace, store.settled(), status_report(state, counts))


def keep_report(workspace: Workspace, stamp: Stamp | None, report: dict[str, Any]) -> None:
    """Keep what was counted while the database had a stamp."""
    keep_while(stamp, workspace.state / "counted.json", {"report": report})


def kept_report(workspace: Workspace, stamp: Stamp | None) -> dict[str, Any] | None:
    """What was counted when the database was as it is now; None if that is not known."""
    data = kept_while(stamp, workspace.state / "counted.json", below=workspace.root)
    if data is None:
        return None
    try:
        _Counted.model_validate_json(data)
    except ValueError:
        return None
    return dict(json.loads(data)["report"])


@contextmanager
def kept_through(workspace: Workspace, store: Store) -> Iterator[None]:
    """Keep what was counted through one action of a user: of photos that it concerns, the difference is counted.

    Only of many photos, and while what was counted is true: else whoever asks counts all.

    Parameters
    ----------
    store : Store
        Of the workspace; the action is stored when the block ends.
    """
    report = kept_report(workspace, stamp_of(workspace.database))
    if report is None or report["photos"]["total"] < _MANY:
        yield
        return
    from facesort.store.queries import changes

    with store.as_it_was() as before:
        yield
        changed = changes.changed_counts(before, store, _FEW)
    if changed is None:
        return
    counts = [status_report(report["state"], each) for each in changed.counts]
    if any(counts[0][name] != counts[1][name] for name in report.keys() - _CHANGED):
        return
    for name in _CHANGED:
        was, now = (each[name] for each in counts)
        report[name] = {
            key: report[name].get(key, 0) + now.get(key, 0) - was.get(key, 0)
            for key in report[name] | now
        }
    in_doubt = report["in_doubt"].items()
    report["in_doubt"] = {k: n for k, n in sorted(in_doubt, key=lambda kn: (-kn[1], kn[0])) if n}
    if changed.persons is not None:
        report["persons"] = changed.persons
    with suppress(StoreError):
        keep_report(workspace, store.settled(), report)
