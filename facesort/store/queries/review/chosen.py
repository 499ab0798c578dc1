"""Which faces the review shows, and in which order: one shape for all of its panels."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType
from typing import Any, Literal

from facesort.store.store import Store

Order = Literal["", "distance", "margin", "quality", "time"]

IN_CLIP = "s.face_id IN (SELECT face_id FROM track)"
"""Whether a face of ``face_shown s`` is in a clip."""

_TAKEN = "(SELECT t.taken_at FROM photo_state t WHERE t.photo_id = s.photo_id)"
_ORDERS: Mapping[Order, str] = MappingProxyType(
    {
        "distance": "s.distance DESC NULLS LAST, s.face_id",
        "margin": "s.runner_up_distance - s.distance NULLS LAST, s.face_id",
        "quality": "s.quality, s.face_id",
        "time": f"{_TAKEN} NULLS LAST, s.face_id",
    }
)


@dataclass(frozen=True, slots=True)
class FaceFilter:
    """Faces to be shown; whatever is empty chooses all.  Parts are combined.

    Parameters
    ----------
    person : str
        Whose faces they are, or may be.
    source : str
        Name of a source.
    folder : str
        A folder in the source, as a POSIX path, with all below it.
    camera : str
        As the photos name it.
    since, until : datetime or None
        When the photos were taken, by the corrected clock of the camera; `until` itself is left out.
    clips : bool
        Only faces in clips.
    order : str
        The most distant, the closest call, the poorest, or the earliest first; empty: as the panel has them.
    """

    person: str = ""
    source: str = ""
    folder: str = ""
    camera: str = ""
    since: datetime | None = None
    until: datetime | None = None
    clips: bool = False
    order: Order = ""

    @property
    def is_all(self) -> bool:
        """Whether it leaves nothing out."""
        return replace(self, order="") == FaceFilter()

    def condition(self) -> tuple[str, list[Any]]:
        """What a face of ``face_shown s`` must fulfil, and its parameters."""
        parts: list[tuple[str, list[Any]]] = []
        if self.person:
            parts.append(("coalesce(s.person, s.nearest) = ?", [self.person]))
        if self.source:
            parts.append(("s.source = ?", [self.source]))
        if self.folder:
            parts.append(("starts_with(s.path, ? || '/')", [self.folder]))
        if self.clips:
            parts.append((IN_CLIP, []))
        of_photo: list[tuple[str, Any]] = [
            ("t.camera = ?", self.camera or None),
            ("t.taken_at >= ?", self.since),
            ("t.taken_at < ?", self.until),
        ]
        if asked := [(sql, value) for sql, value in of_photo if value is not None]:
            where = " AND ".join(sql for sql, _ in asked)
            found = f"s.photo_id IN (SELECT t.photo_id FROM photo_state t WHERE {where})"  # noqa: S608
            parts.append((found, [value for _, value in asked]))
        sql = " AND ".join(f"({part})" for part, _ in parts) or "true"
        return sql, [value for _, values in parts for value in values]

    def ordered(self, default: str) -> str:
        """What follows ``ORDER BY``."""
        return _ORDERS.get(self.order, default)


EVERY_FACE = FaceFilter()


@dataclass(frozen=True, slots=True)
class Origins:
    """Where photos with faces come from.

    Parameters
    ----------
    folders : tuple of (source, folder)
        That hold photos; the folder is empty for the source itself.
    cameras : tuple of str
    clips : bool
        Whether some are clips.
    """

    folders: tuple[tuple[str, str], ...] = ()
    cameras: tuple[str, ...] = ()
    clips: bool = False


def origins(store: Store) -> Origins:
    """All sources, folders and cameras of photos with faces, in alphabetical order."""
    rows = store.rows(
        "SELECT DISTINCT l.source, regexp_replace(l.path, '/?[^/]*$', ''), coalesce(p.camera, '') "
        "FROM place l JOIN photo p USING (photo_id) WHERE l.photo_id IN (SELECT photo_id FROM face)"
    )
    folders = {(source, folder) for source, folder, _ in rows} | {(row[0], "") for row in rows}
    cameras = {row[2] for row in rows} - {""}
    clips = bool(store.value("SELECT count(*) > 0 FROM track"))
    return Origins(tuple(sorted(folders)), tuple(sorted(cameras)), clips)


def fitting(store: Store, face_ids: Collection[int], chosen: FaceFilter) -> set[int]:
    """Those of these faces that a filter chooses."""
    if chosen.is_all:
        return set(face_ids)
    sql, parameters = chosen.condition()
    rows = store.rows(
        f"SELECT s.face_id FROM face_shown s WHERE list_contains(?, s.face_id) AND {sql}",  # noqa: S608
        [list(face_ids), *parameters],
    )
    return {face_id for (face_id,) in rows}
