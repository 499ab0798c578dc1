"""What is published: the delivered copies, the originals behind them, their smaller versions, or a finished export."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from facesort.core.delivery.objects import Planned
from facesort.core.delivery.routing import clip_name
from facesort.core.derivatives import DerivedFile
from facesort.core.stored import StoredPhoto
from facesort.core.text.foreign_text import checksum_entry
from facesort.core.text.paths import from_text
from facesort.engine.delivery.derivative_folder import DerivativeFolder
from facesort.engine.delivery.export_files import LEFT_OUT
from facesort.engine.delivery.export_folder import MANIFEST, UNFINISHED
from facesort.engine.delivery.gallery_pages import GALLERY
from facesort.engine.delivery.index import is_index
from facesort.engine.delivery.plan import plan_delivery
from facesort.engine.delivery.videos import VIDEOS
from facesort.engine.publishing.content import Item
from facesort.errors import PublishError, because
from facesort.files import kind_of, read_own
from facesort.reasons import Reason
from facesort.store import Store
from facesort.store.queries.delivery.derivatives import derived_files
from facesort.store.queries.gallery import person_summaries
from facesort.workspace import Workspace

_LARGEST_INDEX = 1 << 30  # bytes; of a million photos


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
    index : dict of str to bytes, optional
        Files of the index that an export has; by default the index is made of what is sent.
    """

    items: list[Item] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)
    is_everything: bool = False
    index: dict[str, bytes] | None = None


def delivered(workspace: Workspace, store: Store) -> PublishPlan:
    """Plan the delivered copies: ``<folder>/<name>.jpg``, from the output.

    Every photo has one content, whichever folder a copy is in; so a copy that is lost is sent from another folder.
    """
    plan, output = PublishPlan(is_everything=True), workspace.settings.output
    for photo, target, owner in _copies(workspace, store):
        if not photo.copies:
            plan.left_out[Reason.MISSING] += 1
            continue
        ordered = sorted(photo.copies, key=lambda copy: copy.target != target)
        first = photo.copies[0]
        planned = Planned(target, first.sha256, first.size, photo.photo.photo_id, owner)
        plan.items.append(Item(planned, tuple(output / copy.target for copy in ordered), output))
    return plan


def originals(workspace: Workspace, store: Store) -> PublishPlan:
    """Plan the source files of the delivered photos as they are: ``<folder>/originals/<name>``; needs the sources."""
    plan, sources = PublishPlan(), workspace.settings.sources
    for photo, copy, owner in _copies(workspace, store):
        root = sources.get(photo.photo.source)
        place = None if root is None else root / from_text(photo.photo.path)
        size = None if place is None else _size(place)
        if place is None or size is None:
            plan.left_out[Reason.MISSING] += 1
            continue
        folder, _, name = copy.rpartition("/")
        stem = name.removesuffix(".jpg")
        if photo.clip is not None:
            stem = clip_name(photo.photo.path, photo.sha256).rpartition(".")[0]
        target = f"{folder}/originals/{stem}{place.suffix.lower()}"
        planned = Planned(target, photo.sha256, size, photo.photo.photo_id, owner)
        plan.items.append(Item(planned, (place,), None))
    return plan


def derivatives(workspace: Workspace, store: Store) -> PublishPlan:
    """Plan the smaller versions that `facesort derive` made: ``<folder>/derivatives/<sha256>.<suffix>``.

    Each in the folder of everyone in the photo, so that a person's objects can be told from those of others.
    """
    plan, made, folder = PublishPlan(), derived_files(store), DerivativeFolder.of(workspace)
    for photo, copy, owner in _copies(workspace, store):
        if photo.is_whole_clip:
            continue
        files = made.get(photo.copies[0].sha256, ()) if photo.copies else ()
        if not files:
            plan.left_out[Reason.MISSING] += 1
        for file in {file.sha256: file for file in files}.values():
            target = derivative_target(copy.partition("/")[0], file)
            planned = Planned(target, file.sha256, file.size, photo.photo.photo_id, owner)
            plan.items.append(Item(planned, (folder.path_of(file),), folder.below))
    return PublishPlan(_each_once(plan.items), plan.left_out)


def _each_once(items: list[Item]) -> list[Item]:
    """Two photos may have the same smaller version."""
    return list({item.planned.target: item for item in items}.values())


def _copies(workspace: Workspace, store: Store) -> Iterator[tuple[StoredPhoto, str, int | None]]:
    """Photo, path and person of every copy that is delivered."""
    delivery, owners = plan_delivery(store, workspace.settings), _owners(store)
    for picture in delivery.pictures.values():
        for target in picture.files:
            yield picture.photo, target, owners.get(target.partition("/")[0])


def derivative_target(folder: str, file: DerivedFile) -> str:
    """Where a smaller version of a copy in some folder is published."""
    return f"{folder}/derivatives/{file.name}"


def _size(place: Path) -> int | None:
    try:
        return place.stat().st_size
    except (OSError, ValueError):
        return None


def exported(folder: Path) -> Callable[[Workspace, Store], PublishPlan]:
    """Plan the files of a finished export, by its manifest, but for those that are the photographer's own.

    Raises
    ------
    PublishError
        If the folder is no export, or an unfinished one.
    """
    if kind_of(folder / UNFINISHED) is not None:
        raise PublishError(
            f"{folder} is an export that was interrupted: run the same `facesort export` again"
        )
    try:
        lines = (folder / MANIFEST).read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise PublishError(f"{folder} is no export: {MANIFEST} cannot be read in it") from error
    entries = list(map(checksum_entry, lines))

    def planning(_: Workspace, store: Store) -> PublishPlan:
        index: dict[str, bytes] = {}
        plan, owners = PublishPlan(index=index), _owners(store)
        for entry in entries:
            if entry is None or not _stays_below(entry[1]):
                raise PublishError(f"{folder / MANIFEST} is not one that facesort writes")
            sha256, file = entry
            if file in (LEFT_OUT, VIDEOS) or file.startswith("_results."):
                continue
            if is_index(file):
                index[file] = _verified(folder, file, sha256)
                continue
            size = _size(folder / file)
            if size is None:
                plan.left_out[Reason.MISSING] += 1
                continue
            planned = Planned(file, sha256, size, None, owners.get(_whose(file)))
            plan.items.append(Item(planned, (folder / file,), folder))
        return plan

    return planning


def _whose(file: str) -> str:
    """Folder of the person whom a file of an export shows: a copy, or their page and picture in a gallery."""
    folder, _, name = file.partition("/")
    return PurePosixPath(name).stem if folder == GALLERY else folder


def _verified(folder: Path, file: str, sha256: str) -> bytes:
    try:
        data = read_own(folder / file, below=folder, limit=_LARGEST_INDEX)
    except OSError as error:
        raise PublishError(f"{folder / file} cannot be read {because(error)}") from error
    if hashlib.sha256(data).hexdigest() != sha256:
        raise PublishError(f"{folder / file} was changed since the export: export again")
    return data


def _stays_below(file: str) -> bool:
    """Whether the name of a file leads nowhere else than into its folder."""
    parts = file.split("/")
    return not any(part in ("", ".", "..") or set(part) & set("\\:\0") for part in parts)


def _owners(store: Store) -> dict[str, int]:
    """Ids of persons by their folders."""
    return {each.person.folder: each.person.person_id for each in person_summaries(store)}
