"""What is published: the delivered copies, the originals behind them, or a finished export."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from facesort.core.objects import Planned
from facesort.engine.delivery.plan import Delivery, plan_delivery
from facesort.engine.publishing.content import Item
from facesort.reasons import Reason
from facesort.store import Store
from facesort.store.queries.gallery import person_summaries
from facesort.workspace import Workspace


@dataclass(slots=True)
class PublishPlan:
    """What a job publishes.

    Parameters
    ----------
    items : list of Item
        Each with a target of its own.
    left_out : Counter of str
        Files that belong there and cannot be sent, by reason.
    is_everything : bool
        Whether it holds all copies that are delivered.
    """

    items: list[Item] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)
    is_everything: bool = False


def delivered(workspace: Workspace, store: Store) -> PublishPlan:
    """Plan the delivered copies: ``<folder>/<name>.jpg``, from the output.

    Every photo has one content, whichever folder a copy is in; so a copy that is lost is sent from another folder.
    """
    plan, output = PublishPlan(is_everything=True), workspace.settings.output
    delivery, owners = _delivery(workspace, store), _owners(store)
    for key in sorted(delivery.folders):
        copies = delivery.photos[key].copies
        for target in delivery.files(key):
            if not copies:
                plan.left_out[Reason.MISSING] += 1
                continue
            ordered = sorted(copies, key=lambda copy: copy.target != target)
            owner = owners.get(target.partition("/")[0])
            planned = Planned(target, copies[0].sha256, copies[0].size, key, owner)
            plan.items.append(
                Item(planned, tuple(output / copy.target for copy in ordered), output)
            )
    return plan


def _delivery(workspace: Workspace, store: Store) -> Delivery:
    settings = workspace.settings
    return plan_delivery(
        store,
        unknown_folder=settings.run.unknown_folder,
        near_duplicates=settings.photos.near_duplicates,
    )


def _owners(store: Store) -> dict[str, int]:
    """Ids of persons by their folders."""
    return {each.person.folder: each.person.person_id for each in person_summaries(store)}
