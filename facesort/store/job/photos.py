"""Photos, and what became of them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facesort.core.copies import PlannedWrite
from facesort.core.derivatives import DerivedFile
from facesort.core.persons.matching import Decision
from facesort.core.records import Analysis, PhotoInfo, PhotoRef
from facesort.core.sources.compact import Compact
from facesort.reasons import PhotoStatus, Reason
from facesort.store.job.clips import record_clips, record_tracks
from facesort.store.job.commits import insert_writes
from facesort.store.job.derivatives import record_derivatives
from facesort.store.job.faces import insert_decisions
from facesort.store.job.files import next_file_id
from facesort.store.store import Store, blob


@dataclass(frozen=True, slots=True)
class PhotoResult:
    """What became of one file, and of the photo that it holds.

    Parameters
    ----------
    analysis : Analysis
        Its `photo_id` is the id of the file.
    reason : Reason or None
        Why the photo reached no folder.
    known_as : int or None
        The photo, if it was known before: then the file is one more that holds it, or it failed and is decided again.
    decided_as : int or None
        The photo of the same shot that was decided for this one; None: this one was decided.
    decisions : tuple of Decision
        One per face of the analysis; empty for a duplicate.
    learned : tuple of int
        Indices of the faces that join the gallery.
    shot_of : int or None
        The first photo of its shot, if that is another one.
    leads_instead_of : int or None
        The photo that was decided for its shot until now: an earlier version of it, or one that is gone.
    """

    analysis: Analysis
    status: PhotoStatus
    reason: Reason | None = None
    known_as: int | None = None
    decided_as: int | None = None
    decisions: tuple[Decision, ...] = ()
    learned: tuple[int, ...] = ()
    shot_of: int | None = None
    leads_instead_of: int | None = None

    @property
    def photo_id(self) -> int:
        """The photo that the file holds, if its content could be had."""
        return self.analysis.photo_id if self.known_as is None else self.known_as

    @property
    def content(self) -> int | None:
        """The same; None if not."""
        return self.photo_id if self.analysis.sha256 else None

    @property
    def is_known(self) -> bool:
        """Whether nothing is to be said of the photo that was not said before."""
        return self.status is PhotoStatus.DUPLICATE and self.decided_as is None

    @property
    def is_decided(self) -> bool:
        """Whether the photo itself was decided."""
        return self.content is not None and self.status is not PhotoStatus.DUPLICATE


@dataclass(frozen=True, slots=True)
class BatchRecord:
    """All that one batch adds to the store.

    Parameters
    ----------
    derivatives : mapping of str to sequence of DerivedFile
        By the SHA-256 of the output JPEG.
    """

    batch_id: int
    results: tuple[PhotoResult, ...]
    writes: tuple[PlannedWrite, ...]
    derivatives: Mapping[str, Sequence[DerivedFile]] = field(default_factory=dict)


@dataclass(slots=True)
class Known:
    """All photos by content, as they become known during a run.

    Parameters
    ----------
    by_sha256 : mapping of str to int
    decided_as : dict of int to int
        The photo that was decided for each photo that was not itself.
    shot_of : dict of int to int
        The first photo of the shot, of each photo that is not the first.
    failed : set of int
        Photos whose analysis failed.
    by_file : mapping of int to int
        The photo that each file holds.
    replaces : dict of int to int
        The photo that the last version of a waiting file held, of those that did not fail.
    gone : set of int
        Photos that no file holds any more.
    next_id : int
        No file and no photo has this id or a higher one.
    """

    by_sha256: MutableMapping[str, int] = field(default_factory=dict)
    decided_as: dict[int, int] = field(default_factory=dict)
    shot_of: dict[int, int] = field(default_factory=dict)
    failed: set[int] = field(default_factory=set)
    by_file: MutableMapping[int, int] = field(default_factory=dict)
    replaces: dict[int, int] = field(default_factory=dict)
    gone: set[int] = field(default_factory=set)
    next_id: int = 1 << 30

    def place(self, analysis: Analysis) -> int:
        """The id of a photo that was not known: that of its file, unless this file held another photo before."""
        photo_id = analysis.photo_id
        if photo_id in self.by_file:
            photo_id, self.next_id = self.next_id, self.next_id + 1
        self.by_sha256[analysis.sha256] = photo_id
        self.by_file[analysis.photo_id] = photo_id
        return photo_id

    def decided_for(self, file_id: int) -> int:
        """The photo that was decided for the content of a file."""
        photo_id = self.by_file.get(file_id, file_id)
        return self.decided_as.get(photo_id, photo_id)


def known_photos(store: Store) -> Known:
    """All photos by content."""
    failed = store.rows(
        "SELECT photo_id FROM result_until(NULL) WHERE status = 'failed' "
        "AND photo_id NOT IN (SELECT photo_id FROM write)"
    )
    replaces = store.rows(
        "SELECT n.file_id, arg_max(o.photo_id, o.file_id) FROM held n "
        "JOIN held o ON o.source_id = n.source_id AND o.path = n.path AND o.file_id < n.file_id "
        "WHERE n.waits AND n.state = 'present' AND o.photo_id IS NOT NULL "
        "AND NOT list_contains(?, o.photo_id) GROUP BY n.file_id",
        [[photo_id for (photo_id,) in failed]],
    )
    gone = store.rows(
        "SELECT photo_id FROM held WHERE photo_id IS NOT NULL GROUP BY photo_id HAVING bool_and(state <> 'present')"
    )
    leads = store.rows("SELECT photo_id, decided_as FROM photo WHERE decided_as <> photo_id")
    shots = store.rows("SELECT photo_id, shot_id FROM photo WHERE shot_id <> photo_id")
    contents = store.stream("SELECT sha256, photo_id FROM photo")
    by_sha256 = np.fromiter(contents, [("sha256", "S64"), ("photo_id", np.int64)])
    by_file = store.columns("SELECT file_id, photo_id FROM held WHERE photo_id IS NOT NULL")
    return Known(
        by_sha256=Compact(by_sha256["sha256"], by_sha256["photo_id"]),
        decided_as=dict(leads),
        shot_of=dict(shots),
        failed={photo_id for (photo_id,) in failed},
        by_file=Compact(*by_file),
        replaces=dict(replaces),
        gone={photo_id for (photo_id,) in gone},
        next_id=next_file_id(store),
    )


def held_by(store: Store, photo_ids: Collection[int]) -> tuple[frozenset[int], frozenset[str]]:
    """Ids of the files that hold some photos, and the SHA-256 of these."""
    rows = store.rows(
        "SELECT file_id, sha256 FROM held JOIN photo USING (photo_id) WHERE list_contains(?, photo_id)",
        [list(photo_ids)],
    )
    return frozenset(file_id for file_id, _ in rows), frozenset(sha256 for _, sha256 in rows)


def refs_that_wait(store: Store) -> list[PhotoRef]:
    """Present files that wait, in order; each stands for the photo that it holds."""
    rows = store.rows(
        "SELECT file_id, path, source FROM held WHERE state = 'present' AND (waits OR batch_id IS NULL) "
        "ORDER BY file_id"
    )
    return [PhotoRef(key, path, source=source) for key, path, source in rows]


def refs_that_were_read(store: Store) -> Iterator[PhotoRef]:
    """The other present files, in order; nothing else may be asked before the last one."""
    rows = store.stream(
        "SELECT file_id, path, source FROM held WHERE state = 'present' AND NOT (waits OR batch_id IS NULL) "
        "ORDER BY file_id"
    )
    return (PhotoRef(key, path, source=source) for key, path, source in rows)


def infos_of(store: Store, file_ids: Sequence[int]) -> dict[int, PhotoInfo]:
    """What is known of the photos that files hold, by file_id."""
    rows = store.rows(
        "SELECT h.file_id, p.format, p.width, p.height, p.captured_at, coalesce(p.camera, '') "
        "FROM held h JOIN photo p USING (photo_id) WHERE list_contains(?, h.file_id) AND p.format IS NOT NULL",
        [list(file_ids)],
    )
    return {key: PhotoInfo(*info) for key, *info in rows}


def contents_by_size(store: Store) -> dict[int, frozenset[str]]:
    """SHA-256 of photos by the size of their files in bytes, of the sizes that files of waiting batches have."""
    rows = store.rows(
        "SELECT size, list(DISTINCT sha256) FROM held JOIN photo USING (photo_id) WHERE size IN ("
        " SELECT size FROM file JOIN batch_file USING (file_id) JOIN batch USING (batch_id) "
        " WHERE batch.state IN ('PENDING', 'PROCESSING')) GROUP BY size"
    )
    return {size: frozenset(found) for size, found in rows}


def record_batch(store: Store, record: BatchRecord, pack_id: str) -> range:
    """Store all that a batch found and plans, and move it to COMMITTING; inside one transaction.

    Returns
    -------
    range
        Ids of its writes.
    """
    _insert_readings(store, record)
    _insert_photos(store, record)
    _lead_shots(store, record)
    _insert_results(store, record)
    face_ids = _insert_faces(store, record, pack_id)
    insert_decisions(
        store,
        record.batch_id,
        [
            (face_ids[r.photo_id, index], 0, decision)
            for r in record.results
            for index, decision in enumerate(r.decisions)
        ],
    )
    _insert_learned(store, record, face_ids)
    write_ids = insert_writes(store, record.batch_id, record.writes)
    record_derivatives(store, record.derivatives)
    store.execute("UPDATE batch SET state = 'COMMITTING' WHERE batch_id = ?", [record.batch_id])
    return write_ids


def _insert_readings(store: Store, record: BatchRecord) -> None:
    results = record.results
    none = [r.content is None for r in results]
    store.insert(
        "reading",
        {
            "file_id": [r.analysis.photo_id for r in results],
            "batch_id": [record.batch_id] * len(results),
            "photo_id": [r.content for r in results],
            "reason": [
                r.reason.value if no and r.reason else None
                for r, no in zip(results, none, strict=True)
            ],
            "detail": [
                r.analysis.detail if no else "" for r, no in zip(results, none, strict=True)
            ],
        },
    )


def _insert_photos(store: Store, record: BatchRecord) -> None:
    """Add the photos that are new, and what is known now of those that were decided again."""
    found = [r for r in record.results if r.content is not None and not r.is_known]
    infos = [r.analysis.info for r in found]
    positions = [i.position if i else None for i in infos]
    photo_ids = [r.photo_id for r in found]
    store.execute("DELETE FROM photo WHERE list_contains(?, photo_id)", [photo_ids])
    leads = [r.photo_id if r.decided_as is None else r.decided_as for r in found]
    store.insert(
        "photo",
        {
            "photo_id": photo_ids,
            "sha256": [r.analysis.sha256 for r in found],
            "shot_id": [r.photo_id if r.shot_of is None else r.shot_of for r in found],
            "decided_as": leads,
            "format": [i.format if i else None for i in infos],
            "width": [i.width if i else None for i in infos],
            "height": [i.height if i else None for i in infos],
            "captured_at": [i.captured_at if i else None for i in infos],
            "utc_offset": [i.utc_offset if i else None for i in infos],
            "camera": [i.camera if i else None for i in infos],
            "phash": [r.analysis.phash for r in found],
            "latitude": [p.latitude if p else None for p in positions],
            "longitude": [p.longitude if p else None for p in positions],
            "altitude": [p.altitude if p else None for p in positions],
            "remarks": [[str(r) for r in i.remarks] if i else None for i in infos],
            "turn": [r.analysis.turn for r in found],
        },
    )
    record_clips(store, {r.photo_id: r.analysis.clip for r in found})


def _lead_shots(store: Store, record: BatchRecord) -> None:
    """Let an edited photo stand for the other files of its shot."""
    for result in record.results:
        if result.leads_instead_of is not None:
            store.execute(
                "UPDATE photo SET decided_as = ?, shot_id = ? WHERE decided_as = ? AND photo_id <> decided_as",
                [result.photo_id, result.photo_id, result.leads_instead_of],
            )


def _insert_results(store: Store, record: BatchRecord) -> None:
    decided = [r for r in record.results if r.is_decided]
    store.insert(
        "result",
        {
            "photo_id": [r.photo_id for r in decided],
            "batch_id": [record.batch_id] * len(decided),
            "status": [r.status.value for r in decided],
            "reason": [r.reason.value if r.reason else None for r in decided],
            "detail": [r.analysis.detail for r in decided],
        },
    )


def _insert_faces(store: Store, record: BatchRecord, pack_id: str) -> dict[tuple[int, int], int]:
    """Return the id of each face by (photo_id, index in the photo)."""
    kept = [
        (r.photo_id, index, face)
        for r in record.results
        if r.decisions
        for index, face in enumerate(r.analysis.faces)
    ]
    first = store.next_id("face", "face_id")
    faces = [face for _, _, face in kept]
    ids = range(first, first + len(kept))
    columns: dict[str, Sequence[Any] | NDArray[Any]] = {
        "face_id": ids,
        "photo_id": [photo_id for photo_id, _, _ in kept],
        "batch_id": [record.batch_id] * len(kept),
        "landmarks": [blob(f.landmarks) for f in faces],
        "pack_id": [pack_id] * len(kept),
        "embedding": [blob(f.embedding) for f in faces],
        "crop": [f.crop for f in faces],
    }
    boxes = np.reshape([f.box for f in faces], (-1, 4)).T.copy()
    columns |= dict(zip(("x_min", "y_min", "x_max", "y_max"), boxes, strict=True))
    for name in ("score", "sharpness", "yaw", "quality"):
        columns[name] = np.array([float(getattr(f, name)) for f in faces])
    store.insert("face", columns)
    record_tracks(store, dict(zip(ids, (f.track for f in faces), strict=True)))
    return {(photo_id, index): first + i for i, (photo_id, index, _) in enumerate(kept)}


def _insert_learned(
    store: Store, record: BatchRecord, face_ids: Mapping[tuple[int, int], int]
) -> None:
    learned = [
        (r.decisions[index].person_id, face_ids[r.photo_id, index])
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
