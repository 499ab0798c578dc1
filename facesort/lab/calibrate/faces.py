"""Sampled faces that lie between the thresholds, for the contact sheet."""

from __future__ import annotations

from facesort.core.matching import Decision
from facesort.core.records import Face, Photo
from facesort.engine.job.decide import decide_batch
from facesort.lab.calibrate.calibrating import Calibrating
from facesort.reasons import Outcome
from facesort.store.queries import Store
from facesort.store.queries.gallery import references_of
from facesort.store.queries.review import ReviewFace


def faces_between(desk: Calibrating, limit: int) -> tuple[list[ReviewFace], int]:
    """Faces of the sample that a sort would match without learning them, those nearest to LOOSE first.

    Parameters
    ----------
    desk : Calibrating
        With a sample.

    Returns
    -------
    list of ReviewFace
        At most `limit`.
    int
        How many there are.
    """
    if desk.sample is None:
        return [], 0
    results = decide_batch(desk.sample.analyses, desk.gallery, desk.rules, {})
    found = [
        (decision, face, photo)
        for photo, result in zip(desk.sample.photos, results, strict=True)
        for face, decision in zip(result.analysis.faces, result.decisions, strict=False)
        if decision.outcome is Outcome.LOOSE
    ]
    found.sort(key=lambda item: -(item[0].distance or 0.0))
    with desk.workspace.open_store(read_only=True) as store:
        return [_shown(desk, store, *item) for item in found[:limit]], len(found)


def _shown(
    desk: Calibrating, store: Store, decision: Decision, face: Face, photo: Photo
) -> ReviewFace:
    names = {person.person_id: person.name for person in desk.gallery.persons}
    person_id = decision.person_id or 0
    references = references_of(store, person_id, desk.pack.pack_id)
    best = max(references, key=lambda reference: reference.quality)
    return ReviewFace(
        face_id=0,  # of a sample nothing is stored
        photo_id=photo.photo_id,
        path=photo.path,
        person=names[person_id],
        runner_up=None if decision.runner_up_id is None else names[decision.runner_up_id],
        outcome=decision.outcome.value,
        reason=decision.reason.value,
        distance=decision.distance or 0.0,
        runner_up_distance=decision.runner_up_distance,
        quality=face.quality,
        crop=face.crop,
        reference_crop=best.crop,
    )
