"""Faces of labelled photos by every pair of a detector and a recogniser; kept in parts, so that an aborted run goes on.

A detector looks at a photo once for all recognisers behind it; apart from that each pair does what a sort does.
"""

from __future__ import annotations

import os
import random
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from event_faces import Faces
from faces.composed_packs import composed

from facesort.core.records import Crops, Detections, Embeddings, Pixels
from facesort.faces.analysis import find_faces
from facesort.faces.engines.composed import ComposedEngine, FaceDetector, FaceRecogniser
from facesort.faces.engines.load import load_engine
from facesort.faces.packs.files import dlib_pack, read_pack
from facesort.faces.protocol import ModelPack
from facesort.images import load_photo

RECOGNISERS = ("arcface", "arcface int8", "dlib")
PAIRS = {
    "yunet": RECOGNISERS,
    "scrfd": RECOGNISERS,
    "scrfd_2.5g": ("arcface",),
    "dlib": ("dlib",),
}
"""Recognisers behind each detector; dlib's own detector goes with dlib's only."""

FIRST = ("yunet", "scrfd")
"""The others come after them, apart from the first parts: with these, each is compared with each."""

PART = 40
"""Photos per file of the cache."""

LAST_OF_ALL = 3
"""Number of the last part that all detectors look at before the first ones go on."""


def pack_of(models: Path, folder: Path, detector: str, recogniser: str) -> ModelPack:
    """The pack of a pair, with the thresholds that facesort knows of it."""
    if detector == "dlib":
        own = dlib_pack()
        assert own is not None
        return own
    target = folder / f"{detector} {recogniser}"
    if not target.exists():
        composed(target, models, detector, recogniser)
    return read_pack(target)


@dataclass(slots=True)
class Once:
    """A detector that looks at the same pixels once; its CPU time is added up."""

    detector: FaceDetector
    seconds: float = 0.0
    seen: dict[tuple[object, ...], Detections] | None = None

    @property
    def sure(self) -> float:
        return self.detector.sure

    @property
    def edge(self) -> int | None:
        return self.detector.edge

    def detect(self, pixels: Pixels, *, quick: bool = False) -> Detections:
        seen = self.seen = {} if self.seen is None else self.seen
        key = pixels.shape, quick, hash(pixels.tobytes())
        if key not in seen:
            started = time.process_time()
            seen[key] = self.detector.detect(pixels, quick=quick)
            self.seconds += time.process_time() - started
        return seen[key]


@dataclass(slots=True)
class Timed:
    """A recogniser; its CPU time is added up."""

    recogniser: FaceRecogniser
    seconds: float = 0.0

    def align(self, pixels: Pixels, detections: Detections) -> Crops:
        started = time.process_time()
        crops = self.recogniser.align(pixels, detections)
        self.seconds += time.process_time() - started
        return crops

    def embed(self, crops: Crops) -> Embeddings:
        started = time.process_time()
        found = self.recogniser.embed(crops)
        self.seconds += time.process_time() - started
        return found


@cache
def _engines(models: Path, detector: str) -> tuple[Once, dict[str, ComposedEngine]]:
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as folder:
        loaded = {
            name: load_engine(pack_of(models, Path(folder), detector, name), threads=1)
            for name in PAIRS[detector]
        }
    engines = {n: e for n, e in loaded.items() if isinstance(e, ComposedEngine)}
    once = Once(next(iter(engines.values())).detector)
    return once, {
        n: replace(e, detector=once, recogniser=Timed(e.recogniser)) for n, e in engines.items()
    }


def _no_crop(pixels: Pixels, box: np.ndarray) -> bytes:  # noqa: ARG001
    return b""


def _analyse(assets: Path, detector: str, paths: Sequence[str], target: Path) -> None:
    once, engines = _engines(assets / "models", detector)
    rows: dict[str, list[tuple[int, int, np.ndarray, np.ndarray, float]]] = {n: [] for n in engines}
    times: dict[str, list[tuple[float, float]]] = {n: [] for n in engines}
    for number, path in enumerate(paths):
        file = assets / "photos" / path
        loaded = load_photo(file.read_bytes(), file.name, max_megapixels=200)
        once.seen, once.seconds = {}, 0.0
        for name, engine in engines.items():
            timed = engine.recogniser
            assert isinstance(timed, Timed)
            timed.seconds = 0.0
            found = find_faces(
                engine, loaded.image, scale=loaded.scale, crop=_no_crop, told=loaded.hangs
            )
            times[name].append((once.seconds, timed.seconds))
            rows[name] += [(number, k, f.box, f.embedding, f.quality) for k, f in enumerate(found)]
    arrays: dict[str, np.ndarray] = {"paths": np.array(paths)}
    for name, found_rows in rows.items():
        dim = engines[name].embed(np.empty((0, 1, 1, 3), np.uint8)).shape[1]
        photo, face, boxes, embeddings, quality = (
            zip(*found_rows, strict=True) if found_rows else [()] * 5
        )
        arrays |= {
            f"{name}/photo": np.array(photo, np.int64),
            f"{name}/face": np.array(face, np.int64),
            f"{name}/boxes": np.array(boxes, np.float32).reshape(-1, 4),
            f"{name}/embeddings": np.array(embeddings, np.float32).reshape(-1, dim),
            f"{name}/quality": np.array(quality, np.float64),
            f"{name}/seconds": np.array(times[name]),
        }
    part = target.with_suffix(f".{os.getpid()}")
    with part.open("wb") as stream:
        np.savez(stream, **arrays)
    part.replace(target)


def parts(cache_folder: Path, detector: str, photos: int) -> list[Path]:
    return [cache_folder / f"{detector}-{start:05}.npz" for start in range(0, photos, PART)]


def analyse_all(
    assets: Path, paths: Sequence[str], cache_folder: Path, *, minutes: float, workers: int = 2
) -> bool:
    """Analyse what is not in the cache; False if the time was over before the end.

    The first detectors take turns, so that what else the machine does is the same for them.
    """
    cache_folder.mkdir(parents=True, exist_ok=True)
    until = time.monotonic() + 60 * minutes
    lists = {d: parts(cache_folder, d, len(paths)) for d in PAIRS}
    every = [(number, d) for number in range(-(-len(paths) // PART)) for d in PAIRS]
    every.sort(key=lambda one: (one[0] > LAST_OF_ALL and one[1] not in FIRST, one[0]))
    work = [(d, number, lists[d][number]) for number, d in every if not lists[d][number].exists()]
    waiting = iter(work)
    with ProcessPoolExecutor(workers) as pool:
        running = {}
        for _ in range(workers):
            _submit(pool, running, waiting, assets, paths)
        while running:
            for future in [f for f in running if f.done()]:
                future.result()
                del running[future]
                if time.monotonic() < until:
                    _submit(pool, running, waiting, assets, paths)
            time.sleep(0.05)
    return next(waiting, None) is None


def _submit(
    pool: ProcessPoolExecutor,
    running: dict[object, Path],
    waiting: Iterator[tuple[str, int, Path]],
    assets: Path,
    paths: Sequence[str],
) -> None:
    following = next(waiting, None)
    if following is not None:
        detector, number, target = following
        some = paths[number * PART : (number + 1) * PART]
        running[pool.submit(_analyse, assets, detector, some, target)] = target


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """What a pair found, and the CPU seconds of the detector and of the recogniser for each photo."""

    faces: Faces
    seconds: np.ndarray


def reached(cache_folder: Path, detectors: Sequence[str], paths: Sequence[str]) -> int:
    """How many of the photos all of some detectors have looked at."""
    there = [[p.exists() for p in parts(cache_folder, d, len(paths))] for d in detectors]
    whole = [all(column) for column in zip(*there, strict=True)]
    return min(PART * (whole.index(False) if False in whole else len(whole)), len(paths))


def pair(
    cache_folder: Path, detector: str, recogniser: str, paths: Sequence[str], pack: ModelPack
) -> Pair:
    """All faces of a pair in photos that it has looked at."""
    columns: dict[str, list[np.ndarray]] = {}
    names: list[str] = []
    for target in parts(cache_folder, detector, len(paths)):
        with np.load(target) as data:
            for key in ("photo", "face", "boxes", "embeddings", "quality", "seconds"):
                column = data[f"{recogniser}/{key}"]
                columns.setdefault(key, []).append(
                    column + len(names) if key == "photo" else column
                )
            names += [str(p) for p in data["paths"]]
    if names != list(paths):
        raise SystemExit(f"{cache_folder} is of other photos: choose another folder")
    whole = {key: np.concatenate(column) for key, column in columns.items()}
    seconds = whole.pop("seconds")
    faces = Faces(
        **whole,
        file=whole["photo"],
        paths=names,
        digests=names,  # no two photos are alike
        strict=pack.strict,
        loose=pack.loose,
        floor=pack.widest_loose,
    )
    return Pair(faces, seconds)


def sample(photos: Path, each: int) -> list[str]:
    """All photos of ``deepface`` and ``compreface``, then up to `each` of every person of ``lfw``, people shuffled."""
    sets = [p for name in ("deepface", "compreface") for p in sorted((photos / name).glob("*.jpg"))]
    folders = sorted(folder for folder in (photos / "lfw").iterdir() if folder.is_dir())
    random.Random(1).shuffle(folders)
    sets += [p for folder in folders for p in sorted(folder.glob("*.jpg"))[:each]]
    return [p.relative_to(photos).as_posix() for p in sets]
