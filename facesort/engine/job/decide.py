"""What a batch of analyses means: decisions, what is learned, results, and the planned writes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from facesort.core.gallery import Gallery
from facesort.core.matching import Decision, decide_photo, distances_to_persons
from facesort.core.records import Analysis, Photo
from facesort.core.routing import PlannedWrite, output_name, plan_writes
from facesort.engine.rules import Rules
from facesort.reasons import Outcome, PhotoStatus, Reason
from facesort.store.job.photos import PhotoResult
from facesort.store.what_counts import Standing

AskStandings = Callable[[Iterable[tuple[int, int, int | None]]], Mapping[int, Standing]]
"""`facesort.store.what_counts.standings`, bound to a store."""


@dataclass(frozen=True, slots=True)
class Decided:
    """What the matching says of one photo.

    Parameters
    ----------
    duplicate_of : int or None
        The earlier photo with the same bytes.
    decisions : tuple of Decision
        One per face of the analysis; empty for a duplicate.
    learned : tuple of int
        Indices of the faces that join the gallery.
    """

    analysis: Analysis
    duplicate_of: int | None = None
    decisions: tuple[Decision, ...] = ()
    learned: tuple[int, ...] = ()


def decide_batch(
    analyses: Sequence[Analysis], gallery: Gallery, rules: Rules, first_with: dict[str, int]
) -> tuple[Decided, ...]:
    """Decide for the photos of one batch, against a gallery that is frozen meanwhile.

    Parameters
    ----------
    analyses : sequence of Analysis
        In the order of the photos.
    first_with : dict of SHA-256 to photo_id
        The first photo with each content; the batch's own are added.
    """
    person_ids, centroids = gallery.person_ids, gallery.centroids()
    decided = []
    for analysis in analyses:
        original = _original(analysis, first_with)
        if original is not None or not analysis.faces:
            decided.append(Decided(analysis, original))
            continue
        embeddings = np.stack([face.embedding for face in analysis.faces])
        distances = distances_to_persons(embeddings, centroids)
        decisions = decide_photo(distances, person_ids, rules.thresholds)
        learned = _learned(analysis, decisions, rules)
        decided.append(Decided(analysis, decisions=decisions, learned=learned))
    return tuple(decided)


def _original(analysis: Analysis, first_with: dict[str, int]) -> int | None:
    """The earlier photo with the same bytes, if there is one."""
    if not analysis.sha256:
        return None
    first = first_with.setdefault(analysis.sha256, analysis.photo_id)
    return None if first == analysis.photo_id else first


def _learned(analysis: Analysis, decisions: tuple[Decision, ...], rules: Rules) -> tuple[int, ...]:
    """Indices of the faces that join the gallery."""
    return tuple(
        index
        for index, (face, decision) in enumerate(zip(analysis.faces, decisions, strict=True))
        if rules.learn_quality is not None
        and decision.outcome is Outcome.STRICT
        and face.quality >= rules.learn_quality
    )


def learn(gallery: Gallery, batch: Sequence[Decided]) -> Gallery:
    """The gallery that the next batch sees."""
    return gallery.learn(
        [
            (person_id, decided.analysis.faces[index].embedding)
            for decided in batch
            for index in decided.learned
            if (person_id := decided.decisions[index].person_id) is not None
        ]
    )


def standings_of(batch: Sequence[Decided], ask: AskStandings) -> Mapping[int, Standing]:
    """Where the photos with faces stand, by photo_id."""
    faces = [(d.analysis.photo_id, one.person_id) for d in batch for one in d.decisions]
    # They have no ids yet: negative ones keep their order.
    return ask((key, i - len(faces), person_id) for i, (key, person_id) in enumerate(faces))


def results_of(
    batch: Sequence[Decided], standings: Mapping[int, Standing]
) -> tuple[PhotoResult, ...]:
    """What becomes of each photo of a batch."""
    return tuple(_result(decided, standings.get(decided.analysis.photo_id)) for decided in batch)


def _result(decided: Decided, standing: Standing | None) -> PhotoResult:
    analysis = decided.analysis
    if decided.duplicate_of is not None:
        return PhotoResult(
            analysis, PhotoStatus.DUPLICATE, Reason.DUPLICATE, duplicate_of=decided.duplicate_of
        )
    if analysis.failure is not None:
        return PhotoResult(analysis, PhotoStatus.FAILED, analysis.failure)
    if standing is None:
        return PhotoResult(analysis, PhotoStatus.NO_FACE, Reason.NO_FACE)
    return PhotoResult(
        analysis,
        standing.status,
        standing.reason,
        decisions=decided.decisions,
        learned=decided.learned,
    )


def plan_batch(
    batch: Sequence[Decided], photos: Sequence[Photo], standings: Mapping[int, Standing]
) -> tuple[PlannedWrite, ...]:
    """Plan the copies of a batch: compressed once, one copy for everyone in the photo."""
    writes: list[PlannedWrite] = []
    for decided, photo in zip(batch, photos, strict=True):
        standing = standings.get(photo.photo_id)
        if standing is not None and standing.targets:
            analysis = decided.analysis
            name = output_name(photo.path, analysis.sha256)
            writes += plan_writes(photo.photo_id, name, standing.targets, analysis.jpeg)
    return tuple(writes)
