"""The workspace: a folder on the internal disk with settings, database, staging and progress.

It holds biometric data, so it is readable by its owner only.  Layout::

    hot_storage/
    ├── facesort.toml     settings
    ├── facesort.duckdb   everything that was found and decided
    ├── corrections.csv   files of the output that are not right any more
    ├── packs/            model packs of this workspace, if any
    ├── staging/          output JPEGs of the batch that is being committed
    ├── state/            progress that others may read while a sort holds the database
    └── sort.lock         held by the process that sorts
"""

from __future__ import annotations

import json
import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from facesort.errors import SettingsError, WorkspaceBusyError, WorkspaceError
from facesort.settings import Settings, load_settings, save_settings
from facesort.store import Store

log = logging.getLogger(__name__)

# What an interrupted `create_workspace`, or a user who brings a model pack, may have left in the folder.
_OURS = {
    "packs",
    "state",
    "staging",
    "facesort.duckdb",
    "facesort.duckdb.wal",
    ".facesort.toml.new",
}


@dataclass(frozen=True, slots=True)
class Workspace:
    """An opened workspace: where things are, and the settings as they were when it was opened.

    Parameters
    ----------
    root : Path
        Absolute.
    """

    root: Path
    settings: Settings

    @property
    def database(self) -> Path:
        """The DuckDB file."""
        return self.root / "facesort.duckdb"

    @property
    def corrections(self) -> Path:
        """The list of files in the output that are not right any more."""
        return self.root / "corrections.csv"

    @property
    def new_database(self) -> Path:
        """What will take the place of the database when somebody was forgotten."""
        return self.root / ".facesort.duckdb.new"

    @property
    def staging(self) -> Path:
        """Output JPEGs before they are copied."""
        return self.root / "staging"

    @property
    def state(self) -> Path:
        """Progress files, replaced by rename."""
        return self.root / "state"

    @property
    def packs(self) -> Path:
        """Model packs of this workspace."""
        return self.root / "packs"

    @property
    def owner(self) -> Path:
        """Says who holds the right to sort."""
        return self.state / "owner.json"

    def open_store(self, *, read_only: bool = False) -> Store:
        """Open the database; close it soon, it locks out every other process."""
        return Store.open(self.database, read_only=read_only)

    @contextmanager
    def sorting_lock(self) -> Iterator[None]:
        """Hold the right to sort in this workspace; released by the system if the process dies.

        Raises
        ------
        WorkspaceBusyError
            If another process sorts; with its PID.
        WorkspaceError
            If the disk cannot be written.
        """
        owner = self.owner
        lock = FileLock(self.root / "sort.lock", timeout=0)
        try:
            lock.acquire()
        except Timeout:
            raise WorkspaceBusyError(
                f"{self.root} is being sorted by process {_owner_pid(owner)}: wait for it "
                "(`facesort status --watch`), or stop it; an interrupted sort resumes by itself"
            ) from None
        except OSError as error:
            raise _unwritable(self.root / "sort.lock", error) from error
        try:
            _say_whose(owner)
            self.remove_leftovers()
            yield
        finally:
            owner.unlink(missing_ok=True)
            lock.release()

    def remove_leftovers(self) -> None:
        """Remove what an interrupted `forget` has left; whoever calls this holds the right to sort."""
        for path in self.leftovers():
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)

    def leftovers(self) -> list[Path]:
        """A new database that never took its place, its log and its temporary files."""
        return list(self.root.glob(f"{self.new_database.name}*"))


def _say_whose(owner: Path) -> None:
    try:
        owner.write_text(json.dumps({"pid": os.getpid()}), encoding="utf-8")
    except OSError as error:
        raise _unwritable(owner, error) from error


def _unwritable(path: Path, error: OSError) -> WorkspaceError:
    return WorkspaceError(
        f"{path} cannot be written ({os.strerror(error.errno or 0)}): free some space on the workspace's disk, look at "
        "its permissions, and run the command again; nothing is lost"
    )


def _owner_pid(owner: Path) -> str:
    try:
        return str(json.loads(owner.read_text(encoding="utf-8"))["pid"])
    except (OSError, ValueError, KeyError, TypeError):
        return "unknown"  # it is between taking the lock and saying so


def create_workspace(root: Path, settings: Settings) -> Workspace:
    """Make a new workspace.

    Parameters
    ----------
    root : Path
        Made if missing; must not hold a workspace yet.

    Raises
    ------
    WorkspaceError
        If there is one already.
    SettingsError
        If source, output and workspace lie inside each other, or the source is missing.
    """
    root = root.absolute()
    if (root / "facesort.toml").exists():
        raise WorkspaceError(
            f"{root} is a workspace already: use it, or give another folder with --workspace"
        )
    _refuse_nested(root, settings)
    if not os.path.isdir(settings.source):  # unlike Path's, it says no where a name is too long
        raise SettingsError(
            f"source {settings.source} is not a folder: check --source, or plug in the disk"
        )
    if root.is_dir() and {path.name for path in root.iterdir()} - _OURS:
        raise WorkspaceError(
            f"{root} is not empty: give a new folder with --workspace, it will be closed to other users"
        )
    root.mkdir(parents=True, exist_ok=True)
    _close_to_others(root)
    workspace = Workspace(root, settings)
    _make_folders(workspace)
    workspace.open_store().close()
    save_settings(settings, root / "facesort.toml")  # last: it is what makes the folder a workspace
    return workspace


def open_workspace(root: Path) -> Workspace:
    """Open a workspace that is there.

    Raises
    ------
    WorkspaceError
        If it is not a workspace.
    SettingsError
        If its settings are not valid.
    """
    root = root.absolute()
    if not (root / "facesort.toml").is_file():
        raise WorkspaceError(
            f"{root} is not a workspace: make one with `facesort init -w {root} --source PHOTOS --output SORTED`"
        )
    settings = load_settings(root / "facesort.toml")
    _refuse_nested(root, settings)
    _close_to_others(root)  # one that was copied, or unpacked from an archive
    workspace = Workspace(root, settings)
    _make_folders(workspace)
    if workspace.leftovers():
        with suppress(WorkspaceBusyError), workspace.sorting_lock():
            pass  # they are gone now, unless somebody is at work on them
    return workspace


def _close_to_others(root: Path) -> None:
    """Let only its owner look into it, or say that this cannot be had."""
    if not _is_open_to_others(root):
        return
    with suppress(OSError):  # of somebody else, or on a disk that cannot be written
        root.chmod(0o700)
    if _is_open_to_others(root):  # FAT and exFAT know no permissions
        log.warning("%s can be read by other users of this machine, and holds biometric data", root)


def _is_open_to_others(folder: Path) -> bool:
    return os.name != "nt" and bool(folder.stat().st_mode & 0o077)


def _make_folders(workspace: Workspace) -> None:
    """Make what is missing: copies and backups often leave out empty folders."""
    for folder in (workspace.state, workspace.staging):
        folder.mkdir(exist_ok=True)


def lies_in(inner: Path, outer: Path) -> bool:
    """Whether a folder or file is another folder or would lie in it, by whatever name it goes there.

    Names alone do not tell: links, folders that are mounted twice, and disks on which case does not count.
    """
    inner, outer = inner.resolve(), outer.resolve()
    return inner.is_relative_to(outer) or any(
        _is_same(place, outer) for place in (inner, *inner.parents)
    )


def _is_same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return False  # one of them is not there yet


def refuse_inside(folder: Path, settings: Settings) -> None:
    """Refuse to write runs into the source or the output.

    Raises
    ------
    SettingsError
        If the folder lies inside one of them.
    """
    for name, place in (("source", settings.source), ("output", settings.output)):
        if lies_in(folder, place):
            raise SettingsError(
                f"runs would be saved in {folder}, inside the {name} {place}: give another folder with --runs"
            )


def _resolved(name: str, path: Path) -> Path:
    try:
        return path.resolve()
    except (OSError, RuntimeError, ValueError) as error:  # a loop of links, or a NUL in it
        raise SettingsError(f"{name} {str(path)!r}: {error}; give another folder") from error


def _refuse_nested(root: Path, settings: Settings) -> None:
    """Source, output and workspace must be apart: else the output would be sorted again."""
    named = {"source": settings.source, "output": settings.output, "workspace": root}
    places = {name: _resolved(name, path) for name, path in named.items()}
    for inner_name, inner in places.items():
        for outer_name, outer in places.items():
            if inner_name != outer_name and lies_in(inner, outer):
                raise SettingsError(
                    f"{inner_name} {inner} lies inside {outer_name} {outer}: source, output and workspace "
                    "must be three folders apart from each other"
                )
