"""Publish: send what is delivered to an object store; only add, never replace.

Every object is in the ledger before it is sent, and goes through `send`, which finds what is there already.  So a job
may be killed anywhere: the next one sends what is not there, and nothing twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace

from facesort.core.delivery.objects import Destination
from facesort.core.delivery.routing import is_target
from facesort.engine.delivery.index import is_index
from facesort.engine.publishing.connection import connect, with_server
from facesort.engine.publishing.content import Item
from facesort.engine.publishing.index import not_written, update_index
from facesort.engine.publishing.ledger import Ledger, opened
from facesort.engine.publishing.plan import PublishPlan
from facesort.engine.publishing.publisher import Pace, Progress, Publisher
from facesort.reasons import Reason
from facesort.store import Store
from facesort.store.queries.delivery.published import LedgerEntry, entries_at
from facesort.workspace import Workspace

Planning = Callable[[Workspace, Store], PublishPlan]
"""Says what is published: one of `facesort.engine.publishing.plan`."""


@dataclass(frozen=True, slots=True)
class PublishOptions:
    """How a plan is published.

    Parameters
    ----------
    retry_dead : bool
        Try again what was given up.
    verify : bool
        Ask the server also for what was sent before; what is missing is sent again.
    plain_http : bool
        The photos may go unencrypted to another machine.
    with_location : bool
        Whether where photos were taken goes into the index.
    """

    retry_dead: bool = False
    verify: bool = False
    plain_http: bool = False
    with_location: bool = False
    pace: Pace = field(default_factory=Pace)


@dataclass(frozen=True, slots=True)
class PublishReport:
    """What a job did.

    Parameters
    ----------
    sent, sent_bytes : int
        Objects that were not there.
    found : int
        Objects that were there already, and were not sent.
    known : int
        Objects that the ledger knows as sent; the server was not asked.
    waiting, waiting_bytes : int
        Objects that would be sent, of a dry run.
    dead : dict of str to int
        Objects that were given up, by reason.
    left_out : dict of str to int
        Files that belong there and could not even be planned, by reason.
    no_longer : tuple of str
        Targets that were sent once, and are not delivered any more.
    refuses_to_replace : bool or None
        Whether the server looks itself whether an object is there; None: it was not asked.
    index : dict of str to str
        As `update_index` gives it; the other numbers do not count it.
    """

    sent: int = 0
    sent_bytes: int = 0
    found: int = 0
    known: int = 0
    waiting: int = 0
    waiting_bytes: int = 0
    dead: dict[str, int] = field(default_factory=dict)
    left_out: dict[str, int] = field(default_factory=dict)
    no_longer: tuple[str, ...] = ()
    refuses_to_replace: bool | None = None
    index: dict[str, str] = field(default_factory=dict)

    @property
    def index_troubles(self) -> dict[str, str]:
        """Files of the index that could not be written, and why."""
        return not_written(self.index)


def publish(
    workspace: Workspace,
    destination: Destination,
    planning: Planning,
    options: PublishOptions | None = None,
    on_progress: Callable[[Progress], None] = lambda _: None,
) -> PublishReport:
    """Send what is planned and not there yet; only add, never replace.

    Raises
    ------
    PublishError
        If the bucket cannot be used, or its server fails again and again; the same command goes on later.
    WorkspaceBusyError
        If another process publishes from this workspace.
    StoreLockedError
        While a sort is running.
    """
    options = options or PublishOptions()
    destination = with_server(destination)
    bucket = connect(
        destination, connections=options.pace.connections, plain_http=options.plain_http
    )
    with workspace.publishing_lock():
        plan, entries = _looked_at(workspace, destination, planning)
        due = [item for item in plan.items if _is_due(entries, item, options)]
        stale = _stale(entries, plan)
        if due or stale:  # else what a mistyped name would leave in the ledger
            options.pace.ask(bucket, bucket.contact)
        ledger = Ledger.open(workspace, destination, [item.planned for item in plan.items])
        bucket.conditional = ledger.conditional
        publisher = Publisher(bucket, ledger, options.pace, on_progress)
        publisher.give_up(stale)
        if due:
            publisher.send_all(due)
        report = _report(plan, ledger.entries, due, publisher)
        if not (plan.is_everything or plan.index or any(map(is_index, ledger.entries))):
            return report
        index = update_index(
            workspace,
            bucket,
            options.pace,
            plan.index,
            with_location=options.with_location,
            verify=options.verify,
        )
        return replace(report, index=index)


def dry_run(
    workspace: Workspace,
    destination: Destination,
    planning: Planning,
    options: PublishOptions,
) -> PublishReport:
    """Say what `publish` would do, by the ledger alone: nothing is written, and no server is asked."""
    plan, entries = _looked_at(workspace, with_server(destination), planning)
    due = [item for item in plan.items if _is_due(entries, item, options)]
    return _report(plan, entries, due)


def _looked_at(
    workspace: Workspace, destination: Destination, planning: Planning
) -> tuple[PublishPlan, dict[str, LedgerEntry]]:
    """What is planned, and what the ledger knows; writes nothing."""
    with opened(workspace, read_only=True) as store:
        entries = {entry.planned.target: entry for entry in entries_at(store, destination)}
        return planning(workspace, store), entries


def _is_due(entries: dict[str, LedgerEntry], item: Item, options: PublishOptions) -> bool:
    entry = entries.get(item.planned.target)
    if entry is None or entry.state == "pending":
        return True
    if entry.planned.sha256 != item.planned.sha256:
        # Either it was not sent, and something else is wanted now, or an earlier version was: that is looked for.
        return entry.state == "dead" or options.retry_dead or options.verify
    return options.retry_dead if entry.state == "dead" else options.verify


def _stale(entries: Mapping[str, LedgerEntry], plan: PublishPlan) -> list[LedgerEntry]:
    """Multipart uploads of ours that will not go on: their content is another one now, or is not delivered any more."""
    wanted = {item.planned.target: item.planned.sha256 for item in plan.items}
    return [
        entry
        for target, entry in entries.items()
        if entry.upload_id
        and (
            wanted.get(target, entry.planned.sha256) != entry.planned.sha256
            or (plan.is_everything and is_target(target) and target not in wanted)
        )
    ]


def _report(
    plan: PublishPlan,
    entries: dict[str, LedgerEntry],
    due: Collection[Item],
    publisher: Publisher | None = None,
) -> PublishReport:
    """What became of everything that is planned."""
    tried = {item.planned.target for item in due}
    put = {} if publisher is None else publisher.put
    dead: Counter[str] = Counter()
    found = known = 0
    for item in plan.items:
        entry = entries.get(item.planned.target)
        if entry is None or (publisher is None and item.planned.target in tried):
            continue
        if entry.state == "dead":
            dead[entry.reason or ""] += 1
        elif entry.planned.sha256 != item.planned.sha256:
            dead[Reason.NAME_TAKEN] += 1  # by an earlier version of our own
        elif item.planned.target not in tried:
            known += 1
        else:
            found += entry.object_id not in put
    return PublishReport(
        sent=len(put),
        sent_bytes=sum(put.values()),
        found=found,
        known=known,
        waiting=len(due) if publisher is None else 0,
        waiting_bytes=sum(i.planned.size for i in due) if publisher is None else 0,
        dead=dict(dead),
        left_out=dict(plan.left_out),
        no_longer=_no_longer(plan, entries.values()),
        refuses_to_replace=None if publisher is None else publisher.ledger.conditional,
    )


def _no_longer(plan: PublishPlan, entries: Collection[LedgerEntry]) -> tuple[str, ...]:
    """Copies that were sent once, or may have been, and are not delivered any more."""
    if not plan.is_everything:
        return ()
    planned = {item.planned.target for item in plan.items}
    return tuple(
        entry.planned.target
        for entry in entries
        if (entry.state == "sent" or (entry.state == "pending" and entry.attempts))
        and entry.planned.photo_id is not None
        and is_target(entry.planned.target)
        and entry.planned.target not in planned
    )
