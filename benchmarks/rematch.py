"""What the re-match at the end of a sort costs: 16,000 photos with 50,000 stored faces, without and with groups.

OPENBLAS_NUM_THREADS=1 python benchmarks/rematch.py [--photos N] [--persons N] [--groups]
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from functools import partial
from pathlib import Path

import numpy as np
from figures import run_benchmark
from review import drawn_faces

from facesort.core.delivery.routing import Jpeg
from facesort.core.persons.matching import Thresholds
from facesort.core.records import Analysis, Face, File, PhotoInfo
from facesort.engine.job.changes import recorded
from facesort.engine.job.decide import (
    decide_batch,
    plan_batch,
    results_of,
    shares_of,
    standings_of,
)
from facesort.engine.job.rematch import Rematch, find_changes, fingerprint
from facesort.engine.rules import Rules
from facesort.store import Store
from facesort.store.gallery import people
from facesort.store.job import commits, files, photos, rematches, sources
from facesort.store.job.photos import BatchRecord, Known
from facesort.store.queries.delivery.corrections import corrections
from facesort.store.queries.face_sets import comparable_faces
from facesort.store.queries.gallery import load_gallery
from facesort.store.what_counts import standings

PACK = "pack"


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def face(embedding: np.ndarray) -> Face:
    box = np.array([10, 10, 90, 90], np.float32)
    landmarks = np.zeros((5, 2), np.float32)
    return Face(box, landmarks, 0.9, 100.0, 0.1, 0.8, embedding, b"\xff\xd8" + b"x" * 5000)


def fill(store: Store, count: int, persons: int, rules: Rules) -> None:
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
    gallery = load_gallery(store, PACK, 10)
    starts = np.flatnonzero(np.diff(owner_photo, prepend=-1))
    groups = np.split(embeddings, starts[1:])[:count]
    names = [File(i + 1, "card-1", f"{i + 1:05d}.jpg", 1, 1) for i in range(len(groups))]
    with store.transaction():
        sources.add_sources(store, ["card-1"])
        files.add_files(store, names)
    known = Known()
    for batch_id, start in enumerate(range(0, len(groups), files.BATCH_SIZE), start=1):
        some = names[start : start + files.BATCH_SIZE]
        analyses = [
            Analysis(
                p.file_id,
                f"{p.file_id:064d}",
                info=PhotoInfo("JPEG", 6000, 4000),
                faces=tuple(face(e) for e in groups[p.file_id - 1]),
                jpeg=b"x",
            )
            for p in some
        ]
        decided = decide_batch(analyses, gallery, rules, known)
        stand = standings_of(decided, partial(standings, store, unknown_folder=False))
        results, pictures = results_of(decided, stand), shares_of(decided, some, stand)
        writes = plan_batch(pictures, [Jpeg.of(one.decided.analysis.jpeg) for one in pictures])
        files.mark_processing(store, batch_id)
        with store.transaction():
            photos.record_batch(store, BatchRecord(batch_id, results, writes), PACK)
            commits.finish_batch(store, batch_id, {})


def measure(store: Store, rules: Rules) -> None:
    """Match everything again, as the end of a sort does; copies are not made."""
    gallery = load_gallery(store, PACK, 10)
    before, times = peak_mb(), [time.process_time()]
    if rules.groups:
        comparable_faces(store, PACK)
        times.append(time.process_time())
    rematch = Rematch.of(store, gallery, rules, PACK)
    times.append(time.process_time())
    changes = list(find_changes(store, rematch, everything=True))
    times.append(time.process_time())
    for start in range(0, len(changes), files.BATCH_SIZE):
        some = changes[start : start + files.BATCH_SIZE]
        with store.transaction():
            batch_id = files.next_batch_id(store)
            drawn = {(change.stored.photo.photo_id, None): Jpeg.of(b"x") for change in some}
            rematches.record_rematch(store, batch_id, [recorded(c, drawn) for c in some])
            commits.finish_batch(store, batch_id, {})
    times.append(time.process_time())
    took = " | ".join(f"{seconds:.2f}" for seconds in np.diff(times))
    print(f"| {len(changes)} | {took} | {before:.0f} / {peak_mb():.0f} MB |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--photos", type=int, default=16_000)
    parser.add_argument("--persons", type=int, default=50)
    parser.add_argument("--strict", type=float, default=0.63, help="half of the faces are within")
    parser.add_argument("--groups", action="store_true")
    options = parser.parse_args()
    thresholds = Thresholds(options.strict, 1.0, 0.05)
    rules = Rules(thresholds, None, False, options.groups, not options.groups)
    with (
        tempfile.TemporaryDirectory() as folder,
        Store.open(Path(folder) / "facesort.duckdb") as store,
    ):
        fill(store, options.photos, options.persons, rules.before_groups())
        faces = store.value("SELECT count(*) FROM face")
        unknown = store.value("SELECT count(*) FROM decision WHERE outcome <> 'strict'")
        print(
            f"{options.photos} photos, {faces} faces ({unknown} not STRICT), {options.persons} persons\n"
        )
        reading = "reading the faces | the same, and groups" if options.groups else "before it"
        print(
            f"| photos to change | {reading} | deciding | recording | peak memory before / after |"
        )
        for _ in range(2):  # the second time, nothing is left to do
            measure(store, rules)
        state = partial(fingerprint, store, rules, PACK, 10)
        with store.transaction():
            rematches.remember(store, state())
        started = time.process_time()
        same = state() == rematches.last_fingerprint(store)
        print(f"\nskipped ({same}): {time.process_time() - started:.3f} s")
        started = time.process_time()
        wrong = corrections(store)
        print(f"corrections.csv: {len(wrong)} rows in {time.process_time() - started:.2f} s")


if __name__ == "__main__":
    run_benchmark(main, ["facesort/engine/job/rematch.py", "facesort/core/groups/settled.py"])
