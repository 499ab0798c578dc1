"""What a re-match costs: 16,000 photos with 50,000 stored faces, without and with something to do.

python benchmarks/rematch.py [--photos N] [--persons N]
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from functools import partial
from pathlib import Path

import numpy as np
from review import drawn_faces

from facesort.core.matching import Thresholds
from facesort.core.records import Analysis, Face, File, PhotoInfo
from facesort.engine.job.decide import decide_batch, plan_batch, results_of, standings_of
from facesort.engine.job.rematch import Rematch, find_changes, fingerprint
from facesort.engine.rules import Rules
from facesort.store import Store
from facesort.store.gallery import people
from facesort.store.job import commits, files, photos, rematches, sources
from facesort.store.job.photos import BatchRecord
from facesort.store.queries.corrections import corrections
from facesort.store.queries.gallery import load_gallery
from facesort.store.what_counts import standings

PACK = "pack"


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def face(embedding: np.ndarray) -> Face:
    box = np.array([10, 10, 90, 90], np.float32)
    landmarks = np.zeros((5, 2), np.float32)
    return Face(box, landmarks, 0.9, 100.0, 0.1, 0.8, embedding, b"\xff\xd8" + b"x" * 5000)


def fill(store: Store, count: int, persons: int) -> Rules:
    """A finished job, as a sort leaves it, in batches of 50 photos; the first persons are seeded."""
    embeddings, owner_photo, owner = drawn_faces(count * 3 + count // 8, persons * 10)
    for person in range(persons):
        with store.transaction():
            added = people.add_person(store, f"Person {person}", f"Person {person}")
            own = embeddings[np.flatnonzero(owner == person)[0]]
            people.add_reference(
                store,
                added.person_id,
                people.NewReference("r.jpg", f"{person}", 1, 0, 1, PACK, own, b""),
            )
    rules = Rules(Thresholds(0.8, 1.0, 0.05), None, False)
    gallery = load_gallery(store, PACK, 10)
    starts = np.flatnonzero(np.diff(owner_photo, prepend=-1))
    groups = np.split(embeddings, starts[1:])[:count]
    names = [File(i + 1, "card-1", f"{i + 1:05d}.jpg", 1, 1) for i in range(len(groups))]
    with store.transaction():
        sources.add_sources(store, ["card-1"])
        files.add_files(store, names)
    for batch_id, start in enumerate(range(0, len(groups), files.BATCH_SIZE), start=1):
        some = names[start : start + files.BATCH_SIZE]
        analyses = [
            Analysis(
                p.photo_id,
                f"{p.photo_id:064d}",
                info=PhotoInfo("JPEG", 6000, 4000),
                faces=tuple(face(e) for e in groups[p.photo_id - 1]),
                jpeg=b"x",
            )
            for p in some
        ]
        decided = decide_batch(analyses, gallery, rules, {})
        stand = standings_of(decided, partial(standings, store, unknown_folder=False))
        results, writes = results_of(decided, stand), plan_batch(decided, some, stand)
        with store.transaction():
            photos.record_batch(store, BatchRecord(batch_id, results, writes), PACK)
            commits.finish_batch(store, batch_id, {})
    return rules


def measure(store: Store, rules: Rules, what: str, everything: bool) -> None:
    before, started = peak_mb(), time.perf_counter()
    rematch = Rematch.of(store, load_gallery(store, PACK, 10), rules, PACK)
    found = sum(1 for _ in find_changes(store, rematch, everything=everything))
    seconds = time.perf_counter() - started
    print(f"| {what} | {found} | {seconds:.2f} | {before:.0f} / {peak_mb():.0f} MB |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--photos", type=int, default=16_000)
    parser.add_argument("--persons", type=int, default=50)
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        Store.open(Path(folder) / "facesort.duckdb") as store,
    ):
        rules = fill(store, options.photos, options.persons)
        faces = store.value("SELECT count(*) FROM face")
        unknown = store.value("SELECT count(*) FROM decision WHERE outcome <> 'strict'")
        print(
            f"{options.photos} photos, {faces} faces ({unknown} not STRICT), {options.persons} persons\n"
        )
        print("| re-match | photos to change | seconds | peak memory before / after |")
        print("|---|---|---|---|")
        measure(store, rules, "of a sort, nothing to do", False)
        measure(store, rules, "of everything, nothing to do", True)
        rematch = Rematch.of(store, load_gallery(store, PACK, 10), rules, PACK)
        with store.transaction():
            rematches.remember(store, fingerprint(store, rematch))
        started = time.perf_counter()
        same = fingerprint(store, rematch) == rematches.last_fingerprint(store)
        print(f"| of a sort, skipped ({same}) | 0 | {time.perf_counter() - started:.3f} | |")
        wider = Rules(Thresholds(0.8, 1.1, 0.05), None, False)
        measure(store, wider, "of everything, LOOSE raised", True)
        started = time.perf_counter()
        wrong = corrections(store)
        print(f"\ncorrections.csv: {len(wrong)} rows in {time.perf_counter() - started:.2f} s")


if __name__ == "__main__":
    main()
