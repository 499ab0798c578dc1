"""A workspace as a sort of very many photos leaves it, with three faces a photo: written straight into the database.

python benchmarks/million_event.py FOLDER --photos 100000

Its photos are sparse files of a name and a size, its crops are tiny, and of its copies only the newest exist.
200 people are in the gallery; of the faces 45 % are theirs (38 % STRICT, 4 % LOOSE, 3 % beyond), 35 % are of strangers
who come often, and 20 % of people who come once.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import os
import time
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from facesort.engine.job.rematch import fingerprint
from facesort.engine.rules import rules_of
from facesort.engine.setup import set_up
from facesort.faces.packs.files import synthetic_pack
from facesort.settings import save_settings
from facesort.store import Store
from facesort.store.gallery import people
from facesort.store.job import rematches, runs, sources
from facesort.store.job.files import BATCH_SIZE
from facesort.workspace import Workspace

PERSONS = 200
FACES = 3
AT_ONCE = 5_000  # photos
_PACK = synthetic_pack()
_TAKEN = datetime(2026, 5, 1, 12)
_CAMERAS = ("Canon EOS R5", "NIKON Z 8", "SONY ILCE-7M4")
_COPIES_THERE = 1_000


@dataclass(frozen=True)
class Drawn:
    """Some photos, in order; arrays of shape (n_photos, 3) or (n_photos, 3, dim)."""

    first: int
    identity: NDArray[np.int64]  # below `PERSONS`: in the gallery; -1: somebody who comes once
    embedding: NDArray[np.float32]
    quality: NDArray[np.float32]


@dataclass(frozen=True)
class People:
    """Who comes to an event of some photos, and how they look; the same for the same numbers.

    Parameters
    ----------
    photos, dim : int
    """

    photos: int
    dim: int = 512

    @cached_property
    def directions(self) -> NDArray[np.float32]:
        """Of those in the gallery, and of one stranger for each 50 photos; shape (n, dim)."""
        count = PERSONS + max(self.photos // 50, 10)
        return _unit(np.random.default_rng(7).standard_normal((count, self.dim), np.float32))

    @cached_property
    def references(self) -> NDArray[np.float32]:
        """Three for each person of the gallery; shape (PERSONS, 3, dim)."""
        noise = np.random.default_rng(8).standard_normal((PERSONS, 3, self.dim), np.float32)
        return _unit(self.directions[:PERSONS, None] + 0.3 * _unit(noise))

    @cached_property
    def centroids(self) -> NDArray[np.float32]:
        """Of the references; shape (PERSONS, dim)."""
        return _unit(self.references.mean(axis=1))

    def draw(self, first: int, count: int) -> Drawn:
        """Draw the photos from `first` on."""
        rng = np.random.default_rng([9, first])
        often = 1 / np.sqrt(np.arange(1, PERSONS + 1))
        known = rng.choice(PERSONS, (count, FACES), p=often / often.sum())
        strangers = rng.integers(PERSONS, len(self.directions), (count, FACES))
        kind = rng.choice(3, (count, FACES), p=(0.45, 0.35, 0.2))
        identity = np.choose(kind, (known, strangers, -1))
        for face in range(1, FACES):  # nobody is twice in a photo
            again = (identity[:, face, None] == identity[:, :face]).any(axis=1)
            identity[again, face] = -1
        noise = _unit(rng.standard_normal((count, FACES, self.dim), np.float32))
        # How far a face is from its person: good ones, poor ones, and those that nobody would recognise.
        good = rng.choice(3, (count, FACES), p=(0.84, 0.09, 0.07))
        apart = np.choose(good, [rng.uniform(*r, (count, FACES)) for r in _APART])
        cosine = (1 - apart**2 / 2).astype(np.float32)[..., None]
        theirs = self.directions[identity]  # of -1 anybody's: overwritten
        found = _unit(cosine * theirs + np.sqrt(1 - cosine**2) * noise)
        found[identity < 0] = noise[identity < 0]
        quality = np.choose(good, [rng.uniform(*r, (count, FACES)) for r in _QUALITY])
        return Drawn(first, identity, found, quality.astype(np.float32))


_APART = ((0.35, 0.7), (0.84, 0.94), (1.08, 1.25))
_QUALITY = ((0.4, 1.0), (0.2, 0.5), (0.0, 0.3))


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def crops() -> list[bytes]:
    """A few tiny JPEGs to stand for all crops."""
    found = []
    for shade in range(60, 220, 20):
        stream = io.BytesIO()
        Image.new("RGB", (16, 16), (shade, 150, 220 - shade)).save(stream, "JPEG", optimize=True)
        found.append(stream.getvalue())
    return found


def sha256_of(kind: str, number: int) -> str:
    return hashlib.sha256(f"{kind} {number}".encode()).hexdigest()


def path_of(photo_id: int) -> str:
    return f"{photo_id // 1000:04d}/DSC{photo_id:07d}.JPG"


def add_file(source: Path, photo_id: int) -> tuple[int, int]:
    """Make a sparse file; returns its size and time."""
    if photo_id % 1000 == 0 or photo_id == 1:
        (source / path_of(photo_id)).parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(source / path_of(photo_id), os.O_CREAT | os.O_WRONLY, 0o644)
    try:
        os.ftruncate(descriptor, 5_000_000 + photo_id)
        found = os.fstat(descriptor)
    finally:
        os.close(descriptor)
    return found.st_size, found.st_mtime_ns


def jpeg_of(photo_id: int) -> bytes:
    """The output JPEG of a photo: a few bytes of its own, so that no disk is filled."""
    return crops()[0] + f"photo {photo_id}".encode()


@dataclass
class Filling:
    """Writes a finished job into an empty database, part by part."""

    workspace: Workspace
    people: People
    store: Store
    crops: list[bytes] = field(default_factory=crops)
    jpeg: bytes = field(default_factory=lambda: crops()[0])
    writes: int = 0
    learned: int = 0

    def gallery(self) -> None:
        with self.store.transaction():
            for number, references in enumerate(self.people.references):
                name = f"Person {number + 1:03d}"
                person = people.add_person(self.store, name, name)
                for index, embedding in enumerate(references):
                    people.add_reference(
                        self.store,
                        person.person_id,
                        people.NewReference(
                            f"{number}-{index}.jpg", sha256_of("reference", 3 * number + index),
                            900.0, 0.1, 0.9, _PACK.pack_id, embedding, self.crops[number % 8],
                        ),
                    )  # fmt: skip

    def job(self) -> None:
        source = self.workspace.settings.sources["card-1"]
        with self.store.transaction():
            sources.add_sources(self.store, ["card-1"])
        settings = self.workspace.settings.model_dump(mode="json")
        settings["matching"] |= asdict(rules_of(self.workspace.settings, _PACK).thresholds)
        run_id = runs.start_run(
            self.store, version="benchmark", pack_name=_PACK.name, pack_id=_PACK.pack_id, settings=settings,
        )  # fmt: skip
        for first in range(1, self.people.photos + 1, AT_ONCE):
            drawn = self.people.draw(first, min(AT_ONCE, self.people.photos + 1 - first))
            with self.store.transaction():
                self._files(source, first, len(drawn.identity), run_id)
                self._faces(drawn)
            if first // AT_ONCE % 10 == 0:
                self.store.make_room()
                print(f"{first:,} photos", end="\r", flush=True)
        runs.finish_run(self.store, run_id, "finished")
        settings = self.workspace.settings
        state = fingerprint(
            self.store, rules_of(settings, _PACK), _PACK.pack_id, settings.matching.max_learned
        )
        with self.store.transaction():
            rematches.remember(self.store, state)

    def _files(self, source: Path, first: int, count: int, run_id: int) -> None:
        ids = list(range(first, first + count))
        stamps = [add_file(source, photo_id) for photo_id in ids]
        batch = [1 + (photo_id - 1) // BATCH_SIZE for photo_id in ids]
        taken = [_TAKEN + timedelta(seconds=7 * (photo_id // 4)) for photo_id in ids]
        none = [None] * count
        insert = self.store.insert
        insert("file", {
            "file_id": ids, "source_id": [1] * count, "path": [path_of(i) for i in ids],
            "size": [s for s, _ in stamps], "mtime_ns": [t for _, t in stamps], "state": ["present"] * count,
        })  # fmt: skip
        batches = sorted(set(batch))
        insert("batch", {
            "batch_id": batches, "kind": ["sort"] * len(batches), "state": ["COMMITTED"] * len(batches),
        })  # fmt: skip
        insert("batch_file", {"batch_id": batch, "file_id": ids})
        insert("reading", {
            "file_id": ids, "batch_id": batch, "photo_id": ids, "reason": none, "detail": [""] * count,
        })  # fmt: skip
        insert("photo", {
            "photo_id": ids, "sha256": [sha256_of("photo", i) for i in ids], "shot_id": ids, "decided_as": ids,
            "format": ["JPEG"] * count, "width": [6000] * count, "height": [4000] * count,
            "captured_at": taken, "utc_offset": none, "camera": [_CAMERAS[i % 3] for i in ids],
            "phash": [hash((i // 4, 1)) % 2**63 for i in ids], "latitude": none, "longitude": none,
            "altitude": none, "remarks": [[]] * count, "turn": [0] * count,
        })  # fmt: skip
        now = datetime.now(UTC).replace(tzinfo=None)
        insert("run_batch", {
            "run_id": [run_id] * len(batches), "batch_id": batches, "finished_at": [now] * len(batches),
            "photos": [BATCH_SIZE] * len(batches), "analysis_seconds": [5.0] * len(batches),
            "engine_seconds": [0.15] * len(batches),
        })  # fmt: skip
        insert("timing", {"run_id": [run_id] * count, "file_id": ids, "seconds": [0.2] * count})

    def _faces(self, drawn: Drawn) -> None:
        count = drawn.identity.size
        photo = np.repeat(np.arange(len(drawn.identity)) + drawn.first, FACES)
        face = (drawn.first - 1) * FACES + 1 + np.arange(count)
        embedding = drawn.embedding.reshape(count, -1)
        quality, batch = drawn.quality.ravel(), 1 + (photo - 1) // BATCH_SIZE
        left = 500.0 + 1800 * (np.arange(count) % FACES)
        landmarks = np.zeros((5, 2), "<f4").tobytes()
        self.store.insert("face", {
            "face_id": face, "photo_id": photo, "batch_id": batch, "x_min": left, "y_min": [900.0] * count,
            "x_max": left + 400, "y_max": [1400.0] * count, "landmarks": [landmarks] * count,
            "score": [0.9] * count, "sharpness": 400 * quality, "yaw": [0.1] * count, "quality": quality,
            "pack_id": [_PACK.pack_id] * count, "embedding": [row.tobytes() for row in embedding],
            "crop": [self.crops[i % 8] for i in face],
        })  # fmt: skip
        nearest, second, apart = self._nearest(embedding)
        is_strict, is_loose = apart[:, 0] <= _PACK.strict, apart[:, 0] <= _PACK.loose
        person = np.where(is_loose, nearest, 0)
        reason = np.where(is_loose, "above_strict", "above_loose")
        self.store.insert("decision", {
            "face_id": face, "round": [0] * count, "batch_id": batch,
            "outcome": np.where(is_strict, "strict", np.where(is_loose, "loose", "unknown")).tolist(),
            "reason": np.where(is_strict, "within_strict", reason).tolist(),
            "person_id": [int(p) or None for p in person], "distance": apart[:, 0].tolist(),
            "nearest_id": nearest, "runner_up_id": second, "runner_up_distance": apart[:, 1].tolist(),
        })  # fmt: skip
        learned = is_strict & (quality >= self.workspace.settings.matching.learn_quality)
        ids = list(range(self.learned + 1, self.learned + 1 + int(learned.sum())))
        self.learned += len(ids)
        self.store.insert(
            "learned",
            {"learned_id": ids, "person_id": person[learned], "face_id": face[learned]},
        )
        self._results(photo, person, is_loose)

    def _nearest(
        self, embedding: NDArray[np.float32]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
        """The two nearest persons of each face, and how far they are."""
        distance = np.sqrt(np.maximum(2 - 2 * embedding @ self.people.centroids.T, 0))
        nearest = distance.argpartition(1, axis=1)[:, :2]
        apart = np.take_along_axis(distance, nearest, axis=1)
        order = apart.argsort(axis=1)
        nearest = np.take_along_axis(nearest, order, axis=1) + 1
        return nearest[:, 0], nearest[:, 1], np.take_along_axis(apart, order, axis=1)

    def _results(
        self, photo: NDArray[np.int64], person: NDArray[np.int64], named: NDArray[np.bool_]
    ) -> None:
        is_matched = named.reshape(-1, FACES).any(axis=1)
        ids = photo[::FACES].tolist()
        self.store.insert("result", {
            "photo_id": ids, "batch_id": [1 + (i - 1) // BATCH_SIZE for i in ids],
            "status": np.where(is_matched, "matched", "unknown").tolist(),
            "reason": [None if m else "only_unknown_faces" for m in is_matched],
            "detail": [""] * len(ids),
        })  # fmt: skip
        at = list(range(self.writes + 1, self.writes + 1 + int(named.sum())))
        self.writes += len(at)
        photos, persons = photo[named].tolist(), person[named].tolist()
        jpegs = {i: self.jpeg + f"photo {i}".encode() for i in set(photos)}
        sha256 = {i: hashlib.sha256(jpeg).hexdigest() for i, jpeg in jpegs.items()}
        targets = [
            f"Person {p:03d}/DSC{i:07d}_{sha256_of('photo', i)[:8]}.jpg"
            for i, p in zip(photos, persons, strict=True)
        ]
        self.store.insert("write", {
            "write_id": at, "batch_id": [1 + (i - 1) // BATCH_SIZE for i in photos], "photo_id": photos,
            "person_id": persons, "target": targets, "sha256": [sha256[i] for i in photos],
            "size": [len(jpegs[i]) for i in photos], "status": ["verified"] * len(at),
        })  # fmt: skip
        if photo[-1] == self.people.photos:  # the output is recognised by its newest copies
            self._copies(photos, targets, jpegs)

    def _copies(self, photos: list[int], targets: list[str], jpegs: dict[int, bytes]) -> None:
        for photo_id, target in list(zip(photos, targets, strict=True))[-_COPIES_THERE:]:
            path = self.workspace.settings.output / target
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(jpegs[photo_id])


def make(root: Path, photos: int, dim: int = 512) -> Workspace:
    """Make `root`/hot with its source and output beside it.

    Groups are off: without them, a re-match of everything compares each face with the gallery only.
    """
    for name in ("source", "out"):
        (root / name).mkdir(parents=True, exist_ok=True)
    created, _ = set_up(root / "hot", [root / "source"], root / "out", "synthetic", [])
    matching = created.settings.matching.model_copy(update={"groups": False})
    settings = created.settings.model_copy(update={"matching": matching})
    save_settings(settings, created.root / "facesort.toml")
    workspace = replace(created, settings=settings)
    with workspace.open_store() as store:
        filling = Filling(workspace, People(photos, dim), store)
        filling.gallery()
        if photos:
            filling.job()
    return workspace


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--photos", type=int, default=1_000_000)
    parser.add_argument("--dim", type=int, default=512)
    options = parser.parse_args()
    started = time.perf_counter()
    workspace = make(options.folder.resolve(), options.photos, options.dim)
    size = (workspace.root / "facesort.duckdb").stat().st_size
    print(
        f"{options.photos:,} photos in {time.perf_counter() - started:.0f} s, {size / 1e9:.2f} GB"
    )


if __name__ == "__main__":
    main()
