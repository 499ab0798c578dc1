"""facesort against programs from the package index that sort photos by who is in them; prints a table.

python benchmarks/peers.py --assets ../shared --photos 100 --rounds 3

Everyone gets the same photos of LFW and one reference of each person, and is run from its command line with its own
defaults.  CPU time is that of the whole command and of all its processes, with start, models and references: for
facesort `init`, `seed` and `sort`.  Peers are installed into virtual environments of their own, which are thrown away.
They may download nothing: where a program wants a model pack that is not here, it gets facesort's in its place.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from figures import ANALYSIS, run_benchmark
from PIL import Image

Placed = set[tuple[str, str]]
"""Name of a photo, and of the person in whose folder it is."""

_KNOWN = 0.8  # share of photos with a person who has a reference
_DLIB = ["face_recognition", "face_recognition_models", "dlib-bin", "setuptools<81"]  # no compiler
_ONNX = ["insightface", "onnxruntime", "opencv-python-headless"]
_COMMON = [
    *("click", "numpy", "onnx", "pillow", "pydantic", "pydantic-settings", "requests", "rich"),
    *("scikit-image", "scikit-learn", "tqdm", "typer"),
]


@dataclass(frozen=True, slots=True)
class Event:
    """Photos, a reference of each person beside them, and who is in which photo; of strangers, nobody."""

    photos: Path
    references: Path
    side: int
    truth: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of_lfw(cls, lfw: Path, root: Path, number: int, side: int) -> Event:
        """The first people of LFW, and strangers; photos enlarged to a side in px, references as they are."""
        event = cls(root / "photos", root / "references", side)
        event.photos.mkdir(parents=True)
        folders = [sorted(folder.glob("*.jpg")) for folder in sorted(lfw.iterdir())]
        known = (photos for photos in folders if len(photos) > 3)
        while len(event.truth) < number * _KNOWN:
            reference, *others = next(known)
            person = reference.parent.name
            (event.references / person).mkdir(parents=True)
            shutil.copy(reference, event.references / person / "1.jpg")
            event._add(others[: round(number * _KNOWN) - len(event.truth)], person)
        strangers = [photos[0] for photos in folders if len(photos) == 1]
        event._add(strangers[: number - len(event.truth)], "")
        return event

    def _add(self, photos: list[Path], person: str) -> None:
        for photo in photos:
            with Image.open(photo) as image:
                image.resize((self.side, self.side)).save(self.photos / photo.name, quality=92)
            self.truth[photo.stem] = person

    def flat_references(self, folder: Path, form: str) -> Path:
        """The references in one folder, under the names of the people."""
        folder.mkdir()
        for reference in self.references.glob("*/1.jpg"):
            shutil.copy(reference, folder / form.format(reference.parent.name))
        return folder


@dataclass(slots=True)
class Score:
    """What one program did, round by round."""

    cpu: list[float] = field(default_factory=list)
    placed: Placed = field(default_factory=set)

    def row(self, name: str, truth: dict[str, str]) -> str:
        """The program's row of the table."""
        known = {(photo, person) for photo, person in truth.items() if person}
        right = len(self.placed & known)
        people = {person for _, person in known}  # other folders are of nobody who has a name
        wrong = sum(photo in truth and who in people for photo, who in self.placed - known)
        seconds = f"{statistics.median(self.cpu):.1f} ({min(self.cpu):.1f} to {max(self.cpu):.1f})"
        return f"| {name} | {right}/{len(known)} | {wrong} | {seconds} |"


def command(*words: object, home: Path, checkout: Path | None = None) -> str:
    """Run a command in a home of its own, with another facesort if a checkout is given; its output."""
    other = {} if checkout is None else {"PYTHONPATH": str(checkout)}
    done = subprocess.run(
        list(map(str, words)),
        cwd=home,
        env=os.environ | {"HOME": str(home), "NO_COLOR": "1", "COLUMNS": "200"} | other,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{words[0]} failed: {done.stderr[-2000:] or done.stdout[-2000:]}")
    return done.stdout


def run_facesort(event: Event, home: Path, *, pack: Path, checkout: Path | None = None) -> Placed:
    words = (sys.executable, "-P", "-m", "facesort")
    facesort = partial(command, *words, home=home, checkout=checkout)
    facesort("init", "--source", event.photos, "--output", home / "out", "--pack", pack)
    facesort("seed", "--from", event.references)
    facesort("sort")
    return set(_in_folders(home / "out", lambda name: name.rsplit("_", 1)[0]))


def run_face_recognition(event: Event, home: Path, *, bin: Path) -> Placed:
    """It copies nothing, and prints who is in which photo."""
    known = event.flat_references(home / "known", "{}.jpg")
    lines = command(bin / "face_recognition", known, event.photos, home=home).splitlines()
    answers = [line.rsplit(",", 1) for line in lines if "," in line]
    return {(Path(photo).stem, who) for photo, who in answers if who in event.truth.values()}


def run_face_grouper(event: Event, home: Path, *, bin: Path, backend: str) -> Placed:
    known = event.flat_references(home / "known", "{}_1.jpg")
    options = ["--ref-dir", known, "--output", home / "out", "--backend", backend]
    command(bin / "fgroup", "group", event.photos, *options, home=home)
    return set(_in_folders(home / "out", str))


def run_face_cluster(event: Event, home: Path, *, bin: Path) -> Placed:
    """It knows no names: a folder is of all those whose reference is in it, with which the photos are mixed."""
    mixed = event.flat_references(home / "mixed", "reference-{}.jpg")
    shutil.copytree(event.photos, mixed, dirs_exist_ok=True)
    command(bin / "face-cluster", mixed, "--output", home / "out", "--force", home=home)
    clusters: dict[str, set[str]] = defaultdict(set)
    for photo, folder in _in_folders(home / "out", str):
        clusters[folder].add(photo)
    return {
        (photo, reference.removeprefix("reference-"))
        for photos in clusters.values()
        for reference in photos
        if reference.startswith("reference-")
        for photo in photos
    }


def _in_folders(output: Path, stem: Callable[[str], str]) -> Iterator[tuple[str, str]]:
    return ((stem(photo.stem), photo.parent.name) for photo in output.glob("*/*.jpg"))


def install(folder: Path, *packages: str) -> Path:
    """Make a virtual environment of exactly these packages and what they miss; its programs."""
    command(sys.executable, "-m", "venv", folder, home=folder.parent)
    pip = partial(
        command, folder / "bin" / "python", "-m", "pip", "install", "-q", home=folder.parent
    )
    bare, rest = [p for p in packages if p not in _COMMON], [p for p in packages if p in _COMMON]
    pip("--no-deps", *bare)  # they ask for what has to be compiled, or for CUDA, by name
    pip(*rest)
    return folder / "bin"


def give_models(home: Path, pack: Path, name: str) -> None:
    """Put a model pack where InsightFace would download another one to."""
    shutil.copytree(pack, home / ".insightface" / "models" / name)


def programs(
    root: Path, models: Path, only: tuple[str, ...], before: Path | None
) -> dict[str, Callable[[Event, Path], Placed]]:
    """Install the peers; each program that is asked for and can be run here, by its name in the table."""

    def is_asked_for(program: str) -> bool:
        return any(program.startswith(each) or each.startswith(program) for each in only)

    found: dict[str, Callable[[Event, Path], Placed]] = {}
    for name in ("mbf128", "buffalo_sc_int8"):
        found[f"facesort, `{name}`"] = partial(run_facesort, pack=models / name)
        if before is not None:
            older = partial(run_facesort, pack=models / name, checkout=before.resolve())
            found[f"facesort, `{name}`, before"] = older
    if is_asked_for("face_recognition"):
        try:
            bin = install(root / "face_recognition", *_DLIB, *_COMMON)
            found["face_recognition"] = partial(run_face_recognition, bin=bin)
        except RuntimeError as error:
            print(f"face_recognition cannot be installed: {error}", file=sys.stderr)
    if is_asked_for("face-grouper"):
        try:
            bin = install(root / "face-grouper", "face-grouper", *_DLIB, *_ONNX, *_COMMON)
            found["face-grouper"] = partial(run_face_grouper, bin=bin, backend="dlib")
            arcface = partial(run_face_grouper, bin=bin, backend="arcface")
            found["face-grouper `--backend arcface`, `buffalo_sc_int8`"] = arcface
        except RuntimeError as error:
            print(f"face-grouper cannot be installed: {error}", file=sys.stderr)
    if is_asked_for("face-cluster"):
        try:
            bin = install(root / "face-cluster", "face-cluster", *_ONNX, *_COMMON)
            found["face-cluster, `buffalo_sc_int8`"] = partial(run_face_cluster, bin=bin)
        except RuntimeError as error:
            print(f"face-cluster cannot be installed: {error}", file=sys.stderr)
    return {name: run for name, run in found.items() if name.startswith(only)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--assets", type=Path, required=True)
    parser.add_argument("--photos", type=int, default=100)
    parser.add_argument(
        "--side", type=int, default=250, help="of the photos, in px; LFW's own is 250"
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="+", default=[""], help="beginnings of names in the table")
    parser.add_argument("--before", type=Path, help="another checkout of facesort, to compare with")
    asked = parser.parse_args()
    assets = asked.assets.resolve()
    with tempfile.TemporaryDirectory(prefix="facesort-peers-") as folder:
        root = Path(folder)
        event = Event.of_lfw(assets / "photos" / "lfw", root / "event", asked.photos, asked.side)
        runs = programs(root, assets / "models", tuple(asked.only), asked.before)
        scores: dict[str, Score] = {name: Score() for name in runs}
        for turn in range(asked.rounds):
            for number, (name, run) in enumerate(runs.items()):
                home = root / f"home-{turn}-{number}"
                for wanted in ("buffalo_l", "antelopev2"):
                    give_models(home, assets / "models" / "buffalo_sc_int8", wanted)
                before = _cpu()
                scores[name].placed = run(event, home)
                scores[name].cpu.append(_cpu() - before)
                print(scores[name].row(name, event.truth), os.getloadavg(), file=sys.stderr)
                shutil.rmtree(home)
    people = len(set(event.truth.values()) - {""})
    print(f"{asked.photos} photos of {asked.side} px, {people} people with one reference each\n")
    print("| program | photos in their person's folder | in a wrong folder | CPU s |")
    print("|---|---|---|---|")
    for name, score in scores.items():
        print(score.row(name, event.truth))


def _cpu() -> float:
    """User and system time of all processes that have ended, in seconds."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    run_benchmark(main, [*ANALYSIS, "facesort/engine/job/sort.py"])
