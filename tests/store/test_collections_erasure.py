"""Nothing of an erased face is left in any file of the collections (DuckDB); PostgreSQL's is in `test_postgres.py`."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from drawn_collections import collection, drawn, face, new_faces

from facesort.core.collections.users import user_vector
from facesort.errors import CollectionError
from facesort.store.collections.duckdb_store import DuckDBCollections
from facesort.store.collections.vector_file import VectorFile

ANY = 2.0
Erasing = Callable[[DuckDBCollections], object]


def ids(*keys: int) -> list[str]:
    return [face(key).face_id for key in keys]


def content(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


def is_in(data: bytes, embedding: np.ndarray) -> bool:
    """Whether any third of an embedding is somewhere, at any place."""
    stored = np.ascontiguousarray(embedding, "<f4").tobytes()
    third = len(stored) // 3
    return any(stored[start : start + third] in data for start in (0, third, 2 * third))


@pytest.fixture
def store(tmp_path: Path) -> DuckDBCollections:
    """Twelve faces, three of them ann's."""
    store = DuckDBCollections(tmp_path)
    store.create(collection("guests"))
    store.add("guests", new_faces(range(12)))
    store.add_user("guests", "ann-of-the-secret-garden")
    store.associate("guests", "ann-of-the-secret-garden", ids(3, 4, 5), within=ANY)
    return store


@pytest.mark.parametrize(
    ("erase", "gone"),
    [
        (lambda store: store.remove("guests", ids(0, 4, 11)), {0, 4, 11}),
        (lambda store: store.delete("guests"), set(range(12))),
        (lambda store: store.remove("guests", ids(*range(12))), set(range(12))),
    ],
)
def test_an_erased_embedding_is_in_no_file(
    store: DuckDBCollections, tmp_path: Path, erase: Erasing, gone: set[int]
) -> None:
    assert all(is_in(content(tmp_path), drawn(key)) for key in range(12))
    erase(store)
    at_once = content(tmp_path)
    assert {key for key in range(12) if not is_in(at_once, drawn(key))} == gone
    store.close()
    assert {key for key in range(12) if not is_in(content(tmp_path), drawn(key))} == gone


def test_a_users_vector_is_in_no_file(store: DuckDBCollections, tmp_path: Path) -> None:
    vector = store.user_vector("guests", "ann-of-the-secret-garden")
    expected = user_vector(np.stack([drawn(key) for key in (3, 4, 5)]))
    assert vector is not None and expected is not None
    assert not is_in(content(tmp_path), vector)
    store.remove_user("guests", "ann-of-the-secret-garden")
    store.close()
    assert not is_in(content(tmp_path), vector)


def test_an_erased_vector_is_overwritten_in_memory(store: DuckDBCollections) -> None:
    of = store._open["guests"]
    assert is_in(of.faces._matrix.tobytes(), drawn(4))
    user = store.user_vector("guests", "ann-of-the-secret-garden")
    assert user is not None
    store.remove("guests", ids(4))
    assert not is_in(of.faces._matrix.tobytes(), drawn(4))
    store.remove_user("guests", "ann-of-the-secret-garden")
    assert not of.users._matrix.any()


def test_a_deleted_collection_is_overwritten_in_memory(store: DuckDBCollections) -> None:
    of = store._open["guests"]
    store.delete("guests")
    assert not of.faces._matrix.any()
    assert not of.users._matrix.any()


def test_names_are_gone_also_after_a_kill(store: DuckDBCollections, tmp_path: Path) -> None:
    store.remove("guests", ids(*range(0, 12)))
    store.remove_user("guests", "ann-of-the-secret-garden")
    killed = tmp_path / "killed"
    shutil.copytree(tmp_path, killed, ignore=shutil.ignore_patterns("killed"))  # as it lies there
    store.close()
    DuckDBCollections(killed).close()
    left = content(killed)
    assert b"ann-of-the-secret" not in left
    assert not any(
        str(face(key).external_image_id).encode() in left for key in range(12) if key % 3
    )


def no_room(*_: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def write_half(file: VectorFile, rows: list[int], vectors: np.ndarray) -> None:
    """Write the first row, and fail; rows of zeros can be written."""
    WRITE(file, rows[:1] if vectors.any() else rows, vectors[:1] if vectors.any() else vectors)
    if vectors.any():
        no_room()


WRITE = VectorFile.write


@pytest.mark.parametrize(
    ("of", "part", "fails"),
    [(VectorFile, "write", write_half), (DuckDBCollections, "_insert", no_room)],
)
def test_an_embedding_whose_row_was_not_stored_is_overwritten_at_once(
    store: DuckDBCollections,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    of: type,
    part: str,
    fails: Callable[..., None],
) -> None:
    monkeypatch.setattr(of, part, fails)
    with pytest.raises(CollectionError, match="No space left"):
        store.add("guests", new_faces([20, 21]))
    assert not any(is_in(content(tmp_path), drawn(key)) for key in (20, 21))
    assert store.collection("guests").faces == 12


def test_names_are_gone_once_the_collections_are_closed(
    store: DuckDBCollections, tmp_path: Path
) -> None:
    store.remove("guests", ids(*range(0, 12)))
    store.remove_user("guests", "ann-of-the-secret-garden")
    store.close()
    left = content(tmp_path)
    assert b"ann-of-the-secret" not in left
    assert not any(
        str(face(key).external_image_id).encode() in left for key in range(12) if key % 3
    )
    with_nobody = DuckDBCollections(tmp_path)
    assert with_nobody.collection("guests").faces == 0
    with_nobody.close()


def test_an_embedding_that_no_row_names_is_overwritten_at_the_next_start(
    store: DuckDBCollections, tmp_path: Path
) -> None:
    file = store._open["guests"].file
    store.close()
    file.write([12, 40], np.stack([drawn(90), drawn(91)]))  # killed before they were committed
    (tmp_path / "collection-7.f32").write_bytes(drawn(92).tobytes())  # killed in a deletion
    again = DuckDBCollections(tmp_path)
    assert not any(is_in(content(tmp_path), drawn(key)) for key in (90, 91, 92))
    assert not (tmp_path / "collection-7.f32").exists()
    assert again.collection("guests").faces == 12
    again.add("guests", new_faces([13]))
    assert again.embeddings("guests", ids(13))[0].tobytes() == drawn(13).tobytes()
    again.close()


def test_rows_without_an_embedding_are_told(store: DuckDBCollections, tmp_path: Path) -> None:
    """A vector file that was lost or cut is no collection of zeros."""
    store.close()
    path = tmp_path / "collection-1.f32"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(CollectionError, match=r"collection-1\.f32"):
        DuckDBCollections(tmp_path)
