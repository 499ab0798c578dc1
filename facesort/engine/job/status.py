"""Status: how far the job is, also while a sort holds the database."""

from __future__ import annotations

from typing import Any

from facesort.engine.job.progress import is_running, read_progress, status_report
from facesort.errors import StoreLockedError
from facesort.store.job import runs
from facesort.store.queries import reports
from facesort.workspace import Workspace


def current_status(workspace: Workspace) -> dict[str, Any]:
    """Counts, rate and ETA of a workspace.

    Returns
    -------
    dict
        As `status_report` gives it; ``state`` is ``running`` only while the process that says so is alive.

    Raises
    ------
    StoreLockedError
        If another program than a sort holds the database and no sort has run yet.
    """
    progress = read_progress(workspace.state)
    if progress is not None and is_running(progress):
        return progress
    try:
        with workspace.open_store(read_only=True) as store:
            run_id = runs.latest_run_id(store)
            state = "idle" if run_id is None else reports.run_record(store, run_id).state
            # A run that still says "running" here was killed: its process is gone.
            return status_report(
                "interrupted" if state == "running" else state, reports.counts(store)
            )
    except StoreLockedError:
        if progress is None:
            raise
        return progress
