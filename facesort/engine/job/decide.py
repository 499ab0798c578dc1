"""What a batch of analyses means: results, what is learned, and the planned writes.  Pure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from facesort.core.gallery import Gallery
from facesort.core.matching import Decision, decide_photo, distances_to_persons
from facesort.core.records import Analysis, Photo
from facesort.core.routing import PlannedWrite, output_name, plan_writes
from facesort.engine.rules import Rules, status_of, targets_of
from facesort.reasons import Outcome, PhotoStatus, Reason
from facesort.store.job.photos import PhotoResult


def decide_batch(
    analyses: Sequence[Analysis], gallery: Gallery, rules: Rules, first_with: dict[str, int]
) -> tuple[PhotoResult, ...]:
    """Decide for the photos of one batch, against a gallery that is frozen meanwhile.

    Parameters
    ----------
    analyses : sequence of Analysis
        In the order of the photos.
    first_with : dict of SHA-256 to photo_id
        The first photo with each content; the batch's own are added.

    Returns
    -------
    tuple of PhotoResult
    """
    person_ids, centroids = gallery.person_ids, gallery.centroids()
    withheld = {person.person_id for person in gallery.persons if not person.deliver}
    results = []
    for analysis in analyses:
        original = _original(analysis, first_with)
        if original is not None:
            results.append(
                PhotoResult(
                    analysis, PhotoStatus.DUPLICATE, Reason.DUPLICATE, duplicate_of=original
                )
            )
        elif analysis.failure is not None:
            results.append(PhotoResult(analysis, PhotoStatus.FAILED, analysis.failure))
        elif not analysis.faces:
            results.append(PhotoResult(analysis, PhotoStatus.NO_FACE, Reason.NO_FACE))
        else:
            embeddings = np.stack([face.embedding for face in analysis.faces])
            distances = distances_to_persons(embeddings, centroids)
            decisions = decide_photo(distances, person_ids, rules.thresholds)
            learned = _learned(analysis, decisions, rules)
            status, reason = status_of((d.person_id for d in decisions), withheld)
            results.append(
                PhotoResult(analysis, status, reason, decisions=decisions, learned=learned)
            )
    return tuple(results)


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


def learn(gallery: Gallery, results: Sequence[PhotoResult]) -> Gallery:
    """The gallery that the next batch sees."""
    return gallery.learn(
        [
            (person_id, result.analysis.faces[index].embedding)
            for result in results
            for index in result.learned
            if (person_id := result.decisions[index].person_id) is not None
        ]
    )


def plan_batch(
    results: Sequence[PhotoResult], photos: Sequence[Photo], gallery: Gallery, rules: Rules
) -> tuple[PlannedWrite, ...]:
    """Plan the copies of a batch: compressed once, one copy for everyone in the photo."""
    writes: list[PlannedWrite] = []
    for result, photo in zip(results, photos, strict=True):
        named = (d.person_id for d in result.decisions)
        targets = targets_of(result.reason, named, gallery, rules) if result.decisions else []
        if targets:
            name = output_name(photo.path, result.analysis.sha256)
            writes.extend(plan_writes(photo.photo_id, name, targets, result.analysis.jpeg))
    return tuple(writes)
