"""Open-set accuracy on labelled photos, through the real job: seed, sort, read the store.

    python benchmarks/accuracy.py lfw --pack ../shared/models/mbf128 --assets ../shared

``lfw``: 150 people seeded from one photo each; their other photos and 250 strangers are sorted.
``groups``: CompreFace's photos (up to 36 MP): faces found against the labelled noses, and three seeded people.
``web``: deepface's full-size web photos, one reference per person.
"""

from __future__ import annotations

import argparse
import csv
import json
import logging
import random
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from figures import GROUPS, MATCHING, run_benchmark
from scipy.stats import binomtest

from facesort.engine.gallery.seed import Candidate, seed
from facesort.engine.job.sort import run_sort
from facesort.engine.setup import set_up
from facesort.faces.protocol import ModelPack
from facesort.settings import MatchingSettings
from facesort.store.queries import reports
from facesort.store.queries.stored import stored_photos
from facesort.workspace import Workspace

PHOTO_SUFFIXES = {".jpg", ".jpeg", ".png"}


@dataclass(slots=True)
class Event:
    """Labelled photos on their way into a job.

    Parameters
    ----------
    references : dict of person to photos
        Tried in order until one is accepted; the others are sorted.
    strangers : list of Path
    """

    references: dict[str, list[Path]]
    strangers: list[Path] = field(default_factory=list)


def photos_in(folder: Path) -> list[Path]:
    return sorted(p for p in folder.iterdir() if p.suffix.lower() in PHOTO_SUFFIXES)


def lfw_event(assets: Path, rng: random.Random) -> Event:
    folders = sorted(p for p in (assets / "photos/lfw").rglob("*") if p.is_dir() and photos_in(p))
    known = [f for f in folders if len(photos_in(f)) >= 4]
    single = [f for f in folders if len(photos_in(f)) == 1]
    chosen = rng.sample(known, 150)
    return Event({f.name: photos_in(f) for f in chosen}, [photos_in(f)[0] for f in single[:250]])


def web_event(assets: Path, _: random.Random) -> Event:
    folder = assets / "photos/deepface"
    with (folder / "labels_from_csv.tsv").open(encoding="utf-8") as stream:
        rows = csv.DictReader((line for line in stream if not line.startswith("#")), delimiter="\t")
        people: dict[str, list[Path]] = {}
        for row in rows:
            people.setdefault(row["person"], []).append(folder / row["file"])
    return Event({name: sorted(files) for name, files in people.items()})


def groups_event(assets: Path, _: random.Random) -> Event:
    folder = assets / "photos/compreface"
    people: dict[str, list[Path]] = {}
    groups = []
    for photo in photos_in(folder):
        label = photo.stem.split("_")[1]
        if label.isalpha():
            people.setdefault(label, []).append(photo)
        else:
            groups.append(photo)
    return Event(people, groups)


def prepare(
    event: Event, root: Path, pack: str | None
) -> tuple[Workspace, ModelPack, dict[str, str]]:
    """Seed, and lay out the source; returns the truth as photo path to person (empty: a stranger)."""
    source = root / "source"
    source.mkdir(parents=True)
    workspace, chosen = set_up(root / "hot", [source], root / "out", pack, [])
    truth: dict[str, str] = {}
    waiting = dict(event.references)
    while waiting:
        tried = [Candidate(name, files[0]) for name, files in waiting.items()]
        refused = {r.candidate.name for r in seed(workspace, chosen, tried) if r.refused}
        for name, files in list(waiting.items()):
            if name in refused and len(files) > 1:
                waiting[name] = files[1:]
                continue
            del waiting[name]
            for file in files[1:] if name not in refused else []:
                truth[add(source, file)] = name
    for file in event.strangers:
        truth[add(source, file)] = ""
    return workspace, chosen, truth


def add(source: Path, file: Path) -> str:
    target = source / file.parent.name / file.name
    target.parent.mkdir(exist_ok=True)
    shutil.copyfile(file, target)
    return target.relative_to(source).as_posix()


def rate(errors: int, trials: int) -> str:
    """A share with its counts and Wilson's 95 % interval."""
    if not trials:
        return "undefined (0 trials)"
    interval = binomtest(errors, trials).proportion_ci(method="wilson")
    return f"{errors}/{trials} = {errors / trials:.2%} ({interval.low:.2%} to {interval.high:.2%})"


def score(truth: Mapping[str, str], placed: Mapping[str, frozenset[str]]) -> dict[str, str]:
    known = {path: name for path, name in truth.items() if name}
    strangers = [path for path, name in truth.items() if not name]
    missed = sum(name not in placed.get(path, ()) for path, name in known.items())
    wrong = sum(bool(placed.get(path, frozenset()) - {name}) for path, name in known.items())
    named = sum(bool(placed.get(path)) for path in strangers)
    return {
        "FNIR (known person's photo not in their folder)": rate(missed, len(known)),
        "FPIR (stranger's photo in any folder)": rate(named, len(strangers)),
        "wrong names (known person's photo in another's folder)": rate(wrong, len(known)),
    }


def found_noses(assets: Path, workspace: Workspace) -> str:
    """Share of the labelled noses that lie in a detected box."""
    noses = json.loads((assets / "photos/compreface/noses.json").read_text(encoding="utf-8"))
    with workspace.open_store(read_only=True) as store:
        photos = [p for p in stored_photos(store) if p.status not in {"pending", "failed"}]
    inside: Counter[bool] = Counter()
    for photo in photos:
        boxes = [face.box for face in photo.faces]
        for x, y in noses.get(photo.photo.path.rsplit("/", 1)[-1], ()):
            inside[any(b[0] <= x <= b[2] and b[1] <= y <= b[3] for b in boxes)] += 1
    return rate(inside[False], sum(inside.values()))


EVENTS: dict[str, Callable[[Path, random.Random], Event]] = {
    "lfw": lfw_event,
    "web": web_event,
    "groups": groups_event,
}


def main(arguments: Iterable[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("event", choices=EVENTS)
    parser.add_argument("--assets", type=Path, default=Path("../shared"))
    parser.add_argument("--pack")
    parser.add_argument("--no-learning", action="store_true")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.WARNING)
    event = EVENTS[options.event](options.assets, random.Random(options.seed))
    with tempfile.TemporaryDirectory() as folder:
        workspace, pack, truth = prepare(event, Path(folder), options.pack)
        if options.no_learning:
            matching = MatchingSettings(learn=False)
            workspace = Workspace(
                workspace.root, workspace.settings.model_copy(update={"matching": matching})
            )
        run_sort(workspace, pack)
        with workspace.open_store(read_only=True) as store:
            placed, counts = reports.photo_folders(store), reports.counts(store)
        print(
            f"{options.event}, {pack.name}, STRICT {pack.strict:g}, LOOSE {pack.loose:g}, seed {options.seed}"
        )
        print(
            f"  {len(event.references)} people, {len(truth)} photos:",
            {s.value: n for s, n in counts.photos.items()},
        )
        for name, value in score(truth, placed).items():
            print(f"  {name}: {value}")
        if options.event == "groups":
            print(f"  labelled faces not detected: {found_noses(options.assets, workspace)}")


if __name__ == "__main__":
    run_benchmark(
        main,
        [*MATCHING, *GROUPS, "facesort/engine/job/decide.py", "facesort/engine/job/rematch.py"],
    )
