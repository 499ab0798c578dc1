"""Photos with several people through `facesort init`, `seed` and `sort` alone: what groups bring, and what got worse.

    python benchmarks/several_faces.py --assets ../shared --pack ../shared/models/mbf128 --ledger /tmp/faces.jsonl

``composed``: photos of one to six people of LFW beside each other, 30 % of the faces shrunk to 22 to 52 px and
recompressed; 40 people have one reference.  A set of full scenes, or ``scenes``, all of them: everybody has one
reference.  ``scenes-half``: half of them.  Each event is sorted with groups and decided again without.

Known people count by what arrives in folders.  Strangers and wrong names count by faces: a stranger's face that gets
a name is an error even where that person is in the photo too.  Faces whose owner no label tells are listed only.
The ledger has names of people; the tables have none.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from io import BytesIO
from pathlib import Path

from accuracy import PHOTO_SUFFIXES, photos_in, rate
from event_sort import decide_without_groups, delivered, facesort, seeded, sort_all
from figures import GROUPS, MATCHING, run_benchmark
from groups import labels
from PIL import Image

from facesort.core.stored import StoredFace
from facesort.store.queries.reports import run_records
from facesort.store.queries.stored import stored_photos
from facesort.workspace import open_workspace

SCENES = ("deepface", "compreface", "face-api-bbt", "knn_examples")
EVENTS = ("composed", "scenes", "scenes-half", *SCENES)
KNOWN, PHOTOS = 40, 400
CELL = (170, 190)
"""Width and height, px, of a person's place in a composed photo: the middle of LFW's 250 x 250."""

FACE_WIDTH = 96
"""Of a face in LFW, px: the median."""

SMALL, SMALL_SHARE, SMALL_QUALITY = (22, 52), 0.3, 60
COUNTED = ("known", "missed", "strangers", "named", "labelled", "wrong")


@dataclass(slots=True)
class Event:
    """Labelled photos before the sort.

    Parameters
    ----------
    known : dict of person to photos
        Photos of the person alone; those that don't become references are sorted.
    others : dict of photo to persons
        Sorted too.
    composed : bool
        Whether photos are put together; all are of one person then.
    """

    known: dict[str, list[Path]]
    others: dict[Path, set[str]]
    composed: bool = False


@dataclass(frozen=True, slots=True)
class Photo:
    """A photo of the source.

    Parameters
    ----------
    who : frozenset of str
        Who is in it, as far as labels say.
    places : dict of person to (x, y)
        Where their faces are, px; of composed photos.
    """

    who: frozenset[str]
    places: dict[str, tuple[float, float]] = field(default_factory=dict)

    def owner(self, face: StoredFace, faces: int) -> str:
        """Whose face it is; empty if no label tells."""
        left, top, right, bottom = face.box
        for person, (x, y) in self.places.items():
            if left < x < right and top < y < bottom:
                return person
        return min(self.who) if len(self.who) == faces == 1 and not self.places else ""


def draw(kind: str, assets: Path, rng: random.Random) -> Event:
    if kind == "composed":
        people = {f.name: photos_in(f) for f in sorted((assets / "photos/lfw").iterdir())}
        able = [name for name, photos in people.items() if len(photos) >= 4]
        known = set(rng.sample(able, KNOWN))
        others = {p: {n} for n, photos in people.items() if n not in known for p in photos}
        return Event({n: people[n] for n in sorted(known)}, others, composed=True)
    folders = [s for s in SCENES if kind in (s, "scenes", "scenes-half")]
    root, found = assets / "photos", dict[str, Path]()
    for folder in folders:
        for path in sorted((root / folder).rglob("*")):
            if path.suffix.lower() in PHOTO_SUFFIXES | {".jpeg"}:
                found.setdefault(sha256(path.read_bytes()).hexdigest(), path)
    paths = list(found.values())
    told = labels(assets, [p.relative_to(root).as_posix() for p in paths])
    alone: dict[str, list[Path]] = {}
    for number, path in enumerate(paths):
        if len(told.get(number, ())) == 1:
            alone.setdefault(min(told[number]), []).append(path)
    known = set(rng.sample(sorted(alone), len(alone) // 2) if kind == "scenes-half" else alone)
    others = {
        path: told.get(number, set())
        for number, path in enumerate(paths)
        if len(told.get(number, ())) != 1 or min(told[number]) not in known
    }
    return Event({n: alone[n] for n in sorted(known)}, others)


def compose(waiting: list[tuple[Path, str]], source: Path, rng: random.Random) -> dict[str, Photo]:
    """Write photos of one to six different people until there are enough."""
    rng.shuffle(waiting)
    photos: dict[str, Photo] = {}
    while waiting and len(photos) < PHOTOS:
        size, together = rng.randint(1, 6), dict[str, Path]()
        for path, who in waiting:
            if len(together) == size:
                break
            together.setdefault(who, path)
        waiting = [w for w in waiting if w[0] not in set(together.values())]
        columns, rows = min(3, size), (size + 2) // 3
        width, height = CELL
        canvas = Image.new("RGB", (columns * width, rows * height), (96, 100, 104))
        places = {}
        for number, (who, path) in enumerate(together.items()):
            x, y = number % 3 * width, number // 3 * height
            canvas.paste(_person(path, rng), (x, y))
            places[who] = (x + width / 2, y + height / 2)
        name = f"photo_{len(photos):04}"
        canvas.save(source / f"{name}.jpg", quality=90)
        photos[name] = Photo(frozenset(together), places)
    return photos


def _person(path: Path, rng: random.Random) -> Image.Image:
    """A person of LFW without the background, three in ten shrunk; as large as a cell."""
    width, height = CELL
    left, top = (250 - width) // 2, (250 - height) // 2
    person = Image.open(path).convert("RGB").crop((left, top, left + width, top + height))
    if rng.random() >= SMALL_SHARE:
        return person
    scale = rng.uniform(*SMALL) / FACE_WIDTH
    shrunk = person.resize((round(width * scale), round(height * scale)), Image.Resampling.LANCZOS)
    shrunk.save(stream := BytesIO(), "JPEG", quality=SMALL_QUALITY)
    cell = Image.new("RGB", CELL, (96, 100, 104))
    cell.paste(Image.open(stream), ((width - shrunk.width) // 2, (height - shrunk.height) // 2))
    return cell


def lay_out(
    event: Event, used: dict[str, list[Path]], source: Path, rng: random.Random
) -> dict[str, Photo]:
    """Write the photos that are sorted; those by their names without suffix."""
    taken = {p for paths in used.values() for p in paths}
    photos = {p: {name} for name, paths in event.known.items() for p in paths if p not in taken}
    photos |= event.others
    if event.composed:
        return compose([(p, min(who)) for p, who in photos.items()], source, rng)
    laid = {}
    for number, (path, who) in enumerate(photos.items()):
        name = f"{path.parent.name}_{path.stem}_{number}"
        shutil.copyfile(path, source / f"{name}{path.suffix}")
        laid[name] = Photo(frozenset(who))
    return laid


@dataclass(frozen=True, slots=True)
class Sorted:
    """What one way of deciding gave."""

    folders: dict[str, set[str]]
    faces: dict[str, tuple[StoredFace, ...]]
    loose: float
    groups: dict[str, object]


def look(root: Path) -> Sorted:
    """Folders, and the decisions behind them: they must agree."""
    folders = delivered(root)
    workspace = open_workspace(root / "ws")
    with workspace.open_store(read_only=True) as store:
        faces = {Path(p.photo.path).stem: p.faces for p in stored_photos(store)}
        run = run_records(store)[-1]
    for photo, found in faces.items():
        named = {f.person for f in found if f.person and f.outcome != "unknown"}
        if named != folders.get(photo, set()):
            raise RuntimeError(f"{photo} is in {folders.get(photo)}, but decided as {named}")
    return Sorted(folders, faces, float(run.settings["matching"]["loose"]), dict(run.groups))


def run_case(kind: str, pack: str, draw_number: int, assets: Path) -> dict[str, object]:
    rng = random.Random(f"{kind} {draw_number}")
    event = draw(kind, assets, rng)
    with tempfile.TemporaryDirectory(prefix="facesort-several-") as name:
        root = Path(name)
        (root / "source").mkdir()
        facesort(root, "init", "--source", "source", "--output", "out", "--pack", pack)
        waiting = {n: rng.sample(paths, len(paths)) for n, paths in event.known.items()}
        used = seeded(root, waiting, 1)
        photos = lay_out(event, used, root / "source", rng)
        sort_all(root)
        after = look(root)
        decide_without_groups(root)
        before = look(root)
    known = set(used)
    line: dict[str, object] = {"event": kind, "pack": pack, "draw": draw_number}
    line |= {
        "photos": len(photos),
        "persons": len(known),
        "worse": list(worse(photos, known, before, after)),
    }
    for title, found in (("before", before), ("after", after)):
        line[title] = count(photos, known, found) | {"loose": found.loose}
    return line | {"decided_by": after.groups.get("decided_by")}


def names(photos: dict[str, Photo], found: Sorted) -> Iterator[tuple[str, str, StoredFace]]:
    """Photo, owner and face, of all faces."""
    for name, faces in found.faces.items():
        for face in faces:
            yield name, photos[name].owner(face, len(faces)), face


def count(photos: dict[str, Photo], known: set[str], found: Sorted) -> dict[str, int]:
    there = [(name, who) for name, photo in photos.items() for who in sorted(photo.who)]
    mine = [(name, who) for name, who in there if who in known]
    faces = [(name, who, face.person) for name, who, face in names(photos, found) if who]
    nobody = [(name, who, person) for name, who, person in faces if who not in known]
    together = Counter((who, person) for _, who, person in nobody if person)
    labelled = [(who, person) for _, who, person in faces if who in known]
    return {
        "known": len(mine),
        "missed": sum(who not in found.folders.get(name, ()) for name, who in mine),
        "strangers": len(nobody),
        "named": sum(person is not None for *_, person in nobody),
        "labelled": len(labelled),
        "wrong": sum(person is not None and person != who for who, person in labelled),
        "together": max(together.values(), default=0),
    }


def worse(
    photos: dict[str, Photo], known: set[str], before: Sorted, after: Sorted
) -> Iterator[dict[str, object]]:
    """What was right before and is not now, and what was not wrong before and is now; with the decisions."""
    was = {face.face_id: face for _, _, face in names(photos, before)}
    for name, who, face in names(photos, after):
        old = was[face.face_id]
        if old.person == face.person:
            continue
        right = photos[name].who
        kinds = []
        if old.person in right and old.person not in after.folders.get(name, ()):
            kinds.append("lost")
        elif (
            old.person
            and not right & known
            and not who
            and old.person not in after.folders.get(name, ())
        ):
            kinds.append("gone, nobody knows who it is")
        if face.person and who and face.person != who:
            kinds.append("wrong name" if who in known else "stranger named")
        elif face.person and not who and face.person not in right:
            kinds.append("new, nobody knows who it is")
        for kind in kinds:
            yield {
                "kind": kind, "photo": name, "owner": who, "was": _told(old), "is": _told(face),
                "width": round(face.box[2] - face.box[0]), "quality": round(face.quality, 2),
            }  # fmt: skip


def _told(face: StoredFace) -> dict[str, object]:
    told = ("person", "outcome", "reason", "nearest", "distance", "group_distance", "group_faces")
    return {name: getattr(face, name) for name in told}


def print_tables(lines: Sequence[dict[str, object]]) -> None:
    head = (
        "pack", "event", "groups", "draws", "photos", "FNIR", "FPIR", "wrong names",
        "most photos of a stranger in a folder", "LOOSE",
    )  # fmt: skip
    print(f"| {' | '.join(head)} |")
    print("|---" * len(head) + "|")
    cases: dict[tuple[str, str], list[dict[str, object]]] = {}
    for line in lines:
        cases.setdefault((Path(str(line["pack"])).name, str(line["event"])), []).append(line)
    for (pack, kind), found in sorted(cases.items()):
        for title, groups in (("before", "no"), ("after", "yes")):
            counts: list[dict[str, float]] = [line[title] for line in found]  # type: ignore[misc]
            total = {name: sum(int(c[name]) for c in counts) for name in COUNTED}
            loose = [c["loose"] for c in counts]
            cells = (
                pack, kind, groups, len(found), sum(int(str(line["photos"])) for line in found),
                rate(total["missed"], total["known"]), rate(total["named"], total["strangers"]),
                rate(total["wrong"], total["labelled"]), max(int(c["together"]) for c in counts),
                f"{min(loose):.2f} to {max(loose):.2f}",
            )  # fmt: skip
            print(f"| {' | '.join(map(str, cells))} |")


def print_worse(lines: Sequence[dict[str, object]], *, show_names: bool) -> None:
    """Photo by photo; people as numbers."""
    print("\n| pack | event, draw | LOOSE | what got worse | face, px | before | with groups |")
    print("|---" * 7 + "|")
    for line in lines:
        number: dict[str, int] = {}
        after: dict[str, float] = line["after"]  # type: ignore[assignment]
        for one in line["worse"]:  # type: ignore[attr-defined]
            told = [_sentence(one["owner"], one[when], number) for when in ("was", "is")]
            place = f" ({one['photo']})" if show_names else ""
            loose = f"{after['loose']:.3f}, {line['decided_by']}"
            cells = (
                Path(str(line["pack"])).name, f"{line['event']} {line['draw']}", loose,
                f"{one['kind']}{place}", one["width"], *told,
            )  # fmt: skip
            print(f"| {' | '.join(map(str, cells))} |")


def _sentence(owner: str, told: dict[str, object], number: dict[str, int]) -> str:
    def called(name: object) -> str:
        return (
            "theirs" if name == owner else f"person {number.setdefault(str(name), len(number) + 1)}"
        )

    who = (
        called(told["person"]) if told["person"] else f"unknown, nearest {called(told['nearest'])}"
    )
    distance = "none" if told["distance"] is None else f"{told['distance']:.3f}"
    text = f"{who}: {told['reason']}, {distance}"
    if told["group_distance"] is None:
        return text
    return f"{text}, group of {told['group_faces']} others at {told['group_distance']:.3f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--assets", type=Path, default=Path("../shared"))
    parser.add_argument("--pack", action="append", required=True)
    parser.add_argument("--events", nargs="+", choices=EVENTS, default=EVENTS)
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument("--ledger", type=Path, required=True)
    parser.add_argument("--show-names", action="store_true", help="of the photos that got worse")
    options = parser.parse_args()
    options.ledger.touch()
    lines = [json.loads(line) for line in options.ledger.read_text(encoding="utf-8").splitlines()]
    done = {(line["event"], line["pack"], line["draw"]) for line in lines}
    packs = [str(Path(p).resolve()) if Path(p).exists() else p for p in options.pack]
    cases = [(e, p, d) for d in range(options.draws) for p in packs for e in options.events]
    for case in cases:
        if case in done:
            continue
        lines.append(run_case(*case, options.assets.resolve()))
        with options.ledger.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(lines[-1]) + "\n")
    print_tables(lines)
    print_worse(lines, show_names=options.show_names)


if __name__ == "__main__":
    run_benchmark(main, [*MATCHING, *GROUPS])
