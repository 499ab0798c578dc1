"""Retry: put failed photos into new batches."""

from __future__ import annotations

from facesort.store.job import photos
from facesort.workspace import Workspace


def retry_failed(workspace: Workspace) -> int:
    """Give every failed photo another chance; the next sort takes them up.

    Returns
    -------
    int
        Number of photos.

    Raises
    ------
    WorkspaceBusyError
        If a sort is running.
    """
    with workspace.sorting_lock(), workspace.open_store() as store, store.transaction():
        return photos.add_retry_batches(store)
