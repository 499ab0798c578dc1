"""What a batch of analyses means: decisions, what is learned, results, and the planned writes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from facesort.core.gallery import Gallery
from facesort.core.matching import Decision, decide_photo, distances_to_persons
from facesort.core.records import Analysis, File
from facesort.core.routing import PlannedWrite, output_name, plan_writes
from facesort.engine.rules import Rules
from facesort.reasons import Outcome, PhotoStatus, Reason
from facesort.store.job.photos import Known, PhotoResult
from facesort.store.what_counts import Standing

AskStandings = Callable[[Iterable[tuple[int, int, int | None]]], Mapping[int, Standing]]
"""`facesort.store.what_counts.standings`, bound to a store."""


@dataclass(frozen=True, slots=True)
class Decided:
    """What the matching says of one photo.

    Parameters
    ----------
    known_as : int or None
        The photo with this content, if it is known.
    decided_as : int or None
        The photo that is decided for this one, of the same shot.
    decided : bool
        Whether this photo is decided here; not if it is known, or another is decided for it.
    decisions : tuple of Decision
        One per face of the analysis; empty for a duplicate.
    learned : tuple of int
        Indices of the faces that join the gallery.
    shot_of : int or None
        The first photo of its shot, if that is another one.
    leads_instead_of : int or None
        The photo that was decided for its shot until now: an earlier version of it, or one that is gone.
    """

    analysis: Analysis
    known_as: int | None = None
    decided_as: int | None = None
    decided: bool = True
    decisions: tuple[Decision, ...] = ()
    learned: tuple[int, ...] = ()
    shot_of: int | None = None
    leads_instead_of: int | None = None

    @property
    def photo_id(self) -> int:
        """The photo that the file holds."""
        return self.analysis.photo_id if self.known_as is None else self.known_as


def decide_batch(
    analyses: Sequence[Analysis], gallery: Gallery, rules: Rules, known: Known | None = None
) -> tuple[Decided, ...]:
    """Decide for the photos of one batch, against a gallery that is frozen meanwhile.

    Parameters
    ----------
    analyses : sequence of Analysis
        In the order of the photos.
    known : Known, optional
        All photos so far; the batch's own are added.  Default: none.
    """
    known = Known() if known is None else known
    person_ids, centroids = gallery.person_ids, gallery.centroids()
    decided = []
    for analysis in analyses:
        one = _recognised(analysis, known)
        if one.decided and analysis.faces:
            embeddings = np.stack([face.embedding for face in analysis.faces])
            distances = distances_to_persons(embeddings, centroids)
            decisions = decide_photo(distances, person_ids, rules.thresholds)
            learned = _learned(analysis, decisions, rules)
            one = replace(one, decisions=decisions, learned=learned)
        decided.append(one)
    # Only now: another file of the batch that holds one of these is a duplicate, as any other is.
    known.failed |= {
        one.photo_id
        for one in decided
        if one.decided and one.analysis.sha256 and one.analysis.failure is not None
    }
    return tuple(decided)


def _recognised(analysis: Analysis, known: Known) -> Decided:
    """Whether the content of a file is to be decided, and as which photo."""
    if not analysis.sha256:
        return Decided(analysis)
    found = known.by_sha256.get(analysis.sha256)
    if found is not None:
        known.by_file[analysis.photo_id] = found
    if found is not None and (analysis.known or found not in known.failed):
        return Decided(analysis, found, decided=False)
    photo_id = known.place(analysis) if found is None else found
    known.failed.discard(photo_id)
    known_as = None if photo_id == analysis.photo_id else photo_id
    if analysis.shot_of is None:
        return Decided(analysis, known_as)
    lead = known.decided_for(analysis.shot_of)
    is_newer = lead in known.gone or lead == known.replaces.get(analysis.photo_id)
    if is_newer and not analysis.is_linked:
        known.decided_as |= {key: photo_id for key, of in known.decided_as.items() if of == lead}
        return Decided(analysis, known_as, leads_instead_of=lead)
    shot = known.shot_of[photo_id] = known.shot_of.get(lead, lead)
    if not analysis.is_linked:
        return Decided(analysis, known_as, shot_of=shot)
    known.decided_as[photo_id] = lead
    return Decided(analysis, known_as, lead, decided=False, shot_of=shot)


def _learned(analysis: Analysis, decisions: tuple[Decision, ...], rules: Rules) -> tuple[int, ...]:
    """Indices of the faces that join the gallery; none of a photo of which pixels are missing or guessed."""
    return tuple(
        index
        for index, (face, decision) in enumerate(zip(analysis.faces, decisions, strict=True))
        if rules.learn_quality is not None
        and not analysis.is_damaged
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
    faces = [(d.photo_id, one.person_id) for d in batch for one in d.decisions]
    # They have no ids yet: negative ones keep their order.
    return ask((key, i - len(faces), person_id) for i, (key, person_id) in enumerate(faces))


def results_of(
    batch: Sequence[Decided], standings: Mapping[int, Standing]
) -> tuple[PhotoResult, ...]:
    """What becomes of each photo of a batch."""
    return tuple(_result(decided, standings.get(decided.photo_id)) for decided in batch)


def _result(decided: Decided, standing: Standing | None) -> PhotoResult:
    analysis = decided.analysis

    def became(status: PhotoStatus, reason: Reason | None) -> PhotoResult:
        return PhotoResult(
            analysis,
            status,
            reason,
            decided.known_as,
            decided.decided_as,
            decided.decisions,
            decided.learned,
            decided.shot_of,
            decided.leads_instead_of,
        )

    if decided.decided_as is not None:
        return became(PhotoStatus.DUPLICATE, Reason.SAME_SHOT)
    if not decided.decided:
        return became(PhotoStatus.DUPLICATE, Reason.DUPLICATE)
    if analysis.failure is not None:
        return became(PhotoStatus.FAILED, analysis.failure)
    if standing is None:
        return became(PhotoStatus.NO_FACE, Reason.NO_FACE)
    return became(standing.status, standing.reason)


def plan_batch(
    batch: Sequence[Decided], files: Sequence[File], standings: Mapping[int, Standing]
) -> tuple[PlannedWrite, ...]:
    """Plan the copies of a batch: compressed once, one copy for everyone in the photo."""
    writes: list[PlannedWrite] = []
    for decided, file in zip(batch, files, strict=True):
        standing = standings.get(decided.photo_id) if decided.decided else None
        if standing is not None and standing.targets:
            analysis = decided.analysis
            name = output_name(file.path, analysis.sha256)
            writes += plan_writes(decided.photo_id, name, standing.targets, analysis.jpeg)
    return tuple(writes)
