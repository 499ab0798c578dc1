"""Sort: check the disks and the gallery, scan, and let a job carry on where the last one stopped."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from facesort import __version__
from facesort.core.paths import to_text
from facesort.engine.analyse import Analyser
from facesort.engine.decide import Rules, rules_of
from facesort.engine.job import Job, SortOptions
from facesort.engine.pool import LocalPool
from facesort.engine.roots import check_output, check_source
from facesort.engine.scan import scan_source
from facesort.engine.setup import refuse_other_pack
from facesort.errors import (
    FacesortError,
    GalleryError,
)
from facesort.faces.protocol import ModelPack
from facesort.reasons import Reason
from facesort.settings import Settings
from facesort.store import Store, commits, people, photos, runs
from facesort.workspace import Workspace

__all__ = ["SortOptions", "run_sort"]

log = logging.getLogger(__name__)


def run_sort(workspace: Workspace, pack: ModelPack, options: SortOptions | None = None) -> int:
    """Sort what is not sorted yet; resumes by itself after any interruption.

    Parameters
    ----------
    workspace : Workspace
    pack : ModelPack
    options : SortOptions, optional

    Returns
    -------
    int
        Id of the run; `facesort.store.reports` tells what happened.

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
    """
    options = options or SortOptions()
    with workspace.sorting_lock(), workspace.open_store() as store:
        refuse_other_pack(store, pack)
        if not people.pack_ids(store):
            raise GalleryError(
                "nobody is in the gallery: add someone first with `facesort seed NAME PHOTO...`"
            )
        runs.close_abandoned_runs(store)
        settings = workspace.settings
        source = check_source(settings.source, list(photos.known_photos(store)))
        output = check_output(settings.output, commits.some_targets(store, 1000))
        _scan(store, settings.source)
        workers = settings.run.workers or os.cpu_count() or 1
        analyser = Analyser(settings.source, pack, settings.photos)
        run_id = runs.start_run(
            store,
            version=__version__,
            pack_name=pack.name,
            pack_id=pack.pack_id,
            settings=_recorded_settings(settings, rules_of(settings, pack)),
        )
        job = Job(workspace, store, analyser, options, source, output, run_id)
        try:
            with options.executor or LocalPool(workers, settings.photos.timeout_s) as executor:
                job.carry_on(executor)
        except BaseException as error:
            stopped = isinstance(error, (KeyboardInterrupt, FacesortError))
            job.finish("interrupted" if stopped else "failed")
            raise
        job.finish("finished")
        return run_id


def _recorded_settings(settings: Settings, rules: Rules) -> dict[str, object]:
    """Settings as they took effect, thresholds of the pack included."""
    values = settings.model_dump(mode="json")
    values["matching"] |= {"strict": rules.thresholds.strict, "loose": rules.thresholds.loose}
    return values


def _scan(store: Store, source: Path) -> None:
    """Add what is new in the source."""
    found = scan_source(source, photos.known_photos(store))
    with store.transaction():
        photos.add_photos(store, found.new)
        unreadable = {to_text(path): Reason.UNREADABLE.value for path in found.unreadable}
        photos.set_skipped(store, found.skipped | unreadable)
    log.info("scan: %d new photos, %d other files", len(found.new), len(found.skipped))
