"""What the index of a delivery is made from, and its table."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from facesort.core.records import Position
from facesort.store.store import Store

_REGION = '"left" DOUBLE, "top" DOUBLE, "width" DOUBLE, "height" DOUBLE'
# As in `index.schema.json`.
_COLUMNS = {
    "schema": "INTEGER",
    "file": "VARCHAR",
    "person": "VARCHAR",
    "folder": "VARCHAR",
    "match": "VARCHAR",
    "photo_sha256": "VARCHAR",
    "photo_width": "INTEGER",
    "photo_height": "INTEGER",
    "sha256": "VARCHAR",
    "size": "BIGINT",
    "width": "INTEGER",
    "height": "INTEGER",
    "captured_at": "TIMESTAMP",
    "taken_at": "TIMESTAMP",
    "utc_offset": "INTEGER",
    "camera": "VARCHAR",
    "face": f"STRUCT({_REGION})",
    "faces": f'STRUCT("person" VARCHAR, {_REGION})[]',
    "derivatives": 'STRUCT("file" VARCHAR, "format" VARCHAR, "width" INTEGER, "height" INTEGER, "size" BIGINT, '
    '"sha256" VARCHAR)[]',
    "at_ms": "INTEGER",
    "duration_ms": "INTEGER",
    "segments": 'STRUCT("start_ms" INTEGER, "end_ms" INTEGER, "best_ms" INTEGER)[]',
    "damaged": "BOOLEAN",
    "location": 'STRUCT("latitude" DOUBLE, "longitude" DOUBLE, "altitude" DOUBLE)',
}


@dataclass(frozen=True, slots=True)
class Capture:
    """What the camera recorded of a photo.

    Parameters
    ----------
    captured_at : datetime or None
        As the camera wrote it, without time zone.
    utc_offset : int or None
        Of the camera's clock, minutes east of UTC.
    """

    captured_at: datetime | None
    utc_offset: int | None
    position: Position | None


def captures(store: Store) -> dict[int, Capture]:
    """What the camera recorded, by photo_id."""
    rows = store.rows(
        "SELECT photo_id, captured_at, utc_offset, latitude, longitude, altitude FROM photo"
    )
    return {
        key: Capture(at, offset, None if position[0] is None else Position(*position))
        for key, at, offset, *position in rows
    }


def write_index(store: Store, path: Path, lines: Path) -> None:
    """Write the rows of an index as a table.

    Parameters
    ----------
    store : Store
        May be open for reading only.
    path : Path
        Ends in ``.parquet``.
    lines : Path
        A file with a JSON object in each line.
    """
    store.write_lines(path, lines, _COLUMNS)
