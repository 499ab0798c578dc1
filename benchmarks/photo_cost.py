"""What one photo costs in a worker, here and in another checkout, which take turns photo by photo; prints a table.

    git archive main facesort | tar -x -C ../before
    python benchmarks/photo_cost.py --pack ../shared/models/mbf128 --assets ../shared --before ../before

Each checkout has one process, with one thread, which has its models loaded and has seen each photo once.  CPU time is
that of the analysis: reading, hashing, decoding, faces, output.  Both also give a digest of all that they found.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
from figures import ANALYSIS, run_benchmark
from PIL import Image
from speed_photos import Camera, make_jpegs

_EMPTY = "photos/compreface/017_0.jpg"  # nobody is in it
_ORIENTATION = 274


class Checkout:
    """A process that analyses photos with the package ``facesort`` of one folder."""

    def __init__(self, folder: Path, pack: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__, "--serve", str(pack)],
            env=os.environ | {"PYTHONPATH": str(folder)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert (home := self._answer()) == str(folder / "facesort"), home

    def analyse(self, photo: Path) -> tuple[float, str]:
        """CPU ms, and a digest of the result."""
        assert self._process.stdin is not None
        print(photo, file=self._process.stdin, flush=True)
        cpu, digest = self._answer().split()
        return float(cpu), digest

    def _answer(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


def serve(pack: Path) -> None:
    """Analyse the photos named on standard input, as a worker does."""
    import facesort
    from facesort.core.records import PhotoRef
    from facesort.engine.analysis.analyse import Analyser, Task, analyse_file, load_models
    from facesort.engine.analysis.pool import _start_worker
    from facesort.faces.packs.find import resolve_pack
    from facesort.settings import PhotoSettings

    _start_worker(4000.0, 0)
    settings, found = PhotoSettings(), resolve_pack(str(pack), [])
    load_models(Analyser({}, found, settings))
    print(Path(facesort.__file__).parent, flush=True)
    for line in sys.stdin:
        photo = Path(line.strip())
        analyser = Analyser({"": photo.parent}, found, settings)
        before = time.process_time()
        result = analyse_file(analyser, Task(PhotoRef(0, photo.name)))
        cpu = 1000 * (time.process_time() - before)
        digest = hashlib.sha256(repr((result.info, result.phash, result.turn)).encode())
        digest.update(result.jpeg)
        for face in result.faces:
            arrays = (face.box, face.landmarks, face.embedding)
            rated = (face.score, face.sharpness, face.yaw, face.quality, face.turn)
            digest.update(b"".join(a.tobytes() for a in arrays) + face.crop + repr(rated).encode())
        print(cpu, digest.hexdigest(), flush=True)


def photos(assets: Path, folder: Path, count: int) -> Iterator[tuple[str, list[Path]]]:
    """24 MP photos by what they ask of a worker."""
    made = sorted(make_jpegs(assets, folder, count).source.iterdir())
    yield "people, the camera held level", [p for n, p in enumerate(made) if n % 4 != 3]
    yield "people, the camera held upright", made[3::4]
    empty = _without_people(assets, folder / "empty.jpg", None)
    yield "nobody, the file says how it hangs", [_without_people(assets, folder / "told.jpg", 1)]
    yield "nobody, and the file does not say", [empty]


def _without_people(assets: Path, path: Path, orientation: int | None) -> Path:
    picture = cv2.resize(cv2.imread(str(assets / _EMPTY)), Camera().size)
    noise = np.random.default_rng(7).integers(-8, 9, picture.shape, dtype=np.int16)
    noisy = np.asarray(cv2.add(picture, noise, dtype=cv2.CV_8U), dtype=np.uint8)
    exif = Image.Exif()
    if orientation is not None:
        exif[_ORIENTATION] = orientation
    Image.fromarray(noisy[..., ::-1]).save(path, quality=Camera().quality, exif=exif)
    return path


def row(name: str, found: Mapping[str, Sequence[tuple[float, str]]]) -> str:
    before, after = ([cpu for cpu, _ in found[side]] for side in ("before", "after"))
    less = [100 * (a / b - 1) for a, b in zip(after, before, strict=True)]
    same = [one[1] for one in found["before"]] == [one[1] for one in found["after"]]
    cells = [_spread(before, ".1f"), _spread(after, ".1f"), _spread(less, "+.1f")]
    return (
        f"| {name} ({len(before)}) | {' | '.join(cells)} | {'same' if same else '**different**'} |"
    )


def _spread(values: Sequence[float], form: str) -> str:
    low, middle, high = min(values), statistics.median(values), max(values)
    return f"{middle:{form}} ({low:{form}} to {high:{form}})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pack", type=Path)
    parser.add_argument("--assets", type=Path)
    parser.add_argument("--before", type=Path, help="a folder with another package `facesort`")
    parser.add_argument("--photos", type=int, default=12)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", type=Path, help="where the photos are made, or are already")
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(options.serve)
        return
    folder = options.folder or Path(tempfile.mkdtemp(prefix="facesort-photo-cost-"))
    homes = {"before": options.before.resolve(), "after": Path(__file__).resolve().parents[1]}
    sides = {side: Checkout(home, options.pack.resolve()) for side, home in homes.items()}
    print("| 24 MP (analyses) | CPU ms before: median (range) | after | % more | results |")
    print("|---|---|---|---|---|")
    for name, files in photos(options.assets.resolve(), folder, options.photos):
        found: dict[str, list[tuple[float, str]]] = {side: [] for side in sides}
        for number in range(options.rounds + 1):
            for file in files:
                for side in sides if number % 2 else reversed(sides):
                    cost = sides[side].analyse(file)
                    if number:  # the first time is for the caches
                        found[side].append(cost)
        print(row(name, found), f"load {os.getloadavg()[0]:.0f}", flush=True)


if __name__ == "__main__":
    run_benchmark(main, ANALYSIS)
