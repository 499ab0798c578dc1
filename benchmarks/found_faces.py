"""Recall by face size and turn, and images per second, before and after facesort looked twice; in one run.

Portraits with one face are pasted into a photo without any, at known places and sizes.  Before: one look at the whole
working image.  After: what `facesort sort` does.  A face is found if its box is (IoU >= 0.4), recognised if its
embedding is within LOOSE of that of the portrait by itself.

    python benchmarks/found_faces.py --assets ../shared --pack ../shared/models/mbf128
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import cv2
import numpy as np
import simplejpeg
from figures import run_benchmark
from numpy.typing import NDArray
from PIL import Image
from speed_photos import Camera, make_jpegs

from facesort.core.faces.looks import Look
from facesort.core.faces.turns import turned_boxes
from facesort.core.records import Face, PhotoRef, Pixels
from facesort.engine.analysis.analyse import Analyser, Task, analyse_file
from facesort.faces.engines.load import load_engine
from facesort.faces.packs.find import resolve_pack
from facesort.faces.protocol import FaceEngine, ModelPack
from facesort.images import load_photo
from facesort.pixels import averaged, turned
from facesort.settings import PhotoSettings

_CONTEXT = 0.6  # of the face's side, around it
_SAME = 0.4
_ORIENTATION = 274
_TURNS = (0, 90, 180, 270)
_EVENT, _PANORAMA = (6000, 4000), (20_000, 3000)
_IN_EVENT = (80, 100, 150, 250, 500, 1000)
_IN_PANORAMA = (75, 100, 150, 200, 300, 600)
_OF_FRAME = (0.8, 1.0, 1.3, 1.6)
_CUT = (0.2, 0.35, 0.5)


@dataclass(frozen=True, slots=True, eq=False)
class Portrait:
    """A face with some context: its pixels, its box in them, and its embedding."""

    pixels: Pixels
    box: NDArray[np.float32]
    embedding: NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Composed:
    """A photo, and where whose face is in it."""

    jpeg: bytes
    faces: list[tuple[NDArray[np.float32], Portrait]]


def portraits(engine: FaceEngine, folder: Path) -> list[Portrait]:
    """Faces of 250 px and more, each alone in its photo."""
    found = []
    for path in sorted((folder / "photos/deepface").glob("*.jpg")):
        pixels = load_photo(path.read_bytes(), path.name, max_megapixels=200).pixels
        seen = engine.detect(pixels)
        if len(seen) == 1 and seen.scores[0] > engine.sure and np.ptp(seen.boxes[0][::2]) >= 250:
            embedding = engine.embed(engine.align(pixels, seen))[0]
            found.append(Portrait(pixels, seen.boxes[0], embedding))
    return found


def cut(portrait: Portrait, context: float) -> tuple[Pixels, NDArray[np.float32]]:
    """The square around a face, as far as the photo reaches, and the face's box in it."""
    side = float(max(portrait.box[2:] - portrait.box[:2]))
    centre = (portrait.box[:2] + portrait.box[2:]) / 2
    first = np.maximum(np.rint(centre - side * (0.5 + context)), 0).astype(int)
    last = np.rint(centre + side * (0.5 + context)).astype(int)
    part = portrait.pixels[first[1] : last[1], first[0] : last[0]]
    return part, portrait.box - np.tile(first, 2).astype(np.float32)


def scene(
    background: Pixels, size: tuple[int, int], side: int, chosen: Sequence[Portrait]
) -> Composed:
    """Faces of a size in a row of places, and the photo as JPEG."""
    picture = cv2.resize(background, size, interpolation=cv2.INTER_CUBIC)
    faces = []
    columns = min(len(chosen), max(1, size[0] // int(side * (1.2 + 2 * _CONTEXT))))
    chosen = chosen[: columns * 2]
    rows = -(-len(chosen) // columns)
    for number, portrait in enumerate(chosen):
        part, box = cut(portrait, _CONTEXT)
        share = side / float(max(box[2:] - box[:2]))
        shape = round(part.shape[1] * share), round(part.shape[0] * share)
        small = averaged(part, shape) if share < 1 else cv2.resize(part, shape)
        row, column = divmod(number, columns)
        left = round((column + 0.5) * size[0] / columns - shape[0] / 2)
        top = round((row + 0.5) * size[1] / rows - shape[1] / 2)
        if left < 0 or top < 0 or left + shape[0] > size[0] or top + shape[1] > size[1]:
            continue
        picture[top : top + shape[1], left : left + shape[0]] = small
        where = box * np.float32(share) + np.array([left, top] * 2, np.float32)
        faces.append((where, portrait))
    return Composed(_encoded(picture), faces)


def in_turn(made: Composed, turn: int) -> Composed:
    """The photo as it is if it must be turned clockwise to hang upright."""
    pixels = simplejpeg.decode_jpeg(made.jpeg, "RGB")
    size = pixels.shape[1], pixels.shape[0]
    boxes = [(turned_boxes(box, size, -turn), who) for box, who in made.faces]
    return Composed(_encoded(turned(pixels, -turn % 360)), boxes)


def filled(portrait: Portrait, share: float) -> Composed:
    """A selfie: the face is this share of the frame's side."""
    part, box = cut(portrait, (1 / share - 1) / 2)
    enlarge = 2400 / max(part.shape)
    pixels = cv2.resize(part, None, fx=enlarge, fy=enlarge, interpolation=cv2.INTER_CUBIC)
    return Composed(_encoded(pixels), [(box * np.float32(enlarge), portrait)])


def cut_off(background: Pixels, portrait: Portrait, share: float) -> Composed:
    """A face of 600 px in a photo of 3000 x 2000 px, of which this share is beyond the left edge."""
    (made,) = [scene(background, (3000, 2000), 600, [portrait])]
    box = made.faces[0][0]
    first = round(float(box[0] + share * (box[2] - box[0])))
    pixels = simplejpeg.decode_jpeg(made.jpeg, "RGB")[:, first:]
    where = box - np.array([first, 0, first, 0], np.float32)
    return Composed(_encoded(np.ascontiguousarray(pixels)), [(where, portrait)])


def _encoded(pixels: Pixels) -> bytes:
    return bytes(
        simplejpeg.encode_jpeg(np.ascontiguousarray(pixels), 92, "RGB", colorsubsampling="422")
    )


def told(jpeg: bytes) -> bytes:
    """The same JPEG with the orientation that cameras write when they are held upright."""
    exif = Image.Exif()
    exif[_ORIENTATION] = 1
    tags = exif.tobytes()
    return jpeg[:2] + b"\xff\xe1" + (len(tags) + 2).to_bytes(2, "big") + tags + jpeg[2:]


@contextlib.contextmanager
def looking_once() -> Iterator[None]:
    """As facesort was: one look at the whole working image."""

    def once(sight: object, seen: Sequence[object]) -> tuple[Look, ...]:
        return () if seen else (Look((0, 0, *sight.size)),)  # type: ignore[attr-defined]

    with (
        patch("facesort.faces.analysis.next_looks", once),
        patch("facesort.engine.analysis.analyse.detail_edge", return_value=None),
    ):
        yield


@dataclass(slots=True)
class Ways:
    """The ways that are compared, on one photo each time."""

    pack: ModelPack
    folder: Path

    def faces(self, jpeg: bytes) -> dict[str, tuple[Face, ...]]:
        path = self.folder / "photo.jpg"
        path.write_bytes(jpeg)
        with looking_once():
            before = self._analysed(path)
        return {
            "before": before,
            "after": self._analysed(path),
            "small_faces": self._analysed(path, small_faces=True),
        }

    def _analysed(self, path: Path, **settings: bool) -> tuple[Face, ...]:
        analyser = Analyser({"": Path("/")}, self.pack, PhotoSettings(**settings))
        return analyse_file(analyser, Task(PhotoRef(1, str(path)))).faces


def score(found: Sequence[Face], made: Composed, loose: float) -> tuple[int, int, int]:
    """Faces found and recognised, and boxes that are no face."""
    pairs = [
        (_overlap(face.box, box), float(np.linalg.norm(face.embedding - who.embedding)))
        for box, who in made.faces
        for face in found
    ]
    table = np.array(pairs).reshape(len(made.faces), len(found), 2)
    hits = table[..., 0] >= _SAME
    known = hits & (table[..., 1] <= loose)
    return int(hits.any(1).sum()), int(known.any(1).sum()), int((~hits.any(0)).sum())


def _overlap(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    inner = np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2])
    shared = float(np.maximum(inner, 0).prod())
    areas = float((one[2:] - one[:2]).prod() + (other[2:] - other[:2]).prod())
    return shared / (areas - shared)


def row(name: str, ways: Ways, photos: Sequence[Composed]) -> None:
    """One line of the table: found / recognised of all faces, and false ones, by each way."""
    sums: dict[str, list[int]] = {}
    for made in photos:
        for way, found in ways.faces(made.jpeg).items():
            counts = score(found, made, ways.pack.loose)
            sums[way] = [a + b for a, b in zip(sums.get(way, [0, 0, 0]), counts, strict=True)]
    total = sum(len(made.faces) for made in photos)
    cells = (f"{100 * f / total:.0f} / {100 * k / total:.0f} ({n})" for f, k, n in sums.values())
    print(f"| {name} | {total} | {' | '.join(cells)} |", flush=True)


def recall(engine: FaceEngine, assets: Path, folder: Path, count: int) -> None:
    ways = Ways(engine.pack, folder)
    people = portraits(engine, assets)
    empty = (assets / "photos/compreface/017_0.jpg").read_bytes()
    background = load_photo(empty, "x.jpg", max_megapixels=200).pixels
    print(
        f"\nfound / recognised in %, (boxes that are no face); {len(people)} portraits, {engine.pack.name}\n"
    )
    print("| photo | faces | before | after | small_faces = true |\n|---|---|---|---|---|")
    for side in _IN_EVENT:
        upright = scene(background, _EVENT, side, people[:count])
        for turn in _TURNS:
            made = in_turn(upright, turn) if turn else upright
            row(f"24 MP, {side} px, turned by {turn}", ways, [made])
            if turn == 90:
                tagged = Composed(told(made.jpeg), made.faces)
                row(f"24 MP, {side} px, turned by {turn}, tag says upright", ways, [tagged])
    for side in _IN_PANORAMA:
        made = scene(background, _PANORAMA, side, people[:count])
        row(f"20,000 x 3,000, {side} px", ways, [made])
    row(
        "20,000 x 3,000, 200 px, turned by 90",
        ways,
        [in_turn(scene(background, _PANORAMA, 200, people[:count]), 90)],
    )
    for share in _OF_FRAME:
        row(f"a face of {share:g} frames", ways, [filled(who, share) for who in people[:count]])
    for share in _CUT:
        row(
            f"{share:.0%} beyond the edge",
            ways,
            [cut_off(background, who, share) for who in people[:count]],
        )


def speed(pack: ModelPack, assets: Path, folder: Path, count: int, rounds: int) -> None:
    """Photos per second of one process, the two ways taking turns photo by photo."""
    made = make_jpegs(assets, folder, count, Camera())
    empty = load_photo(
        (assets / "photos/compreface/017_0.jpg").read_bytes(), "x.jpg", max_megapixels=200
    ).pixels
    nobody = _encoded(cv2.resize(empty, _EVENT, interpolation=cv2.INTER_CUBIC))
    (folder / "nobody").mkdir()
    for name, jpeg in (("untold", nobody), ("told", told(nobody))):
        (folder / "nobody" / f"{name}.jpg").write_bytes(jpeg)
    print("\n| 24 MP | photos/s before: median (range) | after | CPU s before | after | more CPU |")
    print("|---|---|---|---|---|---|")
    sets = {
        "event photos": sorted(made.source.iterdir()),
        "no face, no tag": [folder / "nobody/untold.jpg"] * 6,
        "no face, tag": [folder / "nobody/told.jpg"] * 6,
    }
    for name, paths in sets.items():
        costs = [_round(pack, paths) for _ in range(rounds)]
        wall, cpu = ([[c[i][k] for c in costs] for k in (0, 1)] for i in (0, 1))
        rates = [[len(paths) / w for w in way] for way in wall]
        shown = [f"{statistics.median(r):.2f} ({min(r):.2f} to {max(r):.2f})" for r in rates]
        each = [statistics.median(c) / len(paths) for c in cpu]
        more = [after / before - 1 for before, after in zip(*cpu, strict=True)]
        spread = f"{statistics.median(more):+.1%} ({min(more):+.1%} to {max(more):+.1%})"
        print(
            f"| {name} ({len(paths)}) | {shown[0]} | {shown[1]} | {each[0]:.3f} | {each[1]:.3f} | {spread} |",
            flush=True,
        )


def _round(pack: ModelPack, paths: Sequence[Path]) -> list[list[float]]:
    """Wall and CPU time before and after: [[wall before, wall after], [CPU before, CPU after]]."""
    analyser = Analyser({"": Path("/")}, pack, PhotoSettings())
    spent = [[0.0, 0.0], [0.0, 0.0]]
    for number, path in enumerate(paths):
        for way in (0, 1) if number % 2 else (1, 0):
            with contextlib.nullcontext() if way else looking_once():
                wall, cpu = time.perf_counter(), time.process_time()
                analyse_file(analyser, Task(PhotoRef(1, str(path))))
                spent[0][way] += time.perf_counter() - wall
                spent[1][way] += time.process_time() - cpu
    return spent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--assets", type=Path, default=Path("../shared"))
    parser.add_argument("--pack", type=Path, default=Path("../shared/models/mbf128"))
    parser.add_argument("--faces", type=int, default=10, help="of each size and turn")
    parser.add_argument("--photos", type=int, default=16, help="of 24 MP, for the speed; 0: none")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", choices=("recall", "speed"))
    options = parser.parse_args()
    pack = resolve_pack(str(options.pack), [])
    with tempfile.TemporaryDirectory(prefix="facesort-found-") as name:
        if options.only != "recall":
            speed(pack, options.assets, Path(name), options.photos, options.rounds)
        if options.only != "speed":
            recall(load_engine(pack, threads=1), options.assets, Path(name), options.faces)


if __name__ == "__main__":
    run_benchmark(
        main,
        [
            "facesort/faces/analysis.py",
            "facesort/faces/look.py",
            "facesort/faces/engines",
            "facesort/core/faces/looks.py",
            "facesort/core/faces/turns.py",
        ],
    )
