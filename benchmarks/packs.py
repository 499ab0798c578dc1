"""Detectors and recognisers that were not published together: faces found, people recognised, and time, in one run.

    python benchmarks/packs.py --assets ASSETS

*Found*: noses in ``compreface``, photos in ``deepface`` with a face; and faces of ``lfw`` in the middle of a grey
picture of 640 px, at several sizes, and turned in the plane of the picture.
*Recognised*: people of ``lfw`` with one reference, others as strangers, over several draws; the threshold is the one at
which 1 % of strangers are given a name, by the nearest reference alone, without groups.
*Time*: CPU time of the detector, and of the recogniser per face, of the photos in ``compreface`` and ``deepface``.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from figures import run_benchmark

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from faces.composed_packs import composed

from facesort.core.records import Detections, Pixels
from facesort.faces.engines.detector_input import EDGE
from facesort.faces.engines.load import load_engine
from facesort.faces.packs.files import read_pack
from facesort.faces.protocol import FaceEngine
from facesort.images import LoadedPhoto, load_photo
from facesort.pixels import Pyramid

DETECTORS = ("scrfd", "scrfd_2.5g", "yunet")
RECOGNISERS = ("arcface", "arcface int8", "dlib")
SIZES, ANGLES = (12, 16, 24, 40), (0, 15, 30, 45, 60, 90)
FACE = 0.42
"""Width of a face as a share of a photo of LFW, which is cut that way."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--assets", type=Path, required=True)
    parser.add_argument("--people", type=int, default=60)
    parser.add_argument("--strangers", type=int, default=100)
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument("--detectors", nargs="+", default=DETECTORS, choices=DETECTORS)
    options = parser.parse_args()
    photos = options.assets / "photos"
    known, strangers = sample(photos / "lfw", options.people, options.strangers)
    with tempfile.TemporaryDirectory() as scratch:
        for detector in options.detectors:
            engines = {
                recogniser: load_engine(
                    read_pack(
                        composed(
                            Path(scratch) / f"{detector} {recogniser}",
                            options.assets / "models",
                            detector,
                            recogniser,
                        )
                    ),
                    threads=1,
                )
                for recogniser in RECOGNISERS
            }
            first = engines[RECOGNISERS[0]]
            print(f"\n{detector}", flush=True)
            print_found(first, photos, [path for paths in known for path in paths[:1]])
            print_time(engines, photos)
            print_recognised(engines, known, strangers, options.draws)


def sample(lfw: Path, people: int, strangers: int) -> tuple[list[list[Path]], list[Path]]:
    """Up to six photos of people who have at least four, and one of others."""
    folders = sorted(folder for folder in lfw.iterdir() if folder.is_dir())
    random.Random(1).shuffle(folders)
    albums = [sorted(folder.glob("*.jpg"))[:6] for folder in folders]
    known = [album for album in albums if len(album) >= 4][:people]
    return known, [album[0] for album in albums if len(album) == 1][:strangers]


@cache
def read(path: Path) -> Pixels:
    """As a worker reads it, and then halved as far as the detectors let it be: they see the same."""
    return Pyramid(_loaded(path).pixels).down_to(EDGE)


def _loaded(path: Path) -> LoadedPhoto:
    return load_photo(path.read_bytes(), path.name, max_megapixels=200)


@cache
def size_of(path: Path) -> int:
    """Long edge of the photo in px."""
    loaded = _loaded(path)
    return round(max(loaded.pixels.shape[:2]) * loaded.scale)


def print_found(engine: FaceEngine, photos: Path, faces: Sequence[Path]) -> None:
    noses = json.loads((photos / "compreface/noses.json").read_text())
    hits = extra = 0
    for name, points in noses.items():
        picture = read(photos / "compreface" / name)
        scale = size_of(photos / "compreface" / name) / max(picture.shape[:2])
        boxes = engine.detect(picture).boxes * scale
        inside = [[x0 <= x <= x1 and y0 <= y <= y1 for x0, y0, x1, y1 in boxes] for x, y in points]
        hits += sum(any(row) for row in inside)
        extra += sum(not any(row[i] for row in inside) for i in range(len(boxes)))
    total = sum(map(len, noses.values()))
    print(f"  compreface: {hits}/{total} noses in boxes, {extra} boxes without one")
    web = sorted((photos / "deepface").glob("*.jpg"))
    print(
        f"  deepface: a face in {sum(len(engine.detect(read(p))) > 0 for p in web)}/{len(web)} photos"
    )
    pictures = [read(path) for path in faces]
    for side in SIZES:
        found = sum(in_the_middle(engine.detect(shrunk(p, side))) for p in pictures)
        print(f"  lfw, faces of {side} px at 640: {found}/{len(pictures)}")
    for angle in ANGLES:
        found = sum(in_the_middle(engine.detect(tilted(p, angle))) for p in pictures)
        print(f"  lfw, tilted by {angle}: {found}/{len(pictures)}", flush=True)


def shrunk(pixels: Pixels, side: int) -> Pixels:
    length = round(side / FACE)
    small = cv2.resize(pixels, (length, length), interpolation=cv2.INTER_AREA)
    canvas = np.full((640, 640, 3), 120, np.uint8)
    start = 320 - length // 2
    canvas[start : start + length, start : start + length] = small
    return canvas


def tilted(pixels: Pixels, angle: float) -> Pixels:
    height, width = pixels.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), angle, 1)
    return np.asarray(cv2.warpAffine(pixels, turn, (width, height)), dtype=np.uint8)


def in_the_middle(found: Detections) -> bool:
    """Whether a face is around the middle of its picture, which is that of the canvas."""
    if not len(found):
        return False
    centres = (found.boxes[:, :2] + found.boxes[:, 2:]) / 2
    sizes = (found.boxes[:, 2:] - found.boxes[:, :2]).max(axis=1)
    middle = 320 if sizes.max() < 60 else 125
    return bool((np.abs(centres - middle).max(axis=1) < sizes / 2).any())


def print_time(engines: dict[str, FaceEngine], photos: Path) -> None:
    pictures = [
        read(p)
        for name in ("compreface", "deepface")
        for p in sorted((photos / name).glob("*.jpg"))
    ]
    engine = engines[RECOGNISERS[0]]
    detecting, found = [], []
    for picture in pictures:
        started = time.process_time()
        found.append(engine.detect(picture))
        detecting.append(time.process_time() - started)
    faces = sum(map(len, found))
    print(f"  detector {spread(detecting)} per photo ({len(pictures)} photos, {faces} faces)")
    for name, each in engines.items():
        taken = []
        for picture, seen in zip(pictures, found, strict=True):
            if not len(seen):
                continue
            started = time.process_time()
            each.embed(each.align(picture, seen))
            taken += [(time.process_time() - started) / len(seen)]
        whole = np.median(detecting) + np.median(taken) * faces / len(pictures)
        print(
            f"  {name}: {spread(taken)} per face; {1 / whole:.0f} photos per CPU second, decoded",
            flush=True,
        )


def spread(seconds: Sequence[float]) -> str:
    low, middle, high = np.percentile(seconds, [25, 50, 75]) * 1000
    return f"{middle:.1f} ms ({low:.1f} to {high:.1f})"


def print_recognised(
    engines: dict[str, FaceEngine], known: list[list[Path]], strangers: list[Path], draws: int
) -> None:
    photos = [path for album in known for path in album] + strangers
    owner = [number for number, album in enumerate(known) for _ in album] + [-1] * len(strangers)
    first = engines[RECOGNISERS[0]]
    pictures = [read(path) for path in photos]
    chosen = [middle_face(first.detect(picture)) for picture in pictures]
    print(f"  lfw: no face in {sum(face is None for face in chosen)}/{len(photos)} photos")
    for name, engine in engines.items():
        vectors = [
            None if face is None else engine.embed(engine.align(picture, face))[0]
            for picture, face in zip(pictures, chosen, strict=True)
        ]
        results = [one_draw(vectors, owner, len(known), seed) for seed in range(draws)]
        rates, limits = np.array(results).T
        print(
            f"  {name}: FNIR at FPIR 1 % {np.median(rates):.1%} ({rates.min():.1%} to {rates.max():.1%}), at a "
            f"distance of {np.median(limits):.2f} ({limits.min():.2f} to {limits.max():.2f}), {draws} draws",
            flush=True,
        )


def middle_face(found: Detections) -> Detections | None:
    if not len(found):
        return None
    centres = (found.boxes[:, :2] + found.boxes[:, 2:]) / 2
    (best,) = np.abs(centres - 125).max(axis=1).argsort(kind="stable")[:1]
    return Detections(
        *(part[best : best + 1] for part in (found.boxes, found.landmarks, found.scores))
    )


def one_draw(
    vectors: Sequence[np.ndarray | None], owner: list[int], people: int, seed: int
) -> tuple[float, float]:
    """FNIR (a photo without a face is missed), and the distance at which 1 % of strangers' photos are named."""
    chance = random.Random(seed)
    enrolled = set(chance.sample(range(people), people // 2))  # the others are strangers too
    references = {}
    for person in enrolled:
        own = [n for n, who in enumerate(owner) if who == person and vectors[n] is not None]
        references[person] = chance.choice(own)
    used = set(references.values())
    gallery, names = np.stack([vectors[n] for n in references.values()]), list(references)
    strange, right = [], []
    for n, (vector, who) in enumerate(zip(vectors, owner, strict=True)):
        if n in used:
            continue
        if vector is None:
            right += [np.inf] * (who in enrolled)
            continue
        apart = np.linalg.norm(gallery - vector, axis=1)
        if who not in enrolled:
            strange.append(apart.min())
        else:
            right.append(apart.min() if names[int(apart.argmin())] == who else np.inf)
    limit = float(np.quantile(strange, 0.01))
    return float(np.mean(np.array(right) >= limit)), limit


if __name__ == "__main__":
    run_benchmark(main, ["facesort/faces/engines"])
