"""The runs in the database, each with its saved notebook."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from facesort.lab.audit.tables import Sections, interval
from facesort.lab.shared.drop_rate import DropRate
from facesort.lab.shared.tables import Table, percent
from facesort.lab.shared.words import decimals, timestamp
from facesort.store.queries.reports import RunRecord

log = logging.getLogger(__name__)

_SORT = "03_sort"


@dataclass(frozen=True, slots=True)
class SavedRun:
    """The folder of a saved run, with its ``summary.json``.

    Parameters
    ----------
    folder : str
        Name of the folder.
    """

    folder: str
    notebook: str
    summary: Mapping[str, Any]

    @property
    def started_at(self) -> datetime | None:
        """When its notebook was launched; UTC, without time zone."""
        return self._time("started_at")

    def is_of(self, run: RunRecord) -> bool:
        """Whether this is the folder of a run: by its number, or by its time if it failed before it had one."""
        recorded = self.summary.get("run")
        if isinstance(recorded, dict):
            return bool(recorded.get("run_id") == run.run_id)
        start, end = self.started_at, self._time("finished_at")
        return start is not None and end is not None and start <= run.started_at <= end

    def _time(self, name: str) -> datetime | None:
        text = self.summary.get(name)
        return datetime.fromisoformat(text).replace(tzinfo=None) if isinstance(text, str) else None


def read_saved_runs(runs: Path, workspace: Path) -> tuple[list[SavedRun], int]:
    """Read the summaries of a workspace's saved runs.

    Parameters
    ----------
    runs : Path
        May be missing.
    workspace : Path
        Root of the workspace.

    Returns
    -------
    list of SavedRun
        Oldest first.
    int
        How many were skipped: of other workspaces, or unreadable.
    """
    mine, others = [], 0
    for path in sorted(runs.glob("*/summary.json")):
        try:
            summary = json.loads(path.read_text(encoding="utf-8"))
            place = Path(summary["parameters"]["workspace"])
            found = SavedRun(path.parent.name, str(summary["notebook"]), summary)
        except (OSError, ValueError, KeyError, TypeError) as error:
            log.warning("skipped %s: %s", path, error)
            others += 1
            continue
        if place.resolve() == workspace.resolve():
            mine.append(found)
        else:
            others += 1
    return mine, others


def runs_sections(
    runs: Sequence[RunRecord],
    drops: Mapping[int, DropRate],
    saved: Sequence[SavedRun],
    others: int,
) -> Sections:
    """What every run did and with which settings, oldest first; saved runs that failed before they sorted are last.

    Parameters
    ----------
    drops : mapping of run_id to DropRate
        Of all photos that were decided when the run ended.
    others : int
        Saved runs that were skipped.
    """
    sorts = [found for found in saved if found.notebook == _SORT]
    pairs = {run.run_id: next((s for s in sorts if s.is_of(run)), None) for run in runs}
    lost = [found for found in sorts if found not in pairs.values()]
    did = [_did(run, drops[run.run_id]) for run in runs] + [_unstarted(found) for found in lost]
    errors = [(s.folder, str(s.summary["error"])) for s in sorts if s.summary.get("error")]
    aside = f"{others:,} saved runs are of other workspaces, or cannot be read." if others else ""
    parts: list[tuple[str, Table | str]] = [
        (
            "What they did",
            Table(
                ("Run", "Started", "State", "Analysed", "Per second", "Dropped by then", "Rate", "95 % interval"),
                did,
                note=aside,
            ),
        ),
        (
            "What they used",
            Table(
                ("Run", "Pack", "STRICT / LOOSE / margin", "Calibration", "Saved in"),
                [_decided(run, pairs[run.run_id]) for run in runs],
            ),
        ),
    ]  # fmt: skip
    if errors:
        parts.append(("What went wrong", Table(("Saved in", "Error"), errors)))
    return Sections(parts)


def _did(run: RunRecord, drop: DropRate) -> tuple[object, ...]:
    return (
        f"{run.run_id} {run.kind}",
        timestamp(run.started_at),
        run.state,
        run.photos,
        f"{run.photos / run.seconds:.2f}" if run.photos and run.seconds > 0 else "",
        f"{drop.dropped:,} of {drop.decided:,}",
        percent(drop.dropped, drop.decided),
        interval(drop),
    )


def _decided(run: RunRecord, saved: SavedRun | None) -> tuple[object, ...]:
    matching = run.settings["matching"]
    calibration = run.settings.get("calibration") or {}
    return (
        f"{run.run_id} {run.kind}",
        f"{run.pack_name} {run.pack_id[:8]}",
        " / ".join(decimals(matching[name]) for name in ("strict", "loose", "margin")),
        calibration.get("id", "none"),
        saved.folder if saved else "no saved run here",
    )


def _unstarted(saved: SavedRun) -> tuple[object, ...]:
    started = timestamp(saved.started_at) if saved.started_at else ""
    state = f"{saved.summary.get('state')} before sorting"
    return (saved.folder, started, state, 0, "", "", "", "")
