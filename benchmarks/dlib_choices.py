"""Whether dlib's pack gains by a second scale of its detector, or by flipped or jittered references.

    python benchmarks/dlib_choices.py --assets ASSETS --cache FILE [--people 120]

*Scale*: noses in ``compreface``, and faces in ``vladmandic-human`` (of those that YuNet finds there, which are no
labels), with the detector as it is (long edge 2000 px) and enlarged once more (4000 px); CPU time of both.
*References*: people of ``lfw`` with three photos, each the only reference in turn; half of the people are strangers.
FNIR by the nearest reference where 1 % of strangers' photos get a name.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import dlib
import numpy as np
from figures import run_benchmark
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from facesort.core.records import Pixels
from facesort.faces.engines import dlib_models
from facesort.faces.engines.load import load_engine
from facesort.faces.engines.yunet import YuNetDetector
from facesort.faces.packs.files import dlib_pack
from facesort.images import load_photo

JITTERS = 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--assets", type=Path, required=True)
    parser.add_argument("--cache", type=Path, required=True, help="file of embeddings")
    parser.add_argument("--people", type=int, default=120)
    parser.add_argument("--only", choices=("scale", "references"))
    options = parser.parse_args()
    photos = options.assets / "photos"
    if options.only != "references":
        print_scales(photos, options.assets / "models/yunet/face_detection_yunet_2026may.onnx")
    if options.only != "scale":
        if not options.cache.exists():
            embed(photos / "lfw", options.cache, options.people)
        print_references(options.cache)


def pixels_of(path: Path) -> Pixels:
    return load_photo(path.read_bytes(), path.name, max_megapixels=200).pixels


def found(detector: object, pixels: Pixels, again: int) -> np.ndarray:
    """Boxes of the detector as the pack uses it, enlarged `again` times by dlib."""
    height, width = pixels.shape[:2]
    zoom = min(dlib_models._MAX_ENLARGEMENT, dlib_models._DETECT_SIDE / max(height, width))
    size = round(width * zoom), round(height * zoom)
    resized = Image.fromarray(pixels).resize(size, Image.Resampling.BILINEAR)
    rectangles, _, _ = detector.run(np.asarray(resized), again, 0.0)  # type: ignore[attr-defined]
    edges = [(r.left(), r.top(), r.right() + 1, r.bottom() + 1) for r in rectangles]
    return np.array(edges, float).reshape(-1, 4) / zoom


def print_scales(photos: Path, yunet: Path) -> None:
    detector, other = dlib.get_frontal_face_detector(), YuNetDetector(yunet, 1)
    noses = json.loads((photos / "compreface/noses.json").read_text())
    named = [
        (photos / "compreface" / name, np.array(p).reshape(-1, 2)) for name, p in noses.items()
    ]
    groups = [(p, None) for p in sorted((photos / "vladmandic-human").glob("*.jp*g"))]
    print(
        "| photos | scale | faces found | boxes elsewhere | CPU time per photo, median |\n|"
        + "---|" * 5
    )
    for title, some in (("compreface", named), ("vladmandic-human", groups)):
        total, hits, extra = 0, [0, 0], [0, 0]
        times: tuple[list[float], list[float]] = ([], [])
        for path, points in some:
            data = path.read_bytes()
            loaded = load_photo(data, path.name, max_megapixels=200)
            pixels = loaded.pixels
            if points is None:
                boxes = other.detect(pixels).boxes
                points = (boxes[:, :2] + boxes[:, 2:]) / 2
            else:
                points = points / loaded.scale
            total += len(points)
            for again in (0, 1):
                started = time.process_time()
                boxes = found(detector, pixels, again)
                times[again].append(time.process_time() - started)
                spots = points[:, None]
                inside = ((boxes[:, :2] <= spots) & (spots <= boxes[:, 2:])).all(axis=2)
                hits[again] += int(inside.any(axis=1).sum())
                extra[again] += int((~inside.any(axis=0)).sum())
        for again, name in ((0, "as it is"), (1, "once more")):
            print(
                f"| {title} ({len(some)}) | {name} | {hits[again]}/{total} | {extra[again]} | "
                f"{1000 * np.median(times[again]):.0f} ms |",
                flush=True,
            )


def embed(lfw: Path, target: Path, people: int) -> None:
    """Of each photo: the face as it is, mirrored, and the mean of jittered ones."""
    pack = dlib_pack()
    assert pack is not None
    engine = load_engine(pack, threads=1)
    descriptor = engine.recogniser._descriptor  # type: ignore[attr-defined]
    embed_one: Callable[..., list[float]] = descriptor.compute_face_descriptor
    folders = [f for f in sorted(lfw.iterdir()) if len(list(f.glob("*.jpg"))) >= 3]
    folders = folders[:: max(len(folders) // people, 1)][:people]
    rows, owners, missed = [], [], 0
    for owner, folder in enumerate(folders):
        for path in sorted(folder.glob("*.jpg"))[:3]:
            pixels = pixels_of(path)
            seen = engine.detect(pixels)
            if not len(seen):
                missed += 1
                continue
            away = np.abs((seen.boxes[:, :2] + seen.boxes[:, 2:]) / 2 - 125).max(axis=1)
            crop = np.ascontiguousarray(engine.align(pixels, seen)[int(away.argmin())])
            turned = np.ascontiguousarray(crop[:, ::-1])
            jittered = embed_one(crop, JITTERS) if len(rows) % 3 == 0 else [np.nan] * 128
            rows.append([embed_one(crop), embed_one(turned), jittered])
            owners.append(owner)
    target.parent.mkdir(parents=True, exist_ok=True)
    np.savez(target, vectors=np.array(rows, np.float32), owners=np.array(owners), missed=missed)


def unit(vectors: np.ndarray) -> np.ndarray:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True))


def print_references(cache: Path) -> None:
    with np.load(cache) as data:
        vectors, owners, missed = unit(data["vectors"]), data["owners"], int(data["missed"])
    plain, mirrored, jittered = vectors[:, 0], vectors[:, 1], vectors[:, 2]
    kinds = {
        "as it is": plain,
        "with its mirror image": unit(plain + mirrored),
        f"mean of {JITTERS} jittered": jittered,
        "with its mirror image and these": unit(plain + mirrored + jittered),
    }
    people = len(np.unique(owners))
    print(f"{len(owners)} faces of {people} people; no face in {missed} photos")
    print(
        "| reference | FNIR at FPIR 1 %, mean of draws (lowest to highest) | at a distance of |\n|---|---|---|"
    )
    some = np.flatnonzero(~np.isnan(jittered[:, 0]))
    for name, reference in kinds.items():
        results = [draw(plain, reference, owners, some, seed) for seed in range(40)]
        rates, limits = np.array(results).T
        print(
            f"| {name} | {rates.mean():.1%} ({rates.min():.1%} to {rates.max():.1%}) | {limits.mean():.3f} |",
            flush=True,
        )


def draw(
    faces: np.ndarray, references: np.ndarray, owners: np.ndarray, some: np.ndarray, seed: int
) -> tuple[float, float]:
    rng = np.random.default_rng(seed)
    people = np.unique(owners[some])
    enrolled = rng.permutation(people)[: len(people) // 2]
    chosen = np.array([rng.choice(some[owners[some] == p]) for p in enrolled])
    rest = np.setdiff1d(np.arange(len(faces)), chosen)
    apart = np.linalg.norm(faces[rest, None] - references[chosen][None], axis=2)
    nearest, who = apart.min(axis=1), enrolled[apart.argmin(axis=1)]
    known = np.isin(owners[rest], enrolled)
    limit = float(np.quantile(nearest[~known], 0.01))
    right = (who == owners[rest]) & (nearest < limit)
    return float((~right[known]).mean()), limit


if __name__ == "__main__":
    run_benchmark(main, ["facesort/faces/engines/dlib_models.py"])
