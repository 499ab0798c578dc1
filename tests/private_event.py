"""A small event whose every crop is unlike any other, and what to look for in files when somebody is forgotten."""

from __future__ import annotations

import base64
import shutil
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image
from synthetic_event import sort_in_threads

from facesort.engine.gallery.seed import Candidate, seed
from facesort.engine.setup import open_with_pack, set_up
from facesort.faces.engines.synthetic import draw_synthetic_face
from facesort.faces.protocol import ModelPack
from facesort.store import Store
from facesort.store.store import vector
from facesort.workspace import Workspace

NAMES = {1: "Ada", 2: "Ben", 3: "Cleo"}
STRANGER = 9
PHOTOS = {
    "ada.jpg": [1],
    "ada again.jpg": [1],
    "ada and ben.jpg": [1, 2],
    "ben.jpg": [2],
    "ben and a stranger.jpg": [2, STRANGER],
    "stranger.jpg": [STRANGER],
    "ada and cleo.jpg": [1, 3],
    "nobody.jpg": [],
}


def noisy_photo(path: Path, people: Sequence[int], *, variation: int = 60) -> None:
    """Drawn faces on noise, so that no two crops have a part in common."""
    rng = np.random.default_rng(sum(path.name.encode()))
    pixels = rng.integers(40, 200, (240, 640, 3), dtype=np.uint8)
    for position, identity in enumerate(people):
        left = 20 + 120 * position
        box = (left, 60, left + 96, 156)
        draw_synthetic_face(pixels, box, identity, variation=variation + position)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, quality=92)


def sorted_event(folder: Path) -> tuple[Workspace, ModelPack]:
    """Three people seeded, eight photos sorted."""
    for number, (name, people) in enumerate(PHOTOS.items()):
        noisy_photo(folder / "src" / name, people, variation=40 + 10 * number)
    workspace, pack = set_up(folder / "hot", [folder / "src"], folder / "out", "synthetic", [])
    for identity, name in NAMES.items():
        add(workspace, pack, name, [identity], folder / "seeds" / f"{name}.png")
    sort_in_threads(workspace, pack)
    return workspace, pack


def copy_of(event: Path, folder: Path) -> tuple[Workspace, ModelPack]:
    """A copy of such an event: its workspace, its photos and its output."""
    shutil.copytree(event, folder, dirs_exist_ok=True)
    settings = folder / "hot" / "facesort.toml"
    settings.write_text(settings.read_text().replace(str(event), str(folder)))
    return open_with_pack(folder / "hot")


def add(
    workspace: Workspace,
    pack: ModelPack,
    name: str,
    people: Sequence[int],
    photo: Path,
    *,
    variation: int = 30,
) -> None:
    """Seed one person from one drawn photo."""
    noisy_photo(photo, people, variation=variation)
    (report,) = seed(workspace, pack, [Candidate(name, photo)], ThreadPoolExecutor(1))
    assert report.refused is None


def needles(rows: Iterable[tuple[bytes, bytes]]) -> list[bytes]:
    """What to look for of embeddings and crops: their bytes, and embeddings as text of every usual kind."""
    found = []
    for embedding, crop in rows:
        found += [bytes(embedding), bytes(crop)[len(crop) // 2 :][:64]]
    return [needle for needle in found if needle]


def as_text(embeddings: Iterable[bytes]) -> list[bytes]:
    """Embeddings as hex, base64, and their first values as decimals."""
    found = []
    for data in map(bytes, embeddings):
        numbers = vector(data)[:3]
        texts = [data[:24].hex(), base64.b64encode(data[:24]).decode()]
        texts += [repr(float(n)) for n in numbers] + [str(n) for n in numbers]
        found += [text.encode() for text in texts]
    return found


def seen(root: Path, wanted: Sequence[bytes]) -> int:
    """How many of these are in any file below a folder."""
    contents = [path.read_bytes() for path in root.rglob("*") if path.is_file()]
    return sum(any(needle in content for content in contents) for needle in wanted)


def faces_of(store: Store, name: str) -> list[tuple[bytes, bytes]]:
    """Embedding and crop of every face and every reference of a person."""
    return store.rows(
        "SELECT f.embedding, f.crop FROM face_state a JOIN face f USING (face_id) "
        "JOIN everyone e ON e.person_id = a.person_id WHERE e.name = $1 "
        "UNION ALL SELECT r.embedding, r.crop FROM reference r JOIN person p USING (person_id) WHERE p.name = $1",
        [name],
    )


def faces_of_nobody(store: Store) -> list[tuple[bytes, bytes]]:
    """Embedding and crop of every unknown face."""
    return store.rows(
        "SELECT f.embedding, f.crop FROM face_state a JOIN face f USING (face_id) WHERE a.person_id IS NULL"
    )
