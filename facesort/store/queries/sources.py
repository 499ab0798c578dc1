"""Sources: what is known of their files, and their clocks."""

from __future__ import annotations

from dataclasses import dataclass, field

from facesort.core.sources.recognition import SAMPLE, Marker, MarkerFile, Stamp
from facesort.store.store import Store

_KNOWN = (
    "SELECT h.path, h.size, h.mtime_ns, coalesce(p.sha256, ''), p.captured_at FROM held h "
    "LEFT JOIN photo p USING (photo_id) WHERE h.source = ? AND h.state = "
)


@dataclass(frozen=True, slots=True)
class SourceRecord:
    """A source as the database knows it.

    Parameters
    ----------
    files : int
        Present at the last sort.
    cameras : tuple of str
        Of its photos.
    clocks : dict of str to int
        Seconds that are added to the time of a camera; an empty name: of every other camera.
    """

    name: str
    files: int = 0
    cameras: tuple[str, ...] = ()
    clocks: dict[str, int] = field(default_factory=dict)


def source_records(store: Store) -> dict[str, SourceRecord]:
    """The sources that are used, by name, in the order in which they were added."""
    rows = store.rows(
        "SELECT s.name, count(h.file_id) FILTER (h.state = 'present'), "
        "coalesce(list(DISTINCT p.camera ORDER BY p.camera) FILTER (p.camera <> ''), []) FROM source s "
        "LEFT JOIN held h USING (source_id) LEFT JOIN photo p USING (photo_id) "
        "WHERE s.state = 'used' GROUP BY s.source_id, s.name ORDER BY s.source_id"
    )
    clocks: dict[str, dict[str, int]] = {name: {} for name, *_ in rows}
    for name, camera, seconds in store.rows(
        "SELECT name, camera, seconds FROM clock JOIN source USING (source_id) "
        "WHERE state = 'used' ORDER BY source_id, camera"
    ):
        clocks[name][camera] = seconds
    return {
        name: SourceRecord(name, files, tuple(cameras), clocks[name])
        for name, files, cameras in rows
    }


def names_ever(store: Store) -> set[str]:
    """Names of all sources, also of those that were removed."""
    return {name for (name,) in store.rows("SELECT name FROM source")}


def marker_of(store: Store, name: str) -> Marker:
    """What a source is known by: the files that were present at the last sort."""
    (files,) = store.rows(
        "SELECT count(*) FROM file JOIN source s USING (source_id) WHERE s.name = ? AND file.state = 'present'",
        [name],
    )[0]
    step = -(-files // SAMPLE)
    rows = (
        store.rows(
            f"{_KNOWN}'present' QUALIFY (row_number() OVER (ORDER BY h.file_id) - 1) % ? = 0 ORDER BY h.file_id",
            [name, step],
        )
        if files
        else []
    )
    return Marker(
        files,
        _known(rows),
        lambda: _known(store.rows(f"{_KNOWN}'present'", [name])),
        lambda: _known(store.rows(f"{_KNOWN}'gone'", [name])),
    )


def _known(rows: list[tuple[object, ...]]) -> list[MarkerFile]:
    return [MarkerFile(path, Stamp(size, mtime), sha, at) for path, size, mtime, sha, at in rows]  # type: ignore[arg-type]
