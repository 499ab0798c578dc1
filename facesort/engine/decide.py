"""What a batch of analyses means: results, what is learned, and the planned writes.  Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass

import numpy as np

from facesort.core.gallery import Gallery
from facesort.core.matching import Decision, Thresholds, decide_photo, distances_to_persons
from facesort.core.records import Analysis, Photo
from facesort.core.routing import UNKNOWN_FOLDER, PlannedWrite, output_name, plan_writes
from facesort.errors import SettingsError
from facesort.faces.protocol import ModelPack
from facesort.reasons import Outcome, PhotoStatus, Reason
from facesort.settings import Settings
from facesort.store.photos import PhotoResult

__all__ = [
    "Rules",
    "decide_batch",
    "learn",
    "plan_batch",
    "rules_of",
    "status_of",
    "targets_of",
]


@dataclass(frozen=True, slots=True)
class Rules:
    """The settings that decide.

    Parameters
    ----------
    thresholds : Thresholds
    learn_quality : float or None
        None: nothing is learned.
    unknown_folder : bool
        Whether photos with only unknown faces are delivered to ``_unknown``.
    """

    thresholds: Thresholds
    learn_quality: float | None
    unknown_folder: bool


def rules_of(settings: Settings, pack: ModelPack) -> Rules:
    """The rules that a workspace's settings and its pack's recommendation give."""
    matching = settings.matching
    strict = pack.strict if matching.strict is None else matching.strict
    loose = pack.loose if matching.loose is None else matching.loose
    if matching.strict is not None and strict > loose:
        raise SettingsError(
            f"strict ({strict:g}) must not be above loose ({loose:g}, of {pack.name})"
        )
    return Rules(
        # A LOOSE that was set below the pack's STRICT means: nothing beyond it is a match.
        Thresholds(min(strict, loose), loose, matching.margin),
        matching.learn_quality if matching.learn else None,
        settings.run.unknown_folder,
    )


def decide_batch(
    analyses: Sequence[Analysis], gallery: Gallery, rules: Rules, first_with: dict[str, int]
) -> tuple[PhotoResult, ...]:
    """Decide for the photos of one batch, against a gallery that is frozen meanwhile.

    Parameters
    ----------
    analyses : sequence of Analysis
        In the order of the photos.
    gallery : Gallery
    rules : Rules
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


def status_of(
    persons: Iterable[int | None], withheld: Set[int]
) -> tuple[PhotoStatus, Reason | None]:
    """Where a photo stands, by who its faces are; as the view `photo_state` has it.

    Parameters
    ----------
    persons : iterable of (person_id or None)
        One per face; None for an unknown one.
    withheld : set of person_id
        Photos with one of them go to nobody.
    """
    named = {person_id for person_id in persons if person_id is not None}
    if named & withheld:
        return PhotoStatus.UNKNOWN, Reason.DO_NOT_DELIVER
    if named:
        return PhotoStatus.MATCHED, None
    return PhotoStatus.UNKNOWN, Reason.ONLY_UNKNOWN_FACES


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


def targets_of(
    reason: Reason | None, persons: Iterable[int | None], gallery: Gallery, rules: Rules
) -> list[tuple[int | None, str]]:
    """Where the copies of a photo with faces belong: who gets one, and in which folder.

    Parameters
    ----------
    reason : Reason or None
        From `status_of`.
    persons : iterable of (person_id or None)
        One per face; whoever is not in the gallery gets nothing.
    gallery : Gallery
    rules : Rules
    """
    if reason is Reason.DO_NOT_DELIVER:
        return []
    if reason is Reason.ONLY_UNKNOWN_FACES:
        return [(None, UNKNOWN_FOLDER)] if rules.unknown_folder else []
    folders = {person.person_id: person.folder for person in gallery.persons}
    return [(key, folders[key]) for key in dict.fromkeys(persons) if key in folders]
