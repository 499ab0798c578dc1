"""Detectors and recognisers that were not published together: faces found, people recognised, and time, in one run.

    python benchmarks/packs.py --assets ASSETS --cache DIR --minutes 9        # until it says that all is in the cache
    python benchmarks/packs.py --assets ASSETS --cache DIR --tables found --record
    python benchmarks/packs.py --assets ASSETS --cache DIR --detectors yunet scrfd --record \\
        --tables recognised thresholds time

``found``: noses in ``compreface``, photos in ``deepface`` and ``lfw`` with a face; and faces of ``lfw`` in the middle
of a grey picture of 640 px, at several sizes, and turned in the plane of the picture.
``recognised``: people of ``lfw`` with one reference, the others are strangers.  FNIR where 1 % of strangers' photos get
a name, by the nearest reference alone, and by groups (average linkage, cut at one cosine); then what a sort does, with
the event's own threshold.  Intervals: 200 bootstraps of the people in each draw, the threshold found anew in each.
``thresholds``: as ``facesort packs measure --labelled`` finds them.
``time``: CPU time of the detector per photo, and of the recogniser per face, of ``compreface`` and ``deepface``.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from figures import GROUPS, run_benchmark

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from accuracy import rate
from event_faces import Faces
from groups import SAME, Counts, count, labels, lfw_events, sorted_after
from pack_faces import PAIRS, Pair, analyse_all, pack_of, pair, reached, sample

from facesort.core.calibration.intervals import binomial
from facesort.core.calibration.starting import LabelledFaces, from_labels
from facesort.core.groups.linkage import link, mean_cosine, rms_distance
from facesort.core.persons.sightings import Sightings
from facesort.core.records import Detections, Pixels
from facesort.faces.engines.load import load_engine
from facesort.faces.protocol import FaceEngine
from facesort.images import load_photo

SIZES, ANGLES = (12, 16, 24, 40), (0, 15, 30, 45, 60, 90)
FACE = 0.42
"""Width of a face as a share of a photo of LFW, which is cut that way."""

TABLES = ("found", "recognised", "thresholds", "time")
PERSONS, DRAWS, BOOTSTRAPS = 150, 5, 200
REFERENCE_QUALITY = 0.2  # as in `groups.py`


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--assets", type=Path, required=True)
    parser.add_argument("--cache", type=Path, required=True, help="folder of embeddings")
    parser.add_argument("--photos", type=int, default=4, help="of each person of lfw, at most")
    parser.add_argument("--minutes", type=float, default=0.0, help="for embedding")
    parser.add_argument("--people", type=int, default=60, help="of lfw, for sizes and turns")
    parser.add_argument(
        "--detectors", nargs="+", default=tuple(PAIRS), choices=tuple(PAIRS), help="in the tables"
    )
    parser.add_argument("--tables", nargs="*", default=(), choices=TABLES)
    options = parser.parse_args()
    photos = options.assets / "photos"
    paths = sample(photos, options.photos)
    if options.minutes:
        whole = analyse_all(options.assets, paths, options.cache, minutes=options.minutes)
        print(
            f"all is in {options.cache}" if whole else "the time is over: run it again", flush=True
        )
    with tempfile.TemporaryDirectory() as scratch:
        packs = {
            (detector, recogniser): pack_of(
                options.assets / "models", Path(scratch), detector, recogniser
            )
            for detector in options.detectors
            for recogniser in PAIRS[detector]
        }
        if options.tables:
            paths = paths[: reached(options.cache, options.detectors, paths)]
            pairs = {key: pair(options.cache, *key, paths, pack) for key, pack in packs.items()}
            print_size(pairs)
        for table in options.tables:
            print()
            if table == "found":
                engines = {
                    d: load_engine(packs[d, PAIRS[d][0]], threads=1) for d in options.detectors
                }
                print_found(engines, pairs, photos, options.people)
            elif table == "recognised":
                print_recognised(pairs, options.assets)
            elif table == "thresholds":
                print_thresholds(pairs)
            else:
                print_time(pairs)


def label(detector: str, recogniser: str) -> str:
    whose = {"arcface": "`mbf128`'s", "arcface int8": "`buffalo_sc` int8's", "dlib": "dlib's"}
    return f"{detector} + {whose[recogniser]}"


def print_size(pairs: dict[tuple[str, str], Pair]) -> None:
    paths = next(iter(pairs.values())).faces.paths
    lfw = Counter(path.split("/")[1] for path in paths if path.startswith("lfw/"))
    print(
        f"{len(paths)} photos, {lfw.total()} of them of {len(lfw)} people of lfw, "
        f"{sum(n == 1 for n in lfw.values())} with one"
    )


# ---- found


def print_found(
    engines: dict[str, FaceEngine], pairs: dict[tuple[str, str], Pair], photos: Path, people: int
) -> None:
    folders = sorted(folder for folder in (photos / "lfw").iterdir() if folder.is_dir())
    random.Random(1).shuffle(folders)
    pictures = [pixels_of(min(folder.glob("*.jpg"))) for folder in folders[:people]]
    print(f"| | {' | '.join(engines)} |\n|---|{'---|' * len(engines)}")
    first = {detector: pairs[detector, PAIRS[detector][0]].faces for detector in engines}
    row("noses of `compreface` in boxes", (noses(faces, photos) for faces in first.values()))
    row("boxes of `compreface` without one", (extra(f, photos) for f in first.values()))
    for name in ("deepface", "lfw"):
        row(
            f"photos of `{name}` with a face{' in the middle' if name == 'lfw' else ''}",
            (with_a_face(faces, name) for faces in first.values()),
        )
    row("boxes of `lfw` beside it", (beside(faces) for faces in first.values()))
    for side in SIZES:
        shown = [shrunk(picture, side) for picture in pictures]
        row(f"`lfw`, faces of {side} px at 640 px", (seen(e, shown) for e in engines.values()))
    for angle in ANGLES:
        shown = [tilted(picture, angle) for picture in pictures]
        row(f"`lfw`, tilted by {angle} degrees", (seen(e, shown) for e in engines.values()))


def row(title: str, values: Iterator[str]) -> None:
    print(f"| {title} | {' | '.join(values)} |", flush=True)


@cache
def pixels_of(path: Path) -> Pixels:
    return load_photo(path.read_bytes(), path.name, max_megapixels=200).pixels


def hits(faces: Faces, photos: Path) -> Iterator[np.ndarray]:
    """Of each photo of compreface: which box, a column, holds which nose, a row."""
    marks = json.loads((photos / "compreface/noses.json").read_text())
    for number, path in enumerate(faces.paths):
        if path.startswith("compreface/"):
            points = np.array(marks.get(path.split("/")[1], [])).reshape(-1, 1, 2)
            boxes = faces.boxes[faces.photo == number]
            yield ((boxes[:, :2] <= points) & (points <= boxes[:, 2:])).all(axis=2)


def noses(faces: Faces, photos: Path) -> str:
    found = list(hits(faces, photos))
    return f"{sum(one.any(axis=1).sum() for one in found)}/{sum(len(one) for one in found)}"


def extra(faces: Faces, photos: Path) -> str:
    return str(sum((~one.any(axis=0)).sum() for one in hits(faces, photos)))


def with_a_face(faces: Faces, name: str) -> str:
    numbers = {n for n, path in enumerate(faces.paths) if path.startswith(f"{name}/")}
    there = set(middle(faces)) if name == "lfw" else set(faces.photo.tolist())
    return f"{len(numbers & there)}/{len(numbers)}"


def beside(faces: Faces) -> str:
    lfw = np.array([path.startswith("lfw/") for path in faces.paths])
    return str(int(lfw[faces.photo].sum()) - len(middle(faces)))


def person(path: str) -> str:
    """Whose folder of LFW a photo is in; some people have two."""
    name = path.split("/")[1]
    return SAME.get(name, name)


def middle(faces: Faces) -> dict[int, int]:
    """The row of the face in the middle of each photo of LFW that has one, by photo."""
    lfw = np.array([path.startswith("lfw/") for path in faces.paths])
    centres = (faces.boxes[:, :2] + faces.boxes[:, 2:]) / 2
    away = np.abs(centres - 125).max(axis=1)
    half = (faces.boxes[:, 2:] - faces.boxes[:, :2]).max(axis=1) / 2
    rows = np.flatnonzero((away < half) & lfw[faces.photo])
    return {int(faces.photo[r]): int(r) for r in sorted(rows, key=lambda r: -away[r])}


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


def seen(engine: FaceEngine, pictures: Sequence[Pixels]) -> str:
    return f"{sum(in_the_middle(engine.detect(p), p) for p in pictures)}/{len(pictures)}"


def in_the_middle(found: Detections, picture: Pixels) -> bool:
    if not len(found):
        return False
    centres = (found.boxes[:, :2] + found.boxes[:, 2:]) / 2
    sizes = (found.boxes[:, 2:] - found.boxes[:, :2]).max(axis=1)
    return bool((np.abs(centres - picture.shape[0] / 2).max(axis=1) < sizes / 2).any())


# ---- recognised


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """One draw: how near faces come to somebody; a missed one is infinitely far, and so is one that goes to another.

    `strangers` and `known` have rows (distance, person).
    """

    strangers: np.ndarray
    known: np.ndarray

    def fnir(self, fpir: float, weights: np.ndarray | None = None) -> tuple[float, float]:
        """FNIR, and the distance at which a share of strangers' photos has a name; `weights` are of the persons."""
        weights = np.ones(10_000) if weights is None else weights
        order = np.argsort(self.strangers[:, 0])
        far, who = self.strangers[order].T
        reached = np.cumsum(weights[who.astype(int)])
        limit = far[min(np.searchsorted(reached, fpir * reached[-1], side="right"), len(far) - 1)]
        known, whose = self.known.T
        own = weights[whose.astype(int)]
        return float((own * (known >= limit)).sum() / own.sum()), float(limit)


def draws(faces: Faces) -> Iterator[tuple[Scores, Scores]]:
    """By the nearest reference, and by groups."""
    rows = middle(faces)
    album: dict[str, list[int]] = {}
    for photo, path in enumerate(faces.paths):
        if path.startswith("lfw/"):
            album.setdefault(person(path), []).append(photo)
    names = list(album)
    several = [name for name in names if len(album[name]) >= 4]
    lfw = np.array([path.startswith("lfw/") for path in faces.paths])
    for seed in range(DRAWS):
        chance = random.Random(seed)
        references: dict[str, int] = {}
        for name in chance.sample(several, min(PERSONS, 2 * len(several) // 3)):
            good = [
                rows[p]
                for p in album[name]
                if p in rows and faces.quality[rows[p]] >= REFERENCE_QUALITY
            ]
            if good:
                references[name] = chance.choice(good)
        gallery = faces.embeddings[list(references.values())]
        used = set(faces.photo[list(references.values())].tolist())
        own = np.array([names.index(name) for name in references])
        apart = np.sqrt(np.clip(2 - 2 * faces.embeddings @ gallery.T, 0, None))
        alone = _scores(album, rows, used, references, apart.min(axis=1), own[apart.argmin(axis=1)])
        some = np.flatnonzero(lfw[faces.photo] & ~np.isin(faces.photo, list(used)))
        limit = alone.fnir(0.01)[1]
        linkage = link(
            faces.embeddings[some],
            Sightings.of_photos(faces.photo[some]),
            gallery,
            order=np.arange(len(some)),
            lowest=max(mean_cosine(min(1.2 * limit, 1.38)), 0.02),
        )
        near, whose = np.full(len(lfw[faces.photo]), np.inf), np.full(len(faces.photo), -1)
        near[some] = np.where(linkage.person < 0, np.inf, rms_distance(linkage.score))
        whose[some] = np.where(linkage.person < 0, -1, own[linkage.person])
        yield alone, _scores(album, rows, used, references, near, whose)


def _scores(
    album: dict[str, list[int]],
    rows: dict[int, int],
    used: set[int],
    references: dict[str, int],
    near: np.ndarray,
    whose: np.ndarray,
) -> Scores:
    strangers, known = [], []
    for number, (name, photos) in enumerate(album.items()):
        for photo in photos:
            if photo in used:
                continue
            found = rows.get(photo)
            if name not in references:
                if found is not None:
                    strangers.append((near[found], number))
            else:
                right = found is not None and whose[found] == number
                known.append((near[found] if right else np.inf, number))
    return Scores(np.array(strangers), np.array(known))


def interval(scores: Sequence[Scores]) -> str:
    """Mean over the draws, and its bootstrap interval."""
    values = [one.fnir(0.01) for one in scores]
    again = []
    rng = np.random.default_rng(0)
    for _ in range(BOOTSTRAPS):
        weights = rng.multinomial(1000, np.full(1000, 1 / 1000)).astype(float)
        again.append(np.mean([one.fnir(0.01, weights)[0] for one in scores]))
    low, high = np.percentile(again, [2.5, 97.5])
    fnir, limits = np.mean([v[0] for v in values]), [v[1] for v in values]
    return f"{fnir:.1%} ({low:.1%} to {high:.1%}) at {min(limits):.2f} to {max(limits):.2f}"


def print_recognised(pairs: dict[tuple[str, str], Pair], assets: Path) -> None:
    print(
        "| pair | FNIR at FPIR 1 %, alone (95 %) | FNIR at FPIR 1 %, groups (95 %) | a sort's FNIR | its FPIR | "
        "its wrong names | its LOOSE |\n|" + "---|" * 7
    )
    for (detector, recogniser), found in pairs.items():
        alone, grouped = zip(*draws(found.faces), strict=True)
        faces, counts, loose = found.faces, Counts(), []
        truth = labels(assets, faces.paths)
        for shown, event in lfw_events(faces, truth, PERSONS, 1, None):
            after = sorted_after(shown, event)
            counts.add(count(shown, event, after.placed, after.held))
            loose.append(after.threshold.loose)
        print(
            f"| {label(detector, recogniser)} | {interval(alone)} | {interval(grouped)} | "
            f"{rate(counts.missed, counts.known)} | {rate(counts.named, counts.strangers)} | "
            f"{counts.wrong} | {min(loose):.3f} to {max(loose):.3f} |",
            flush=True,
        )


# ---- thresholds


def print_thresholds(pairs: dict[tuple[str, str], Pair]) -> None:
    """As they are recommended, with rates by one reference each; and as `packs measure` finds them."""
    columns = "pack | STRICT | LOOSE | strangers named at STRICT | at LOOSE (FPIR) | known faces missed (FNIR)"
    print(f"| {columns} |\n|{'---|' * 6}")
    for (detector, recogniser), found in pairs.items():
        strict, loose = found.faces.strict, found.faces.loose
        alone = [one for one, _ in draws(found.faces)]
        named = [
            counted([one.strangers[:, 0] <= limit for one in alone]) for limit in (strict, loose)
        ]
        missed = counted([one.known[:, 0] > loose for one in alone])
        print(
            f"| {label(detector, recogniser)} | {strict:.2f} | {loose:.2f} | {named[0]} | {named[1]} | {missed} |",
            flush=True,
        )
    columns = "pack | STRICT | LOOSE (95 %) | widest LOOSE | FPIR of 150, by the tail (95 %) | counted FPIR | FNIR"
    print(f"\n| {columns} |\n|{'---|' * 7}")
    for (detector, recogniser), found in pairs.items():
        told = from_labels(labelled(found.faces))
        exact, fpir = told.exact, told.fpir
        widest = "" if told.widest_loose is None else f"{told.widest_loose:.2f}"
        rates = [
            ""
            if r is None
            else f"{r.errors}/{r.trials} = {r.value:.2%} ({r.low:.2%} to {r.high:.2%})"
            for r in (told.counted, told.fnir)
        ]
        print(
            f"| {label(detector, recogniser)} | {told.strict:.2f} "
            f"| {told.loose:.2f} ({exact.low:.2f} to {exact.high:.2f}) | {widest} "
            f"| {fpir.value:.2%} ({fpir.low:.2%} to {fpir.high:.2%}) | {rates[0]} | {rates[1]} |",
            flush=True,
        )


def counted(errors: Sequence[np.ndarray]) -> str:
    """Over draws of the same people, which repeat: the interval is of one draw."""
    value = float(np.mean([one.mean() for one in errors]))
    trials = float(np.mean([len(one) for one in errors]))
    low, high = binomial(value * trials, trials)
    named = sum(int(one.sum()) for one in errors)
    return f"{named}/{sum(map(len, errors))} = {value:.2%} ({low:.2%} to {high:.2%})"


def labelled(faces: Faces) -> LabelledFaces:
    """Photos of LFW with exactly one face."""
    number = Counter(faces.photo.tolist())
    rows = [
        row
        for row, photo in enumerate(faces.photo.tolist())
        if number[photo] == 1 and faces.paths[photo].startswith("lfw/")
    ]
    files = [faces.paths[photo] for photo in faces.photo[rows]]
    _, persons = np.unique([person(file) for file in files], return_inverse=True)
    return LabelledFaces(
        faces.embeddings[rows], persons.astype(np.int64), faces.quality[rows], tuple(files)
    )


# ---- time


def print_time(pairs: dict[tuple[str, str], Pair]) -> None:
    print(
        "| pair | detector, per photo | recogniser, per face | photos per CPU second, decoded |\n|"
        + "---|" * 4
    )
    for (detector, recogniser), found in pairs.items():
        faces = found.faces
        web = np.array([not path.startswith("lfw/") for path in faces.paths])
        number = np.bincount(faces.photo, minlength=len(faces.paths))
        detecting, embedding = found.seconds[web].T
        some = number[web] > 0
        per_face = embedding[some] / number[web][some]
        whole = web.sum() / (detecting.sum() + embedding.sum())
        print(
            f"| {label(detector, recogniser)} | {spread(detecting)} | {spread(per_face)} | {whole:.1f} |",
            flush=True,
        )


def spread(seconds: np.ndarray) -> str:
    low, mid, high = np.percentile(seconds, [25, 50, 75]) * 1000
    return f"{mid:.1f} ms ({low:.1f} to {high:.1f})"


if __name__ == "__main__":
    run_benchmark(
        main,
        [
            *("facesort/faces/engines", "facesort/faces/packs/known.py", *GROUPS),
            *("facesort/core/calibration/starting.py", "facesort/core/calibration/tail.py"),
        ],
        name="packs_found" if "found" in sys.argv else "packs",
    )
