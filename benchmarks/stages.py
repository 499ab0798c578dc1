"""Where the time of one worker goes: CPU milliseconds per photo and stage, on 24 MP JPEGs.

python benchmarks/stages.py --assets ../shared --pack ../shared/models/mbf128

CPU time, not wall time: it hardly depends on what else the machine is doing.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import cv2
from speed_photos import make_jpegs

from facesort.core.records import Photo
from facesort.core.stages import added_up
from facesort.engine.analysis.analyse import Analyser, analyse_file
from facesort.faces.packs.find import resolve_pack
from facesort.settings import PhotoSettings


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--assets", type=Path, default=Path("../shared"))
    parser.add_argument("--pack", required=True)
    parser.add_argument("--photos", type=int, default=24)
    parser.add_argument("--keep", type=Path, help="make the photos here, or find them here")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as folder:
        made = make_jpegs(options.assets, options.keep or Path(folder), options.photos)
        names = sorted(path.name for path in made.source.iterdir())[: options.photos]
        analyser = Analyser(made.source, resolve_pack(options.pack, []), PhotoSettings())
        analyse_file(analyser, Photo(0, names[0], 0, 0))  # loads the models
        found = [analyse_file(analyser, Photo(0, name, 0, 0)) for name in names]
    spent = added_up(took for analysis in found for took in analysis.stages)
    whole = sum(took.cpu_seconds for took in spent)
    print("| stage | ms per photo | share |\n|---|---|---|")
    for took in spent:
        print(
            f"| {took.stage} | {1000 * took.cpu_seconds / len(names):.1f} | {took.cpu_seconds / whole:.0%} |"
        )
    print(f"| all | {1000 * whole / len(names):.1f} | |")


if __name__ == "__main__":
    main()
