"""New databases of the tests are copies of one: to make it takes 0.2 s, and thousands are made."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from facesort.store import Store, store as door

_IN_MEMORY = Path("/dev/shm")  # nothing waits for a disk there
_open = Store.open


@contextmanager
def copied() -> Iterator[None]:
    """Let every new database of this process be a copy of one that was made; those in memory, a file there."""
    with TemporaryDirectory(
        prefix="facesort-new-", dir=_IN_MEMORY if _IN_MEMORY.is_dir() else None
    ) as folder:
        made = Path(folder, "made.duckdb")
        _open(made).close()
        numbers = count()

        def copy(path: Path) -> Path:
            shutil.copyfile(made, path)
            # As this process left it: so is the one that was copied.
            door._looked_at[path] = door.stamp_of(path)
            return path

        def opened(
            path: Path | None, *, read_only: bool = False, beside: Path | None = None
        ) -> Store:
            if path is None and beside is None:
                # DuckDB names a database as its file: by this name it calls what is in memory.
                place = Path(folder, str(next(numbers)), "memory.duckdb")
                place.parent.mkdir()
                store = _open(copy(place))
                del door._looked_at[place]
                place.unlink()
                store._path = store._file = None
                return store
            if path is not None and beside is None and not read_only and _is_free(path):
                copy(path)
            return _open(path, read_only=read_only, beside=beside)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Store, "open", staticmethod(opened))
            yield


@contextmanager
def made_anew() -> Iterator[None]:
    """Let every new database be made by the migrations again."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Store, "open", _open)
        yield


def _is_free(path: Path) -> bool:
    return path.parent.is_dir() and not any(
        os.path.lexists(f"{path}{end}") for end in ("", ".wal", ".wal.checkpoint", ".wal.recovery")
    )
