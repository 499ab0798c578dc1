"""What arrives in folders: random events from LFW through `facesort init`, `seed` and `sort` alone.

    python benchmarks/event_sort.py --assets ../shared --pack ../shared/models/mbf128 --work /tmp/events \\
        --ledger /tmp/ledger.jsonl

Each draw chooses who is known; all others are strangers, of whom those with one photo are told apart (*lone*).
Strangers and wrong names are counted in photos with one face: who else is in the others, the labels do not say.

The photos are analysed once per pack, by a sort that knows nobody; each draw then seeds its persons from photos of the
event and re-matches.  `--from-scratch` sorts each draw anew, without the photos that became references.  For the
comparison `matching.groups = false` is set and re-matched: what would be delivered is what lies in the folders without
what `corrections.csv` lists.  The ledger has a line for each of the two, so that a campaign goes on where it ended.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import random
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path

from accuracy import photos_in, rate
from figures import GROUPS, MATCHING, run_benchmark

import facesort as package

_COUNTED = ("known", "missed", "strangers", "named", "lone", "lone_named", "wrong")
People = dict[str, list[Path]]
"""Photos of each person."""

_FACESORT = [sys.executable, "-m", "facesort"]


@dataclass(frozen=True, slots=True)
class Case:
    """One event."""

    pack: str
    persons: int
    references: int
    draw: int
    people: People
    other: Path  # a photo of somebody else

    @property
    def key(self) -> dict[str, str | int]:
        """What names its lines of the ledger."""
        return {n: getattr(self, n) for n in ("pack", "persons", "references", "draw")}


@dataclass(frozen=True, slots=True)
class Placed:
    """Photos, counted by where they are afterwards."""

    known: int
    missed: int
    strangers: int
    named: int
    lone: int
    lone_named: int
    wrong: int
    together: int  # most photos of one stranger in one folder
    loose: float


def run_case(case: Case, root: Path, scratch: bool) -> Iterator[tuple[bool, Placed]]:
    """Draw an event, sort it on the command line, and look into the folders: with groups, then without.

    Parameters
    ----------
    root : Path
        Emptied first.  Beside it is `_analysed`, made by the first case of a pack.
    """
    rng = random.Random(f"{case.persons} {case.references} {case.draw}")
    able = [name for name, photos in case.people.items() if len(photos) >= 4]
    chosen = rng.sample(able, case.persons)
    waiting = {n: rng.sample(case.people[n], len(case.people[n])) for n in chosen}
    shutil.rmtree(root, ignore_errors=True)
    if scratch:
        _initialised(root, case)
    else:
        shutil.copytree(_analysed(root, case), root)
    used = seeded(root, waiting, case.references)
    if scratch:
        _photos(root, case.people, used)
        sort_all(root)
    yield True, _placed(root, case.people, used, rematched(root))
    decide_without_groups(root)
    yield False, _placed(root, case.people, used, math.nan)


def _analysed(root: Path, case: Case) -> Path:
    """A workspace in which all photos are sorted, and nobody is known; it works at the path `root` only."""
    made = root.with_name(root.name + "_analysed")
    if not made.exists():
        _initialised(root, case)
        _photos(root, case.people, {})
        # A sort wants somebody to look for: a person who is in none of the photos.
        facesort(root, "seed", "Nobody", str(case.other))
        sort_all(root)
        facesort(root, "forget", "Nobody", "--yes")
        root.rename(made)
    return made


def _initialised(root: Path, case: Case) -> None:
    (root / "source").mkdir(parents=True)
    facesort(root, "init", "--source", "source", "--output", "out", "--pack", case.pack)


def _photos(root: Path, people: People, without: People) -> None:
    for who, photos in people.items():
        for photo in photos:
            if photo not in without.get(who, ()):
                shutil.copyfile(photo, root / "source" / photo.name)


def sort_all(root: Path) -> None:
    facesort(root, "sort")
    status = json.loads(facesort(root, "status", "--json"))
    if status["photos"]["pending"] or status["photos"]["failed"]:
        raise RuntimeError(f"not everything was sorted: {status['photos']}")


def decide_without_groups(root: Path) -> None:
    settings = root / "ws/facesort.toml"
    text = settings.read_text(encoding="utf-8")
    if "groups = true" not in text:
        raise RuntimeError("this facesort has no groups")
    settings.write_text(text.replace("groups = true", "groups = false"), encoding="utf-8")
    facesort(root, "rematch")


def facesort(root: Path, *arguments: str) -> str:
    done = subprocess.run(
        [*_FACESORT, arguments[0], "-w", "ws", *arguments[1:]],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode not in (0, 1):  # 1: some references were refused
        raise RuntimeError(f"{arguments}: {done.stderr[-2000:]}")
    return done.stdout


def seeded(root: Path, waiting: People, wanted: int) -> People:
    """Offer photos of each person until enough are accepted; which ones were.  Who has too few stays unseeded."""
    used: People = {name: [] for name in waiting}
    before = Counter[str]()
    while offered := {n: p[0] for n, p in waiting.items() if p and len(used[n]) < wanted}:
        folder = root / "references"
        for name, photo in offered.items():
            (folder / name).mkdir(parents=True)
            shutil.copyfile(photo, folder / name / photo.name)
            waiting[name] = waiting[name][1:]
        facesort(root, "seed", "--from", "references")
        after = _references(root)
        shutil.rmtree(folder)
        for name, photo in offered.items():
            if after[name] > before[name]:
                used[name].append(photo)
        before = after
    return {name: photos for name, photos in used.items() if photos}


def _references(root: Path) -> Counter[str]:
    persons = json.loads(facesort(root, "persons", "--json"))
    return Counter({p["name"]: p["references"] for p in persons})


def delivered(root: Path) -> dict[str, set[str]]:
    """Folders of each photo, by its name without suffix: those that it belongs to by what counts now."""
    with (root / "ws/corrections.csv").open(encoding="utf-8-sig", newline="") as stream:
        wrong_now = {line["file"] for line in csv.DictReader(stream)}
    folders: dict[str, set[str]] = {}
    for copy in (root / "out").glob("*/*.jpg"):
        if copy.relative_to(root / "out").as_posix() not in wrong_now:
            folders.setdefault(copy.stem[:-13], set()).add(copy.parent.name)
    return folders


def _placed(root: Path, people: People, used: People, loose: float) -> Placed:
    """Count what lies in the folders and belongs there by what counts now."""
    folders = delivered(root)
    photos = [(p.stem, who) for who, of in people.items() for p in of if p not in used.get(who, ())]
    known = [(stem, who) for stem, who in photos if who in used]
    single = _with_one_face(root)
    strangers = [(stem, who) for stem, who in photos if who not in used and stem in single]
    there = Counter(who for _, who in strangers)
    named = [(stem, who) for stem, who in strangers if folders.get(stem)]
    pairs = Counter((who, folder) for stem, who in named for folder in folders[stem])
    return Placed(
        known=len(known),
        missed=sum(who not in folders.get(stem, ()) for stem, who in known),
        strangers=len(strangers),
        named=len(named),
        lone=sum(there[who] == 1 for _, who in strangers),
        lone_named=sum(there[who] == 1 for _, who in named),
        wrong=sum(bool(folders.get(stem, set()) - {who}) for stem, who in known if stem in single),
        together=max(pairs.values(), default=0),
        loose=loose,
    )


def _with_one_face(root: Path) -> set[str]:
    """Photos of whose faces the label tells all; the others show people whom it does not name."""
    with package.open(root / "ws") as event:
        photos = event.faces.aggregate("path, count(*) AS faces").filter("faces = 1").fetchall()
    return {Path(path).stem for path, _ in photos}


def rematched(root: Path) -> float:
    """Match all stored faces again; at which LOOSE."""
    groups = json.loads(facesort(root, "rematch", "--json"))["groups"]
    return float(groups["loose"]) if groups else math.nan


def table(ledger: Path) -> None:
    """Print what the ledger holds, draws added up."""
    lines = [json.loads(line) for line in ledger.read_text(encoding="utf-8").splitlines()]
    cases: dict[tuple[str, int, int, bool], list[dict[str, float]]] = {}
    for line in lines:
        key = (Path(line["pack"]).name, line["persons"], line["references"], line["groups"])
        cases.setdefault(key, []).append(line)
    head = (
        "pack", "persons", "references", "groups", "draws", "FNIR", "FPIR", "FPIR, lone strangers", "wrong names",
        "most photos of a stranger in a folder", "LOOSE",
    )  # fmt: skip
    print(f"| {' | '.join(head)} |")
    print("|---" * len(head) + "|")
    for (pack, persons, references, groups), found in sorted(cases.items()):
        total = {name: sum(int(line[name]) for line in found) for name in _COUNTED}
        loose = [line["loose"] for line in found if not math.isnan(line["loose"])] or [math.nan]
        cells = (
            pack, persons, references, "yes" if groups else "no", len(found),
            rate(total["missed"], total["known"]), rate(total["named"], total["strangers"]),
            rate(total["lone_named"], total["lone"]), rate(total["wrong"], total["known"]),
            max(int(line["together"]) for line in found), f"{min(loose):.2f} to {max(loose):.2f}",
        )  # fmt: skip
        print(f"| {' | '.join(map(str, cells))} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--assets", type=Path, default=Path("../shared"))
    parser.add_argument("--pack", action="append", required=True)
    parser.add_argument("--persons", type=int, nargs="+", default=[60, 150, 300])
    parser.add_argument("--references", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--ledger", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True, help="folder for photos and workspaces")
    parser.add_argument("--from-scratch", action="store_true")
    options = parser.parse_args()
    options.ledger.touch()
    done = [json.loads(x) for x in options.ledger.read_text(encoding="utf-8").splitlines()]
    packs = [str(Path(p).resolve()) if Path(p).exists() else p for p in options.pack]
    lfw = (options.assets / "photos/lfw").resolve()
    other = (options.assets / "photos/compreface/001_A.jpg").resolve()
    people = {f.name: photos_in(f) for f in sorted(lfw.iterdir()) if f.is_dir()}
    options.work.mkdir(exist_ok=True)
    for draw, references, pack, persons in product(
        range(options.draws), options.references, packs, options.persons
    ):
        case = Case(pack, persons, references, draw, people, other)
        if any(case.key.items() <= line.items() for line in done):
            continue
        found = list(run_case(case, options.work / Path(pack).name, options.from_scratch))
        with options.ledger.open("a", encoding="utf-8") as stream:
            for groups, placed in found:
                stream.write(json.dumps(case.key | {"groups": groups} | asdict(placed)) + "\n")
    table(options.ledger)


if __name__ == "__main__":
    run_benchmark(main, [*GROUPS, *MATCHING])
