"""Sort, re-match and retry: check the disks and the gallery, and resume where the last run stopped."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import asdict, replace
from functools import partial
from typing import Any

from facesort.core.calibration import gallery_fingerprint
from facesort.engine.analysis.analyse import Analyser
from facesort.engine.analysis.pool import executor_or_local
from facesort.engine.counted import keep_counts
from facesort.engine.delivery.corrections import write_corrections
from facesort.engine.delivery.derivatives import variants_of
from facesort.engine.job.batches import Run, SortOptions
from facesort.engine.job.changes import RematchReport
from facesort.engine.job.output import open_output
from facesort.engine.privacy.forget import drop_unknown
from facesort.engine.rules import Rules, rules_of
from facesort.engine.scan.intake import Intake, take_in
from facesort.engine.setup import refuse_gallery
from facesort.engine.sources.changes import find_sources
from facesort.engine.sources.root_folder import RootFolder
from facesort.errors import FacesortError, resources_explained
from facesort.extras import need_extra
from facesort.faces.engines.backends import choose_backend
from facesort.faces.protocol import ModelPack
from facesort.settings import Backend, Settings
from facesort.store import Store
from facesort.store.job import files, runs
from facesort.store.queries.gallery import load_gallery, person_summaries
from facesort.version import __version__
from facesort.workspace import Workspace

log = logging.getLogger(__name__)

_READERS_S = 30.0  # counting a million photos takes that long on a busy machine


def run_sort(workspace: Workspace, pack: ModelPack, options: SortOptions | None = None) -> int:
    """Sort what is not sorted yet; resumes automatically after any interruption.

    Returns
    -------
    int
        Id of the run; `facesort.store.queries.reports` tells what happened.

    Raises
    ------
    WorkspaceBusyError
        If another process sorts in this workspace.
    GalleryError
        If nobody is in the gallery.
    PackMismatchError
        If the gallery was embedded with another pack.
    SourceGoneError, OutputError
        If a disk is missing; what is committed stays, the rest waits.
    SettingsError
        If the output or the workspace is a folder of the source under another name.
    """
    with _running(workspace, pack, options or SortOptions(), "sort") as (run, executor):
        run.sort(executor)
        run.derive(executor)
    return run.run_id


def run_rematch(
    workspace: Workspace, pack: ModelPack, options: SortOptions | None = None
) -> tuple[int, RematchReport]:
    """Match every stored face again, without inference, and add missing copies.

    Nothing is learned, so a second re-match changes nothing.  The source is needed only for photos that are in no
    folder yet.

    Returns
    -------
    int, RematchReport
        Id of the run, and what changed.

    Raises
    ------
    WorkspaceBusyError, GalleryError, PackMismatchError, OutputError
        As `run_sort`.
    """
    with _running(workspace, pack, options or SortOptions(), "rematch") as (run, executor):
        run.finish_commits(executor)
        report = run.rematch(executor, everything=True)
        run.derive(executor)
    return run.run_id, report


def retry_failed(workspace: Workspace) -> int:
    """Put failed photos into new batches for the next sort; returns how many.

    Raises
    ------
    WorkspaceBusyError
        If a sort is running.
    """
    with workspace.sorting_lock(), workspace.open_store() as store, store.transaction():
        return files.add_retry_batches(store)


@contextmanager
def _running(
    workspace: Workspace, pack: ModelPack, options: SortOptions, kind: str
) -> Iterator[tuple[Run, Executor]]:
    """Check, record and clean up one run, with its workers."""
    with resources_explained(), workspace.sorting_lock():
        with workspace.open_store(patience_s=_READERS_S) as store:
            yield from _run_in(store, workspace, pack, options, kind)
        if not workspace.settings.privacy.keep_unknown:
            drop_unknown(workspace)  # rewrites the database, so it must be closed


def _run_in(
    store: Store, workspace: Workspace, pack: ModelPack, options: SortOptions, kind: str
) -> Iterator[tuple[Run, Executor]]:
    """The part of a run that has the database open."""
    settings = workspace.settings
    workspace.refuse_foreign_corrections()
    refuse_gallery(store, pack)
    runs.close_abandoned_runs(store)
    sources = (
        find_sources(workspace, store).there
        if kind == "sort"
        else {name: RootFolder.maybe_missing(path) for name, path in settings.sources.items()}
    )
    places = {name: root.path for name, root in sources.items()}
    output = open_output(workspace, store)
    intake = Intake()
    if kind == "sort":
        apart = (output, RootFolder.of(workspace.root))
        intake = take_in(store, places, apart, settings.photos)
    # A re-match does not embed, so it is not worth the seconds of a parity check.
    backend = choose_backend(pack, settings.run.backend) if kind == "sort" else "onnxruntime"
    variants = variants_of(settings.derivatives) if settings.derivatives.enabled else ()
    analyser = Analyser(
        {**settings.sources, **places}, pack, settings.photos, backend=backend, variants=variants
    )
    run_id = runs.start_run(
        store,
        kind,
        version=__version__,
        pack_name=pack.name,
        pack_id=pack.pack_id,
        settings=_recorded_settings(settings, rules_of(settings, pack), backend)
        | {"gallery": _gallery_record(store, pack.pack_id), "scan": asdict(intake)},
    )
    run = Run(workspace, store, analyser, options, sources, output, run_id)
    try:
        with _executor(run, kind) as executor:
            yield run, executor
    except BaseException as error:
        stopped = isinstance(error, (KeyboardInterrupt, FacesortError))
        run.finish("interrupted" if stopped else "failed")
        raise
    run.finish("finished")
    write_corrections(workspace, store)
    keep_counts(workspace, store, "finished", run.progress.counts)


@contextmanager
def _executor(run: Run, kind: str) -> Iterator[Executor]:
    """What the run's calls are made by: given, the cluster of a sort, or this machine's processes."""
    settings = run.workspace.settings
    address = settings.run.cluster if kind == "sort" else None
    if run.options.executor is not None or address is None:
        with executor_or_local(run.options.executor, settings) as executor:
            yield executor
        return
    need_extra("dask")
    from facesort.engine.cluster.executor import ClusterExecutor

    certificates, sending = settings.run.cluster_certificates, settings.run.send_files
    # Of a source that is not there the machines make no use either.
    seen = replace(run.analyser, roots={name: root.path for name, root in run.sources.items()})
    samples = run.monitors.samples()
    progress = run.progress
    with ClusterExecutor(
        *(address, certificates, seen, samples),
        sending=sending,
        changed=partial(progress.write, "running"),
    ) as cluster:
        progress.workers = cluster.members
        yield cluster


def _recorded_settings(settings: Settings, rules: Rules, backend: Backend) -> dict[str, object]:
    """Settings as they took effect, including the pack's thresholds and the chosen backend."""
    values = settings.model_dump(mode="json")
    values["matching"] |= {"strict": rules.thresholds.strict, "loose": rules.thresholds.loose}
    values["run"] |= {"backend": backend}
    return values


def _gallery_record(store: Store, pack_id: str) -> dict[str, Any]:
    """Describe the gallery in figures, without names or embeddings, so that two runs can be compared."""
    return {
        "fingerprint": gallery_fingerprint(load_gallery(store, pack_id, max_learned=0)),
        "persons": {
            str(summary.person.person_id): {
                "references": summary.references,
                "learned": summary.learned,
            }
            for summary in person_summaries(store)
        },
    }
