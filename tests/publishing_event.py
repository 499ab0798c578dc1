"""What the tests of publishing share: paces without waiting, plans of a few files, and what the ledger says."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from facesort.core.delivery.objects import Destination, Planned
from facesort.engine.delivery.index import is_index
from facesort.engine.publishing.content import Item
from facesort.engine.publishing.plan import PublishPlan, delivered
from facesort.engine.publishing.publish import PublishOptions
from facesort.engine.publishing.publisher import Pace
from facesort.store import Store
from facesort.store.queries.delivery.commit_log import verified_writes
from facesort.store.queries.delivery.published import LedgerEntry, entries_at
from facesort.workspace import Workspace

FAST = PublishOptions(pace=Pace(first_wait_s=0.01, longest_wait_s=0.05))
RETRY = replace(FAST, retry_dead=True)


def logged(workspace: Workspace) -> dict[str, str]:
    """The commit log: what must be there, by path."""
    with workspace.open_store(read_only=True) as store:
        return {w.plan.target: w.plan.sha256 for w in verified_writes(store)}


def some(count: int) -> Callable[[Workspace, Store], PublishPlan]:
    """The first delivered copies."""

    def planning(workspace: Workspace, store: Store) -> PublishPlan:
        return PublishPlan(delivered(workspace, store).items[:count])

    return planning


def files(folder: Path, *names: str) -> Callable[[Workspace, Store], PublishPlan]:
    """Files of a folder, in the folder of somebody called Large."""

    def planning(workspace: Workspace, store: Store) -> PublishPlan:
        items = []
        for name in names:
            data = (folder / name).read_bytes()
            planned = Planned(f"Large/{name}", hashlib.sha256(data).hexdigest(), len(data))
            items.append(Item(planned, (folder / name,), folder))
        return PublishPlan(items)

    return planning


def all_and(folder: Path) -> Callable[[Workspace, Store], PublishPlan]:
    """All files of a folder, then all delivered copies."""
    large = files(folder, *sorted(path.name for path in folder.iterdir()))

    def planning(workspace: Workspace, store: Store) -> PublishPlan:
        return PublishPlan(large(workspace, store).items + delivered(workspace, store).items)

    return planning


def ledger(workspace: Workspace, destination: Destination) -> list[LedgerEntry]:
    with workspace.open_store(read_only=True) as store:
        return entries_at(store, destination)


def states(workspace: Workspace, destination: Destination) -> dict[str, int]:
    """Objects of the ledger by state."""
    found = [entry.state for entry in ledger(workspace, destination)]
    return {state: found.count(state) for state in sorted(set(found))}


def without_index(there: dict[str, str]) -> dict[str, str]:
    """Objects by key, but for the index beside them."""
    return {key: sha for key, sha in there.items() if not is_index(key)}
