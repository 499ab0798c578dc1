"""Smaller versions of what is delivered, and pictures of persons."""

from __future__ import annotations

from itertools import groupby

from facesort.core.derivatives import THUMBNAIL, DerivedFile, Thumbnail, Variant
from facesort.store.store import Store


def derived_files(store: Store) -> dict[str, tuple[DerivedFile, ...]]:
    """All that were made, by the SHA-256 of the output JPEG; smallest first."""
    rows = store.rows(
        "SELECT jpeg_sha256, format, edge, quality, width, height, size, sha256 FROM derivative "
        "ORDER BY jpeg_sha256, edge, format, quality"
    )
    return {
        jpeg: tuple(DerivedFile(Variant(*row[1:4]), *row[4:]) for row in some)
        for jpeg, some in groupby(rows, key=lambda row: row[0])
    }


def needed_files(store: Store) -> list[DerivedFile]:
    """Every file that belongs to something, once."""
    rows = store.rows(
        "SELECT format, edge, quality, width, height, size, sha256 FROM derivative "
        "UNION SELECT ?, ?, ?, width, height, size, sha256 FROM thumbnail ORDER BY sha256",
        [THUMBNAIL.format, THUMBNAIL.edge, THUMBNAIL.quality],
    )
    return [DerivedFile(Variant(*row[:3]), *row[3:]) for row in rows]


def thumbnails(store: Store) -> dict[int, Thumbnail]:
    """Pictures of those who are in the gallery and may be delivered, by person_id."""
    rows = store.rows(
        "SELECT person_id, face_id, jpeg_sha256, width, height, size, sha256 FROM thumbnail "
        "SEMI JOIN person USING (person_id) ANTI JOIN withheld USING (person_id) ORDER BY person_id"
    )
    return {
        person_id: Thumbnail(person_id, face_id, jpeg, DerivedFile(THUMBNAIL, *file))
        for person_id, face_id, jpeg, *file in rows
    }


def chosen_pictures(store: Store) -> dict[int, tuple[int | None, bytes]]:
    """The references by which users want persons to be shown: their face, if it is one of the event, and their crop."""
    rows = store.rows(
        "SELECT person_id, face_id, crop FROM reference WHERE chosen ORDER BY reference_id"
    )
    return {person_id: (face_id, bytes(crop)) for person_id, face_id, crop in rows}
