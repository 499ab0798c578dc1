"""Create and open workspaces together with their model pack."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from facesort.errors import GalleryError, PackMismatchError
from facesort.faces.packs.files import is_former
from facesort.faces.packs.find import resolve_pack
from facesort.faces.protocol import ModelPack
from facesort.settings import parse_settings
from facesort.store import Store
from facesort.store.queries.gallery import pack_ids
from facesort.workspace import Workspace, create_workspace, open_workspace


def set_up(
    root: Path,
    sources: Mapping[str, Path] | Sequence[Path],
    output: Path,
    pack: str | None,
    roots: Sequence[Path],
) -> tuple[Workspace, ModelPack]:
    """Create a workspace.

    Parameters
    ----------
    root, output : Path
        Absolute.
    sources : mapping of str to Path, or sequence of Path
        Absolute; those without a name are called ``card-1``, ``card-2`` ...
    pack : str or None
        Name or folder of a model pack; None: the default of `resolve_pack`.
    roots : sequence of Path
        Folders that are searched for packs.

    Raises
    ------
    PackError, SettingsError, WorkspaceError
        If the pack is not found, the folders overlap, or there is a workspace already.
    """
    chosen = resolve_pack(pack, roots)
    # The folder, not the name: another pack of the same name elsewhere must not be picked up later.
    values = {
        "sources": sources if isinstance(sources, Mapping) else numbered(sources),
        "output": output,
        "pack": str(chosen.path) if chosen.is_folder else chosen.name,
    }
    settings = parse_settings(values, "the new workspace")
    return create_workspace(root, settings), chosen


def numbered(places: Sequence[Path]) -> dict[str, Path]:
    """Name sources by their number."""
    return {f"card-{number}": place for number, place in enumerate(places, 1)}


def open_with_pack(root: Path) -> tuple[Workspace, ModelPack]:
    """Open a workspace and find its model pack.

    Raises
    ------
    WorkspaceError, SettingsError, PackError
        If one of them is missing or not valid.
    """
    workspace = open_workspace(root)
    return workspace, resolve_pack(workspace.settings.pack, [workspace.packs])


def refuse_other_pack(store: Store, pack: ModelPack) -> None:
    """Refuse to compare embeddings of different packs.

    Raises
    ------
    PackMismatchError
        If a reference was embedded with another pack.
    """
    others = pack_ids(store) - {pack.pack_id}
    if others and all(is_former(pack, other) for other in others):
        raise PackMismatchError(
            "the references in this workspace were embedded by an older facesort, which prepared pictures otherwise "
            f"for the models of {pack.name!r}, so new faces cannot be compared with them: run "
            "`facesort seed --reembed`; photos that were sorted before stay as they are"
        )
    if others:
        raise PackMismatchError(
            f"the references in this workspace were embedded with another model pack than {pack.name!r} "
            f"({pack.pack_id[:12]}): go back to that pack in facesort.toml, or run `facesort seed --reembed`"
        )


def check_gallery(workspace: Workspace, pack: ModelPack) -> None:
    """Raise if nobody could be matched, before anything is started.

    Raises
    ------
    GalleryError
        If nobody is in the gallery.
    PackMismatchError
        If the gallery was embedded with another pack.
    StoreLockedError
        While a sort is running.
    """
    with workspace.open_store() as store:  # migrates an older database
        refuse_gallery(store, pack)


def refuse_gallery(store: Store, pack: ModelPack) -> None:
    """As `check_gallery`, of an open store."""
    refuse_other_pack(store, pack)
    if not pack_ids(store):
        raise GalleryError(
            "nobody is in the gallery: add someone first with `facesort seed NAME PHOTO...`"
        )
