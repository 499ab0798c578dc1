"""The ledger while objects are sent: the database is opened for a moment, every few seconds.

What is noted and not yet written is lost with the process, and does no harm: the next job finds the objects on the
server.  Only the id of a multipart upload is written before the upload goes on, as nothing else says that it is ours.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from threading import Lock

from facesort.clock import utc_now
from facesort.core.delivery.objects import Destination, Planned
from facesort.errors import PublishError, StoreLockedError
from facesort.store import Store, publishing
from facesort.store.queries.delivery.published import (
    LedgerEntry,
    entries_of,
    mark_of,
    refuses_to_replace,
)
from facesort.workspace import Workspace

_EVERY_S = 2.0
_PATIENCE_S = 30.0  # for another command that has the database open


@contextmanager
def opened(workspace: Workspace, *, read_only: bool = False) -> Iterator[Store]:
    """Open the database for a moment, and wait for another command that has it open.

    Raises
    ------
    PublishError
        If that does not let go of it.
    """
    try:
        store = workspace.open_store(read_only=read_only, patience_s=_PATIENCE_S)
    except StoreLockedError as error:
        raise PublishError(
            "another facesort works in this workspace and keeps its database: publish again when it has finished. "
            "What was sent by then is found, and not sent again"
        ) from error
    with store:
        yield store


@dataclass(slots=True)
class Ledger:
    """What is known of the objects of one destination."""

    workspace: Workspace
    destination_id: int
    entries: dict[str, LedgerEntry]
    conditional: bool | None
    mark: str
    _unwritten: dict[int, LedgerEntry] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)
    _written_at: float = field(default_factory=time.monotonic)

    @classmethod
    def open(
        cls, workspace: Workspace, destination: Destination, planned: Sequence[Planned]
    ) -> Ledger:
        """Read the ledger, after what is planned and new was added to it."""
        with opened(workspace) as store, store.transaction():
            key = publishing.take_destination(store, destination)
            known = {entry.planned.target for entry in entries_of(store, key)}
            new = [each for each in planned if each.target not in known]
            publishing.plan_objects(store, key, new, utc_now())
            entries = {entry.planned.target: entry for entry in entries_of(store, key)}
            refuses = refuses_to_replace(store, key)
            return cls(workspace, key, entries, refuses, mark_of(store, key))

    def note(self, entry: LedgerEntry, *, now: bool = False) -> None:
        """Note how an object stands; from any thread.

        Parameters
        ----------
        now : bool
            Return when it is on the disk.

        Raises
        ------
        PublishError
            If it has to be written now, and another command does not let go of the database.
        """
        with self._lock:
            self.entries[entry.planned.target] = entry
            self._unwritten[entry.object_id] = entry
        if now:
            self.write()

    def write_sometimes(self) -> None:
        """Write what was noted, if that was some time ago and no other command has the database open."""
        if time.monotonic() - self._written_at > _EVERY_S:
            self._written_at = time.monotonic()
            with suppress(StoreLockedError):  # later
                self._write(Workspace.open_store)

    def write(self) -> None:
        """Write what was noted.

        Raises
        ------
        PublishError
            If another command does not let go of the database.
        """
        self._write(opened)

    def note_conditional(self, refuses: bool) -> None:
        """Record whether the server was seen to refuse to replace an object."""
        self.conditional = refuses
        with self._lock, opened(self.workspace) as store, store.transaction():
            publishing.record_conditional(store, self.destination_id, refuses)

    def _write(self, opening: Callable[[Workspace], AbstractContextManager[Store]]) -> None:
        with self._lock:
            if self._unwritten:
                with opening(self.workspace) as store, store.transaction():
                    publishing.record_objects(store, list(self._unwritten.values()), utc_now())
                self._unwritten.clear()
