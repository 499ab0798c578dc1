"""Unpublish: remove what the folder of a person put into object stores, and only that."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace

from facesort.core.delivery.objects import Destination
from facesort.core.delivery.routing import UNKNOWN_FOLDER, safe_folder
from facesort.engine.delivery.gallery_pages import EVENT_PAGE, GALLERY
from facesort.engine.delivery.index import is_index
from facesort.engine.privacy.forget import rewrite_database
from facesort.engine.publishing.bucket import Bucket
from facesort.engine.publishing.connection import connect
from facesort.engine.publishing.content import UnsentError
from facesort.engine.publishing.index import not_written, update_index
from facesort.engine.publishing.ledger import opened
from facesort.engine.publishing.publisher import Pace
from facesort.errors import GalleryError, PublishError
from facesort.store import Store
from facesort.store.privacy.erasure import Erasure, of_person
from facesort.store.publishing import forget_objects
from facesort.store.queries.delivery.published import (
    LedgerEntry,
    destinations,
    entries_at,
    entries_of_persons,
)
from facesort.store.queries.gallery import find_person
from facesort.workspace import Workspace

log = logging.getLogger(__name__)

_AT_ONCE = 64  # objects between two writes of the ledger

Published = dict[Destination, list[LedgerEntry]]


@dataclass(frozen=True, slots=True)
class UnpublishReport:
    """What was removed, and what was not.

    Parameters
    ----------
    removed : int
        Objects that were there as they were put.
    gone : int
        Objects that were not there, or not any more.
    left : tuple of str
        Keys of objects that are not what was put there; they are untouched, and stay in the ledger.
    versions : tuple of Destination
        Where the bucket keeps what was removed as versions.
    still_named : tuple of str
        Keys of what may still show them: an index that is not ours any more, and the pages of a gallery.
    failed : dict of str to str
        Destinations that could not be used, and why: what is left there stays in the ledger.
    """

    removed: int
    gone: int
    left: tuple[str, ...] = ()
    versions: tuple[Destination, ...] = ()
    still_named: tuple[str, ...] = ()
    failed: dict[str, str] = field(default_factory=dict)


def what_is_published(workspace: Workspace, name: str) -> Published:
    """What the folder of a person put into object stores, by the ledger alone.

    Parameters
    ----------
    name : str
        Also of somebody who was removed or forgotten; ``_unknown``: the folder of unknown faces.

    Raises
    ------
    GalleryError
        If nothing is known under that name.
    """
    with opened(workspace, read_only=True) as store:
        persons, folders = _whose(store, name)
        found = entries_of_persons(store, persons, folders)
        if not found and not persons and name != UNKNOWN_FOLDER:
            of_person(store, name)  # raises, and says what is known
        return {where: found[key] for key, where in destinations(store).items() if key in found}


def _whose(store: Store, name: str) -> tuple[tuple[int, ...], list[str]]:
    """Ids of a person, and names that their folder may have in an export."""
    if name == UNKNOWN_FOLDER:
        return (), [UNKNOWN_FOLDER]
    persons: tuple[int, ...] = ()
    folders = {name}
    with suppress(GalleryError):
        persons = of_person(store, name).persons
    with suppress(GalleryError):
        folders.add(safe_folder(name))
    if (person := find_person(store, name)) is not None:
        folders.add(person.folder)
    return persons, sorted(folders)


def unpublish(
    workspace: Workspace,
    name: str,
    *,
    plain_http: bool = False,
    gone: Collection[Destination] = (),
    pace: Pace | None = None,
    on_progress: Callable[[int], None] = lambda _: None,
) -> UnpublishReport:
    """Remove what the folder of a person put into object stores, as long as it is still what was put there.

    Of somebody who was forgotten, the keys of what is gone are erased from the database for good.

    Parameters
    ----------
    gone : collection of Destination
        What does not exist any more: the ledger forgets what was there, and no server is asked.

    Raises
    ------
    GalleryError, WorkspaceBusyError
        As `what_is_published` and `publish`.
    """
    pace = pace or Pace()
    report = UnpublishReport(0, 0)
    with workspace.publishing_lock():
        for destination, entries in what_is_published(workspace, name).items():
            if destination in gone:
                report = _drop(workspace, entries, report)
                continue
            try:
                bucket = connect(destination, connections=pace.connections, plain_http=plain_http)
                pace.ask(bucket, bucket.contact)
                for start in range(0, len(entries), _AT_ONCE):
                    some = entries[start : start + _AT_ONCE]
                    report = _remove(workspace, bucket, pace, some, report)
                    on_progress(report.removed + report.gone + len(report.left))
                named = _still_named(workspace, bucket, pace)
            except PublishError as error:  # the others can be used all the same
                report = replace(report, failed={**report.failed, str(destination): str(error)})
                continue
            report = replace(report, still_named=(*report.still_named, *named))
            if bucket.keeps_versions():
                report = replace(report, versions=(*report.versions, destination))
        with opened(workspace, read_only=True) as store:
            is_known = find_person(store, name) is not None
        if not is_known:
            with workspace.sorting_lock():  # what is only deleted can still be read in the file
                rewrite_database(workspace, lambda _: Erasure())
    return report


def _still_named(workspace: Workspace, bucket: Bucket, pace: Pace) -> list[str]:
    """Bring an index up to date; returns the keys of what may show the person all the same."""
    destination = bucket.destination
    with opened(workspace, read_only=True) as store:
        targets = [entry.planned.target for entry in entries_at(store, destination)]
    ended = update_index(workspace, bucket, pace) if any(map(is_index, targets)) else {}
    named = list(not_written(ended))
    if any(target.startswith(f"{GALLERY}/") for target in targets):
        named += [page for page in (EVENT_PAGE, f"_{EVENT_PAGE}") if page in targets]
        named.append(f"{GALLERY}/")
    return [destination.key(target) for target in named]


def _drop(
    workspace: Workspace, entries: Sequence[LedgerEntry], report: UnpublishReport
) -> UnpublishReport:
    with opened(workspace) as store, store.transaction():
        forget_objects(store, [entry.object_id for entry in entries])
    return replace(report, gone=report.gone + len(entries))


def _remove(
    workspace: Workspace,
    bucket: Bucket,
    pace: Pace,
    entries: Sequence[LedgerEntry],
    report: UnpublishReport,
) -> UnpublishReport:
    """Remove some objects, and take those that are not there any more out of the ledger."""
    with ThreadPoolExecutor(pace.connections, "unpublish") as pool:
        ended = list(pool.map(lambda entry: pace.ask(bucket, _remove_one, bucket, entry), entries))
    done = [e.object_id for e, how in zip(entries, ended, strict=True) if how != "left"]
    with opened(workspace) as store, store.transaction():
        forget_objects(store, done)
    left = [
        bucket.destination.key(e.planned.target)
        for e, how in zip(entries, ended, strict=True)
        if how == "left"
    ]
    return replace(
        report,
        removed=report.removed + ended.count("removed"),
        gone=report.gone + ended.count("gone"),
        left=(*report.left, *left),
    )


def _remove_one(bucket: Bucket, entry: LedgerEntry) -> str:
    """Remove one object if it is ours; returns ``removed``, ``gone`` or ``left``."""
    target = entry.planned.target
    if entry.upload_id:
        bucket.abort(target, entry.upload_id)
    found = bucket.find(target)
    if found is None:
        return "gone"
    same_etag = entry.etag is not None and (found.etag, found.size) == (
        entry.etag,
        entry.planned.size,
    )
    if not (found.says(entry.planned) or same_etag):
        return "left"
    try:
        bucket.remove(target)
    except UnsentError as error:
        log.warning("%s is not removed: %s", bucket.destination.key(target), error)
        return "left"
    return "removed"
