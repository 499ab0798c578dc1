"""The commit log: every planned copy and its state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from facesort.core.copies import PlannedWrite
from facesort.core.records import PhotoRef
from facesort.reasons import Remark
from facesort.store.store import Store


@dataclass(frozen=True, slots=True)
class LoggedWrite:
    """A planned write with its place in the commit log, and the photo it comes from.

    Parameters
    ----------
    photo : PhotoRef
        Of a clip, with the frame that is written.
    is_whole_clip : bool
        Whether it is the source file itself that is copied.
    """

    write_id: int
    plan: PlannedWrite
    photo: PhotoRef
    is_whole_clip: bool = False


_SELECT = (
    "SELECT w.write_id, w.photo_id, w.person_id, w.target, w.sha256, w.size, w.at_ms, p.path, p.source, "
    "coalesce(c.turn, 0), coalesce(c.remarks, []), v.photo_id IS NOT NULL AND w.at_ms IS NULL "
    "FROM write w JOIN place p USING (photo_id) JOIN photo c USING (photo_id) LEFT JOIN clip v USING (photo_id) "
)


def _logged(row: tuple[Any, ...]) -> LoggedWrite:
    write_id, *plan, path, source, turn, remarks, whole = row
    upright = Remark.UPRIGHT in remarks
    write = PlannedWrite(*plan)
    photo = PhotoRef(
        write.photo_id, path, source=source, turn=turn, at_ms=write.at_ms, upright=upright
    )
    return LoggedWrite(write_id, write, photo, whole)


def planned_writes(store: Store, batch_id: int) -> list[LoggedWrite]:
    """Writes of a batch, in order."""
    rows = store.rows(_SELECT + "WHERE w.batch_id = ? ORDER BY w.write_id", [batch_id])
    return [_logged(row) for row in rows]


def verified_writes(store: Store) -> list[LoggedWrite]:
    """All files that must be in the output, in the order they were written."""
    rows = store.rows(_SELECT + "WHERE w.status = 'verified' ORDER BY w.write_id")
    return [_logged(row) for row in rows]


def some_targets(store: Store, count: int) -> list[str]:
    """A few of the newest files of each folder that must be in the output, to recognise the output by."""
    sql = (
        "SELECT target, row_number() OVER (PARTITION BY split_part(target, '/', 1) ORDER BY write_id DESC) AS nth "
        "FROM write WHERE status = 'verified' QUALIFY nth <= 20 ORDER BY nth, write_id DESC LIMIT ?"
    )
    return [row[0] for row in store.rows(sql, [count])]
