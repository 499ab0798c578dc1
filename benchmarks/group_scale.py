"""Cost of group matching: time and memory for many drawn faces, and what near cells miss.

    python benchmarks/group_scale.py 100000 512 --both
    python benchmarks/group_scale.py 3000000 512 --folder /a/disk

About 50 faces a person, of varying numbers; 20 % of the faces are of people who occur once; 4 faces a photo; 300
persons with a reference. With `--folder` embeddings and sums are in files without a name there, as in a workspace.
"""

from __future__ import annotations

import argparse
import os
import threading
import time
from functools import partial
from pathlib import Path

import numpy as np
from figures import GROUPS, run_benchmark

from facesort.core.groups.linkage import EXACT, Linkage, link
from facesort.core.groups.threshold import EventThreshold, event_threshold
from facesort.core.persons.sightings import Sightings
from facesort.core.records import Embeddings, Room, in_memory
from facesort.files import array_on_disk

PERSONS = 300
AT_ONCE = 20_000


class Memory(threading.Thread):
    """Most memory of this process while it runs, in MB: its own, and with pages of files that the system may take."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.own = self.all = 0
        self.done = threading.Event()
        self.start()

    def run(self) -> None:
        while not self.done.wait(0.1):
            lines = Path("/proc/self/status").read_text().splitlines()
            kb = {line.split(":")[0]: int(line.split()[1]) for line in lines if line[:3] == "Rss"}
            kb["VmRSS"] = sum(kb.values())
            self.own = max(self.own, kb["RssAnon"] // 1024)
            self.all = max(self.all, kb["VmRSS"] // 1024)


def drawn(n: int, dim: int, room: Room = in_memory) -> tuple[Embeddings, np.ndarray, np.ndarray]:
    """Faces, photos and person of each face (-1: seen once)."""
    rng = np.random.default_rng(1)
    n_people = max(n // 50, 3)
    share = rng.lognormal(0, 1, n_people)
    person = rng.choice(n_people, n, p=share / share.sum())
    photos = rng.permutation(n) // 4
    _, once = np.unique(photos * n_people + person, return_index=True)  # nobody is twice in a photo
    person[np.setdiff1d(np.arange(n), once)] = -1
    person[rng.random(n) < 0.2] = -1
    centre = rng.standard_normal((n_people, dim), dtype=np.float32)
    faces = room(n, dim)
    for start in range(0, n, AT_ONCE):
        whose = person[start : start + AT_ONCE]
        part = rng.standard_normal((len(whose), dim), dtype=np.float32)
        part *= rng.uniform(0.6, 1.1, len(whose)).astype(np.float32)[:, None]  # good and bad photos
        part[whose >= 0] += centre[whose[whose >= 0]]
        faces[start : start + AT_ONCE] = part / np.linalg.norm(part, axis=1)[:, None]
    return faces, photos, person


def pairs_within(labels: np.ndarray) -> int:
    """Pairs of faces with one label."""
    count = np.unique(labels, return_counts=True)[1].astype(np.int64)
    return int((count * (count - 1) // 2).sum())


def pairs_in_both(one: np.ndarray, other: np.ndarray) -> int:
    return pairs_within(one.astype(np.int64) * (int(other.max()) + 1) + other)


def joined(
    faces: Embeddings,
    photos: np.ndarray,
    person: np.ndarray,
    exact: int,
    options: argparse.Namespace,
) -> tuple[Linkage, EventThreshold]:
    """Groups as of a sort, with a line about them."""
    seen, order = Sightings.of_photos(photos), np.random.default_rng(2).permutation(len(faces))
    _, first = np.unique(person, return_index=True)
    first = first[1 : 1 + PERSONS]
    references = faces[first]
    memory, wall, cpu = Memory(), time.perf_counter(), time.process_time()
    room = partial(array_on_disk, options.folder) if options.folder else in_memory
    linkage = link(
        faces, seen, references, order=order, lowest=options.lowest, exact=exact, room=room
    )
    linked = time.perf_counter() - wall
    found = event_threshold(
        faces, seen, references, linkage,
        order=order, quality=np.ones(len(faces)), strict=0.9, loose=1.1,
    )  # fmt: skip
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    memory.done.set()
    score = linkage.score >= found.cosine
    right = person[first][linkage.person] == person
    groups = linkage.groups(found.cosine)
    people = np.where(person < 0, person.max() + 1 + np.arange(len(person)), person)
    both = pairs_in_both(people, groups)
    print(
        f"{len(faces):,} faces, {faces.shape[1]}-d, {'all with all' if exact else 'near cells'}: {wall:.0f} s "
        f"({linked:.0f} s of it linkage), {cpu:.0f} s of CPU, load {os.getloadavg()[0]:.1f}; memory {memory.own:,} MB, "
        f"{memory.all:,} MB with pages of files; T {found.cosine:.3f} ({found.decided_by}); "
        f"named {int((score & right).sum()):,} of {int(np.isin(person, person[first]).sum()):,}, "
        f"wrong {int((score & ~right).sum()):,}; {len(np.unique(groups)):,} groups, of {pairs_within(people):,} pairs "
        f"of one person {pairs_within(people) - both:,} missed, {pairs_within(groups) - both:,} wrong",
        flush=True,
    )
    return linkage, found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("faces", type=int)
    parser.add_argument("dim", type=int)
    parser.add_argument("--lowest", type=float, default=0.27)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--both", action="store_true", help="all with all, and near cells")
    options = parser.parse_args()
    room = partial(array_on_disk, options.folder) if options.folder else in_memory
    event = drawn(options.faces, options.dim, room)
    if not options.both:
        joined(*event, EXACT if options.faces <= EXACT else 0, options)
        return
    (exact, found), (near, _) = (joined(*event, each, options) for each in (2 * options.faces, 0))
    groups, others = exact.groups(found.cosine), near.groups(found.cosine)
    both = pairs_in_both(groups, others)
    named = [(each.score >= found.cosine) * (each.person + 1) for each in (exact, near)]
    print(
        f"of {pairs_within(groups):,} pairs in groups {pairs_within(groups) - both:,} are missed by near cells, and "
        f"{pairs_within(others) - both:,} are others; {int((named[0] != named[1]).sum()):,} faces have another name"
    )


if __name__ == "__main__":
    run_benchmark(main, GROUPS)
