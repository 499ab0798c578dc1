"""The runs in the database, each with its saved notebook."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from facesort.core.text.words import several
from facesort.lab.audit.tables import Sections, interval
from facesort.lab.shared.drop_rate import DropRate
from facesort.lab.shared.event import event_sentences
from facesort.lab.shared.remarks import shifted_remark
from facesort.lab.shared.saved_runs import SavedRun, SavedRuns
from facesort.lab.shared.tables import Table, percent
from facesort.lab.shared.words import decimals, timestamp
from facesort.store.queries.reports import RunRecord

_SORT = "03_sort"
_MAX_ERROR = 500  # characters


def runs_sections(
    runs: Sequence[RunRecord],
    drops: Mapping[int, DropRate],
    groups: Mapping[int, tuple[int, int, int]],
    saved: SavedRuns,
) -> Sections:
    """What every run did and with which settings, oldest first; saved runs that failed before they sorted are last.

    Parameters
    ----------
    drops : mapping of run_id to DropRate
        Of all photos that were decided when the run ended.
    groups : mapping of run_id to (faces, photos, faces in doubt)
        What groups had brought when the run ended.
    """
    sorts = [found for found in saved.mine if found.notebook == _SORT]
    pairs = {run.run_id: next((s for s in sorts if _is_of(s, run)), None) for run in runs}
    lost = [found for found in sorts if found not in pairs.values()]
    did = [_did(run, drops[run.run_id], groups[run.run_id]) for run in runs]
    did += [_unstarted(found) for found in lost]
    errors = [(_name(s.folder), s.error[:_MAX_ERROR]) for s in sorts if s.error]
    notes = [f"Run {run.run_id}: {shifted_remark(run.shifted)}." for run in runs if run.shifted]
    notes += [
        f"Run {run.run_id}: {sentence}." for run in runs for sentence in event_sentences(run.groups)
    ]
    if saved.others:
        notes.append(f"{saved.others:,} saved runs are of other workspaces.")
    parts: list[tuple[str, Table | str]] = [
        (
            "What they did",
            Table(
                (
                    "Run", "Started", "State", "Files read", "Per second", "Dropped by then", "Rate", "95 % interval",
                    "Named by their group only",
                ),
                did,
                note="\n".join(notes),
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
    if saved.unreadable:
        rows = [(_name(found.folder), found.problem) for found in saved.unreadable]
        note = "Whose runs these are is not known: remove what facesort did not write, or what is damaged."
        parts.append(
            (
                "Saved runs that cannot be read",
                Table(("Saved in", "Its summary.json"), rows, note=note),
            )
        )
    return Sections(parts)


def _is_of(saved: SavedRun, run: RunRecord) -> bool:
    """Whether this is the folder of a run: by its number, or by its time if it failed before it had one."""
    if saved.run_id is not None:
        return saved.run_id == run.run_id
    start, end = saved.started_at, saved.finished_at
    return start is not None and end is not None and start <= run.started_at <= end


def _name(folder: Path) -> str:
    """A folder's name; a page cannot hold bytes that are not UTF-8."""
    return os.fsencode(folder.name).decode("utf-8", "replace")


def _did(run: RunRecord, drop: DropRate, groups: tuple[int, int, int]) -> tuple[object, ...]:
    return (
        f"{run.run_id} {run.kind}",
        timestamp(run.started_at),
        run.state,
        run.photos,
        f"{run.photos / run.seconds:.2f}" if run.photos and run.seconds > 0 else "",
        f"{drop.dropped:,} of {drop.decided:,}",
        percent(drop.dropped, drop.decided),
        interval(drop),
        _by_group(*groups),
    )


def _by_group(faces: int, photos: int, doubtful: int) -> str:
    """What groups had brought; empty for nothing."""
    parts = []
    if faces:
        parts.append(f"{several(faces, 'face')} in {several(photos, 'photo')}")
    if doubtful:
        parts.append(f"{several(doubtful, 'face')} in doubt")
    return "; ".join(parts)


def _decided(run: RunRecord, saved: SavedRun | None) -> tuple[object, ...]:
    matching = run.settings["matching"]
    calibration = run.settings.get("calibration") or {}
    return (
        f"{run.run_id} {run.kind}",
        f"{run.pack_name} {run.pack_id[:8]}",
        " / ".join(decimals(matching[name]) for name in ("strict", "loose", "margin")),
        _calibrated(calibration),
        _name(saved.folder) if saved else "no saved run here",
    )


def _calibrated(calibration: Mapping[str, Any]) -> str:
    if not calibration:
        return "none"
    return f"{calibration['date'][:10]}, {'by hand' if calibration['by_hand'] else 'as suggested'}"


def _unstarted(saved: SavedRun) -> tuple[object, ...]:
    started = timestamp(saved.started_at) if saved.started_at else ""
    state = f"{saved.state or 'ended'} before sorting"
    return (_name(saved.folder), started, state, 0, "", "", "", "", "")
