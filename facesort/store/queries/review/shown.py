"""Faces as the review shows them: doubtful matches, the faces of a person, those that look-alikes competed for."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facesort.core.records import PhotoRef
from facesort.core.stored import StoredFace
from facesort.store.queries.review.chosen import EVERY_FACE, IN_CLIP, FaceFilter, fitting
from facesort.store.queries.stored import places_of, stored_faces, with_crops
from facesort.store.store import Store, vectors


@dataclass(frozen=True, slots=True)
class LookAlikes:
    """Two persons who competed for the same faces.

    Parameters
    ----------
    names : tuple of (str, str)
        In the order in which they were added to the gallery.
    count : int
        Number of faces that were within LOOSE of both.
    faces : tuple of StoredFace
        The closest calls.
    """

    names: tuple[str, str]
    count: int
    faces: tuple[StoredFace, ...]


@dataclass(frozen=True, slots=True)
class DoubtfulGroup:
    """Faces that came together to a person, only just: all of them are the person, or none.

    Parameters
    ----------
    person : str
        Who they may be.
    face_ids : tuple of int
        The best face first.
    photos : int
        In how many photos they are.
    """

    person: str
    face_ids: tuple[int, ...]
    photos: int


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the review of doubtful faces is.

    Parameters
    ----------
    to_check : int
        Doubtful matches without a yes or no, those of groups in doubt aside.
    looked_at : int
        Faces with an answer, *not sure* included, that were doubtful when it was given.
    total : int
        Those, and the faces that nobody has looked at yet.
    """

    to_check: int
    looked_at: int
    total: int


@dataclass(frozen=True, slots=True, eq=False)
class GroupFace:
    """A face of a person, or of a group in doubt.

    Parameters
    ----------
    person : str
        Whose face it is, or may be.
    came_at : float or None
        Of a group in doubt: the RMS distance at which it came to the person.  One stored with another decision may be
        older than the group: a decision that has not changed is not stored again.
    confirmed : bool
        Whether a user said that it is the person.
    embedding : ndarray of shape (dim,), float32
    """

    face_id: int
    photo: PhotoRef
    person: str
    came_at: float | None
    confirmed: bool
    embedding: NDArray[np.float32]


_DOUBTFUL = (
    "s.person_id IS NOT NULL AND NOT s.by_user AND s.face_id NOT IN (SELECT face_id FROM ignored) "
    "AND (s.outcome = 'loose' OR s.quality < ?::FLOAT)"
)
_STANDS = "face_id, person_id, outcome, reason, quality, by_user"
_IN_DOUBT = "s.reason = 'group_in_doubt' AND s.face_id NOT IN (SELECT face_id FROM ignored)"


@contextmanager
def doubtful_once(store: Store, *, low_quality: float) -> Iterator[None]:
    """Find doubtful faces and those of groups in doubt once, for all questions inside, which are about no others.

    Parameters
    ----------
    low_quality : float
        The highest that is asked for.
    """
    with _shown_once(store, f"{_DOUBTFUL} OR {_IN_DOUBT}", [low_quality]):
        yield


@contextmanager
def _shown_once(store: Store, where: str, parameters: Sequence[Any]) -> Iterator[None]:
    """Find some faces once, for all questions inside, which are about no others.

    Parameters
    ----------
    where : str
        Which, by what ``face_state s`` and ``face_shown s`` both have.
    """
    with ExitStack() as stack:
        # Everything else about a face is asked for these only.
        with (
            store.materialized("face_state", where=where, parameters=parameters),
            places_of(store, "SELECT photo_id FROM face_state"),
        ):
            stack.enter_context(
                store.materialized("face_shown", where=where, parameters=parameters)
            )
        yield


def doubtful_faces(
    store: Store,
    chosen: FaceFilter = EVERY_FACE,
    *,
    loose: float,
    low_quality: float = 0.0,
    limit: int,
    offset: int = 0,
) -> list[StoredFace]:
    """Matches without a yes or no, the most doubtful first.

    LOOSE matches come first: those in clips, of which nobody gets anything before a yes, then those in photos; in the
    order of their distance to LOOSE or to the runner-up, whichever is nearer; of a face that was matched by its group,
    of the group's distance to LOOSE.  Then STRICT matches of low quality, the lowest first; last, matches that were
    answered with *unsure*.

    Parameters
    ----------
    loose : float
        LOOSE of the run.
    low_quality : float
        STRICT matches below this quality are doubtful too.
    """
    first = (
        f"s.outcome = 'strict', s.outcome = 'loose' AND NOT ({IN_CLIP}), CASE WHEN s.outcome = 'strict' THEN s.quality "
        "WHEN s.reason = 'within_group' THEN ?::DOUBLE - s.group_distance "
        "ELSE least(?::DOUBLE - s.distance, coalesce(s.runner_up_distance - s.distance, 2)) END, s.face_id"
    )
    asked = [] if chosen.order else [loose, loose]
    where, parameters = chosen.condition()
    order = f"ORDER BY s.answer IS NOT NULL, {chosen.ordered(first)} LIMIT ? OFFSET ?"
    sql = f"WHERE {_DOUBTFUL} AND {where} {order}"
    found = stored_faces(store, sql, [low_quality, *parameters, *asked, limit, offset])
    return with_crops(store, found)


def count_doubtful(
    store: Store, chosen: FaceFilter = EVERY_FACE, *, low_quality: float = 0.0
) -> int:
    """Number of doubtful faces."""
    where, parameters = chosen.condition()
    sql = f"SELECT count(*) FROM face_shown s WHERE {_DOUBTFUL} AND {where}"  # noqa: S608
    return int(store.value(sql, [low_quality, *parameters]))


def count_waiting(
    store: Store, *, low_quality: float, beside: Callable[[], object] = lambda: None
) -> int:
    """Number of doubtful faces, and of faces of groups in doubt.

    Parameters
    ----------
    beside : callable
        Asks what else is asked of all faces, which are joined once for both: `face_sets.best_faces`,
        `face_sets.count_by_person`, `unknown.unknown_faces`.
    """
    with store.materialized("face_state", _STANDS):
        matches, in_groups = store.rows(
            f"SELECT count(*) FILTER ({_DOUBTFUL}), count(*) FILTER ({_IN_DOUBT}) FROM face_state s",  # noqa: S608
            [low_quality],
        )[0]
        beside()
    if not in_groups:
        return int(matches)
    # Groups are of `face_shown`, which asks for each face where it lies and what was answered: they are few.
    with store.materialized("face_state", where=_IN_DOUBT):
        return int(matches) + sum(len(group.face_ids) for group in doubtful_groups(store))


def progress(store: Store, *, low_quality: float = 0.0) -> Progress:
    """How far the review of doubtful faces is, by what is stored."""
    to_check, left = store.rows(
        "SELECT count(*), count(*) FILTER (s.answer IS NULL) FROM face_shown s WHERE " + _DOUBTFUL,  # noqa: S608
        [low_quality],
    )[0]
    # A face that a re-match has settled since was doubtful in an earlier round.
    looked_at = store.value(
        "SELECT count(DISTINCT d.face_id) FROM decision d JOIN face f USING (face_id) "
        "WHERE d.face_id IN (SELECT face_id FROM answer UNION ALL SELECT face_id FROM ignored) "
        "AND (d.outcome = 'loose' OR d.reason = 'group_in_doubt' OR d.outcome = 'strict' AND f.quality < ?::FLOAT)",
        [low_quality],
    )
    in_groups = store.value(
        f"SELECT count(*) FROM face_shown s WHERE {_IN_DOUBT} AND s.answer IS NULL"  # noqa: S608
    )
    return Progress(int(to_check), int(looked_at), int(looked_at + left + in_groups))


def doubtful_groups(store: Store) -> list[DoubtfulGroup]:
    """Groups that may be somebody, without a yes or no; the largest first, those answered with *unsure* last."""
    rows = store.rows(
        "SELECT p.name, list(s.face_id ORDER BY s.quality DESC, s.face_id), count(DISTINCT s.photo_id) "  # noqa: S608
        "FROM face_shown s JOIN person p ON p.person_id = s.candidate_id "
        f"WHERE {_IN_DOUBT} "
        # Faces that came to a person together did so at one distance.
        "GROUP BY p.person_id, p.name, s.group_distance "
        "ORDER BY bool_and(s.answer IS NOT NULL), count(*) DESC, min(s.face_id)"
    )
    return [DoubtfulGroup(name, tuple(face_ids), photos) for name, face_ids, photos in rows]


def groups_that_fit(
    store: Store, groups: Sequence[DoubtfulGroup], chosen: FaceFilter
) -> list[DoubtfulGroup]:
    """Groups with a face that a filter chooses."""
    fit = fitting(store, [i for group in groups for i in group.face_ids], chosen)
    return [group for group in groups if not fit.isdisjoint(group.face_ids)]


def faces_of_groups(
    store: Store, persons: Collection[str], pack_id: str, among: Collection[int] | None = None
) -> Iterator[GroupFace]:
    """Faces of persons, and of groups that may be theirs, that can be compared; in any order.

    There may be very many: they are read as they are asked for, and nothing else may be asked before the last one.

    Parameters
    ----------
    among : collection of int, optional
        Ids of the only faces that are asked for.
    """
    dim = None
    only, ids = ("", []) if among is None else ("list_contains(?, s.face_id) AND ", [sorted(among)])
    found = store.stream(
        "SELECT s.face_id, s.photo_id, s.path, s.source, shown_path(s.source, s.path), "  # noqa: S608
        "if(s.reason = 'group_in_doubt', s.nearest, s.person) AS whose, "
        "if(s.reason = 'group_in_doubt', s.group_distance, NULL), s.answer IS NOT DISTINCT FROM 'yes', f.embedding "
        "FROM face_shown s JOIN face f USING (face_id) "
        f"WHERE {only}list_contains(?, whose) AND f.pack_id = ? AND octet_length(f.embedding) > 0",
        [*ids, sorted(persons), pack_id],
    )
    for row in found:
        (embedding,) = vectors([row[-1]], dim)
        dim = len(embedding)
        yield GroupFace(
            row[0],
            PhotoRef(row[1], row[2], source=row[3], shown=row[4]),
            person=row[5],
            came_at=row[6],
            confirmed=row[7],
            embedding=embedding,
        )


def faces_of_person(
    store: Store,
    person_id: int,
    chosen: FaceFilter = EVERY_FACE,
    *,
    limit: int | None = None,
    offset: int = 0,
) -> list[StoredFace]:
    """Faces of a person, the most distant first; those never compared with the person come last."""
    where, parameters = chosen.condition()
    order = chosen.ordered("s.distance DESC NULLS LAST, s.face_id")
    sql = f"WHERE {where} ORDER BY {order} LIMIT ? OFFSET ?"
    with _shown_once(store, "s.person_id = ?", [person_id]):
        found = stored_faces(store, sql, [*parameters, limit, offset])
    return with_crops(store, found)


def count_faces_of(store: Store, person_id: int, chosen: FaceFilter) -> int:
    """How many of a person's faces a filter chooses."""
    where, parameters = chosen.condition()
    with _shown_once(store, "s.person_id = ?", [person_id]):
        return int(store.value(f"SELECT count(*) FROM face_shown s WHERE {where}", parameters))  # noqa: S608


def faces_with_crops(store: Store, face_ids: Sequence[int]) -> list[StoredFace]:
    """The faces with these ids, in this order; missing ones are left out."""
    place = {int(face_id): i for i, face_id in enumerate(face_ids)}
    found = stored_faces(store, "WHERE list_contains(?, s.face_id)", [list(place)])
    return with_crops(store, sorted(found, key=lambda face: place[face.face_id]))


def look_alikes(store: Store, loose: float, faces_per_pair: int) -> list[LookAlikes]:
    """Pairs of persons who were both within LOOSE of the same faces, the most faces first.

    Parameters
    ----------
    loose : float
        LOOSE of the run.
    faces_per_pair : int
        Upper limit of `LookAlikes.faces`; all are counted.
    """
    pairs = store.rows(
        "SELECT a.person_id, b.person_id, a.name, b.name, count(*), "
        "list(face_id ORDER BY runner_up_distance - distance, face_id)[:?] FROM face_shown "
        "JOIN person a ON a.person_id = least(candidate_id, runner_up_id) "
        "JOIN person b ON b.person_id = greatest(candidate_id, runner_up_id) AND a.person_id <> b.person_id "
        "WHERE distance <= ?::FLOAT AND runner_up_distance <= ?::FLOAT "
        "GROUP BY ALL ORDER BY count(*) DESC, a.person_id, b.person_id",
        [faces_per_pair, loose, loose],
    )
    found = {f.face_id: f for f in faces_with_crops(store, [i for pair in pairs for i in pair[5]])}
    return [
        LookAlikes((first, second), count, tuple(found[face_id] for face_id in face_ids))
        for _, _, first, second, count, face_ids in pairs
    ]
