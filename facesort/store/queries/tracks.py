"""Where and when faces are seen in clips."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from facesort.core.clips import Track
from facesort.errors import StoreError
from facesort.store.store import Store, vector

_CHOSEN = "face_id IN (SELECT unnest(?::BIGINT[]))"


def tracks_of(store: Store, face_ids: Sequence[int], *, strip: bool = True) -> dict[int, Track]:
    """The tracks of some faces, by face_id; without those that are in photos.

    Parameters
    ----------
    strip : bool
        With its pictures.

    Raises
    ------
    StoreError
        If one is damaged.
    """
    rows = store.rows(
        "SELECT face_id, start_ms, end_ms, best_ms, times, boxes "  # noqa: S608
        f"FROM track WHERE {_CHOSEN} ORDER BY face_id",
        [list(face_ids)],
    )
    pictures = defaultdict[int, list[tuple[int, bytes]]](list)
    if strip and rows:
        sql = f"SELECT face_id, ms, jpeg FROM strip WHERE {_CHOSEN} ORDER BY face_id, ms"  # noqa: S608
        for face_id, ms, jpeg in store.rows(sql, [list(face_ids)]):
            pictures[face_id].append((ms, bytes(jpeg)))
    return {
        face_id: Track(start, end, best, *_seen(face_id, times, boxes), tuple(pictures[face_id]))
        for face_id, start, end, best, times, boxes in rows
    }


def _seen(
    face_id: int, times: bytes, boxes: bytes
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    times_ms = np.frombuffer(bytes(times), "<i4").astype(np.int32) if len(times) % 4 == 0 else None
    where = vector(boxes) if len(boxes) == 4 * len(times) else None
    if times_ms is None or where is None or not times_ms.size or not np.isfinite(where).all():
        raise StoreError(
            f"the track of face {face_id} is damaged in the workspace's database; put your last backup into a new "
            "folder with `facesort restore BACKUP -w NEW`"
        )
    return times_ms, where.reshape(-1, 4)
