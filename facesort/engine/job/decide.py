"""What a batch of analyses means: decisions, what is learned, results, and the planned writes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from facesort.core.copies import PlannedWrite
from facesort.core.delivery.posters import Clips, Seen, awaits_yes, shares
from facesort.core.delivery.routing import Jpeg, clip_name, output_name, plan_writes
from facesort.core.persons.gallery import Gallery
from facesort.core.persons.matching import Decision, Distances, decide_photo, distances_to_persons
from facesort.core.persons.sightings import Sightings
from facesort.core.records import Analysis, File, PhotoRef
from facesort.engine.rules import Rules
from facesort.reasons import Outcome, PhotoStatus, Reason, Remark
from facesort.store.job.photos import Known, PhotoResult
from facesort.store.what_counts import Proposal, Standing

AskStandings = Callable[[Iterable[Proposal]], Mapping[int, Standing]]
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
    decided = [_recognised(analysis, known) for analysis in analyses]
    shown = [one for one in decided if one.decided and one.analysis.faces]
    distances = iter(_distances(shown, gallery))
    person_ids = gallery.person_ids
    for index, one in enumerate(decided):
        if one.decided and one.analysis.faces:
            analysis = one.analysis
            sightings = Sightings.in_one([face.track for face in analysis.faces])
            decisions = decide_photo(
                next(distances), person_ids, rules.thresholds, sightings=sightings
            )
            learned = _learned(analysis, decisions, rules)
            decided[index] = replace(one, decisions=decisions, learned=learned)
    # Only now: another file of the batch that holds one of these is a duplicate, as any other is.
    known.failed |= {
        one.photo_id
        for one in decided
        if one.decided and one.analysis.sha256 and one.analysis.failure is not None
    }
    return tuple(decided)


def _distances(photos: Sequence[Decided], gallery: Gallery) -> list[Distances]:
    """Of the faces of each photo to the persons of the gallery; in one go, as the gallery is the same for all."""
    faces = [face.embedding for photo in photos for face in photo.analysis.faces]
    if not faces:
        return []
    ends = np.cumsum([len(photo.analysis.faces) for photo in photos])
    return np.split(distances_to_persons(np.stack(faces), gallery.centroids()), ends[:-1])


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
    # The movie of a Live Photo never stands for it.
    if is_newer and not analysis.is_linked and analysis.clip is None:
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
    faces = [
        (decided, face, decision)
        for decided in batch
        if decided.decisions
        for face, decision in zip(decided.analysis.faces, decided.decisions, strict=True)
    ]
    return ask(
        Proposal(
            of.photo_id,
            i - len(faces),  # it has no id yet: negative ones keep their order
            decision.person_id,
            decision.outcome,
            of.photo_id if of.shot_of is None else of.shot_of,
            of.analysis.clip is not None,
            face.track is not None,
        )
        for i, (of, face, decision) in enumerate(faces)
    )


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


@dataclass(frozen=True, slots=True)
class Share:
    """An output JPEG of a batch, and who gets it; a photo has one, a clip may have one for each person.

    Parameters
    ----------
    photo : PhotoRef
        With the frame, of a clip.
    targets : tuple of (person_id or None, folder)
    file_size : int
        Of the source file, in bytes.
    """

    decided: Decided
    photo: PhotoRef
    targets: tuple[tuple[int | None, str], ...]
    file_size: int

    @property
    def is_whole_clip(self) -> bool:
        """Whether the source file itself is what is delivered."""
        return self.decided.analysis.clip is not None and self.photo.at_ms is None


def shares_of(
    batch: Sequence[Decided],
    files: Sequence[File],
    standings: Mapping[int, Standing],
    clips: Clips = "poster",
) -> tuple[Share, ...]:
    """The output JPEGs that a batch delivers; see `core.posters.shares`."""
    found: list[Share] = []
    for decided, file in zip(batch, files, strict=True):
        standing = standings.get(decided.photo_id) if decided.decided else None
        if standing is None or not standing.targets:
            continue
        is_clip, folders = decided.analysis.clip is not None, dict(standing.targets)
        theirs = shares(list(_seen(decided)), list(folders), clips, is_clip=is_clip)
        photo = _as_stored(decided, file)
        for at_ms in dict.fromkeys(theirs.values()):
            who = tuple((key, folders[key]) for key, ms in theirs.items() if ms == at_ms)
            found.append(Share(decided, replace(photo, at_ms=at_ms), who, file.size))
    return tuple(found)


def _as_stored(decided: Decided, file: File) -> PhotoRef:
    """The photo that a file holds, as it is rendered again."""
    analysis = decided.analysis
    upright = analysis.info is not None and Remark.UPRIGHT in analysis.info.remarks
    return replace(file.ref, photo_id=decided.photo_id, turn=analysis.turn, upright=upright)


def _seen(decided: Decided) -> Iterator[Seen]:
    for face, decision in zip(decided.analysis.faces, decided.decisions, strict=True):
        if face.track is None:
            yield decision.person_id, face.quality, None
        else:  # one that awaits a yes is nobody's
            awaits = awaits_yes(decision.outcome, is_track=True)
            yield None if awaits else decision.person_id, face.quality, face.track.best_ms


def plan_batch(pictures: Sequence[Share], jpegs: Sequence[Jpeg]) -> tuple[PlannedWrite, ...]:
    """Plan the copies of a batch: compressed once, one copy for everyone who gets the picture."""
    writes: list[PlannedWrite] = []
    for picture, jpeg in zip(pictures, jpegs, strict=True):
        photo, decided = picture.photo, picture.decided
        name = output_name(photo.path, decided.analysis.sha256, at_ms=photo.at_ms)
        content = jpeg.sha256, len(jpeg.data)
        writes += plan_writes(decided.photo_id, name, picture.targets, *content, photo.at_ms)
    return tuple(writes)


def plan_whole_clips(pictures: Sequence[Share]) -> tuple[PlannedWrite, ...]:
    """Plan copies of clips as they are; nothing is staged for them."""
    writes: list[PlannedWrite] = []
    for picture in pictures:
        decided, sha256 = picture.decided, picture.decided.analysis.sha256
        name = clip_name(picture.photo.path, sha256)
        writes += plan_writes(decided.photo_id, name, picture.targets, sha256, picture.file_size)
    return tuple(writes)
