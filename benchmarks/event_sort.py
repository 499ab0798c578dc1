"""What arrives in folders: random events from LFW through `facesort init`, `seed` and `sort` alone.

    python benchmarks/event_sort.py --assets ../shared --pack ../shared/models/mbf128 --ledger /tmp/ledger.jsonl

Each draw chooses who is known; all others are strangers, of whom those with one photo are told apart (*lone*).  It is
sorted with groups; for the comparison `matching.groups = false` is set and `facesort rematch` decides again: what it
would have delivered is what lies in the folders without what `corrections.csv` lists.  One line of the ledger is one of
the two, so that a campaign can go on where it ended; the table is made of the ledger.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path

from accuracy import photos_in, rate

_COUNTED = ("known", "missed", "strangers", "named", "lone", "lone_named", "wrong")
_FACESORT = [sys.executable, "-m", "facesort"]


@dataclass(frozen=True, slots=True)
class Case:
    """One event."""

    pack: str
    persons: int
    references: int
    draw: int


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


def run_case(case: Case, assets: Path) -> Iterator[tuple[bool, Placed]]:
    """Draw an event, sort it on the command line, and look into the folders: with groups, then without."""
    rng = random.Random(f"{case.persons} {case.references} {case.draw}")
    people = {f.name: photos_in(f) for f in sorted((assets / "photos/lfw").iterdir()) if f.is_dir()}
    able = [name for name, photos in people.items() if len(photos) > case.references]
    able = [name for name in able if len(people[name]) >= 4]
    chosen = rng.sample(able, case.persons)
    waiting = {name: rng.sample(people[name], len(people[name])) for name in chosen}
    with tempfile.TemporaryDirectory(prefix="facesort-event-") as name:
        root = Path(name)
        (root / "source").mkdir()
        facesort(root, "init", "--source", "source", "--output", "out", "--pack", case.pack)
        used = seeded(root, waiting, case.references)
        for who, photos in people.items():
            for photo in photos:
                if photo not in used.get(who, ()):
                    shutil.copyfile(photo, root / "source" / photo.name)
        sort_all(root)
        yield True, _placed(root, people, used)
        decide_without_groups(root)
        yield False, _placed(root, people, used)


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


def seeded(root: Path, waiting: dict[str, list[Path]], wanted: int) -> dict[str, list[Path]]:
    """Offer photos of each person until enough are accepted; which ones were.  Who has too few stays unseeded."""
    used: dict[str, list[Path]] = {name: [] for name in waiting}
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


def _placed(root: Path, people: dict[str, list[Path]], used: dict[str, list[Path]]) -> Placed:
    """Count what lies in the folders and belongs there by what counts now."""
    folders = delivered(root)
    photos = [(p.stem, who) for who, of in people.items() for p in of if p not in used.get(who, ())]
    known = [(stem, who) for stem, who in photos if who in used]
    strangers = [(stem, who) for stem, who in photos if who not in used]
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
        wrong=sum(bool(folders.get(stem, set()) - {who}) for stem, who in known),
        together=max(pairs.values(), default=0),
        loose=_loose(root),
    )


def _loose(root: Path) -> float:
    newest = max((root / "runs").glob("*/summary.json"))
    return float(json.loads(newest.read_text(encoding="utf-8"))["thresholds"]["loose"])


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
        loose = [line["loose"] for line in found]
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
    options = parser.parse_args()
    options.ledger.touch()
    done = {
        tuple(json.loads(line)[name] for name in Case.__annotations__)
        for line in options.ledger.read_text(encoding="utf-8").splitlines()
    }
    packs = [str(Path(p).resolve()) if Path(p).exists() else p for p in options.pack]
    for draw, pack, persons, references in product(
        range(options.draws), packs, options.persons, options.references
    ):
        case = Case(pack, persons, references, draw)
        if tuple(asdict(case).values()) in done:
            continue
        found = list(run_case(case, options.assets.resolve()))
        with options.ledger.open("a", encoding="utf-8") as stream:
            for groups, placed in found:
                line = asdict(case) | {"groups": groups} | asdict(placed)
                stream.write(json.dumps(line) + "\n")
    table(options.ledger)


if __name__ == "__main__":
    main()
