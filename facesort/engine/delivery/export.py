"""Export: a fresh delivery of what counts now, in a new folder."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path

from facesort.engine.analysis.analyse import Analyser
from facesort.engine.analysis.pool import executor_or_local
from facesort.engine.delivery.export_files import ExportOptions, ExportWriter
from facesort.engine.delivery.export_folder import ExportFolder
from facesort.engine.delivery.gallery_pages import GalleryPages
from facesort.engine.delivery.plan import plan_delivery
from facesort.engine.delivery.renderer import Renderer
from facesort.errors import OutputError, because
from facesort.faces.protocol import ModelPack
from facesort.workspace import Workspace, lies_in, named_places


@dataclass(frozen=True, slots=True)
class ExportReport:
    """What an export holds.

    Parameters
    ----------
    files : int
        Copies, including hard links.
    left_out : dict of str to int
        Files missing from the export, and photos from a folder they could be in, by reason.
    no_links : str
        Why hard links were not possible; empty if they were, or were not asked for.
    not_rendered : int
        Photos whose copy is lost and cannot be rendered again; their reasons are in `left_out`.
    unplugged : tuple of str
        Sources of these photos that are not there.
    gallery : str
        The web page to begin with, relative to the export; empty if none was asked for.

    Examples
    --------
    >>> facesort.ExportReport(files=5, linked=0, left_out={"missing": 1}, not_rendered=1).unplugged
    ()
    """

    files: int
    linked: int
    left_out: dict[str, int]
    no_links: str = ""
    not_rendered: int = 0
    unplugged: tuple[str, ...] = ()
    gallery: str = ""


def export(
    workspace: Workspace,
    pack: ModelPack,
    folder: Path,
    options: ExportOptions,
    executor: Executor | None = None,
) -> ExportReport:
    """Write a fresh delivery, or finish one that was interrupted: the result is the same.

    The database is open meanwhile, so that no other process can write to it.

    Parameters
    ----------
    folder : Path
        Created if it is missing; must be empty or an interrupted export, and outside source, output and workspace.
    executor : Executor, optional
        Renders photos whose copies are lost, and is left open; default: processes on this machine.

    Raises
    ------
    OutputError
        If the folder cannot be used, or the disk is full: the same export goes on where it stopped.
    """
    settings = workspace.settings
    _refuse(folder, workspace)
    analyser = Analyser(settings.sources, pack, settings.photos)
    with (
        workspace.open_store(read_only=True) as store,
        executor_or_local(executor, settings) as pool,
    ):
        delivery = plan_delivery(store, settings, options.near_duplicates)
        renderer = Renderer(analyser, pool, settings.output, lambda *_: None)
        files = ExportFolder(folder)
        pages = (
            GalleryPages.of(workspace, store, delivery, files, renderer)
            if options.gallery
            else None
        )
        writer = ExportWriter(files, options, renderer, pages)
        try:
            writer.write(delivery, store)
        except OSError as error:
            raise OutputError(
                f"{error.filename or folder} cannot be written {because(error)}. The export is not finished: run the "
                "same command again and it goes on, or give a new folder on another disk"
            ) from error
    counted = Counter(left.why for left in (*delivery.left_out, *writer.lost))
    counted.update(why for _, _, why in delivery.nowhere)
    needed = {delivery.photos[left.photo_id].photo.source for left in writer.lost} - {""}
    return ExportReport(
        len(writer.copies),
        writer.linked,
        dict(counted),
        writer.no_links,
        len(writer.lost),
        tuple(name for name in sorted(needed) if _is_unplugged(settings.sources.get(name))),
        pages.event_page if pages else "",
    )


def _is_unplugged(source: Path | None) -> bool:
    """Whether a source is not there; an empty folder is a mount point without its disk."""
    try:
        return source is None or not any(source.iterdir())
    except OSError:
        return True


def _refuse(folder: Path, workspace: Workspace) -> None:
    settings = workspace.settings
    places = named_places(workspace.root, settings)
    for name, place in places.items():
        if lies_in(folder, place):
            raise OutputError(
                f"{folder} lies inside the {name} {place}: export to a folder of its own"
            )
    ExportFolder(folder).refuse_other()
