"""Photos, batches, and what became of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from facesort.core.matching import Decision
from facesort.core.records import Analysis, Photo
from facesort.core.routing import UNKNOWN_FOLDER, PlannedWrite
from facesort.reasons import PhotoStatus, Reason
from facesort.store.job.commits import insert_writes
from facesort.store.job.faces import insert_decisions
from facesort.store.store import Store, blob

BATCH_SIZE = 50


class BatchState(StrEnum):
    """`PENDING -> PROCESSING -> COMMITTING -> COMMITTED`."""

    PENDING = "PENDING"
    PROCESSING = "PROCESSING"
    COMMITTING = "COMMITTING"
    COMMITTED = "COMMITTED"


@dataclass(frozen=True, slots=True)
class PhotoResult:
    """What became of one photo.

    Parameters
    ----------
    reason : Reason or None
        Why it reached no folder.
    duplicate_of : int or None
        The photo with the same bytes that was first.
    decisions : tuple of Decision
        One per face of the analysis; empty for a duplicate.
    learned : tuple of int
        Indices of the faces that join the gallery.
    """

    analysis: Analysis
    status: PhotoStatus
    reason: Reason | None = None
    duplicate_of: int | None = None
    decisions: tuple[Decision, ...] = ()
    learned: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class BatchRecord:
    """All that one batch adds to the store."""

    batch_id: int
    results: tuple[PhotoResult, ...]
    writes: tuple[PlannedWrite, ...]


def known_photos(store: Store) -> dict[str, Photo]:
    """Newest version of every photo the scan has seen, by path."""
    rows = store.rows("SELECT photo_id, path, size, mtime_ns FROM photo ORDER BY photo_id")
    return {row[1]: Photo(*row) for row in rows}


def known_sha256(store: Store) -> dict[str, int]:
    """First photo with each content, by SHA-256; duplicates are not in it."""
    rows = store.rows(
        "SELECT sha256, min(photo_id) FROM photo_state "
        "WHERE sha256 <> '' AND status NOT IN ('pending', 'duplicate') GROUP BY sha256"
    )
    return dict(rows)


def pending_and_done(store: Store) -> tuple[list[str], list[str]]:
    """Paths of the photos that wait, and of those that do not, in order."""
    rows = store.rows("SELECT path, status = 'pending' FROM photo_state ORDER BY photo_id")
    return [path for path, waits in rows if waits], [path for path, waits in rows if not waits]


def add_photos(store: Store, photos: Sequence[Photo]) -> None:
    """Add newly found photos and the batches they are worked in; inside a transaction."""
    store.insert(
        "photo",
        {
            "photo_id": [p.photo_id for p in photos],
            "path": [p.path for p in photos],
            "size": [p.size for p in photos],
            "mtime_ns": [p.mtime_ns for p in photos],
        },
    )
    _add_batches(store, [p.photo_id for p in photos], "sort")
    store.make_room()


def _add_batches(store: Store, photo_ids: Sequence[int], kind: str) -> int:
    first = store.next_id("batch", "batch_id")
    count = -(-len(photo_ids) // BATCH_SIZE)
    ids = list(range(first, first + count))
    pending = [BatchState.PENDING.value] * count
    store.insert("batch", {"batch_id": ids, "kind": [kind] * count, "state": pending})
    store.insert(
        "batch_photo",
        {
            "batch_id": [first + i // BATCH_SIZE for i in range(len(photo_ids))],
            "photo_id": photo_ids,
        },
    )
    return count


def set_skipped(store: Store, skipped: Mapping[str, str]) -> None:
    """Replace the list of files that the scan did not take, path to reason; inside a transaction."""
    store.execute("DELETE FROM skipped")
    store.insert("skipped", {"path": list(skipped), "reason": list(skipped.values())})


def add_retry_batches(store: Store) -> int:
    """Give every failed photo another chance, in new batches; inside a transaction.

    A photo whose analysis failed is analysed again.  One that only could not be written keeps its faces and
    decisions (matched again, it would meet itself in the gallery); its failed writes are planned again.

    Returns
    -------
    int
        Number of photos.
    """
    rows = store.rows(
        "SELECT s.photo_id, EXISTS (FROM write w WHERE w.photo_id = s.photo_id) FROM photo_state s "
        "WHERE s.status = 'failed' ORDER BY s.photo_id"
    )
    unwritten = [photo_id for photo_id, decided in rows if decided]
    _add_batches(store, [photo_id for photo_id, decided in rows if not decided], "retry")
    if unwritten:
        _plan_again(store, unwritten)
    return len(rows)


def _plan_again(store: Store, photo_ids: Sequence[int]) -> None:
    """Add one batch, COMMITTING from the start, with the failed writes of these photos that are still wanted."""
    batch_id = store.next_id("batch", "batch_id")
    store.execute(
        "INSERT INTO result SELECT s.photo_id, ?, t.status, t.reason, "
        "'', sha256, duplicate_of, format, width, height, captured_at, camera, phash "
        "FROM photo_state s JOIN photo_standing t USING (photo_id) WHERE list_contains(?, s.photo_id)",
        [batch_id, list(photo_ids)],
    )
    store.execute(
        "INSERT INTO write SELECT ? + row_number() OVER (ORDER BY w.write_id) - 1, ?, w.photo_id, w.person_id, "
        # What was no place in the output gets one in the folder that the person has now.
        "if(w.reason = ?, coalesce((SELECT folder FROM person p WHERE p.person_id = w.person_id), ?) || '/' || "
        "regexp_extract(w.target, '[^/]*$'), w.target), w.sha256, w.size, 'planned', NULL FROM write w "
        "JOIN photo_state s ON s.photo_id = w.photo_id AND s.batch_id = w.batch_id "
        "WHERE w.status = 'failed' AND list_contains(?, w.photo_id) "
        "AND EXISTS (FROM wanted_copy c "
        "WHERE c.photo_id = w.photo_id AND c.person_id IS NOT DISTINCT FROM w.person_id)",
        [
            store.next_id("write", "write_id"),
            batch_id,
            Reason.BAD_TARGET.value,
            UNKNOWN_FOLDER,
            list(photo_ids),
        ],
    )
    store.insert("batch", {"batch_id": [batch_id], "kind": ["retry"], "state": ["COMMITTING"]})
    store.insert(
        "batch_photo", {"batch_id": [batch_id] * len(photo_ids), "photo_id": list(photo_ids)}
    )


def next_batch_id(store: Store) -> int:
    """Id of the next batch, for whoever holds the sorting lock."""
    return store.next_id("batch", "batch_id")


def batches_in(store: Store, state: BatchState) -> list[int]:
    """Ids of the batches in a state, in order."""
    sql = "SELECT batch_id FROM batch WHERE state = ? ORDER BY batch_id"
    return [row[0] for row in store.rows(sql, [state.value])]


def batch_photos(store: Store, batch_id: int) -> list[Photo]:
    """Photos of a batch, in order."""
    rows = store.rows(
        "SELECT p.photo_id, p.path, p.size, p.mtime_ns FROM batch_photo b JOIN photo p USING (photo_id) "
        "WHERE b.batch_id = ? ORDER BY p.photo_id",
        [batch_id],
    )
    return [Photo(*row) for row in rows]


def mark_processing(store: Store, batch_id: int) -> None:
    """PENDING -> PROCESSING."""
    _set_state(store, batch_id, BatchState.PROCESSING)


def reset_processing(store: Store) -> None:
    """PROCESSING -> PENDING after an interruption: nothing was written, nothing was learned."""
    store.execute("UPDATE batch SET state = 'PENDING' WHERE state = 'PROCESSING'")


def _set_state(store: Store, batch_id: int, state: BatchState) -> None:
    store.execute("UPDATE batch SET state = ? WHERE batch_id = ?", [state.value, batch_id])


def record_batch(store: Store, record: BatchRecord, pack_id: str) -> None:
    """Store all that a batch found and plans, and move it to COMMITTING; inside one transaction."""
    _insert_results(store, record)
    face_ids = _insert_faces(store, record, pack_id)
    insert_decisions(
        store,
        record.batch_id,
        [
            (face_ids[r.analysis.photo_id, index], 0, decision)
            for r in record.results
            for index, decision in enumerate(r.decisions)
        ],
    )
    _insert_learned(store, record, face_ids)
    insert_writes(store, record.batch_id, record.writes)
    _set_state(store, record.batch_id, BatchState.COMMITTING)


def _insert_results(store: Store, record: BatchRecord) -> None:
    results = record.results
    infos = [r.analysis.info for r in results]
    store.insert(
        "result",
        {
            "photo_id": [r.analysis.photo_id for r in results],
            "batch_id": [record.batch_id] * len(results),
            "status": [r.status.value for r in results],
            "reason": [r.reason.value if r.reason else None for r in results],
            "detail": [r.analysis.detail for r in results],
            "sha256": [r.analysis.sha256 for r in results],
            "duplicate_of": [r.duplicate_of for r in results],
            "format": [i.format if i else None for i in infos],
            "width": [i.width if i else None for i in infos],
            "height": [i.height if i else None for i in infos],
            "captured_at": [i.captured_at if i else None for i in infos],
            "camera": [i.camera if i else None for i in infos],
            "phash": [r.analysis.phash for r in results],
        },
    )


def _insert_faces(store: Store, record: BatchRecord, pack_id: str) -> dict[tuple[int, int], int]:
    """Return the id of each face by (photo_id, index in the photo)."""
    kept = [
        (r.analysis.photo_id, index, face)
        for r in record.results
        if r.decisions
        for index, face in enumerate(r.analysis.faces)
    ]
    first = store.next_id("face", "face_id")
    faces = [face for _, _, face in kept]
    columns: dict[str, Sequence[Any]] = {
        "face_id": list(range(first, first + len(kept))),
        "photo_id": [photo_id for photo_id, _, _ in kept],
        "batch_id": [record.batch_id] * len(kept),
        "landmarks": [blob(f.landmarks) for f in faces],
        "pack_id": [pack_id] * len(kept),
        "embedding": [blob(f.embedding) for f in faces],
        "crop": [f.crop for f in faces],
    }
    for position, name in enumerate(("x_min", "y_min", "x_max", "y_max")):
        columns[name] = [float(f.box[position]) for f in faces]
    for name in ("score", "sharpness", "yaw", "quality"):
        columns[name] = [float(getattr(f, name)) for f in faces]
    store.insert("face", columns)
    return {(photo_id, index): first + i for i, (photo_id, index, _) in enumerate(kept)}


def _insert_learned(
    store: Store, record: BatchRecord, face_ids: Mapping[tuple[int, int], int]
) -> None:
    learned = [
        (r.decisions[index].person_id, face_ids[r.analysis.photo_id, index])
        for r in record.results
        for index in r.learned
    ]
    first = store.next_id("learned_ever", "learned_id")
    store.insert(
        "learned",
        {
            "learned_id": list(range(first, first + len(learned))),
            "person_id": [person_id for person_id, _ in learned],
            "face_id": [face_id for _, face_id in learned],
        },
    )
