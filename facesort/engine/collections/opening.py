"""Open a service's collections, wherever they are kept."""

from __future__ import annotations

from pathlib import Path

from facesort.core.collections.protocol import FaceCollections
from facesort.errors import ServiceError, because
from facesort.files import make_own_folder
from facesort.store.collections.duckdb_store import DuckDBCollections


def open_collections(folder: Path, postgres: str | None = None) -> FaceCollections:
    """Open the store of collections.

    Parameters
    ----------
    folder : Path
        State folder of the service.
    postgres : str or None
        URL of a database instead.

    Raises
    ------
    CollectionError, ServiceError
        If it cannot be used.
    """
    if postgres is not None:
        # Only now: it is an extra.
        from facesort.store.collections.postgres_store import PostgresCollections

        return PostgresCollections(postgres)
    own = folder / "collections"
    try:
        make_own_folder(own, below=folder)
    except OSError as error:
        raise ServiceError(f"{own} cannot be used {because(error)}") from error
    return DuckDBCollections(own)
