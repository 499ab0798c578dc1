"""Look at the sources again without sorting: what is new, gone or replaced, and whether contents are as they were."""

from __future__ import annotations

from collections.abc import Callable

from facesort.engine.scan.intake import Intake, take_in
from facesort.engine.sources.changes import find_sources
from facesort.engine.sources.root_folder import RootFolder
from facesort.errors import resources_explained
from facesort.workspace import Workspace


def rescan(
    workspace: Workspace,
    *,
    everything: bool = False,
    on_checked: Callable[[int, int], None] | None = None,
) -> Intake:
    """Scan the sources that are there; what is new waits for the next sort.

    Parameters
    ----------
    everything : bool
        Compare the content of all files that look unchanged with what was read of them; one that has changed is read
        again by the next sort.
    on_checked : callable of (done, total), optional
        Called after each of these files.

    Raises
    ------
    SourceGoneError
        If a source is missing, or an unknown card is in its place.
    WorkspaceBusyError
        While a sort is running.
    """
    settings = workspace.settings
    with resources_explained(), workspace.sorting_lock(), workspace.open_store() as store:
        there = find_sources(workspace, store).there
        apart = (RootFolder.maybe_missing(settings.output), RootFolder.of(workspace.root))
        return take_in(
            store,
            {name: root.path for name, root in there.items()},
            apart,
            settings.photos,
            everything=everything,
            on_checked=on_checked,
        )
