"""A small event of drawn faces, and what a finished job looks like from outside."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image

from facesort.engine.gallery.seed import Candidate, seed
from facesort.engine.job.sort import SortOptions, run_sort
from facesort.engine.setup import set_up
from facesort.faces.engines.synthetic import draw_synthetic_face
from facesort.faces.protocol import ModelPack
from facesort.store import Store
from facesort.workspace import Workspace

# Content of these depends on the clock and on interruptions, of all others on the input alone.
CLOCK_TABLES = {"action", "run", "run_batch", "timing"}


def write_photo(
    path: Path, people: list[int], *, variation: int | None = None, shade: int = 200
) -> None:
    """A grey 640 x 240 photo with drawn faces."""
    pixels = np.full((240, 640, 3), shade, dtype=np.uint8)
    for position, identity in enumerate(people):
        left = 20 + 120 * position
        draw_synthetic_face(pixels, (left, 60, left + 96, 156), identity, variation=variation)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, quality=92)


def make_event(root: Path, photos: int = 130) -> None:
    """Photos of four known people (identities 1 to 4), strangers, groups, copies and broken files."""
    rng = np.random.default_rng(5)
    for number in range(photos):
        path = root / f"card-{number % 3}" / f"DSC{number:05d}.JPG"
        kind = number % 10
        if kind == 9:
            write_photo(path, [])
            with path.open("ab") as stream:  # bytes after the image: photos without faces differ
                stream.write(str(number).encode())
        elif kind == 8:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"not a photo %d" % number)
        else:
            count = 1 + kind % 3
            people = [int(i) for i in rng.choice(np.arange(1, 7), count, replace=False)]
            write_photo(
                path, people, variation=int(rng.integers(40, 150)), shade=100 + number % 100
            )
    first = root / "card-0" / "DSC00000.JPG"
    (root / "card-2" / "copy.JPG").write_bytes(first.read_bytes())


Drawn = tuple[int, int]
"""An identity, and its variation."""


def make_workspace(
    folder: Path, source: Path, output: str = "out", *, variation: int = 30
) -> tuple[Workspace, ModelPack]:
    """A workspace in which four people are seeded from one drawn photo each; the more varied, the less like them."""
    pictures = {f"{identity}.png": (identity, variation) for identity in range(1, 5)}
    return _set_up(folder, source, output, pictures)


def make_gallery(folder: Path, references: dict[int, list[int]]) -> tuple[Workspace, ModelPack]:
    """A workspace with an empty source, and a reference of each identity for each variation."""
    (folder / "source").mkdir()
    return _set_up(folder, folder / "source", "out", _pictures(references))


def add_references(
    workspace: Workspace, pack: ModelPack, folder: Path, references: dict[int, list[int]]
) -> None:
    """Seed `Person <identity>` from a drawn photo for each variation."""
    _seed(workspace, pack, folder / "seeds", _pictures(references))


def _pictures(references: dict[int, list[int]]) -> dict[str, Drawn]:
    return {f"{i}-{v}.png": (i, v) for i, variations in references.items() for v in variations}


def _set_up(
    folder: Path, source: Path, output: str, pictures: dict[str, Drawn]
) -> tuple[Workspace, ModelPack]:
    for name, (identity, variation) in pictures.items():
        write_photo(folder / "seeds" / name, [identity], variation=variation)
    (folder / "hot").mkdir(parents=True)
    (folder / "hot" / "facesort.duckdb").write_bytes(_seeded(tuple(pictures.items())))
    return set_up(folder / "hot", [source], folder / output, "synthetic", [])


@cache
def _seeded(pictures: tuple[tuple[str, Drawn], ...]) -> bytes:
    """The database of a new workspace with these references: the same wherever it lies. Seeding takes a second."""
    with TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "source").mkdir()
        workspace, pack = set_up(
            folder / "hot", [folder / "source"], folder / "out", "synthetic", []
        )
        _seed(workspace, pack, folder / "seeds", dict(pictures))
        return workspace.database.read_bytes()


def _seed(workspace: Workspace, pack: ModelPack, folder: Path, pictures: dict[str, Drawn]) -> None:
    candidates = []
    for name, (identity, variation) in pictures.items():
        write_photo(folder / name, [identity], variation=variation)
        candidates.append(Candidate(f"Person {identity}", folder / name))
    with ThreadPoolExecutor(1) as executor:
        reports = list(seed(workspace, pack, candidates, executor))
    assert [r.refused for r in reports] == [None] * len(candidates)


def sort_in_threads(workspace: Workspace, pack: ModelPack, **options: object) -> int:
    """Sort without worker processes."""
    with ThreadPoolExecutor(2) as executor:
        return run_sort(workspace, pack, SortOptions(executor=executor, **options))  # type: ignore[arg-type]


def tree(root: Path) -> dict[str, str]:
    """Every file below a folder, hidden ones too, with its SHA-256.

    Without that of when a database was looked at: whoever opens it may look again.
    """
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file() and path.name != "looked_at.json"
    }


def content(store: Store) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table that must not depend on interruptions."""
    tables = store.rows(
        "SELECT table_name FROM information_schema.tables WHERE table_type = 'BASE TABLE' ORDER BY 1"
    )
    return {
        name: _faces(store) if name == "face" else store.rows(f"SELECT * FROM {name} ORDER BY ALL")
        for (name,) in tables
        if name not in CLOCK_TABLES
    }


def _faces(store: Store) -> list[tuple[object, ...]]:
    """Sorted here: for 40,000 crops DuckDB would need more memory than a store gives it."""
    return sorted(store.rows("SELECT * FROM face"), key=lambda row: row[0])  # type: ignore[arg-type,return-value]
