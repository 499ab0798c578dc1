"""Cost of group matching: CPU time and memory for many drawn faces.

    OPENBLAS_NUM_THREADS=1 python benchmarks/group_scale.py 100000 512

About 50 faces a person, of varying numbers; 20 % of the faces are of people who occur once; 4 faces a photo.
"""

from __future__ import annotations

import argparse
import resource
import time

import numpy as np

from facesort.core.groups.linkage import link
from facesort.core.groups.threshold import event_threshold


def drawn(n: int, dim: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Faces, photos and person of each face (-1: seen once)."""
    n_people = max(n // 50, 3)
    share = rng.lognormal(0, 1, n_people)
    person = rng.choice(n_people, n, p=share / share.sum())
    person[rng.random(n) < 0.2] = -1
    centre = rng.standard_normal((n_people, dim), dtype=np.float32)
    faces = rng.standard_normal((n, dim), dtype=np.float32)
    faces *= rng.uniform(0.6, 1.1, n).astype(np.float32)[:, None]  # good and bad photos
    known = np.flatnonzero(person >= 0)
    for part in np.array_split(known, 1 + n // 10_000):
        faces[part] += centre[person[part]]
    faces /= np.linalg.norm(faces, axis=1)[:, None]
    return faces, rng.permutation(n) // 4, person


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("faces", type=int)
    parser.add_argument("dim", type=int)
    parser.add_argument("--lowest", type=float, default=0.27)
    options = parser.parse_args()
    rng = np.random.default_rng(1)
    faces, photos, person = drawn(options.faces, options.dim, rng)
    _, first = np.unique(person, return_index=True)
    first = first[1 : 1 + 300]
    references = faces[first]
    order = rng.permutation(len(faces))
    used = resource.getrusage(resource.RUSAGE_SELF)
    before = used.ru_maxrss
    started = time.process_time()
    linkage = link(faces, photos, references, order=order, lowest=options.lowest)
    linked = time.process_time()
    found = event_threshold(
        faces,
        photos,
        references,
        linkage,
        order=order,
        quality=np.ones(len(faces)),
        strict=0.9,
        loose=1.1,
    )
    done = time.process_time()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    score = linkage.score >= found.cosine
    right = person[first][linkage.person] == person
    print(
        f"{options.faces:,} faces, {options.dim}-d: linkage {linked - started:.1f} s, "
        f"threshold {done - linked:.1f} s of CPU; memory {before / 1024:.0f} MB before, "
        f"{peak / 1024:.0f} MB at most; {len(linkage.heights):,} merges; "
        f"T {found.cosine:.3f} ({found.decided_by}), named {score.sum():,}, wrong {(score & ~right).sum():,} of "
        f"{np.isin(person, person[first]).sum():,}"
    )


if __name__ == "__main__":
    main()
