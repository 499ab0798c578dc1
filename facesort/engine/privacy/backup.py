"""Backup: one archive with a workspace's database and settings.

Left out is what can be made again (staged copies, progress files, the list of corrections), and model packs.
"""

from __future__ import annotations

import logging
import os
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from facesort.clock import utc_text
from facesort.engine.privacy import known_backups
from facesort.engine.privacy.archive import MEMBERS, Manifest, fill
from facesort.errors import WorkspaceError, because
from facesort.files import create_own, publish, sync_folder
from facesort.version import __version__
from facesort.workspace import Workspace, lies_in, named_places

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Backup:
    """Description of a backup.

    Parameters
    ----------
    created_at : str
        ISO 8601, UTC.
    version : str
        Of facesort when it was written.
    sizes : dict of str to int
        Bytes of each file in it.
    """

    path: Path
    created_at: str
    version: str
    sizes: dict[str, int]

    @classmethod
    def of(cls, path: Path, manifest: Manifest) -> Backup:
        """Describe an archive by its manifest."""
        sizes = {name: manifest.files[name].size for name in MEMBERS}
        return cls(path, manifest.created_at, manifest.facesort, sizes)


def backup(workspace: Workspace, path: Path) -> Backup:
    """Copy the database and the settings into one new file that only its owner can read.

    The workspace lists where its backups are (`known_backups`); what an interrupted one left is removed.

    Parameters
    ----------
    path : Path
        Must not exist; a zip archive whatever its name.

    Raises
    ------
    WorkspaceError
        If the file exists, cannot be written, or would lie in the source, the output or the workspace.
    WorkspaceBusyError
        While a sort is running.
    StoreLockedError
        If another program has the workspace open.
    """
    path = path.absolute()
    _refuse_places(workspace, path)
    warn_of_older_version(path.with_name(f".{path.name}.new"))
    manifest = Manifest(facesort=__version__, created_at=utc_text(), files={})
    with workspace.sorting_lock():
        known_backups.settle(workspace.root)
        workspace.open_store().close()  # a checkpoint: nothing is left in the write-ahead log
        # Held open, so that nobody writes meanwhile.
        with (
            workspace.open_store(read_only=True),
            _new_archive(workspace, path, manifest) as archive,
        ):
            manifest = fill(archive, workspace.root, manifest)
    return Backup.of(path, manifest)


def warn_of_older_version(path: Path) -> None:
    """Name what an interrupted command of facesort 0.1 left: by this name alone it may also be somebody else's."""
    if os.path.lexists(path):
        log.warning(
            "%s may have been left by an interrupted command of an older facesort, with biometric data: delete it", path
        )  # fmt: skip


def _refuse_places(workspace: Workspace, path: Path) -> None:
    for name, place in named_places(workspace.root, workspace.settings).items():
        if lies_in(path, place):
            raise WorkspaceError(
                f"{path} would lie inside the {name} {place}, but it contains biometric data: choose another place"
            )


@contextmanager
def _new_archive(workspace: Workspace, path: Path, manifest: Manifest) -> Iterator[zipfile.ZipFile]:
    """Write an archive under a name that the workspace knows, and rename it when it is complete and on the disk."""
    try:
        if os.path.lexists(path):
            raise FileExistsError
        unfinished = known_backups.start(workspace.root, path, manifest.created_at)
        with create_own(unfinished, private=True) as stream:
            with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
                yield archive
            stream.flush()
            os.fsync(stream.fileno())
        publish(unfinished, path)
        sync_folder(path.parent)
    except FileExistsError as error:
        raise WorkspaceError(f"{path} exists already: give another name") from error
    except OSError as error:
        raise WorkspaceError(
            f"{path} cannot be written {because(error)}, or give another place; the workspace is unchanged"
        ) from error
    finally:
        known_backups.settle(workspace.root)
