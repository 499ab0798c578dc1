"""The workspace: a folder on the internal disk with settings, database, staging and progress.

It contains biometric data, so only its owner can read it.  Layout::

    hot_storage/
    ├── facesort.toml     settings
    ├── facesort.duckdb   faces, persons, decisions, answers, commit log
    ├── corrections.csv   files of the output that are no longer right
    ├── backups.json      where its backups are
    ├── packs/            model packs of this workspace, if any
    ├── staging/          output JPEGs of the batch that is being committed
    ├── state/            progress, readable while a sort holds the database
    └── sort.lock         held by the process that sorts
"""

from __future__ import annotations

import json
import logging
import os
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from facesort.errors import (
    OldSchemaError,
    SettingsError,
    StoreLockedError,
    WorkspaceBusyError,
    WorkspaceError,
    because,
)
from facesort.files import (
    Kind,
    NotOursError,
    expect,
    kind_of,
    make_own_folder,
    read_own,
    remove_own,
    remove_own_folder,
    replace_json,
)
from facesort.settings import Settings, load_settings, save_settings
from facesort.store import Store

log = logging.getLogger(__name__)

_READERS_S = 2.0  # a command that reads holds the database for some 50 ms

RESTORING = "restore.unfinished"  # in a folder that `restore` has not completed

# What an interrupted `create_workspace`, or a user who adds a model pack, may have left in the folder.
_OURS = {
    "packs",
    "state",
    "staging",
    "facesort.duckdb",
    "facesort.duckdb.wal",
    ".facesort.toml.new",
}
# What DuckDB calls the files in the folder of temporary files that it puts beside a database.
_OF_DUCKDB = re.compile(r"duckdb_temp_[A-Za-z0-9_-]+(\.tmp|\.block)?")


@dataclass(frozen=True, slots=True)
class Workspace:
    """An open workspace: its paths, and its settings at the time it was opened.

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
        """The list of files in the output that are no longer right."""
        return self.root / "corrections.csv"

    @property
    def new_database(self) -> Path:
        """The rewritten database, before it replaces the old one."""
        return self.root / ".facesort.duckdb.new"

    @property
    def staging(self) -> Path:
        """Output JPEGs that are to be copied."""
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
        """The process that holds the sorting lock."""
        return self.state / "owner.json"

    def open_store(self, *, read_only: bool = False) -> Store:
        """Open the database; close it soon, because it locks out every other process.

        One that an older facesort wrote is brought up to date first, also for reading.

        Raises
        ------
        WorkspaceError
            If something else has the name of the database or of one of its files.
        """
        self.refuse_foreign_database(self.database)
        try:
            return _opened(self.database, read_only)
        except OldSchemaError:
            if not os.access(self.database, os.W_OK):
                raise
            _opened(self.database, read_only=False).close()
            return Store.open(self.database, read_only=read_only)

    def refuse_foreign_database(self, database: Path) -> None:
        """Refuse what DuckDB would write through: a link, and a log that is another file's second name."""
        log_file = database.with_name(f"{database.name}.wal")
        try:
            expect(database, Kind.FILE, None)
            expect(database.with_name(f"{database.name}.tmp"), Kind.FOLDER, None)
            if expect(log_file, Kind.FILE, None) and log_file.stat().st_nlink > 1:
                raise NotOursError(log_file, "is also another file, by a hard link")
        except OSError as error:
            raise unwritable(database, error) from error

    def refuse_foreign_corrections(self) -> None:
        """Raise before hours of work if their list could not be written at the end."""
        try:
            expect(self.corrections, Kind.FILE, None)
        except NotOursError as error:
            raise unwritable(self.corrections, error) from error

    @contextmanager
    def sorting_lock(self) -> Iterator[None]:
        """Hold the lock for sorting; the system releases it if the process dies.

        Raises
        ------
        WorkspaceBusyError
            If another process holds it; the message names its PID.
        WorkspaceError
            If the disk cannot be written, or something else has the name of the lock or of its owner's file.
        """
        owner, path = self.owner, self.root / "sort.lock"
        lock = FileLock(path, timeout=0, mode=0o600)
        try:
            expect(path, Kind.FILE, None)
            lock.acquire()
        except Timeout:
            raise WorkspaceBusyError(
                f"{self.root} is being sorted by process {self._owner_pid()}: wait for it "
                "(`facesort status --watch`), or stop it; an interrupted sort resumes by itself"
            ) from None
        except OSError as error:
            raise unwritable(path, error) from error
        try:
            try:
                replace_json(owner, {"pid": os.getpid()}, durable=False)
            except OSError as error:
                raise unwritable(owner, error) from error
            self.remove_leftovers()
            yield
        finally:
            with suppress(OSError):  # it only tells others who sorts
                remove_own(owner, below=self.root)
            lock.release()

    def remove_leftovers(self) -> None:
        """Remove what an interrupted `forget` left behind; call it with the sorting lock held."""
        for path in self.leftovers():
            try:
                if path.suffix != ".tmp":
                    remove_own(path, below=self.root)
                else:
                    leave_alone(remove_own_folder(path, _OF_DUCKDB, below=self.root))
            except NotOursError as error:
                leave_alone(error)

    def leftovers(self) -> list[Path]:
        """A rewritten database that never replaced the old one, its log and its temporary files."""
        new = self.new_database
        paths = (new.with_name(f"{new.name}{end}") for end in ("", ".wal", ".tmp"))
        return [path for path in paths if os.path.lexists(path)]

    def _owner_pid(self) -> str:
        try:
            return str(int(json.loads(read_own(self.owner, below=self.root, limit=1000))["pid"]))
        except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError):
            return "unknown"  # it has the lock, but has not written its PID yet


_left_alone: set[str] = set()


def leave_alone(what: NotOursError | Sequence[Path]) -> None:
    """Log what is in nobody's way, once in the life of this process; of several in one folder only the first."""
    if not isinstance(what, NotOursError):
        if not what:
            return
        beside = f" (nor {len(what) - 1} others beside it)" if what[1:] else ""
        what = NotOursError(what[0], f"was not made by facesort{beside}")
    if what.filename not in _left_alone:
        _left_alone.add(what.filename)
        log.warning("%s %s: it is left alone", what.filename, what.strerror)


def unwritable(path: Path, error: OSError) -> WorkspaceError:
    """The error of a workspace that cannot be written, or in which something else has a name of facesort's."""
    place = error.filename if isinstance(error, NotOursError) else path
    return WorkspaceError(
        f"{place} cannot be written {because(error)}, and run the command again; nothing is lost"
    )


def _opened(database: Path, read_only: bool) -> Store:
    """Open the database; whoever writes waits for readers, which need it only for a moment."""
    deadline = time.monotonic() + _READERS_S
    while True:
        try:
            return Store.open(database, read_only=read_only)
        except StoreLockedError:
            if read_only or time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def create_workspace(root: Path, settings: Settings) -> Workspace:
    """Create a workspace.

    Parameters
    ----------
    root : Path
        Created if missing; must not contain a workspace yet.

    Raises
    ------
    WorkspaceError
        If there is one already.
    SettingsError
        If source, output and workspace lie inside each other, or the source is missing.
    """
    root = root.absolute()
    _refuse_unfinished(root)
    if os.path.lexists(root / "facesort.toml"):
        raise WorkspaceError(
            f"{root} is a workspace already: use it, or give another folder with --workspace"
        )
    refuse_nested(root, settings)
    if not os.path.isdir(settings.source):  # unlike Path's, it says no where a name is too long
        raise SettingsError(
            f"source {settings.source} is not a folder: check --source, or plug in the disk"
        )
    if root.is_dir() and {path.name for path in root.iterdir()} - _OURS:
        raise WorkspaceError(f"{root} is not empty: give a new or empty folder with --workspace")
    try:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:  # also a file, or a link that leads nowhere
        raise unwritable(root, error) from error
    _restrict_to_owner(root)
    workspace = Workspace(root, settings)
    _make_folders(workspace)
    workspace.open_store().close()
    _restrict_database(workspace)
    save_settings(settings, root / "facesort.toml")  # last: it makes the folder a workspace
    return workspace


def open_workspace(root: Path) -> Workspace:
    """Open an existing workspace.

    Raises
    ------
    WorkspaceError
        If it is not a workspace.
    SettingsError
        If its settings are not valid.
    """
    root = root.absolute()
    _refuse_unfinished(root)
    if kind_of(root / "facesort.toml") is None:
        raise WorkspaceError(
            f"{root} is not a workspace: make one with `facesort init -w {root} --source PHOTOS --output SORTED`"
        )
    settings = load_settings(root / "facesort.toml")
    refuse_nested(root, settings)
    _restrict_to_owner(root)  # it may have been copied, or unpacked from an archive
    workspace = Workspace(root, settings)
    _restrict_database(workspace)
    _make_folders(workspace)
    if workspace.leftovers():
        with suppress(WorkspaceBusyError), workspace.sorting_lock():
            pass  # taking the lock removed them; if it is held, they are in use
    return workspace


def _refuse_unfinished(root: Path) -> None:
    if os.path.lexists(root / RESTORING):
        raise WorkspaceError(
            f"{root} is not a whole workspace: `facesort restore` is at work there, or was interrupted. Run `facesort "
            f"restore BACKUP -w {root}` again, or delete the folder: it may contain biometric data"
        )


def _restrict_to_owner(root: Path) -> None:
    """Let only the owner read a folder; warn where that is not possible."""
    if not _is_open_to_others(root):
        return
    with suppress(OSError):  # owned by another user, or on a read-only disk
        root.chmod(0o700)
    if _is_open_to_others(root):  # FAT and exFAT have no permissions
        log.warning("%s contains biometric data, and other users of this machine can read it", root)


def _is_open_to_others(path: Path) -> bool:
    return os.name != "nt" and bool(path.stat().st_mode & 0o077)


def _restrict_database(workspace: Workspace) -> None:
    """Let only the owner read the database, as every other file; DuckDB creates it as the umask says."""
    path = workspace.database
    if kind_of(path) is not Kind.FILE or not _is_open_to_others(path):
        return
    if path.stat().st_nlink == 1:  # else it is also a file elsewhere, perhaps somebody else's
        with suppress(OSError):  # the folder keeps others out
            path.chmod(0o600)


def _make_folders(workspace: Workspace) -> None:
    """Create missing folders: copies and backups often leave out empty ones."""
    for folder in (workspace.state, workspace.staging):
        try:
            make_own_folder(folder, below=workspace.root)
        except OSError as error:
            raise unwritable(folder, error) from error


def lies_in(inner: Path, outer: Path) -> bool:
    """Whether a path is another folder or lies in it, whatever path leads there.

    Names are not enough: there are links, folders that are mounted twice, and case-insensitive disks.
    """
    inner, outer = inner.resolve(), outer.resolve()
    return inner.is_relative_to(outer) or any(
        _is_same(place, outer) for place in (inner, *inner.parents)
    )


def _is_same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return False  # one of them does not exist yet


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


def refuse_nested(root: Path, settings: Settings) -> None:
    """Refuse source, output and workspace inside each other: the output would be sorted again.

    Raises
    ------
    SettingsError
        If they are.
    """
    named = {"source": settings.source, "output": settings.output, "workspace": root}
    places = {name: _resolved(name, path) for name, path in named.items()}
    for inner_name, inner in places.items():
        for outer_name, outer in places.items():
            if inner_name != outer_name and lies_in(inner, outer):
                raise SettingsError(
                    f"{inner_name} {inner} lies inside {outer_name} {outer}: source, output and workspace "
                    "must be three separate folders"
                )
