"""Group matching on labelled photos, with embeddings of facesort's own analysis: before and after.

    python benchmarks/groups.py --cache /tmp/faces --pack ../shared/models/mbf128 lfw
    python benchmarks/groups.py --cache /tmp/faces --pack dlib half crowd scenes

``lfw``: 60, 150 and 300 people of LFW with one to three references; all others are strangers.
``half``: the same among one half of the people (``--half 0``: the one that parameters were chosen on).
``crowd``: 15 people who look alike, by the pack itself; 8 of them have a reference.
``few``: 4, 8 or 16 people with a reference, and 6 strangers.
``scenes``: people in full-size photos with several faces, beside 40 people of LFW.

With ``--yes 0.5`` a user has confirmed every second face of the known people, with ``--slips 1`` one face as that of
another person; its photo is not counted.

FNIR, FPIR and wrong names are counted by photos: what arrives in folders.  FPIR and wrong names by photos with one
face: who else is in the others, the labels do not say.
"""

from __future__ import annotations

import argparse
import csv
import dataclasses
import random
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from accuracy import rate
from event_faces import Faces, cached_faces, make_cache
from figures import GROUPS, MATCHING, run_benchmark

from facesort.core.groups.decision import decide_in_groups, proposals
from facesort.core.groups.linkage import link
from facesort.core.groups.threshold import EventThreshold, event_threshold
from facesort.core.persons.gallery import Gallery, Person, centroid
from facesort.core.persons.matching import (
    Thresholds,
    centroid_distances,
    decide_photo,
    distances_to_persons,
)
from facesort.core.persons.sightings import Sightings
from facesort.reasons import Outcome

LEARN_QUALITY, BATCH, MARGIN = 0.5, 50, 0.05
REFERENCE_QUALITY = 0.2
"""Stands for the sharpness that seeding asks for: references are photos with one good face."""

LOWEST = 1.15
"""RMS distance at which joining ends, as a multiple of the pack's LOOSE."""

SAME = {
    "P01": "Angelina_Jolie",
    "P04": "Jennifer_Aniston",
    "P07": "Matt_Damon",
    "P08": "Leonardo_DiCaprio",
    "P09": "George_Clooney",
    "biden": "Joseph_Biden",
    "Jon_Gruden": "John_Gruden",
}
"""Names of one person in two sets of photos."""

ALIKE = (0.0, 0.4, 0.8)

Placed = dict[int, set[str]]
"""Whose folders each photo goes to."""


@dataclass(frozen=True, slots=True)
class Event:
    """Photos, and who is in them.

    Parameters
    ----------
    references : dict of person to photos
    truth : dict of photo to persons
        Empty for a photo of strangers.
    strangers : dict of photo to stranger
    others : list of photos
        Sorted too, but nobody knows who is in them.
    """

    references: dict[str, list[int]]
    truth: dict[int, set[str]]
    strangers: dict[int, str]
    others: list[int] = field(default_factory=list)


@dataclass(slots=True)
class Counts:
    missed: int = 0
    known: int = 0
    named: int = 0
    strangers: int = 0
    named_lone: int = 0
    lone: int = 0
    wrong: int = 0
    together: int = 0
    """Most photos of one stranger in one folder."""
    held: int = 0
    """Photos of known people that wait for the user's *yes*."""
    held_strangers: int = 0
    split: int = 0
    """Photos of strangers outside of the largest group of their own."""

    def add(self, other: Counts) -> None:
        for name in (f.name for f in dataclasses.fields(self)):
            one, two = getattr(self, name), getattr(other, name)
            setattr(self, name, max(one, two) if name == "together" else one + two)


def labels(assets: Path, paths: Sequence[str]) -> dict[int, set[str]]:
    """Persons in each photo, as far as folders and file names say."""
    with (assets / "photos/deepface/labels_from_csv.tsv").open(encoding="utf-8") as stream:
        rows = csv.DictReader((r for r in stream if not r.startswith("#")), delimiter="\t")
        web = {f"deepface/{row['file']}": row["person"] for row in rows}
    found = {}
    for photo, path in enumerate(paths):
        folder, *rest = path.split("/")
        stem = rest[-1].rsplit(".", 1)[0]
        if folder == "lfw" or (folder == "face-api-bbt" and len(rest) > 1):
            found[photo] = {rest[0]}
        elif path in web:
            found[photo] = {web[path]}
        elif folder == "compreface" and stem[-1].isalpha():
            found[photo] = {f"compreface {stem[-1]}"}
        elif folder == "vladmandic-human" and stem.startswith("stock-emotions"):
            found[photo] = {stem[:16]}
        elif folder == "knn_examples":
            named = {"obama", "biden", "kit", "rose", "alex"}
            words = path.replace("johnsnow", "kit").replace("/", "_").replace("-", "_").split("_")
            found[photo] = {w.rstrip("123").split(".")[0] for w in words} & named
    return {photo: {SAME.get(n, n) for n in names} for photo, names in found.items() if names}


def albums(faces: Faces, truth: dict[int, set[str]], *, lfw: bool) -> dict[str, list[int]]:
    """Photos of each person, those of one person only."""
    seen = set(faces.photo.tolist())
    album: dict[str, list[int]] = defaultdict(list)
    for photo, names in truth.items():
        if faces.paths[photo].startswith("lfw/") is lfw and len(names) == 1 and photo in seen:
            album[min(names)].append(photo)
    return dict(album)


def make_event(
    faces: Faces,
    album: dict[str, list[int]],
    enrolled: list[str],
    references: int,
    rng: random.Random,
) -> Event:
    """Enrol some people by photos with one face; others of the album are strangers."""
    number = Counter(faces.photo.tolist())
    single = {photo for photo, faces_there in number.items() if faces_there == 1}
    for photo in faces.photo[faces.quality < REFERENCE_QUALITY].tolist():
        number[photo] = 0
    event = Event({}, {}, {})
    for name in enrolled:
        photos = rng.sample(album[name], len(album[name]))
        chosen = [p for p in photos if number[p] == 1][:references]
        if chosen and len(photos) > len(chosen):
            event.references[name] = chosen
            event.truth.update({p: {name} for p in photos if p not in chosen})
    strangers = {p: name for name in album if name not in event.references for p in album[name]}
    event.strangers.update({p: name for p, name in strangers.items() if p in single})
    event.others.extend(sorted(strangers.keys() - single))
    return event


def lfw_events(
    faces: Faces, truth: dict[int, set[str]], people: int, references: int, half: int | None
) -> Iterator[tuple[Faces, Event]]:
    album = albums(faces, truth, lfw=True)
    if half is not None:
        names = sorted(album, key=lambda name: (len(album[name]) == 1, name))
        random.Random(7).shuffle(several := [n for n in names if len(album[n]) > 1])
        names = several + [n for n in names if len(album[n]) == 1]
        album = {name: album[name] for name in names[half::2]}
    for seed in range(5):
        rng = random.Random(seed)
        several = sorted(name for name in album if len(album[name]) >= 4)
        chosen = rng.sample(several, min(people, len(several)))
        yield faces, make_event(faces, album, chosen, references, rng)


def few_events(
    faces: Faces, truth: dict[int, set[str]], people: int, draws: int = 20
) -> Iterator[tuple[Faces, Event]]:
    number = np.bincount(faces.photo, minlength=len(faces.paths))
    album = {
        name: [p for p in photos if number[p] == 1]
        for name, photos in albums(faces, truth, lfw=True).items()
    }
    names = sorted(name for name in album if len(album[name]) >= 5)
    for seed in range(draws):
        rng = random.Random(seed)
        chosen = rng.sample(names, people + 6)
        yield (
            faces,
            make_event(faces, {name: album[name] for name in chosen}, chosen[:people], 1, rng),
        )


def crowd_events(
    faces: Faces, truth: dict[int, set[str]], alike: float, draws: int = 12
) -> Iterator[tuple[Faces, Event]]:
    """People nearest to one, by the mean of their embeddings, in photos of one to six of them.

    `alike` times the mean of all of them is added to each embedding: they look more alike, as children do.
    """
    number = np.bincount(faces.photo, minlength=len(faces.paths))
    album = {
        name: [p for p in photos if number[p] == 1]
        for name, photos in albums(faces, truth, lfw=True).items()
    }
    album = {name: photos for name, photos in album.items() if len(photos) >= 4}
    names = sorted(album)
    row = {int(photo): i for i, photo in enumerate(faces.photo)}  # of photos with one face
    of = {name: faces.embeddings[[row[p] for p in album[name]]] for name in names}
    means = np.stack([centroid(of[name]) for name in names])
    for seed in range(draws):
        rng = random.Random(100 + seed)
        near = means @ means[rng.randrange(len(names))]
        crowd = [names[i] for i in np.argsort(-near)[:15]]
        mean = centroid(np.concatenate([of[name] for name in crowd]))
        embeddings = faces.embeddings + np.float32(alike) * mean
        embeddings /= np.linalg.norm(embeddings, axis=1)[:, None]
        event = make_event(
            faces, {name: album[name] for name in crowd}, rng.sample(crowd, 8), 1, rng
        )
        shifted = dataclasses.replace(faces, embeddings=embeddings)
        yield composed(shifted, event, rng), event


def composed(faces: Faces, event: Event, rng: random.Random) -> Faces:
    """Photos put together to photos of one to six different people."""
    waiting = [(p, min(who)) for p, who in event.truth.items()]
    waiting += event.strangers.items()
    rng.shuffle(waiting)
    photo = faces.photo.copy()
    while waiting:
        size, together = rng.randint(1, 6), dict[str, int]()
        for one, who in waiting:
            if len(together) < size:
                together.setdefault(who, one)
        taken = set(together.values())
        waiting = [w for w in waiting if w[0] not in taken]
        photo[np.isin(faces.file, list(taken))] = min(taken)
    return dataclasses.replace(faces, photo=photo)


def scene_events(faces: Faces, truth: dict[int, set[str]]) -> Iterator[tuple[Faces, Event]]:
    scenes, lfw = albums(faces, truth, lfw=False), albums(faces, truth, lfw=True)
    several = sorted(name for name in lfw if len(lfw[name]) >= 4)
    for seed in range(5):
        rng = random.Random(seed)
        beside = rng.sample(several, 40)
        others = {name: photos for name, photos in lfw.items() if name not in scenes}
        beside = [name for name in beside if name in others]
        event = make_event(faces, {**others, **scenes}, [*scenes, *beside], 1, rng)
        both_sets = [p for name in scenes for p in lfw.get(name, ())]
        used = {p for photos in event.references.values() for p in photos}
        both = {p: names for p, names in truth.items() if len(names) > 1}
        event.truth.update(both)
        known = used | event.truth.keys() | event.strangers.keys()
        unknown = set(faces.photo.tolist()) - known - set(both_sets)
        event.others.extend(sorted(unknown))
        beside_only = {p: n for p, n in event.truth.items() if not faces.paths[p].startswith("lfw")}
        unscored = [p for p in event.truth if p not in beside_only]
        yield faces, Event(event.references, beside_only, event.strangers, event.others + unscored)


def sorted_before(faces: Faces, event: Event, rng: random.Random) -> Placed:
    """Today's sort: batches of 50, what one learns is visible to the next."""
    names = list(event.references)
    persons = tuple(Person(i, name, name) for i, name in enumerate(names))
    seeds = {
        i: faces.embeddings[np.isin(faces.file, event.references[n])] for i, n in enumerate(names)
    }
    gallery, placed = Gallery(persons, seeds), Placed()
    files = [*event.truth, *event.strangers, *event.others]
    photos = sorted(set(faces.photo[np.isin(faces.file, files)].tolist()))
    rng.shuffle(photos)
    thresholds = Thresholds(faces.strict, faces.loose, MARGIN)
    for start in range(0, len(photos), BATCH):
        centroids, learned = gallery.centroids(), []
        for photo in photos[start : start + BATCH]:
            rows = np.flatnonzero((faces.photo == photo) & np.isin(faces.file, files))
            distances = distances_to_persons(faces.embeddings[rows], centroids)
            for row, found in zip(
                rows, decide_photo(distances, gallery.person_ids, thresholds), strict=True
            ):
                if found.person_id is None:
                    continue
                placed.setdefault(int(faces.file[row]), set()).add(names[found.person_id])
                if found.outcome is Outcome.STRICT and faces.quality[row] >= LEARN_QUALITY:
                    learned.append((found.person_id, faces.embeddings[row]))
        gallery = gallery.learn(learned)
    return placed


@dataclass(frozen=True, slots=True)
class After:
    placed: Placed
    held: Placed
    threshold: EventThreshold
    groups: dict[int, list[int]]
    """Of each file's faces."""


@dataclass(frozen=True, slots=True)
class Answers:
    """A user's.

    Parameters
    ----------
    yes : float
        Share of the known faces that was confirmed.
    slips : int
        Faces that were confirmed as the next person.
    """

    yes: float = 0.0
    slips: int = 0


def sorted_after(
    faces: Faces, event: Event, guard: bool = True, answers: Answers = Answers()
) -> After:
    """By groups and the event's own threshold, after a user's answers."""
    names = list(event.references)
    references = np.stack(
        [centroid(faces.embeddings[np.isin(faces.file, event.references[n])]) for n in names]
    )
    rows = np.flatnonzero(np.isin(faces.file, [*event.truth, *event.strangers, *event.others]))
    rows = rows[np.argsort(faces.photo[rows], kind="stable")]
    embeddings, photos = faces.embeddings[rows], faces.photo[rows]
    seen = Sightings.of_photos(photos)
    digests = np.array(faces.digests)[faces.file[rows]]
    order = np.empty_like(rows)
    order[np.lexsort((faces.face[rows], digests))] = np.arange(len(rows))
    lowest = 1 - (LOWEST * faces.loose) ** 2 / 2
    rng = random.Random(0)
    known = {
        row: names.index(min(event.truth[file]))
        for row, file in enumerate(faces.file[rows].tolist())
        if len(event.truth.get(file, ())) == 1
    }
    confirmed = {row: person for row, person in known.items() if rng.random() < answers.yes}
    slips = rng.sample(list(known), answers.slips)
    confirmed |= {row: (known[row] + 1) % len(names) for row in slips}
    for row in slips:
        del event.truth[int(faces.file[rows[row]])]  # not counted
    together = list(confirmed.items())
    linkage = link(embeddings, seen, references, order=order, lowest=lowest, together=together)
    found = event_threshold(
        embeddings,
        seen,
        references,
        linkage,
        order=order,
        quality=faces.quality[rows],
        strict=faces.strict,
        loose=faces.loose,
        floor=faces.floor,
    )
    distances = centroid_distances(embeddings, references)
    said = proposals(linkage, found, distances[np.arange(len(rows)), linkage.person])
    if not guard:
        said = dataclasses.replace(said, doubtful=said.doubtful & False)
    placed, held = Placed(), Placed()
    ids = np.arange(len(names))
    forbidden = np.zeros((len(rows), len(names)), bool)
    for row, person in together:
        forbidden[photos == photos[row], person] = True
    for row, person in together:
        forbidden[row] = ids != person
    for of_photo in np.split(np.arange(len(rows)), np.flatnonzero(np.diff(photos)) + 1):
        decisions = decide_in_groups(
            distances[of_photo],
            ids,
            Thresholds(min(faces.strict, found.loose), found.loose, MARGIN),
            forbidden[of_photo],
            said.of(of_photo),
            found,
        )
        for face, one in zip(of_photo, decisions, strict=True):
            file = int(faces.file[rows[face]])
            if one.person_id is not None:
                placed.setdefault(file, set()).add(names[one.person_id])
            if said.doubtful[face]:
                held.setdefault(file, set()).add(names[said.columns[face]])
    for row, person in together:
        placed.setdefault(int(faces.file[rows[row]]), set()).add(names[person])
    groups = defaultdict(list)
    for file, group in zip(faces.file[rows].tolist(), linkage.groups(found.cosine), strict=True):
        groups[file].append(int(group))
    return After(placed, held, found, dict(groups))


def split(event: Event, groups: dict[int, list[int]]) -> int:
    """Photos of strangers outside of the largest group of their own."""
    of: dict[str, list[int]] = defaultdict(list)
    for photo, name in event.strangers.items():
        of[name] += groups.get(photo, [])
    return sum(len(found) - max(Counter(found).values()) for found in of.values() if found)


def count(faces: Faces, event: Event, placed: Placed, held: Placed) -> Counts:
    files, faces_there = np.unique(faces.file, return_counts=True)
    single = set(files[faces_there == 1].tolist())
    nobody: set[str] = set()
    number = Counter(event.strangers.values())
    named = [p for p in event.strangers if placed.get(p)]
    pairs = Counter((event.strangers[p], who) for p in named for who in placed[p])
    lone = [p for p, name in event.strangers.items() if number[name] == 1]
    return Counts(
        missed=sum(len(who - placed.get(p, nobody)) for p, who in event.truth.items()),
        known=sum(map(len, event.truth.values())),
        named=len(named),
        strangers=len(event.strangers),
        named_lone=sum(p in placed for p in lone),
        lone=len(lone),
        wrong=sum(
            bool(placed.get(p, nobody) - who) for p, who in event.truth.items() if p in single
        ),
        together=max(pairs.values(), default=0),
        held=sum(bool(held.get(p, nobody) - placed.get(p, nobody)) for p in event.truth),
        held_strangers=sum(
            bool(held.get(p, nobody) - placed.get(p, nobody)) for p in event.strangers
        ),
    )


def print_row(title: str, counts: Counts, thresholds: list[EventThreshold]) -> None:
    loose = [t.loose for t in thresholds]
    why = Counter(t.decided_by for t in thresholds)
    print(
        f"| {title} | {rate(counts.missed, counts.known)} | {rate(counts.named, counts.strangers)} | "
        f"{rate(counts.named_lone, counts.lone)} | {rate(counts.wrong, counts.known)} | "
        f"{counts.together} | {counts.held} + {counts.held_strangers} |"
        + (f" {min(loose):.3f} to {max(loose):.3f} {dict(why)} |" if loose else " |"),
        flush=True,
    )


def measure(
    title: str, events: Iterator[tuple[Faces, Event]], before: bool, answers: Answers
) -> None:
    old, new, free, thresholds = Counts(), Counts(), Counts(), list[EventThreshold]()
    for number, (faces, event) in enumerate(events):
        if before:
            old.add(count(faces, event, sorted_before(faces, event, random.Random(number)), {}))
        whole = dataclasses.replace(event, truth=dict(event.truth))
        after = sorted_after(faces, event, answers=answers)
        unguarded = sorted_after(faces, whole, guard=False, answers=answers)
        new.add(count(faces, event, after.placed, after.held))
        new.split += split(event, after.groups)
        free.add(count(faces, event, unguarded.placed, {}))
        thresholds.append(after.threshold)
    if before:
        print_row(f"{title} before", old, [])
    print_row(f"{title} after", new, thresholds)
    print_row(f"{title} after, none held back", free, [])
    print(f"photos of strangers outside of the largest group of their own: {new.split}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tables", nargs="+", choices=["lfw", "half", "few", "crowd", "scenes"])
    parser.add_argument("--pack", required=True)
    parser.add_argument("--cache", type=Path, required=True, help="folder of embeddings")
    parser.add_argument("--assets", type=Path, default=Path("../shared"))
    parser.add_argument("--half", type=int, default=1)
    parser.add_argument("--references", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--no-before", action="store_true")
    parser.add_argument("--slips", type=int, default=0, help="faces confirmed as somebody else")
    parser.add_argument("--yes", type=float, default=0.0, help="share of the known faces")
    options = parser.parse_args()
    cache = options.cache / f"lfw_{Path(options.pack).name}.npz"
    if not cache.exists():
        make_cache(options.assets, options.pack, cache)
    faces = cached_faces(cache)
    truth = labels(options.assets, faces.paths)
    before = not options.no_before
    answers = Answers(options.yes, options.slips)
    print(
        "| event | FNIR | FPIR | FPIR, lone strangers | wrong names | photos of a stranger in one folder | "
        "held back: known + strangers | LOOSE |"
    )
    print("|" + "---|" * 8)
    for table in options.tables:
        if table in ("lfw", "half"):
            half = options.half if table == "half" else None
            for people in (60, 150) if table == "half" else (60, 150, 300):
                for references in options.references:
                    events = lfw_events(faces, truth, people, references, half)
                    measure(f"{table} {people} x {references}", events, before, answers)
        elif table == "few":
            for people in (4, 8, 16):
                measure(f"few {people} x 1", few_events(faces, truth, people), before, answers)
        elif table == "crowd":
            for alike in ALIKE:
                measure(f"crowd + {alike:g}", crowd_events(faces, truth, alike), before, answers)
        else:
            measure("scenes", scene_events(faces, truth), before, answers)


if __name__ == "__main__":
    run_benchmark(main, [*MATCHING, *GROUPS])
