"""The embeddings of a collection: rows of float32 in a file, changed in place.

A database only marks what was deleted, and reuses its blocks some day.  Here a row that is erased is overwritten with
zeros, and that is on the disk when the call returns; it costs one small write, however large the collection is.  (What
a solid-state disk or a copying file system keeps of overwritten blocks is beyond us: see docs/how-to/serve.md.)
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from facesort.core.records import Embeddings
from facesort.files import create_own, kind_of, open_own, remove_own, sync_folder


class VectorFile:
    """One file, in a folder of ours.

    Parameters
    ----------
    path : Path
    dim : int
        Length of a row.
    """

    def __init__(self, path: Path, dim: int) -> None:
        self._path = path
        self._dim = dim

    @property
    def name(self) -> str:
        """Name of the file."""
        return self._path.name

    def create(self) -> None:
        """Make an empty file, in place of one that nobody knows of."""
        remove_own(self._path, below=self._path.parent)
        create_own(self._path, private=True).close()
        sync_folder(self._path.parent)

    def remove(self) -> None:
        """Overwrite all rows, and remove the file."""
        if kind_of(self._path) is None:
            return
        with open_own(self._path, below=self._path.parent, write=True) as stream:
            size = os.fstat(stream.fileno()).st_size
            for start in range(0, size, 1 << 20):
                stream.write(bytes(min(1 << 20, size - start)))
            stream.flush()
            os.fsync(stream.fileno())
        remove_own(self._path, below=self._path.parent)
        sync_folder(self._path.parent)

    def read(self) -> Embeddings:
        """All rows; shape (n, dim).  What a kill left of half a row is not read."""
        with open_own(self._path, below=self._path.parent) as stream:
            data = np.fromfile(stream, dtype="<f4")
        whole = len(data) // self._dim
        return np.asarray(data[: whole * self._dim].reshape(whole, self._dim), np.float32)

    def write(self, rows: Sequence[int], vectors: Embeddings) -> None:
        """Write rows, also beyond the end; they are on the disk when this returns."""
        with open_own(self._path, below=self._path.parent, write=True) as stream:
            for row, vector in zip(rows, np.ascontiguousarray(vectors, "<f4"), strict=True):
                stream.seek(row * self._dim * 4)
                stream.write(vector.tobytes())
            stream.flush()
            os.fsync(stream.fileno())

    def erase(self, rows: Sequence[int]) -> None:
        """Overwrite rows with zeros; they are on the disk when this returns."""
        self.write(rows, np.zeros((len(rows), self._dim), np.float32))
