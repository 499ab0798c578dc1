"""Before a sort: what a sample of the source says about all of it, and about the people in it."""

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
from facesort.core.records import Analysis, Embeddings, Photo
from facesort.engine.calibration.labelled import analyse_files
from facesort.engine.job.decide import decide_batch
from facesort.engine.job.roots import check_source
from facesort.engine.job.scan import scan_source
from facesort.engine.rules import Rules
from facesort.engine.setup import refuse_other_pack
from facesort.errors import GalleryError, InsufficientTrialsError
from facesort.faces.protocol import ModelPack
from facesort.store.job import photos
from facesort.store.queries.gallery import load_gallery
from facesort.workspace import Workspace

T = TypeVar("T")

SAMPLE = 200
"""Photos of the source that a forecast looks at."""


def frozen_gallery(workspace: Workspace, pack: ModelPack) -> Gallery:
    """The references alone: what was learned was chosen by the thresholds that are in question.

    Raises
    ------
    GalleryError
        If nobody was seeded.
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
    """A random sample of the source's photos, sorted before or not.

    Parameters
    ----------
    photos : tuple of Photo
        In the order of the sort.
    analyses : tuple of Analysis
        Of each photo; without the output JPEG.
    photos_in_all : int
        In the source.
    """

    photos: tuple[Photo, ...]
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
        Number of photos; all of them if there are fewer. See `draw`.
    seed : int
        The same seed draws the same photos from the same source.
    executor : Executor, optional
        Default: processes on this machine.
    on_photo : callable of (done, total), optional
        Told after every photo.

    Raises
    ------
    SourceGoneError
        If the source is not there.
    InsufficientTrialsError
        If it holds no photo.
    """
    root = workspace.settings.source
    with workspace.open_store(read_only=True) as store:
        known = photos.known_photos(store)
    check_source(root, list(known))
    everything = sorted([*known.values(), *scan_source(root, known).new], key=lambda p: p.photo_id)
    if not everything:
        raise InsufficientTrialsError(f"there is no photo in {root} to make a forecast from")
    chosen = draw(everything, sample, seed)
    analyses = analyse_files(workspace, pack, root, chosen, executor, on_photo=on_photo)
    return SourceSample(
        tuple(chosen), tuple(replace(a, jpeg=b"") for a in analyses), len(everything)
    )


def draw(items: Sequence[T], sample: int, seed: int) -> list[T]:
    """A random sample spread evenly over the items, in their order; all of them if there are fewer.

    One item of each of `sample` stretches of equal length (which are the longer ones, where they cannot be equal, is
    random too), so that each has the same chance. Photos that follow each other are alike, so this
    varies less than a simple random sample does, and an interval for that one is on the safe side (Cochran,
    "Sampling Techniques", 1977, section 8.3).
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
    """Decide for a sample as the sort would with a gallery that does not learn.

    Parameters
    ----------
    analyses : sequence of Analysis
        The sample.
    rules : Rules
        Its LOOSE, margin and quality hold for `Forecast.learnable`; its STRICT is free.  Its LOOSE also says which
        photos go to nobody, because somebody in them is not to be delivered.
    photos_in_all : int
        From how many photos the sample was drawn.
    """
    at_loose = Thresholds(rules.thresholds.loose, rules.thresholds.loose, rules.thresholds.margin)
    results = decide_batch(
        analyses, gallery, Rules(at_loose, rules.learn_quality, rules.unknown_folder), {}
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
    """Boxes and embeddings of each photo that has faces, as `photo_pairs` takes them."""
    return [
        (np.stack([f.box for f in a.faces]), np.stack([f.embedding for f in a.faces]))
        for a in analyses
        if a.faces
    ]
