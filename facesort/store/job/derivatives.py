"""Which smaller version belongs to which output JPEG, and which picture to which person."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from facesort.core.derivatives import DerivedFile, Thumbnail, Variant
from facesort.store.store import Store

_COLUMNS = "jpeg_sha256", "format", "edge", "quality", "width", "height", "size", "sha256"


def record_derivatives(store: Store, made: Mapping[str, Sequence[DerivedFile]]) -> None:
    """Record files by the SHA-256 of the output JPEG; what was recorded before is replaced.  Inside a transaction."""
    rows = [
        (jpeg, v.format, v.edge, v.quality, file.width, file.height, file.size, file.sha256)
        for jpeg, files in made.items()
        for file in files
        for v in [file.variant]
    ]
    drop_derivatives(store, [(jpeg, file.variant) for jpeg, some in made.items() for file in some])
    if rows:
        store.insert("derivative", dict(zip(_COLUMNS, zip(*rows, strict=True), strict=True)))


def drop_derivatives(store: Store, gone: Iterable[tuple[str, Variant]]) -> None:
    """Take out the rows of some JPEGs and variants.  Inside a transaction."""
    rows = [(jpeg, v.format, v.edge, v.quality) for jpeg, v in gone]
    if not rows:
        return
    store.execute(
        "DELETE FROM derivative d USING (SELECT unnest(?::VARCHAR[]) AS jpeg_sha256, unnest(?::VARCHAR[]) AS format, "
        "unnest(?::INTEGER[]) AS edge, unnest(?::INTEGER[]) AS quality) g WHERE d.jpeg_sha256 = g.jpeg_sha256 "
        "AND d.format = g.format AND d.edge = g.edge AND d.quality = g.quality",
        [list(column) for column in zip(*rows, strict=True)],
    )


def replace_thumbnails(store: Store, found: Sequence[Thumbnail]) -> None:
    """Put these pictures of persons in place of all that there are.  Inside a transaction."""
    store.execute("DELETE FROM thumbnail")
    store.insert(
        "thumbnail",
        {
            "person_id": [one.person_id for one in found],
            "face_id": [one.face_id for one in found],
            "jpeg_sha256": [one.jpeg_sha256 for one in found],
            "width": [one.file.width for one in found],
            "height": [one.file.height for one in found],
            "size": [one.file.size for one in found],
            "sha256": [one.file.sha256 for one in found],
        },
    )
