"""Where every photo of a job stood at any moment.

Machine decisions are only ever added, so the state after any run can be had again: the newest decision of that time,
and what the user had said by then.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field

from facesort.reasons import PhotoStatus, Reason


@dataclass(frozen=True, slots=True)
class Resulted:
    """What a batch said of a photo; `run_id` is None if no run recorded it."""

    photo_id: int
    run_id: int | None
    status: PhotoStatus
    reason: str | None


@dataclass(frozen=True, slots=True)
class Decided:
    """One round of the machine's decisions about a face.

    Parameters
    ----------
    kind : str
        Of the batch: ``sort``, ``retry`` or ``rematch``.
    person_id : int or None
        Whom the face was given to.
    distance : float or None
        To that person, or else to the nearest.
    run_id : int or None
        None if no run recorded it.
    """

    photo_id: int
    face_id: int
    round: int
    kind: str
    reason: str
    person_id: int | None
    distance: float | None
    nearest_id: int | None
    run_id: int | None


@dataclass(frozen=True, slots=True)
class Said:
    """What a user said of a face: ``yes`` or ``no`` to a person."""

    face_id: int
    person_id: int
    answer: str


@dataclass(frozen=True, slots=True)
class Moment:
    """A moment in the life of a job.

    Parameters
    ----------
    last_run : int or None
        Decisions of later runs do not count yet; None: all count.
    said : sequence of Said
        By then.
    withheld : set of int
        Persons who were not to be delivered by then.
    """

    last_run: int | None
    said: Sequence[Said]
    withheld: Set[int]


@dataclass(frozen=True, slots=True)
class FaceAnswer:
    """What counts for a face: the machine's decision, and whom the user put in its place."""

    decided: Decided
    person_id: int | None
    by_user: bool


@dataclass(frozen=True, slots=True)
class PhotoAnswer:
    """What counts for a photo.

    Parameters
    ----------
    reason : str or None
        Why it reached no folder.
    faces : mapping of face_id to what counts for the face
    withheld : frozenset of int
        Who in it was not to be delivered.
    """

    status: PhotoStatus
    reason: str | None
    faces: Mapping[int, FaceAnswer] = field(default_factory=dict)
    withheld: frozenset[int] = frozenset()

    @property
    def persons(self) -> frozenset[int]:
        """Who is in it."""
        return frozenset(a.person_id for a in self.faces.values() if a.person_id is not None)


def state_at(
    moment: Moment, results: Iterable[Resulted], decisions: Iterable[Decided]
) -> dict[int, PhotoAnswer]:
    """Where every photo stood, by the rules of the view ``photo_state``.

    Parameters
    ----------
    results, decisions : iterable
        In the order they were made.

    Returns
    -------
    dict of photo_id to PhotoAnswer
        Of the photos that were decided by then.
    """
    yes = {said.face_id: said.person_id for said in moment.said if said.answer == "yes"}
    no = {(said.face_id, said.person_id) for said in moment.said if said.answer == "no"}
    faces: dict[int, dict[int, FaceAnswer]] = {}
    for decided in decisions:
        if _by_then(decided.run_id, moment):
            faces.setdefault(decided.photo_id, {})[decided.face_id] = _answer(decided, yes, no)
    newest = {result.photo_id: result for result in results if _by_then(result.run_id, moment)}
    return {
        photo_id: _photo_answer(result, faces.get(photo_id, {}), moment.withheld)
        for photo_id, result in newest.items()
    }


def drops_by_run(results: Iterable[Resulted], run_ids: Iterable[int]) -> dict[int, tuple[int, int]]:
    """How many photos were dropped and how many decided when each run ended, by what the batches had said by then.

    Parameters
    ----------
    results : iterable of Resulted
        In the order they were made.
    run_ids : iterable of int

    Returns
    -------
    dict of run_id to (dropped, decided)
    """
    said = [result for result in results if result.run_id is not None]
    found = {}
    for run_id in run_ids:
        newest = {r.photo_id: r.status for r in said if r.run_id is not None and r.run_id <= run_id}
        dropped = sum(status is not PhotoStatus.MATCHED for status in newest.values())
        found[run_id] = (dropped, len(newest))
    return found


def _by_then(run_id: int | None, moment: Moment) -> bool:
    return moment.last_run is None or (run_id is not None and run_id <= moment.last_run)


def _answer(decided: Decided, yes: Mapping[int, int], no: Set[tuple[int, int]]) -> FaceAnswer:
    if decided.face_id in yes:
        return FaceAnswer(decided, yes[decided.face_id], True)
    if decided.person_id is not None and (decided.face_id, decided.person_id) in no:
        return FaceAnswer(decided, None, True)
    return FaceAnswer(decided, decided.person_id, False)


def _photo_answer(
    result: Resulted, faces: Mapping[int, FaceAnswer], withheld: Set[int]
) -> PhotoAnswer:
    if not faces or result.status not in (PhotoStatus.MATCHED, PhotoStatus.UNKNOWN):
        return PhotoAnswer(result.status, result.reason)
    named = PhotoAnswer(PhotoStatus.MATCHED, None, faces)
    held = named.persons & withheld
    if held:
        return PhotoAnswer(PhotoStatus.UNKNOWN, Reason.DO_NOT_DELIVER.value, faces, held)
    if named.persons:
        return named
    return PhotoAnswer(PhotoStatus.UNKNOWN, Reason.ONLY_UNKNOWN_FACES.value, faces)
