"""What grouping the unknown faces costs, and how good the groups are.

python benchmarks/review.py scale                                             up to 100,000 faces
python benchmarks/review.py lfw --pack ASSETS/models/mbf128 --assets ASSETS   clusters against LFW's labels
python benchmarks/review.py suggested --cache /tmp/faces                      suggestions against LFW's labels

``suggested`` reads what ``benchmarks/groups.py --cache`` has embedded.
"""

from __future__ import annotations

import argparse
import random
import resource
import time
from pathlib import Path

import numpy as np
from event_faces import cached_faces
from figures import GROUPS, run_benchmark
from lfw_faces import labelled_analyses
from sklearn.cluster import DBSCAN, HDBSCAN

from facesort.core.groups.linkage import link, mean_cosine, rms_distance
from facesort.core.groups.suggestions import suggestions
from facesort.core.groups.threshold import FLOOR, event_threshold
from facesort.core.persons.sightings import Sightings
from facesort.faces.packs.find import resolve_pack

NOISE = -1


def grouped(embeddings: np.ndarray, photos: np.ndarray, *, loose: float) -> np.ndarray:
    """Groups of faces without references; NOISE for faces that are alone."""
    nobody = np.empty((0, embeddings.shape[1]), np.float32)
    lowest = mean_cosine(loose)
    order = np.arange(len(embeddings))
    found = link(
        embeddings, Sightings.of_photos(photos), nobody, order=order, lowest=lowest
    ).groups(lowest)
    _, label, size = np.unique(found, return_inverse=True, return_counts=True)
    rank = np.cumsum(size > 1) - 1
    return np.where(size[label] > 1, rank[label], NOISE)


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def drawn_faces(
    faces: int, people: int, dim: int = 512
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Faces 0.63 apart within a person, up to three in a photo; the k-th person is 1/k as often there as the first."""
    rng = np.random.default_rng(1)
    share = 1 / np.arange(1, people + 1)
    trios = rng.choice(people, (faces, 3), p=share / share.sum())
    rows = [(photo, person) for photo, trio in enumerate(trios) for person in set(trio)][:faces]
    photos, owner = np.array(rows).T
    spread = np.float32(1 / np.sqrt(dim))
    centres = rng.standard_normal((people, dim), dtype=np.float32) * spread
    noise = rng.standard_normal((faces, dim), dtype=np.float32) * (spread / 2)
    found = centres[owner] + noise
    return found / np.linalg.norm(found, axis=1, keepdims=True), photos, owner


def scale() -> None:
    print(
        "| faces | people | seconds | peak memory before / after | clusters | faces in a cluster of their person |"
    )
    print("|---|---|---|---|---|---|")
    for faces in (10_000, 30_000, 100_000):
        embeddings, photos, owner = drawn_faces(faces, faces // 50)
        before, started = peak_mb(), time.perf_counter()
        labels = grouped(embeddings, photos, loose=0.9)
        seconds = time.perf_counter() - started
        right = sum(np.bincount(owner[labels == label]).max() for label in range(labels.max() + 1))
        print(
            f"| {faces} | {faces // 50} | {seconds:.1f} | {before:.0f} / {peak_mb():.0f} MB | {labels.max() + 1} "
            f"| {right / faces:.1%} |",
            flush=True,
        )


def lfw(pack_path: Path, assets: Path) -> None:
    pack = resolve_pack(str(pack_path), [])
    rows = [
        (name if len(analysis.faces) == 1 else "", analysis.photo_id, face.embedding)
        for name, analyses in labelled_analyses(assets, pack).items()
        for analysis in analyses
        for face in analysis.faces
    ]
    labels, names = np.unique([row[0] for row in rows], return_inverse=True)
    labelled = names != np.flatnonzero(
        labels == ""
    )  # LFW names one face of a photo; which, is not said
    embeddings, photos = np.stack([row[2] for row in rows]), np.array([row[1] for row in rows])
    print(
        f"\n{pack.name}: {len(rows)} faces, {labelled.sum()} of them labelled as {len(labels) - 1} people"
    )
    print("| method | clusters | faces in one | purity | pairs of one person together |")
    print("|---|---|---|---|---|")

    def show(method: str, found: np.ndarray) -> None:
        report(method, found[labelled], names[labelled])

    for factor in (0.8, 0.9, 0.95, 1.0):
        eps = factor * pack.loose
        show(f"facesort, LOOSE {eps:.3f}", grouped(embeddings, photos, loose=eps))
        show(f"DBSCAN, eps {eps:.3f}", DBSCAN(eps=eps, min_samples=2).fit_predict(embeddings))
    show("HDBSCAN", HDBSCAN(min_cluster_size=2, copy=True).fit_predict(embeddings))


def suggested(cache: Path) -> None:
    """How many suggestions are right, with LOOSE of the event, and with a narrow one that was given."""
    faces = cached_faces(cache)
    alone = np.bincount(faces.photo, minlength=len(faces.paths)) == 1
    owner = [
        path.split("/")[-2] if one else "" for path, one in zip(faces.paths, alone, strict=True)
    ]
    names = np.array(owner)[faces.photo]
    print(
        "| half, known | LOOSE | times the pack's LOOSE | right: somebody in the gallery | right: two groups |"
    )
    print("|---|---|---|---|---|")
    for half, known in ((0, 20), (0, 60), (1, 20), (1, 60)):
        people = sorted(set(names) - {""})
        random.Random(5).shuffle(people)
        rows = np.flatnonzero(np.isin(names, people[half::2]))
        own = {name: rows[names[rows] == name] for name in people[half::2]}
        seeded = [name for name in people[half::2] if len(own[name]) >= 4]
        random.Random(1).shuffle(seeded)
        best = [own[n][np.argmax(faces.quality[own[n]])] for n in seeded[:known]]
        rows = np.setdiff1d(rows, best)
        seen = Sightings.of_photos(faces.photo)
        event = faces.embeddings[rows], seen.of(rows), faces.embeddings[best]
        order, lowest = np.arange(len(rows)), mean_cosine(FLOOR * faces.loose)
        linkage = link(*event, order=order, lowest=min(lowest, mean_cosine(faces.floor or 0)))
        found = event_threshold(
            *event, linkage, order=order, quality=faces.quality[rows], strict=faces.strict, loose=faces.loose,
            floor=faces.floor,
        )  # fmt: skip
        for cosine in (found.cosine, mean_cosine(faces.loose)):
            labels = linkage.groups(cosine)
            members = [rows[labels == k] for k in range(known)]
            groups = [rows[labels == k] for k in np.unique(labels[labels >= known])]
            groups = [group for group in groups if len(group) > 1]
            people_of = [[names[r] for r in group] for group in groups]
            who = [max(sorted(set(some)), key=some.count) for some in people_of]
            persons = [faces.embeddings[[b, *m]] for b, m in zip(best, members, strict=True)]
            parts = [seen.of(m) for m in members], [seen.of(g) for g in groups]
            for factor in (0.95, 1.0, 1.03, 1.06, 1.1):
                asked = suggestions(
                    persons, [faces.embeddings[g] for g in groups], parts, factor * faces.loose
                )
                named = [seeded[s.person] == who[s.groups[0]] for s in asked if s.person >= 0]
                pairs = [len({who[g] for g in s.groups}) == 1 for s in asked if s.person < 0]
                print(
                    f"| {half}, {known} | {float(rms_distance(cosine)):.2f} | {factor} "
                    f"| {sum(named)}/{len(named)} | {sum(pairs)}/{len(pairs)} |"
                )


def pairs(labels: np.ndarray) -> float:
    return float(sum(n * (n - 1) / 2 for n in np.unique(labels, return_counts=True)[1]))


def report(method: str, labels: np.ndarray, names: np.ndarray) -> None:
    inside = labels != NOISE
    clusters = np.unique(labels[inside])
    pure = sum(np.bincount(names[labels == c]).max() for c in clusters)
    together = sum(pairs(labels[inside & (names == n)]) for n in np.unique(names))
    print(
        f"| {method} | {len(clusters)} | {inside.sum()}/{len(names)} | {pure / inside.sum():.4f} "
        f"| {together / pairs(names):.1%} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("what", choices=["scale", "lfw", "suggested"])
    parser.add_argument("--pack", type=Path)
    parser.add_argument("--assets", type=Path)
    parser.add_argument("--cache", type=Path)
    options = parser.parse_args()
    if options.what == "scale":
        scale()
    elif options.what == "suggested":
        suggested(options.cache)
    else:
        lfw(options.pack, options.assets)


if __name__ == "__main__":
    run_benchmark(main, GROUPS)
