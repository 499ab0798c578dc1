"""Does any way to be fast change an answer?  The same faces by every path, against the reference path.

python benchmarks/parity.py --assets ../shared --pack ../shared/models/mbf128 --keep /tmp/speed

Reference: Pillow decodes the whole photo, and facesort's engine works on all of its pixels.  Each other path changes
one thing more.  Photos: 24 MP ones as in `speed.py`, and all real ones but LFW, which are too small to differ.
Decisions are those of a gallery of deepface's people, one reference each, at the pack's thresholds.
"""

from __future__ import annotations

import argparse
import importlib.util
import io
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from accuracy import PHOTO_SUFFIXES
from figures import ANALYSIS, run_benchmark
from PIL import Image, ImageOps
from speed_photos import make_jpegs

from facesort.core.records import Pixels
from facesort.faces.engines.load import load_engine
from facesort.faces.packs.find import resolve_pack
from facesort.faces.protocol import FaceEngine, ModelPack
from facesort.images import load_photo

Faces = tuple[np.ndarray, np.ndarray]
"""Boxes as shares of the photo's long edge, shape (n, 4), and embeddings, shape (n, dim)."""

_SAME_FACE = 0.5  # intersection over union


@dataclass(frozen=True, slots=True)
class Way:
    """One path from a file to faces."""

    name: str
    pixels: Callable[[bytes, str], Pixels]
    engine: FaceEngine


@dataclass(slots=True)
class Tally:
    """What became of the reference path's faces on another path."""

    pairs: list[tuple[str, np.ndarray, np.ndarray]] = field(default_factory=list)
    lost: int = 0
    new: int = 0


def whole(data: bytes, _: str) -> Pixels:
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(ImageOps.exif_transpose(image).convert("RGB"))


def scaled(data: bytes, name: str) -> Pixels:
    return load_photo(data, name, max_megapixels=200).pixels


def ways(pack: ModelPack) -> list[Way]:
    one, two = (load_engine(pack, threads=n) for n in (1, 2))
    found = [
        Way("whole photo", whole, one),
        Way("scaled decoding", scaled, one),
        Way("... two threads", scaled, two),
    ]
    if importlib.util.find_spec("openvino"):
        engine = load_engine(pack, threads=1, backend="openvino")
        found.append(Way("... OpenVINO", scaled, engine))
    return found


def faces_of(way: Way, path: Path) -> Faces:
    pixels = way.pixels(path.read_bytes(), path.name)
    found = way.engine.detect(pixels)
    vectors = way.engine.embed(way.engine.align(pixels, found))
    return found.boxes / max(pixels.shape[:2]), vectors


def overlap(box: np.ndarray, others: np.ndarray) -> np.ndarray:
    low, high = np.maximum(box[:2], others[:, :2]), np.minimum(box[2:], others[:, 2:])
    common = np.prod(np.clip(high - low, 0, None), axis=1)
    sizes = [np.prod(b[..., 2:] - b[..., :2], axis=-1) for b in (box, others)]
    return common / (sizes[0] + sizes[1] - common)


def add(tally: Tally, name: str, reference: Faces, other: Faces) -> None:
    """Pair the faces of one photo by their boxes."""
    left = set(range(len(other[0])))
    for box, vector in zip(*reference, strict=True):
        shares = overlap(box, other[0]) if left else np.zeros(0)
        near = max(left, key=lambda index: shares[index], default=None)
        if near is None or shares[near] < _SAME_FACE:
            tally.lost += 1
            continue
        left.remove(near)
        tally.pairs.append((name, vector, other[1][near]))
    tally.new += len(left)


def report(name: str, tally: Tally, centroids: np.ndarray, pack: ModelPack) -> None:
    """Distances, and every face that would be decided otherwise."""
    apart = [float(np.linalg.norm(a - b)) for _, a, b in tally.pairs]
    middle, high = np.quantile(apart, [0.5, 0.95])
    found = [[decision(v, centroids, pack) for v in pair[1:]] for pair in tally.pairs]
    differing = [n for n, (a, b) in enumerate(found) if a[0] != b[0]]
    agree = 1 - len(differing) / len(found)
    print(
        f"| {name} | {len(found)} | {tally.lost} / {tally.new} | {middle:.3f} / {high:.3f} / {max(apart):.3f} | "
        f"{agree:.2%} |"
    )
    for n in differing:
        (a, x), (b, y) = found[n]
        print(f"|   {tally.pairs[n][0]} | {a} at {x:.3f} | {b} at {y:.3f} | | |")


def decision(
    vector: np.ndarray, centroids: np.ndarray, pack: ModelPack
) -> tuple[tuple[str, int], float]:
    distances = np.linalg.norm(centroids - vector, axis=1)
    nearest = int(distances.argmin())
    least = float(distances[nearest])
    if least > pack.loose:
        return ("unknown", -1), least
    return ("strict" if least <= pack.strict else "loose", nearest), least


def real_photos(assets: Path) -> Iterable[Path]:
    for path in sorted((assets / "photos").rglob("*")):
        if path.suffix.lower() in PHOTO_SUFFIXES and "lfw" not in path.parts:
            yield path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--assets", type=Path, default=Path("../shared"))
    parser.add_argument("--pack", required=True)
    parser.add_argument("--photos", type=int, default=60)
    parser.add_argument("--keep", type=Path, help="make the photos here, or find them here")
    options = parser.parse_args()
    pack = resolve_pack(options.pack, [])
    with tempfile.TemporaryDirectory() as folder:
        made = make_jpegs(options.assets, options.keep or Path(folder), options.photos)
        reference, *others = ways(pack)
        centroids = np.stack([faces_of(reference, p)[1][0] for p in made.references.values()])
        tallies = [Tally() for _ in others]
        for path in [*sorted(made.source.iterdir()), *real_photos(options.assets)]:
            expected = faces_of(reference, path)
            for way, tally in zip(others, tallies, strict=True):
                add(tally, path.name, expected, faces_of(way, path))
    print(f"{pack.name}, against the whole photo by ONNX Runtime on one thread\n")
    print("| path | faces | lost / new | distance: median / 95 % / largest | same decision |")
    print("|---|---|---|---|---|")
    for way, tally in zip(others, tallies, strict=True):
        report(way.name, tally, centroids, pack)


if __name__ == "__main__":
    run_benchmark(main, ANALYSIS)
