"""Where the time of one worker goes: CPU milliseconds per photo and stage, on 24 MP JPEGs.

python benchmarks/stages.py --assets ../shared --pack ../shared/models/mbf128

CPU time, not wall time: it hardly depends on what else the machine is doing.
"""

from __future__ import annotations

import argparse
import hashlib
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

import cv2
from speed_photos import make_jpegs

from facesort.faces.load import load_engine
from facesort.faces.packs import resolve_pack
from facesort.faces.protocol import FaceEngine
from facesort.images import encode_crop, encode_output, load_photo

T = TypeVar("T")


class Stages:
    """CPU seconds by stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)

    def of(self, name: str, work: Callable[[], T]) -> T:
        started = time.process_time()
        result = work()
        self.seconds[name] += time.process_time() - started
        return result


def analyse(stages: Stages, engine: FaceEngine, path: Path) -> None:
    """What `analyse_file` does, stage by stage."""
    data = stages.of("read", path.read_bytes)
    stages.of("hash", lambda: hashlib.sha256(data).hexdigest())
    photo = stages.of("decode", lambda: load_photo(data, path.name, max_megapixels=200))
    found = stages.of("shrink and detect", lambda: engine.detect(photo.pixels))
    aligned = stages.of("align", lambda: engine.align(photo.pixels, found))
    stages.of("embed", lambda: engine.embed(aligned))
    crop = partial(encode_crop, photo.pixels, context=0.4, edge=160, quality=80)
    stages.of("crops", lambda: [crop(box) for box in found.boxes])
    stages.of("resize and encode", lambda: encode_output(photo.pixels))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--assets", type=Path, default=Path("../shared"))
    parser.add_argument("--pack", required=True)
    parser.add_argument("--photos", type=int, default=24)
    parser.add_argument("--keep", type=Path, help="make the photos here, or find them here")
    options = parser.parse_args()
    engine = load_engine(resolve_pack(options.pack, []), threads=1)
    cv2.setNumThreads(1)
    stages = Stages()
    with tempfile.TemporaryDirectory() as folder:
        made = make_jpegs(options.assets, options.keep or Path(folder), options.photos)
        paths = sorted(made.source.iterdir())[: options.photos]
        analyse(Stages(), engine, paths[0])
        for path in paths:
            analyse(stages, engine, path)
    whole = sum(stages.seconds.values())
    print("| stage | ms per photo | share |\n|---|---|---|")
    for name, seconds in stages.seconds.items():
        print(f"| {name} | {1000 * seconds / len(paths):.1f} | {seconds / whole:.0%} |")
    print(f"| all | {1000 * whole / len(paths):.1f} | |")


if __name__ == "__main__":
    main()
