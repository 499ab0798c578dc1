"""Sort and re-match: check the disks and the gallery, and let a job carry on where the last one stopped."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from pathlib import Path

from facesort.core.paths import to_text
from facesort.engine.analysis.analyse import Analyser
from facesort.engine.analysis.pool import LocalPool
from facesort.engine.delivery.corrections import write_corrections
from facesort.engine.job.batches import Job, SortOptions
from facesort.engine.job.rematch import RematchReport
from facesort.engine.job.roots import Root, check_output, check_source
from facesort.engine.job.run_record import gallery_record
from facesort.engine.job.scan import scan_source
from facesort.engine.privacy.forget import drop_unknown
from facesort.engine.rules import Rules, rules_of
from facesort.engine.setup import refuse_other_pack
from facesort.errors import (
    FacesortError,
    GalleryError,
)
from facesort.faces.engines.backends import choose_backend
from facesort.faces.protocol import ModelPack
from facesort.reasons import Reason
from facesort.settings import Backend, Settings
from facesort.store import Store
from facesort.store.job import photos, runs
from facesort.store.queries.commit_log import some_targets
from facesort.store.queries.gallery import pack_ids
from facesort.version import __version__
from facesort.workspace import Workspace

log = logging.getLogger(__name__)


def run_sort(workspace: Workspace, pack: ModelPack, options: SortOptions | None = None) -> int:
    """Sort what is not sorted yet; resumes by itself after any interruption.

    Returns
    -------
    int
        Id of the run; `facesort.store.queries.reports` tells what happened.

    Raises
    ------
    WorkspaceBusyError
        If another process sorts in this workspace.
    GalleryError
        If nobody was seeded.
    PackMismatchError
        If the gallery was embedded with another pack.
    SourceGoneError, OutputError
        If a disk is not there; what is committed stays, the rest waits.
    SettingsError
        If the output or the workspace is a folder of the source, under another name.
    """
    with _running(workspace, pack, options or SortOptions(), "sort") as (job, executor):
        job.carry_on(executor)
    return job.run_id


def run_rematch(
    workspace: Workspace, pack: ModelPack, options: SortOptions | None = None
) -> tuple[int, RematchReport]:
    """Match every stored face again, without inference, and add the copies that are missing.

    Nothing is learned, so a second one changes nothing.  It needs the source only for photos that are in no folder
    yet.

    Returns
    -------
    int, RematchReport
        Id of the run, and what came and went.

    Raises
    ------
    WorkspaceBusyError, GalleryError, PackMismatchError, OutputError
        As `run_sort`.
    """
    with _running(workspace, pack, options or SortOptions(), "rematch") as (job, executor):
        job.finish_commits(executor)
        report = job.rematch(executor, everything=True)
    return job.run_id, report


def check_gallery(workspace: Workspace, pack: ModelPack) -> None:
    """Tell before anything is started that nobody could be matched.

    Raises
    ------
    GalleryError
        If nobody is in the gallery.
    PackMismatchError
        If the gallery was embedded with another pack.
    StoreLockedError
        While a sort is running.
    """
    with workspace.open_store() as store:  # brings an older database up to date
        _refuse_gallery(store, pack)


def _refuse_gallery(store: Store, pack: ModelPack) -> None:
    refuse_other_pack(store, pack)
    if not pack_ids(store):
        raise GalleryError(
            "nobody is in the gallery: add someone first with `facesort seed NAME PHOTO...`"
        )


@contextmanager
def _running(
    workspace: Workspace, pack: ModelPack, options: SortOptions, kind: str
) -> Iterator[tuple[Job, Executor]]:
    """One run from its checks to its record, with the workers that it needs."""
    with workspace.sorting_lock():
        with workspace.open_store() as store:
            yield from _run_in(store, workspace, pack, options, kind)
        if not workspace.settings.privacy.keep_unknown:
            drop_unknown(workspace)  # writes the database anew: nobody may have it open


def _run_in(
    store: Store, workspace: Workspace, pack: ModelPack, options: SortOptions, kind: str
) -> Iterator[tuple[Job, Executor]]:
    """The part of a run that holds the database."""
    settings = workspace.settings
    _refuse_gallery(store, pack)
    runs.close_abandoned_runs(store)
    source = (
        check_source(settings.source, list(photos.known_photos(store)))
        if kind == "sort"
        else Root.or_none(settings.source)
    )
    output = check_output(settings.output, some_targets(store, 1000))
    if kind == "sort":
        _scan(store, settings.source, apart=(output, Root.of(workspace.root)))
    workers = settings.run.workers or os.cpu_count() or 1
    # Only a sort embeds; nothing else is worth the seconds of a parity check.
    backend = choose_backend(pack, settings.run.backend) if kind == "sort" else "onnxruntime"
    analyser = Analyser(settings.source, pack, settings.photos, backend=backend)
    run_id = runs.start_run(
        store,
        kind,
        version=__version__,
        pack_name=pack.name,
        pack_id=pack.pack_id,
        settings=_recorded_settings(settings, rules_of(settings, pack), backend)
        | {"gallery": gallery_record(store, pack.pack_id)},
    )
    job = Job(workspace, store, analyser, options, source, output, run_id)
    try:
        with options.executor or LocalPool.of(workers, settings.photos) as executor:
            yield job, executor
    except BaseException as error:
        stopped = isinstance(error, (KeyboardInterrupt, FacesortError))
        job.finish("interrupted" if stopped else "failed")
        raise
    job.finish("finished")
    write_corrections(workspace, store)


def _recorded_settings(settings: Settings, rules: Rules, backend: Backend) -> dict[str, object]:
    """Settings as they took effect, thresholds of the pack and the chosen backend included."""
    values = settings.model_dump(mode="json")
    values["matching"] |= {"strict": rules.thresholds.strict, "loose": rules.thresholds.loose}
    values["run"] |= {"backend": backend}
    return values


def _scan(store: Store, source: Path, apart: Sequence[Root]) -> None:
    """Add what is new in the source."""
    found = scan_source(source, photos.known_photos(store), apart)
    with store.transaction():
        photos.add_photos(store, found.new)
        unreadable = {to_text(path): Reason.UNREADABLE.value for path in found.unreadable}
        photos.set_skipped(store, found.skipped | unreadable)
    log.info("scan: %d new photos, %d other files", len(found.new), len(found.skipped))
