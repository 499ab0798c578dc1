"""Smaller versions of what is delivered."""

from __future__ import annotations

from itertools import groupby

from facesort.core.derivatives import DerivedFile, Variant
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
