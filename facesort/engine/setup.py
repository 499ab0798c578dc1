"""Create and open workspaces together with their model pack."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from facesort.errors import PackMismatchError
from facesort.faces.packs.find import resolve_pack
from facesort.faces.protocol import ModelPack
from facesort.settings import Settings
from facesort.store import Store
from facesort.store.queries.gallery import pack_ids
from facesort.workspace import Workspace, create_workspace, open_workspace


def set_up(
    root: Path, source: Path, output: Path, pack: str | None, roots: Sequence[Path]
) -> tuple[Workspace, ModelPack]:
    """Create a workspace.

    Parameters
    ----------
    root, source, output : Path
        Absolute.
    pack : str or None
        Name or folder of a model pack; None: an InsightFace pack if one is installed, else dlib.
    roots : sequence of Path
        Folders that are searched for packs.

    Raises
    ------
    PackError, SettingsError, WorkspaceError
        If the pack is not found, the folders overlap, or there is a workspace already.
    """
    chosen = resolve_pack(pack, roots)
    # The folder, not the name: another pack of the same name elsewhere must not be picked up later.
    settings = Settings(
        source=source,
        output=output,
        pack=str(chosen.path) if chosen.kind == "insightface" else chosen.name,
    )
    return create_workspace(root, settings), chosen


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
    if pack_ids(store) - {pack.pack_id}:
        raise PackMismatchError(
            f"the references in this workspace were embedded with another model pack than {pack.name!r} "
            f"({pack.pack_id[:12]}): go back to that pack in facesort.toml, or run `facesort seed --reembed`"
        )
