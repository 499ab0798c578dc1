"""Files of the sources as the scan finds them, and the batches in which they are read."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from enum import StrEnum
from functools import partial
from itertools import groupby, islice

import numpy as np

from facesort.core.records import File
from facesort.core.sources.compact import Compact
from facesort.core.sources.files import KnownFiles
from facesort.store.job.retries import plan_failed_writes
from facesort.store.store import Store
from facesort.version import __version__

BATCH_SIZE = 50


class BatchState(StrEnum):
    """`PENDING -> PROCESSING -> COMMITTING -> COMMITTED`."""

    PENDING = "PENDING"
    PROCESSING = "PROCESSING"
    COMMITTING = "COMMITTING"
    COMMITTED = "COMMITTED"


def known_files(store: Store) -> KnownFiles:
    """The newest version of every path that the scan has seen."""
    known = KnownFiles(partial(_contents, store))
    rows = store.stream(
        "SELECT file_id, name, path, size, mtime_ns, file.state FROM file JOIN source USING (source_id) "
        "ORDER BY file_id"
    )
    for row in rows:
        known.add(*row)
    return known


def _contents(store: Store) -> Compact[int, str]:
    """SHA-256 of the content of every file that was read, by file_id."""
    rows = store.stream("SELECT file_id, sha256 FROM held JOIN photo USING (photo_id)")
    found = np.fromiter(rows, [("file_id", np.int64), ("sha256", "S64")])
    return Compact(found["file_id"], found["sha256"])


def next_file_id(store: Store) -> int:
    """An id from which on none is that of a file or a photo."""
    return max(store.next_id("file", "file_id"), store.next_id("photo", "photo_id"))


def add_files(store: Store, files: Sequence[File]) -> None:
    """Add newly found files and the batches in which they are read; inside a transaction."""
    source_ids = dict(store.rows("SELECT name, source_id FROM source"))
    store.insert(
        "file",
        {
            "file_id": [f.file_id for f in files],
            "source_id": [source_ids[f.source] for f in files],
            "path": [f.path for f in files],
            "size": [f.size for f in files],
            "mtime_ns": [f.mtime_ns for f in files],
            "state": ["present"] * len(files),
        },
    )
    _add_batches(store, [(f.file_id, f.source) for f in files], "sort")
    store.make_room()


def set_state(store: Store, file_ids: Sequence[int], state: str) -> None:
    """Set the state of files: ``present``, ``gone`` or ``replaced``; inside a transaction."""
    store.execute(
        "UPDATE file SET state = ? WHERE file_id IN (SELECT unnest(?::INTEGER[]))",
        [state, list(file_ids)],
    )


def read_again(store: Store, back: Sequence[int]) -> None:
    """Add batches for present files that nobody would read; inside a transaction.

    A file may have been away when its batch was carried out.

    Parameters
    ----------
    back : sequence of int
        Files that are back; those of which no content could be had are read again.
    """
    rows = store.rows(
        "SELECT h.file_id, h.source FROM held h WHERE h.state = 'present' "
        "AND (h.waits OR list_contains(?, h.file_id) AND h.photo_id IS NULL) "
        "AND NOT EXISTS (FROM batch_file b JOIN batch USING (batch_id) "
        " WHERE b.file_id = h.file_id AND batch.state IN ('PENDING', 'PROCESSING')) ORDER BY h.file_id",
        [list(back)],
    )
    _add_batches(store, rows, "sort")


def set_times(store: Store, times: Mapping[int, int]) -> None:
    """Set the modification times, in ns, of files whose clock was shifted; inside a transaction."""
    store.execute(
        "UPDATE file SET mtime_ns = t.mtime_ns FROM (SELECT unnest(?::INTEGER[]) AS file_id, "
        "unnest(?::BIGINT[]) AS mtime_ns) t WHERE file.file_id = t.file_id",
        [list(times), list(times.values())],
    )


Skipped = tuple[str, str, str, int, int]
"""Source, path, reason, size and modification time of a file that is not taken for a photo."""


def skipped_files(store: Store) -> list[Skipped]:
    """What the last scan did not take for photos; not what another facesort looked at, which knew other formats."""
    return store.rows(
        "SELECT name, path, reason, size, mtime_ns FROM skipped JOIN source USING (source_id) WHERE version = ?",
        [__version__],
    )


def set_skipped(
    store: Store,
    scanned: Iterable[str],
    skipped: Sequence[Skipped],
    companions: Mapping[tuple[str, str], int] | None = None,
) -> None:
    """Replace the list of what the scan did not take, of the sources that it looked at; inside a transaction.

    Parameters
    ----------
    companions : mapping of (source, path) to int, optional
        The photo file to whose shot a skipped file belongs.
    """
    of = companions or {}
    source_ids = dict(store.rows("SELECT name, source_id FROM source"))
    ids = [source_ids[name] for name in scanned]
    store.execute("DELETE FROM skipped WHERE list_contains(?, source_id)", [ids])
    store.insert(
        "skipped",
        {
            "source_id": [source_ids[row[0]] for row in skipped],
            "path": [row[1] for row in skipped],
            "reason": [row[2] for row in skipped],
            "size": [row[3] for row in skipped],
            "mtime_ns": [row[4] for row in skipped],
            "file_id": [of.get(row[:2]) for row in skipped],
            "version": [__version__] * len(skipped),
        },
    )


def add_retry_batches(store: Store) -> int:
    """Give everything that failed another chance, in new batches; inside a transaction.

    A file whose analysis failed is read again.  A photo that only could not be written keeps its faces and decisions
    (matched again, it would meet itself in the gallery); its failed writes are planned again.

    Returns
    -------
    int
        Number of files.
    """
    rows = store.rows(
        "SELECT f.file_id, f.source, f.decided_as, EXISTS (FROM write w WHERE w.photo_id = f.decided_as) "
        "FROM file_state f WHERE f.status = 'failed' ORDER BY f.file_id"
    )
    _add_batches(store, [row[:2] for row in rows if not row[3]], "retry")
    unwritten = [photo_id for *_, photo_id, decided in rows if decided]
    if unwritten:
        plan_failed_writes(store, unwritten)
    return len(rows)


def _add_batches(store: Store, found: Sequence[tuple[int, str]], kind: str) -> None:
    """Add batches of some files, given by id and source: each of one source, so that none waits for another card."""
    batches: list[list[tuple[int, str]]] = []
    for _, same in groupby(found, key=lambda file: file[1]):
        while batch := list(islice(same, BATCH_SIZE)):
            batches.append(batch)
    first = store.next_id("batch", "batch_id")
    ids = list(range(first, first + len(batches)))
    pending = [BatchState.PENDING.value] * len(ids)
    store.insert("batch", {"batch_id": ids, "kind": [kind] * len(ids), "state": pending})
    store.insert(
        "batch_file",
        {
            "batch_id": [i for i, batch in zip(ids, batches, strict=True) for _ in batch],
            "file_id": [file_id for batch in batches for file_id, _ in batch],
        },
    )


def next_batch_id(store: Store) -> int:
    """Id of the next batch, for whoever holds the sorting lock."""
    return store.next_id("batch", "batch_id")


def batches_in(store: Store, state: BatchState) -> list[int]:
    """Ids of the batches in a state, in order."""
    sql = "SELECT batch_id FROM batch WHERE state = ? ORDER BY batch_id"
    return [row[0] for row in store.rows(sql, [state.value])]


def shared_sizes(store: Store) -> frozenset[int]:
    """Sizes in bytes that several of the files that wait have."""
    rows = store.rows(
        "SELECT size FROM held WHERE waits AND state = 'present' GROUP BY size HAVING count(*) > 1"
    )
    return frozenset(size for (size,) in rows)


def retries(store: Store) -> frozenset[int]:
    """Ids of the batches in which failed files are read again."""
    rows = store.rows("SELECT batch_id FROM batch WHERE kind = 'retry'")
    return frozenset(batch_id for (batch_id,) in rows)


def pending_batches(store: Store, sources: Collection[str]) -> list[int]:
    """Ids of the batches that wait and whose files are all in some sources, in order."""
    rows = store.rows(
        "SELECT batch_id FROM batch LEFT JOIN batch_file USING (batch_id) LEFT JOIN file USING (file_id) "
        "LEFT JOIN source USING (source_id) WHERE batch.state = 'PENDING' "
        "GROUP BY batch_id HAVING bool_and(coalesce(list_contains(?, name), true)) ORDER BY batch_id",
        [list(sources)],
    )
    return [batch_id for (batch_id,) in rows]


def batch_files(store: Store, batch_id: int) -> list[File]:
    """Files of a batch that are still there, in order."""
    rows = store.rows(
        "SELECT f.file_id, s.name, f.path, f.size, f.mtime_ns FROM batch_file b JOIN file f USING (file_id) "
        "JOIN source s USING (source_id) WHERE b.batch_id = ? AND f.state = 'present' ORDER BY f.file_id",
        [batch_id],
    )
    return [File(*row) for row in rows]


def pending_and_done(store: Store, source: str) -> tuple[list[str], list[str]]:
    """Paths of the files of a source that wait, and of those that do not, in order."""
    rows = store.rows(
        "SELECT path, waits OR batch_id IS NULL FROM held WHERE state = 'present' AND source = ? ORDER BY file_id",
        [source],
    )
    return [path for path, waits in rows if waits], [path for path, waits in rows if not waits]


def mark_processing(store: Store, batch_id: int) -> None:
    """PENDING -> PROCESSING."""
    store.execute("UPDATE batch SET state = 'PROCESSING' WHERE batch_id = ?", [batch_id])


def reset_processing(store: Store) -> None:
    """PROCESSING -> PENDING after an interruption: nothing was written, nothing was learned."""
    store.execute("UPDATE batch SET state = 'PENDING' WHERE state = 'PROCESSING'")
