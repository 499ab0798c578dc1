"""The index beside the objects: who is in which, and where; the only objects that are ever replaced.

It tells what the ledger knows as sent, so it is written after the objects, and again when some are taken back.  An
index that carries the mark of another workspace, or none, is not ours and is left alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from threading import Event

from facesort.core.delivery.objects import Destination, Digest, Planned
from facesort.core.delivery.regions import delivered_shape
from facesort.core.delivery.routing import beside_folders
from facesort.core.derivatives import DerivedFile
from facesort.core.stored import StoredPhoto
from facesort.engine.delivery.index import (
    INDEX_NAMES,
    DeliveredFile,
    index_files,
    index_rows,
    is_index,
)
from facesort.engine.delivery.plan import Delivery, plan_delivery
from facesort.engine.publishing.bucket import Bucket, NameTakenError
from facesort.engine.publishing.content import UnsentError
from facesort.engine.publishing.ledger import Ledger, opened
from facesort.engine.publishing.plan import derivative_target
from facesort.engine.publishing.publisher import Pace
from facesort.engine.publishing.send import has_content
from facesort.files import open_own
from facesort.images import jpeg_size
from facesort.images.output import OUTPUT_EDGE
from facesort.pixels import fitted_size
from facesort.reasons import Reason
from facesort.store.queries.delivery.derivatives import derived_files
from facesort.store.queries.delivery.published import LedgerEntry, entries_at
from facesort.workspace import Workspace

_HEADER = 4096  # bytes; an output JPEG has no metadata before its size

Sent = Mapping[str, LedgerEntry]


def update_index(
    workspace: Workspace,
    bucket: Bucket,
    pace: Pace,
    contents: Mapping[str, bytes] | None = None,
    *,
    with_location: bool = False,
    verify: bool = False,
) -> dict[str, str]:
    """Bring the index of a destination up to date; asks no server if it is.

    Parameters
    ----------
    contents : mapping of str to bytes, optional
        Its files by target, as of an export; by default what the ledger knows as sent.
    with_location : bool
        Whether where photos were taken is told then.
    verify : bool
        Ask the server also if nothing has changed.

    Returns
    -------
    dict of str to str
        What became of each file: ``sent``, ``known``, or ``name_taken``.

    Raises
    ------
    PublishError
        If the bucket cannot be used, or its server fails.
    """
    if contents is None:
        contents = _contents(workspace, bucket.destination, with_location=with_location)
    planned = {
        target: Planned(target, hashlib.sha256(data).hexdigest(), len(data))
        for target, data in contents.items()
    }
    ledger = Ledger.open(workspace, bucket.destination, list(planned.values()))
    bucket = replace(bucket, conditional=ledger.conditional, stopped=Event())
    ended = {}
    for target, data in contents.items():
        entry = ledger.entries[target]
        if entry.state == "sent" and entry.planned == planned[target] and not verify:
            ended[target] = "known"
            continue
        entry = replace(entry, planned=planned[target])
        etag = pace.ask(bucket, _bring, bucket, entry.planned, data, ledger.mark)
        ended[target] = Reason.NAME_TAKEN if etag is None else "sent"
        state, reason = ("dead", Reason.NAME_TAKEN.value) if etag is None else ("sent", None)
        ledger.note(replace(entry, state=state, reason=reason, etag=etag))
    ledger.write()
    return ended


def not_written(ended: Mapping[str, str]) -> dict[str, str]:
    """Of what `update_index` gave, the files that could not be written, and why."""
    return {file: how for file, how in ended.items() if how not in ("sent", "known")}


def _contents(
    workspace: Workspace, destination: Destination, *, with_location: bool
) -> dict[str, bytes]:
    """The files of the index, by target; none if there never was anything to tell."""
    with opened(workspace, read_only=True) as store:
        entries = {entry.planned.target: entry for entry in entries_at(store, destination)}
        delivery, made = plan_delivery(store, workspace.settings), derived_files(store)
        files = list(_sent_files(workspace, delivery, entries))

        def smaller(file: DeliveredFile) -> list[tuple[str, DerivedFile]]:
            there = [(derivative_target(file.folder, d), d) for d in made.get(file.sha256, ())]
            return [(target, d) for target, d in there if _is_sent(entries, target)]

        rows = index_rows(store, delivery, files, smaller=smaller, with_location=with_location)
        if not rows and not any(map(is_index, entries)):
            return {}
        found = index_files(store, rows, workspace.state / "index.parquet")
        return {beside_folders(name, delivery.all_folders): found[name] for name in INDEX_NAMES}


def _is_sent(entries: Sent, target: str) -> bool:
    return target in entries and entries[target].state == "sent"


def _sent_files(workspace: Workspace, delivery: Delivery, entries: Sent) -> Iterator[DeliveredFile]:
    for picture in delivery.pictures.values():
        targets = [target for target in picture.files if _is_sent(entries, target)]
        if targets and (shape := _shape(workspace, picture.photo)) is not None:
            for told in (entries[target].planned for target in targets):
                yield DeliveredFile.of(picture.photo, told.target, told.sha256, told.size, shape)


def _shape(workspace: Workspace, photo: StoredPhoto) -> tuple[int, int] | None:
    """Width and height of a photo's copies, by the first bytes of one; if all are lost, as they must have been."""
    if photo.is_whole_clip:
        return photo.size
    output = workspace.settings.output
    for copy in photo.copies:
        try:
            return jpeg_size(_start(output / copy.target, output))
        except (OSError, ValueError):
            continue
    whole = delivered_shape(photo)
    return None if whole is None else fitted_size(whole, OUTPUT_EDGE)


def _start(file: Path, output: Path) -> bytes:
    with open_own(file, below=output) as stream:
        return stream.read(_HEADER)


def _bring(bucket: Bucket, planned: Planned, data: bytes, mark: str) -> str | None:
    """Put an index in place of the one before; returns its ETag, or None if what is there is not ours."""
    digest = Digest(planned.sha256, planned.size, hashlib.md5(data, usedforsecurity=False).digest())
    found = bucket.find(planned.target)
    if found is None or not has_content(bucket, planned, digest, found):
        if found is not None and found.mark != mark:
            return None
        instead = "" if found is None else found.etag
        try:
            bucket.put(planned.target, data, digest, mark=mark, instead=instead)
        except NameTakenError:
            return None
        found = bucket.find(planned.target)
    if found is None or not has_content(bucket, planned, digest, found):
        raise UnsentError(Reason.NOT_AS_SENT)
    return found.etag
