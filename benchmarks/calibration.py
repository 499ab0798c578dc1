"""What calibration promises, and whether it holds: on LFW, with the sort's own functions.

    python benchmarks/calibration.py promise ../shared/models/mbf128
    python benchmarks/calibration.py forecast ../shared/models/mbf128
    python benchmarks/calibration.py worth ../shared/models/mbf128

``promise``: the people are split into halves; LOOSE is suggested for FPIR 1 % by one half, and tried on the other.
``forecast``: the drop rate of the whole job, expected from 200 of its photos, against the one that comes out.
``worth``: FNIR, FPIR and wrong names with default and calibrated thresholds, and with learning on and off.

Tables are Markdown.  Photos are embedded once and kept in the temporary folder (`lfw_faces`).
"""

from __future__ import annotations

import argparse
import random
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from lfw_faces import labelled_analyses
from numpy.typing import NDArray

from facesort.core.calibration import Comparisons, Rate, Targets, Trials, compare, suggest
from facesort.core.gallery import Gallery, Person
from facesort.core.matching import Thresholds
from facesort.core.records import Analysis
from facesort.engine.calibrate import forecast_from
from facesort.engine.decide import Rules, decide_batch, learn
from facesort.engine.seed import check_reference
from facesort.errors import RefusedReferenceError
from facesort.faces.packs import resolve_pack
from facesort.faces.protocol import ModelPack
from facesort.reasons import PhotoStatus
from facesort.settings import MatchingSettings, SeedSettings
from facesort.store.photos import BATCH_SIZE, PhotoResult

Album = dict[str, list[Analysis]]
"""Photos of each person, those of strangers too."""

SPLITS = 20
FPIR = 0.01
UNENROLLED = 45
"""People of each half with several photos who are strangers all the same: one stranger in five or so."""


@dataclass(frozen=True, slots=True)
class Event:
    """A gallery, and photos of which one knows who is in them.

    Parameters
    ----------
    gallery : Gallery
    known : list of (person_id, Analysis)
    strangers : list of (number, Analysis)
        Numbers that are no person_id, one for each stranger.
    """

    gallery: Gallery
    known: list[tuple[int, Analysis]]
    strangers: list[tuple[int, Analysis]]

    def comparisons(self) -> Comparisons:
        """As ``facesort calibrate --labelled`` makes them: photos with exactly one face."""
        labelled = [(p, a) for p, a in self.known + self.strangers if len(a.faces) == 1]
        faces = np.stack([a.faces[0].embedding for _, a in labelled])
        return compare(self.gallery, faces, np.array([p for p, _ in labelled], dtype=np.int64))


def acceptable(analysis: Analysis) -> bool:
    try:
        check_reference(analysis, SeedSettings())
    except RefusedReferenceError:
        return False
    return True


def split(album: Album, rng: random.Random) -> tuple[Album, Album]:
    """Halves of the people, those with one photo and those with several alike."""
    halves: tuple[Album, Album] = ({}, {})
    for several in (True, False):
        names = sorted(name for name, photos in album.items() if (len(photos) > 1) is several)
        rng.shuffle(names)
        for index, name in enumerate(names):
            halves[index % 2][name] = album[name]
    return halves


def make_event(album: Album, rng: random.Random, *, references: int, unenrolled: int) -> Event:
    """Enrol who has enough photos, except some; all others are strangers."""
    names = sorted(album)
    rng.shuffle(names)
    enough = [n for n in names if sum(map(acceptable, album[n])) >= references and len(album[n]) >= 4]
    enrolled = enough[unenrolled:]
    persons, seeds, known = [], {}, []
    for person_id, name in enumerate(enrolled, start=1):
        photos = rng.sample(album[name], len(album[name]))
        chosen = [a for a in photos if acceptable(a)][:references]
        ids = {a.photo_id for a in chosen}
        persons.append(Person(person_id, name, name))
        seeds[person_id] = np.stack([a.faces[0].embedding for a in chosen])
        known += [(person_id, a) for a in photos if a.photo_id not in ids]
    others = [name for name in names if name not in set(enrolled)]
    strangers = [(10_000 + i, a) for i, name in enumerate(others) for a in album[name]]
    return Event(Gallery(tuple(persons), seeds), known, strangers)


def strangers_only(comparisons: Comparisons) -> Trials:
    """Only who really is not in the gallery: what the other half is judged by."""
    trials = comparisons.fpir()
    return trials.only(trials.persons >= comparisons.gallery)


def percent(value: float) -> str:
    return f"{value:.2%}"


def promise(pack: ModelPack, album: Album) -> None:
    """Acceptance: the realised FPIR lies inside the predicted interval in at least 18 of 20 splits."""
    print(f"| split | LOOSE | FPIR expected | 95 % for the other half | realised | inside | FNIR expected (95 %) | FNIR realised |")
    print("|---|---|---|---|---|---|---|---|")
    inside, widths, fnir_inside = 0, [], 0
    for seed in range(1, SPLITS + 1):
        one, other = (
            make_event(half, random.Random(seed), references=3, unenrolled=UNENROLLED).comparisons()
            for half in split(album, random.Random(seed))
        )
        loose = suggest(one, Thresholds(pack.strict, pack.loose, 0.05), Targets(fpir=FPIR)).loose
        expected, missed = loose.rate, one.fnir().at(loose.threshold)
        realised = strangers_only(other).at(loose.threshold)
        low, high = expected.in_new_sample(realised.trials)
        hit = low <= realised.value <= high
        missed_there = other.fnir().at(loose.threshold)
        band = missed.in_new_sample(missed_there.trials)
        fnir_inside += band[0] <= missed_there.value <= band[1]
        inside += hit
        widths.append(high - low)
        print(
            f"| {seed} | {loose.threshold:.3f} | {percent(expected.value)} ({expected.errors}/{expected.trials}) | "
            f"{percent(low)} to {percent(high)} | {percent(realised.value)} ({realised.errors}/{realised.trials}) | "
            f"{'yes' if hit else '**no**'} | {percent(missed.value)} ({percent(band[0])} to {percent(band[1])}) | "
            f"{percent(missed_there.value)} ({missed_there.errors}/{missed_there.trials}) |"
        )
    print(f"\nFPIR inside: {inside} of {SPLITS}; median width {percent(statistics.median(widths))}; FNIR inside {fnir_inside}")
