"""Executions of the sort, and their timings: the only tables that depend on the clock."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from facesort.clock import utc_now
from facesort.store.store import Store

if TYPE_CHECKING:
    from facesort.core.records import Analysis


def start_run(
    store: Store,
    kind: str = "sort",
    *,
    version: str,
    pack_name: str,
    pack_id: str,
    settings: Mapping[str, Any],
) -> int:
    """Record that a run starts, with all its settings; a ``sort`` or a ``rematch``.  Returns its id."""
    run_id = store.next_id("run", "run_id")
    store.execute(
        "INSERT INTO run (run_id, started_at, state, version, pack_name, pack_id, settings, kind) "
        "VALUES (?, ?, 'running', ?, ?, ?, ?, ?)",
        [run_id, utc_now(), version, pack_name, pack_id, json.dumps(settings), kind],
    )
    return run_id


def record_groups(store: Store, run_id: int, groups: Mapping[str, Any] | None) -> None:
    """Record what the groups of a run went by, and the LOOSE that follows, among its settings.

    Parameters
    ----------
    groups : mapping or None
        None: those of the last run that has any hold, as nothing has changed since.
    """
    if groups is None:
        found = store.value(
            "SELECT settings->'$.groups' FROM run WHERE (settings->'$.groups') IS NOT NULL ORDER BY run_id DESC LIMIT 1"
        )
        if found is None:
            return
        groups = json.loads(found)
    settings = json.loads(store.value("SELECT settings FROM run WHERE run_id = ?", [run_id]))
    settings["matching"]["loose"] = groups["loose"]
    settings["groups"] = groups
    store.execute("UPDATE run SET settings = ? WHERE run_id = ?", [json.dumps(settings), run_id])


def close_abandoned_runs(store: Store) -> None:
    """Mark runs that were killed; called while the sorting lock is held."""
    store.execute("UPDATE run SET state = 'interrupted' WHERE state = 'running'")


def finish_run(store: Store, run_id: int, state: str) -> None:
    """Record how a run ended: ``finished``, ``failed`` or ``interrupted``."""
    store.execute(
        "UPDATE run SET state = ?, finished_at = ? WHERE run_id = ?", [state, utc_now(), run_id]
    )


def latest_run_id(store: Store) -> int | None:
    """Id of the newest run, if there is any."""
    found = store.value("SELECT max(run_id) FROM run")
    return None if found is None else int(found)


def record_run_batch(
    store: Store,
    run_id: int,
    batch_id: int,
    analyses: Sequence[Analysis],
    *,
    waited: float,
    worked: float,
) -> None:
    """Record how long a batch took; inside a transaction.

    Parameters
    ----------
    waited, worked : float
        Seconds that the coordinator waited for the workers, and that it took itself.
    """
    store.execute(
        "INSERT OR REPLACE INTO run_batch VALUES (?, ?, ?, ?, ?, ?)",
        [run_id, batch_id, utc_now(), len(analyses), waited, worked],
    )
    store.insert(
        "timing",
        {
            "run_id": [run_id] * len(analyses),
            "file_id": [analysis.photo_id for analysis in analyses],
            "seconds": [analysis.seconds for analysis in analyses],
        },
    )
