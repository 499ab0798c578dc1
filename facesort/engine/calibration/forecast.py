"""Samples the source before a sort, and forecasts the result from the sample."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from facesort.core.calibration import Forecast
from facesort.core.gallery import Gallery
from facesort.core.matching import Thresholds, distances_to_persons
from facesort.core.records import Analysis, Embeddings, PhotoRef
from facesort.engine.calibration.labelled import analyse_files
from facesort.engine.job.decide import decide_batch
from facesort.engine.job.intake import present_files
from facesort.engine.rules import Rules
from facesort.engine.setup import refuse_other_pack
from facesort.engine.sources.locate import locate
from facesort.errors import GalleryError, InsufficientTrialsError
from facesort.faces.protocol import ModelPack
from facesort.store.queries.gallery import load_gallery
from facesort.workspace import Workspace

T = TypeVar("T")

SAMPLE = 200
"""Photos of the source that a forecast analyses."""


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
        photos reach no folder because somebody in them is withheld.
    photos_in_all : int
        The number of photos that the sample was drawn from.
    """
    at_loose = Thresholds(rules.thresholds.loose, rules.thresholds.loose, rules.thresholds.margin)
    results = decide_batch(
        analyses, gallery, Rules(at_loose, rules.learn_quality, rules.unknown_folder)
    )
    centroids = gallery.centroids()
    withheld_persons = {person.person_id for person in gallery.persons if not person.deliver}
    nearest, learnable, photo_of = [], [], []
    for number, result in enumerate(results):
        faces = result.analysis.faces if result.decisions else ()
        embeddings = np.array([face.embedding for face in faces], np.float32)
        distances = distances_to_persons(embeddings, centroids)
        # The rule of what_counts.sql, for thresholds that nothing is stored under; a test compares the two.
        withheld = any(d.person_id in withheld_persons for d in result.decisions)
        nearest.append(np.inf if withheld else distances.min(initial=np.inf))
        for index in range(len(faces)):
            learned = index in result.learned
            learnable.append(result.decisions[index].distance if learned else np.inf)
            photo_of.append(number)
    return Forecast(
        photos_in_all,
        np.array(nearest, np.float32),
        np.array(learnable, np.float32),
        np.array(photo_of, np.int64),
    )


def faces_by_photo(
    analyses: Iterable[Analysis],
) -> list[tuple[NDArray[np.float32], Embeddings]]:
    """Boxes and embeddings of each photo with faces, for `photo_pairs`."""
    return [
        (np.stack([f.box for f in a.faces]), np.stack([f.embedding for f in a.faces]))
        for a in analyses
        if a.faces
    ]
