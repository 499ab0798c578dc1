"""What calibration promises, and whether it holds: on LFW, with the sort's own functions.

    python benchmarks/calibration.py promise ../shared/models/mbf128
    python benchmarks/calibration.py forecast ../shared/models/mbf128
    python benchmarks/calibration.py worth ../shared/models/mbf128
    python benchmarks/calibration.py worth ../shared/models/mbf128 --splits 11 30

``promise``: the people are split into halves; LOOSE is suggested for FPIR 1 % by one half, and tried on the other.
``forecast``: the drop rate of the whole job, expected from 200 of its photos, against the one that comes out.
``worth``: FNIR, FPIR and wrong names with default and calibrated thresholds, and with learning on and off.

Tables are Markdown.  Photos are embedded once and kept in the temporary folder (`lfw_faces`).
"""

from __future__ import annotations

import argparse
import random
import statistics
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from figures import run_benchmark
from lfw_faces import labelled_analyses

from facesort.core.calibration import Comparisons, Targets, Trials, compare, suggest
from facesort.core.persons.gallery import Gallery, Person
from facesort.core.persons.matching import Thresholds
from facesort.core.records import Analysis
from facesort.engine.calibration.forecast import SAMPLE, draw, forecast_from
from facesort.engine.gallery.seed import check_reference
from facesort.engine.job.decide import Decided, decide_batch, learn
from facesort.engine.rules import Rules
from facesort.errors import RefusedReferenceError
from facesort.faces.packs.find import resolve_pack
from facesort.faces.protocol import ModelPack
from facesort.settings import MatchingSettings, SeedSettings
from facesort.store.job.files import BATCH_SIZE

Album = dict[str, list[Analysis]]
"""Photos of each person, those of strangers too."""

SPLITS = 20
FPIR = 0.01
FIRST_STRANGER = 10_000
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
    enough = [
        n for n in names if sum(map(acceptable, album[n])) >= references and len(album[n]) >= 4
    ]
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
    strangers = [(FIRST_STRANGER + i, a) for i, name in enumerate(others) for a in album[name]]
    return Event(Gallery(tuple(persons), seeds), known, strangers)


def strangers_only(comparisons: Comparisons) -> Trials:
    """Only who really is not in the gallery: what the other half is judged by."""
    trials = comparisons.fpir()
    return trials.only(trials.persons >= comparisons.gallery)


def percent(value: float) -> str:
    return f"{value:.2%}"


def print_head(*titles: str) -> None:
    print("|", " | ".join(titles), "|")
    print("|" + "---|" * len(titles))


def promise(pack: ModelPack, album: Album) -> None:
    """Acceptance: the realised FPIR lies inside the predicted interval in at least 18 of 20 splits."""
    print_head(
        "split", "LOOSE", "FPIR expected", "95 % for the other half", "realised", "inside",
        "FNIR expected (95 %)", "FNIR realised",
    )  # fmt: skip
    inside, widths, fnir_inside = 0, [], 0
    for seed in range(1, SPLITS + 1):
        one, other = (
            make_event(half, random.Random(seed), references=3, unenrolled=UNENROLLED).comparisons()
            for half in split(album, random.Random(seed))
        )
        loose = suggest(one, defaults(pack), Targets(fpir=FPIR)).loose
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
    width = percent(statistics.median(widths))
    print(
        f"\nFPIR inside: {inside} of {SPLITS}; median width {width}; FNIR inside: {fnir_inside} of {SPLITS}"
    )


@dataclass(frozen=True, slots=True)
class Sorted:
    """A job that was sorted: what became of each photo, and whose it is."""

    truth: list[int]
    results: list[Decided]

    def drop_rate(self) -> float:
        return sum(all(d.person_id is None for d in r.decisions) for r in self.results) / len(
            self.results
        )

    def given(self) -> list[tuple[int, set[int]]]:
        """Whose each photo is and whom it went to; only photos of one face, others have no truth."""
        return [
            (truth, {d.person_id for d in result.decisions if d.person_id is not None})
            for truth, result in zip(self.truth, self.results, strict=True)
            if len(result.analysis.faces) == 1
        ]


def sort_event(event: Event, rules: Rules, rng: random.Random) -> Sorted:
    """What `facesort sort` does with the event: batches of 50, what one learns is visible to the next."""
    photos = rng.sample(event.known + event.strangers, len(event.known + event.strangers))
    gallery, first_with, results = event.gallery, dict[str, int](), list[Decided]()
    for start in range(0, len(photos), BATCH_SIZE):
        batch = [analysis for _, analysis in photos[start : start + BATCH_SIZE]]
        decided = decide_batch(batch, gallery, rules, first_with)
        gallery = learn(gallery, decided)
        results += decided
    return Sorted([truth for truth, _ in photos], results)


def defaults(pack: ModelPack) -> Thresholds:
    return Thresholds(pack.strict, pack.loose, MatchingSettings().margin)


def suggested(pack: ModelPack, event: Event) -> Thresholds:
    found = suggest(event.comparisons(), defaults(pack), Targets(fpir=FPIR))
    return Thresholds(found.strict.threshold, found.loose.threshold, defaults(pack).margin)


def forecast(pack: ModelPack, album: Album) -> None:
    """Acceptance: the forecast covers the realised drop rate in at least 18 of 20 seeds."""
    print_head(
        "references", "thresholds", "learning", "photos", "drop rate", "first forecast (95 %)",
        "seeds 1-20", "seeds 1-200",
    )  # fmt: skip
    for references in (1, 3):
        event = make_event(
            album, random.Random(references), references=references, unenrolled=2 * UNENROLLED
        )
        for calibrated in (False, True):
            thresholds = suggested(pack, event) if calibrated else defaults(pack)
            for learning in (False, True):
                name = f"| {references} | {'calibrated' if calibrated else 'default'} | {'on' if learning else 'off'}"
                print(name, "|", _forecast_cells(event, thresholds, learning))


def _forecast_cells(event: Event, thresholds: Thresholds, learning: bool) -> str:
    rules = Rules(thresholds, MatchingSettings().learn_quality if learning else None, False)
    everything = sorted((a for _, a in event.known + event.strangers), key=lambda a: a.photo_id)
    truth = sort_event(event, rules, random.Random(1)).drop_rate()
    found = [
        forecast_from(draw(everything, SAMPLE, seed), event.gallery, rules, len(everything)).drops(
            thresholds.loose
        )
        for seed in range(1, 10 * SPLITS + 1)
    ]
    covered = [f.low <= truth <= f.high for f in found]
    first = found[0]
    return (
        f"{len(everything)} | {percent(truth)} | {percent(first.value)} ({percent(first.low)} to "
        f"{percent(first.high)}) | {sum(covered[:SPLITS])} of {SPLITS} | {sum(covered)} of {len(covered)} |"
    )


def worth(pack: ModelPack, album: Album, splits: range) -> None:
    """Acceptance: what calibration and learning are worth; learning must not raise wrong names."""
    print_head(
        "references",
        "thresholds",
        "learning",
        "LOOSE",
        "FNIR",
        "FPIR",
        "wrong names",
        "wrongly learned",
    )
    for references in (1, 2, 3):
        for calibrated in (False, True):
            trials = [_trial(pack, album, references, calibrated, seed) for seed in splits]
            for learning in (False, True):
                name = f"| {references} | {'calibrated' if calibrated else 'default'} | {'on' if learning else 'off'}"
                print(name, "|", _worth_cells(trials, learning), flush=True)


@dataclass(frozen=True, slots=True)
class Trial:
    """One half of the people to sort, with thresholds from the pack or from the other half.

    Parameters
    ----------
    event : Event
    thresholds : Thresholds
    seed : int
        Of the order of the photos.
    """

    event: Event
    thresholds: Thresholds
    seed: int


def _trial(pack: ModelPack, album: Album, references: int, calibrated: bool, seed: int) -> Trial:
    rng = random.Random(seed)
    one, other = (
        make_event(half, rng, references=references, unenrolled=UNENROLLED)
        for half in split(album, rng)
    )
    return Trial(other, suggested(pack, one) if calibrated else defaults(pack), seed)


def _worth_cells(trials: list[Trial], learning: bool) -> str:
    wrong_learned, given = 0, list[tuple[int, set[int]]]()
    for trial in trials:
        quality = MatchingSettings().learn_quality if learning else None
        done = sort_event(
            trial.event, Rules(trial.thresholds, quality, False), random.Random(trial.seed)
        )
        given += done.given()
        wrong_learned += sum(
            result.decisions[index].person_id != truth
            for truth, result in zip(done.truth, done.results, strict=True)
            for index in result.learned
            if len(result.analysis.faces) == 1
        )
    known = [(truth, persons) for truth, persons in given if truth < FIRST_STRANGER]
    strangers = [persons for truth, persons in given if truth >= FIRST_STRANGER]
    loose = statistics.mean(trial.thresholds.loose for trial in trials)
    return (
        f"{loose:.3f} | {share(sum(t not in p for t, p in known), len(known))} | "
        f"{share(sum(map(bool, strangers)), len(strangers))} | "
        f"{share(sum(bool(p - {t}) for t, p in known), len(known))} | {wrong_learned} |"
    )


def share(errors: int, trials: int) -> str:
    return f"{percent(errors / trials)} ({errors}/{trials})"


TABLES = {"promise": promise, "forecast": forecast}


def main(arguments: Iterable[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table", choices=[*TABLES, "worth"])
    parser.add_argument("pack", type=Path)
    parser.add_argument("--assets", type=Path, default=Path("../shared"))
    parser.add_argument(
        "--splits", type=int, nargs=2, default=(1, 10), help="of worth: the first and the last"
    )
    options = parser.parse_args(arguments)
    pack = resolve_pack(str(options.pack), [])
    album = labelled_analyses(options.assets, pack)
    if options.table == "worth":
        first, last = options.splits
        worth(pack, album, range(first, last + 1))
    else:
        TABLES[options.table](pack, album)


if __name__ == "__main__":
    run_benchmark(
        main,
        [
            "facesort/core/calibration",
            "facesort/core/persons/matching.py",
            "facesort/core/persons/gallery.py",
        ],
    )
