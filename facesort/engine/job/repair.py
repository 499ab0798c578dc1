"""Fill the output again: write what is missing in it, with the bytes that were written before."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from itertools import islice

from facesort.core.copies import PlannedWrite
from facesort.core.delivery.posters import as_still, at_frame
from facesort.core.stored import StoredPhoto
from facesort.engine.analysis.analyse import Analyser
from facesort.engine.analysis.pool import executor_or_local
from facesort.engine.delivery.renderer import Renderer
from facesort.engine.delivery.verify import Verification, verify_output
from facesort.engine.job.commit import Committer
from facesort.engine.job.output import open_output, written
from facesort.engine.sources.root_folder import RootFolder
from facesort.errors import ImageError, resources_explained
from facesort.faces.protocol import ModelPack
from facesort.store.queries.delivery.commit_log import LoggedWrite
from facesort.store.queries.stored import stored_photos
from facesort.workspace import Workspace

_AT_ONCE = 50  # copies whose JPEGs are in memory at a time


def _unwatched(writes: Sequence[LoggedWrite]) -> Iterable[LoggedWrite]:
    return writes


def _pass(_: str) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Watch:
    """What others see of a repair while it runs.

    Parameters
    ----------
    copies : callable of (sequence of LoggedWrite) to iterable of the same
        Wraps what is verified, and then what is written; for progress bars.
    at : callable of str
        Called with the name of each point as it is passed; tests kill the process there.
    """

    copies: Callable[[Sequence[LoggedWrite]], Iterable[LoggedWrite]] = _unwatched
    at: Callable[[str], None] = _pass


@dataclass(frozen=True, slots=True)
class Repair:
    """What is in the output after a repair.

    Parameters
    ----------
    result : Verification
        As it is now.
    repaired : tuple of str
        Targets that were missing and are there again.
    failed : dict of str to str
        Targets that are still missing, and why.
    """

    result: Verification
    repaired: tuple[str, ...]
    failed: dict[str, str]


def repair_output(
    workspace: Workspace,
    pack: ModelPack,
    executor: Executor | None = None,
    watch: Watch | None = None,
) -> Repair:
    """Write again what is missing in the output; what is there is never changed, also if it is not right.

    The bytes come from another copy of the photo, or are rendered from the source, and must be those that were written
    before.  Copies that ``corrections.csv`` lists, or of persons who were removed, are not written again.

    Parameters
    ----------
    executor : Executor, optional
        Renders photos, and is left open; default: processes on this machine.

    Raises
    ------
    OutputError
        If the output is missing, cannot be written, or may be another folder.
    WorkspaceBusyError
        While a sort is running.
    """
    settings, watch = workspace.settings, watch or Watch()
    with resources_explained(), workspace.sorting_lock():
        with workspace.open_store(read_only=True) as store:
            root = open_output(workspace, store)
            writes, _ = written(store)
        found = verify_output(root.path, watch.copies(writes))
        with workspace.open_store(read_only=True) as store:
            _, unneeded = written(store)  # it took long, and answers may have changed meanwhile
            found = found.excusing(unneeded)
            missing = set(found.missing)
            lost = [write for write in writes if write.plan.target in missing]
            keys = sorted({write.plan.photo_id for write in lost})
            photos = {photo.photo.photo_id: photo for photo in stored_photos(store, keys)}
        analyser = Analyser(settings.sources, pack, settings.photos)
        failed: dict[str, str] = {}
        with executor_or_local(executor, settings, len(keys)) as pool:
            renderer = Renderer(analyser, pool, root.path, lambda *_: None)
            copies = iter(watch.copies(lost))
            while some := list(islice(copies, _AT_ONCE)):
                failed |= _write_again(some, photos, renderer, root, workspace, watch.at)
    source_of = {write.plan.target: photos[write.plan.photo_id].photo.source for write in lost}
    for target in failed:
        source = settings.sources.get(source_of[target])
        if source and not RootFolder.maybe_missing(source).is_there():
            failed[target] = f"the source {source} is not there"
    still = tuple(target for target in found.missing if target in failed)
    repaired = tuple(target for target in found.missing if target not in failed)
    return Repair(
        replace(found, verified=found.verified + len(repaired), missing=still), repaired, failed
    )


def _write_again(
    writes: Sequence[LoggedWrite],
    photos: dict[int, StoredPhoto],
    renderer: Renderer,
    root: RootFolder,
    workspace: Workspace,
    at: Callable[[str], None],
) -> dict[str, str]:
    """Write some copies; returns the targets that cannot be written, and why."""
    shown = {_key(write): _shown(photos[write.plan.photo_id], write.plan) for write in writes}
    some = {key: photo for key, photo in shown.items() if not photo.is_whole_clip}
    found = dict(zip(some, renderer.results(list(some.values())), strict=True))
    jpegs = {key: result for key, result in found.items() if isinstance(result, bytes)}
    committer = Committer(
        root,
        None,
        lambda write: jpegs.get(_key(write)),
        lambda write: renderer.parts(shown[_key(write)]),
        at,
        workspace.mark,
    )
    failures = committer.carry_out([w for w in writes if w.is_whole_clip or _key(w) in jpegs])
    failed = {}
    for write in writes:
        result = found.get(_key(write))
        if isinstance(result, ImageError):
            failed[write.plan.target] = str(result)
        elif write.write_id in failures:
            failed[write.plan.target] = failures[write.write_id].value
    return failed


def _key(write: LoggedWrite) -> tuple[int, str]:
    """What a copy is of, and its content: two copies with one key are the same."""
    return write.plan.photo_id, write.plan.sha256


def _shown(photo: StoredPhoto, plan: PlannedWrite) -> StoredPhoto:
    """What a copy shows, with the other copies of this content."""
    shown = as_still(photo) if plan.at_ms is None else at_frame(photo, plan.at_ms)
    return replace(shown, copies=tuple(c for c in photo.copies if c.sha256 == plan.sha256))
