"""An open workspace: its paths, its database and its sorting lock."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from facesort.errors import (
    OldSchemaError,
    StoreLockedError,
    WorkspaceBusyError,
)
from facesort.files import (
    Kind,
    NotOursError,
    expect,
    read_own,
    remove_own,
    remove_own_folder,
    replace_json,
)
from facesort.settings import Settings
from facesort.workspace.foreign import leave_alone, unwritable

if TYPE_CHECKING:
    from filelock import FileLock

    from facesort.store import Store

log = logging.getLogger(__name__)

_READERS_S = 2.0  # a command that reads holds the database for some 50 ms
_WRITERS_S = 0.3  # so does one that writes a few rows; a sort holds it for hours
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
    def clips(self) -> Path:
        """Parts of clips that are being analysed."""
        return self.root / "clips"

    @property
    def derivatives(self) -> Path:
        """Smaller versions of what is delivered, by content."""
        return self.root / "derivatives"

    @property
    def mark(self) -> str:
        """Part of the names of its unfinished copies in the output."""
        return "." + hashlib.sha256(os.fsencode(self.root)).hexdigest()[:8]

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

    def open_store(self, *, read_only: bool = False, patience_s: float | None = None) -> Store:
        """Open the database; close it soon, because it locks out every other process.

        One that an older facesort wrote is brought up to date first, also for reading.

        Parameters
        ----------
        patience_s : float, optional
            How long another process is waited for; by default as long as one needs it that is soon done.

        Raises
        ------
        WorkspaceError
            If something else has the name of the database or of one of its files.
        """
        from facesort.store import Store  # and DuckDB, which not every command needs

        self.refuse_foreign_database(self.database)
        try:
            return _opened(self.database, read_only, patience_s)
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
            if expect(log_file, Kind.FILE, None) and _has_another_name(log_file):
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
        owner = self.owner
        lock = _locked(
            self.root / "sort.lock",
            lambda: (
                f"{self.root} is being sorted by process {self._owner_pid()}: wait for it "
                "(`facesort status --watch`), or stop it; an interrupted sort resumes by itself"
            ),
        )
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

    @contextmanager
    def publishing_lock(self) -> Iterator[None]:
        """Be the only process that publishes from this workspace, or changes what may be published.

        Raises
        ------
        WorkspaceBusyError
            If another process publishes.
        WorkspaceError
            As for `sorting_lock`.
        """
        lock = _locked(
            self.root / "publish.lock",
            lambda: (
                f"another facesort is publishing from {self.root}: wait for it, or stop it; the next one goes on "
                "from there"
            ),
        )
        try:
            yield
        finally:
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


def _locked(path: Path, busy: Callable[[], str]) -> FileLock:
    """Take a lock, or say who has it."""
    from filelock import FileLock, Timeout  # of the commands that look things up, none does

    lock = FileLock(path, timeout=0, mode=0o600)
    try:
        expect(path, Kind.FILE, None)
        lock.acquire()
    except Timeout:
        raise WorkspaceBusyError(busy()) from None
    except OSError as error:
        raise unwritable(path, error) from error
    return lock


def _opened(database: Path, read_only: bool, patience_s: float | None = None) -> Store:
    """Open the database; wait for others that need it only for a moment."""
    from facesort.store import Store

    if patience_s is None:
        patience_s = _WRITERS_S if read_only else _READERS_S
    began, said = time.monotonic(), False
    while True:
        try:
            return Store.open(database, read_only=read_only)
        except StoreLockedError as error:
            waited = time.monotonic() - began
            # This process would wait for itself.
            if waited > (patience_s if error.by_another else min(patience_s, _READERS_S)):
                raise
            if waited > _READERS_S and not said:
                log.warning("%s Waiting for it, %.0f s at most.", error, patience_s)
                said = True
            time.sleep(0.05)


def _has_another_name(path: Path) -> bool:
    """Whether a file is also another one, by a hard link; not if another process has just removed it."""
    try:
        return path.stat().st_nlink > 1
    except FileNotFoundError:
        return False
