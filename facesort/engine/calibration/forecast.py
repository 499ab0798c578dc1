"""Samples the source before a sort, and forecasts the result from the sample."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from facesort.core.calibration import Forecast, GroupedSample
from facesort.core.groups.decision import decide_in_groups
from facesort.core.persons.gallery import Gallery
from facesort.core.persons.matching import Distances, Thresholds, distances_to_persons
from facesort.core.persons.sightings import Sightings
from facesort.core.records import Analysis, Embeddings, PhotoRef
from facesort.engine.calibration.labelled import analyse_files
from facesort.engine.job.decide import Decided, decide_batch
from facesort.engine.job.groups import EventGroups, groups_of
from facesort.engine.rules import Rules
from facesort.engine.scan.intake import present_files
from facesort.engine.setup import refuse_other_pack
from facesort.engine.sources.locate import locate
from facesort.errors import GalleryError, InsufficientTrialsError
from facesort.faces.protocol import ModelPack
from facesort.reasons import Outcome
from facesort.store.queries.face_sets import ComparableFaces
from facesort.store.queries.gallery import load_gallery
from facesort.workspace import Workspace

T = TypeVar("T")

SAMPLE = 200
"""Photos of the source that a forecast analyses."""

_WIDEST = 1.4  # RMS distance; a forecast is for every LOOSE, and embeddings say nothing beyond


def frozen_gallery(workspace: Workspace, pack: ModelPack) -> Gallery:
    """Load references only: learned faces were selected by the thresholds to be calibrated.

    Raises
    ------
    GalleryError
        If the gallery is empty.
    PackMismatchError
        If the gallery was embedded with another pack.
    """
    with workspace.open_store(read_only=True) as store:
        refuse_other_pack(store, pack)
        gallery = load_gallery(store, pack.pack_id, max_learned=0)
    if not gallery.references:
        raise GalleryError(
            "nobody is in the gallery: add someone first with `facesort seed NAME PHOTO...`"
        )
    return gallery


@dataclass(frozen=True, slots=True, eq=False)
class SourceSample:
    """A random sample of the source's photos, whether sorted before or not.

    Parameters
    ----------
    photos : tuple of PhotoRef
        In the order of a sort.
    analyses : tuple of Analysis
        One per photo; without the output JPEG.
    photos_in_all : int
        Photos in the source.
    """

    photos: tuple[PhotoRef, ...]
    analyses: tuple[Analysis, ...]
    photos_in_all: int


def sample_source(
    workspace: Workspace,
    pack: ModelPack,
    *,
    sample: int = SAMPLE,
    seed: int = 0,
    executor: Executor | None = None,
    on_photo: Callable[[int, int], None] | None = None,
) -> SourceSample:
    """Analyse a random sample of the source.

    Parameters
    ----------
    sample : int
        Number of photos; all if there are fewer. See `draw`.
    seed : int
        The same seed draws the same photos from the same source.
    executor : Executor, optional
        Default: processes on this machine.
    on_photo : callable of (done, total), optional
        Called after every photo.

    Raises
    ------
    SourceGoneError
        If the source is missing.
    InsufficientTrialsError
        If the source has no photo.
    """
    with workspace.open_store(read_only=True) as store:
        roots = {name: root.path for name, root in locate(workspace, store).there.items()}
        everything = [file.ref for file in present_files(store, roots)]
    if not everything:
        places = ", ".join(map(str, roots.values()))
        raise InsufficientTrialsError(f"there is no photo in {places} to make a forecast from")
    chosen = draw(everything, sample, seed)
    analyses = analyse_files(workspace, pack, roots, chosen, executor, on_photo=on_photo)
    return SourceSample(
        tuple(chosen), tuple(replace(a, jpeg=b"") for a in analyses), len(everything)
    )


def draw(items: Sequence[T], sample: int, seed: int) -> list[T]:
    """Draw a random sample that is spread evenly over the items, in their order; all items if there are fewer.

    Draws one item from each of `sample` stretches of equal length (if they cannot be equal, the longer ones are random
    too), so that all items have the same probability. Consecutive photos are alike, so this varies less than a simple
    random sample, and an interval for the latter is conservative (Cochran, "Sampling Techniques", 1977, section 8.3).
    """
    stretches = min(sample, len(items))
    if not stretches:
        return []
    rng = np.random.default_rng(seed)
    lengths = np.full(stretches, len(items) // stretches)
    lengths[rng.permutation(stretches)[: len(items) % stretches]] += 1
    places = np.cumsum(lengths) - lengths + rng.integers(lengths)
    return [items[place] for place in places.tolist()]


def forecast_from(
    analyses: Sequence[Analysis], gallery: Gallery, rules: Rules, photos_in_all: int
) -> Forecast:
    """Decide for a sample as a sort would with a gallery that does not learn.

    Parameters
    ----------
    analyses : sequence of Analysis
        The sample.
    rules : Rules
        LOOSE, margin and quality apply to `Forecast.learnable`; STRICT is left open.  LOOSE also determines which
        photos reach no folder because somebody in them is withheld.  With `Rules.groups`, faces of the sample are
        joined into groups.
    photos_in_all : int
        The number of photos that the sample was drawn from.
    """
    at_loose = Thresholds(rules.thresholds.loose, rules.thresholds.loose, rules.thresholds.margin)
    results = decide_batch(
        analyses, gallery, Rules(at_loose, rules.learn_quality, rules.unknown_folder)
    )
    groups = _groups(results, gallery, rules)
    decided = results if groups is None else _in_groups(results, gallery, rules, groups)
    withheld_persons = {person.person_id for person in gallery.persons if not person.deliver}
    # The rule of what_counts.sql, for thresholds that nothing is stored under; a test compares the two.
    withheld = [
        any(d.person_id in withheld_persons for d in result.decisions) for result in decided
    ]
    distances = _distances(results, gallery)
    learnable = [
        decision.distance if index in result.learned else np.inf
        for result in results
        for index, decision in enumerate(result.decisions)
    ]
    photo_of = np.repeat(np.arange(len(results)), [len(result.decisions) for result in results])
    return Forecast(
        photos_in_all,
        np.array(
            [
                np.inf if hidden else rows.min(initial=np.inf)
                for hidden, rows in zip(withheld, distances, strict=True)
            ],
            np.float32,
        ),
        np.array(learnable, np.float32),
        photo_of.astype(np.int64),
        None if groups is None else _grouped(groups, distances, photo_of, rules),
    )


def decide_sample(
    analyses: Sequence[Analysis], gallery: Gallery, rules: Rules
) -> tuple[Decided, ...]:
    """Who the faces of a sample are at the end of a sort, by their groups too if the rules ask for them."""
    results = decide_batch(analyses, gallery, rules)
    groups = _groups(results, gallery, rules)
    return results if groups is None else _in_groups(results, gallery, rules, groups)


def photos_of_persons(results: Sequence[Decided]) -> Mapping[int, set[int]]:
    """The photos of a sample that each person is in: numbers of results, by person id; none of those not found."""
    found = defaultdict[int, set[int]](set)
    for number, result in enumerate(results):
        for decision in result.decisions:
            if decision.person_id is not None and decision.outcome is not Outcome.UNKNOWN:
                found[decision.person_id].add(number)
    return found


def _distances(results: Sequence[Decided], gallery: Gallery) -> list[Distances]:
    """Distances of the faces of each photo to all persons; none of a photo that is not decided."""
    centroids = gallery.centroids()
    found = []
    for result in results:
        faces = result.analysis.faces if result.decisions else ()
        embeddings = np.array([face.embedding for face in faces], np.float32)
        found.append(distances_to_persons(embeddings, centroids))
    return found


def _groups(results: Sequence[Decided], gallery: Gallery, rules: Rules) -> EventGroups | None:
    """Groups of the faces of a sample; None if the rules want none, or there is nothing to join."""
    decided = [(number, result) for number, result in enumerate(results) if result.decisions]
    if not rules.groups or not decided:
        return None
    faces = [(number, face) for number, result in decided for face in result.analysis.faces]
    photos = np.array([number for number, _ in faces], np.int64)
    rank = np.argsort(np.argsort([result.analysis.sha256 for result in results]))
    order = np.argsort(np.argsort(rank[photos], kind="stable"))
    tracks = Sightings.in_one([face.track for _, face in faces])
    sample = ComparableFaces(
        np.arange(len(faces), dtype=np.int64),
        replace(tracks, photo_ids=photos),
        order.astype(np.int64),
        np.array([face.quality for _, face in faces], np.float64),
        np.stack([face.embedding for _, face in faces]),
    )
    return groups_of(sample, gallery, rules, widest=_WIDEST)


def _in_groups(
    results: Sequence[Decided], gallery: Gallery, rules: Rules, groups: EventGroups
) -> tuple[Decided, ...]:
    """The same photos, decided with what their groups say."""
    thresholds, row, decided = groups.thresholds(rules.thresholds), 0, []
    for result, distances in zip(results, _distances(results, gallery), strict=True):
        rows = list(range(row, row := row + len(distances)))
        decisions = decide_in_groups(
            distances,
            gallery.person_ids,
            thresholds,
            None,
            groups.proposals.of(rows),
            groups.threshold,
            Sightings.in_one([face.track for face in result.analysis.faces[: len(rows)]]),
        )
        decided.append(replace(result, decisions=decisions))
    return tuple(decided)


def _grouped(
    groups: EventGroups,
    distances: Sequence[Distances],
    photo_of: NDArray[np.int64],
    rules: Rules,
) -> GroupedSample:
    """For forecasts at any LOOSE."""
    everything = np.concatenate([rows for rows in distances if len(rows)])
    own = everything[np.arange(len(everything)), groups.linkage.person]
    return GroupedSample(
        groups.linkage,
        groups.threshold,
        own,
        everything.min(axis=1),
        photo_of,
        groups.thresholds(rules.thresholds).strict,
    )


def faces_by_photo(
    analyses: Iterable[Analysis],
) -> list[tuple[NDArray[np.float32], Embeddings]]:
    """Boxes and embeddings of each photo with faces, for `photo_pairs`; of no clip: two tracks may be one person."""
    return [
        (np.stack([f.box for f in a.faces]), np.stack([f.embedding for f in a.faces]))
        for a in analyses
        if a.faces and a.clip is None
    ]
