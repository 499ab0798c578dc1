"""What an audit reads: rows for everything that is counted, and the whole history of decisions."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from facesort.core.audit import AuditedPhoto, Shot
from facesort.core.history import Decided, Resulted, Said
from facesort.reasons import PhotoStatus
from facesort.store.queries.review import ReviewFace
from facesort.store.store import Store


@dataclass(frozen=True, slots=True)
class AuditedRun:
    """One execution of a sort or a re-match.

    Parameters
    ----------
    kind : str
        ``sort`` or ``rematch``.
    started_at : datetime
        UTC, without time zone.
    ended_at : datetime or None
        Of a run that was killed: the end of its last batch, if it finished one.
    photos : int
        That it worked through.
    seconds : float
        From its start to the end of its last batch.
    settings : dict
        As they took effect.
    """

    run_id: int
    kind: str
    started_at: datetime
    ended_at: datetime | None
    state: str
    version: str
    pack_name: str
    pack_id: str
    photos: int
    seconds: float
    settings: dict[str, Any]


@dataclass(frozen=True, slots=True)
class TimedPhoto:
    """What the analysis of a photo took in its worker; fields as in the tables."""

    path: str
    seconds: float
    run_id: int
    status: str
    format: str | None
    width: int | None
    height: int | None
    size: int


@dataclass(frozen=True, slots=True)
class Withheld:
    """A person who is not to be delivered.

    Parameters
    ----------
    photos : int
        That reach nobody because the person is in them.
    delivered : int
        Files of such photos that are in the output nevertheless, from before the person was marked.
    """

    name: str
    photos: int
    delivered: int


def runs(store: Store) -> list[AuditedRun]:
    """All runs, oldest first."""
    rows = store.rows(
        "WITH worked AS (SELECT run_id, max(finished_at) AS ended_at, sum(photos)::INTEGER AS photos "
        " FROM run_batch GROUP BY run_id) "
        "SELECT r.run_id, r.kind, r.started_at, coalesce(r.finished_at, w.ended_at), r.state, r.version, "
        "r.pack_name, r.pack_id, coalesce(w.photos, 0), coalesce(epoch(w.ended_at - r.started_at), 0), r.settings "
        "FROM run r LEFT JOIN worked w USING (run_id) ORDER BY r.run_id"
    )
    return [AuditedRun(*(*row[:10], json.loads(row[10]))) for row in rows]


def _batch_runs(store: Store) -> dict[int, int | None]:
    """The run of every batch.

    A run that is killed between storing a batch and recording so leaves a batch without a run: it counts to the next
    run that worked a later batch, or else to the newest, which committed it.
    """
    rows = store.rows(
        "SELECT b.batch_id, coalesce(max(r.run_id), "
        "(SELECT min(l.run_id) FROM run_batch l WHERE l.batch_id > b.batch_id), (SELECT max(run_id) FROM run)) "
        "FROM batch b LEFT JOIN run_batch r USING (batch_id) GROUP BY b.batch_id"
    )
    return dict(rows)


def audited_photos(store: Store) -> list[AuditedPhoto]:
    """Every photo as it stands now, in order."""
    run_of = _batch_runs(store)
    rows = store.rows(
        # a photo that was held back counts to who was to be left out, any other to whom a face came nearest to
        "WITH near AS (SELECT a.photo_id, e.name AS person, a.distance FROM face_answer a "
        " JOIN everyone e ON e.person_id = coalesce(a.person_id, a.nearest_id) "
        " LEFT JOIN person p ON p.person_id = a.person_id "
        " QUALIFY row_number() OVER (PARTITION BY a.photo_id "
        "  ORDER BY coalesce(p.deliver, true), a.distance NULLS LAST, a.face_id) = 1)"
        ", analysed AS (SELECT r.photo_id, max(r.batch_id) AS batch_id FROM result r JOIN batch b USING (batch_id) "
        " WHERE b.kind <> 'rematch' GROUP BY r.photo_id) "
        "SELECT d.batch_id, s.status, s.photo_id, s.path, s.reason, coalesce(s.format, ''), coalesce(s.camera, ''), "
        "s.captured_at, n.person, n.distance "
        "FROM photo_state s LEFT JOIN analysed d USING (photo_id) "
        "LEFT JOIN near n ON n.photo_id = s.photo_id AND s.status = 'unknown' ORDER BY s.photo_id"
    )
    return [
        AuditedPhoto(
            *(
                *rest,
                PhotoStatus(status),
                None if status == PhotoStatus.PENDING else run_of.get(batch_id),
            )
        )
        for batch_id, status, *rest in rows
    ]


def shots(store: Store) -> list[Shot]:
    """Who is in which photo that is delivered, one row each."""
    rows = store.rows(
        "WITH faces AS (SELECT photo_id, count(*) AS number FROM face GROUP BY photo_id) "
        "SELECT e.name, s.photo_id, s.captured_at, max(a.quality), any_value(f.number) "
        "FROM face_answer a JOIN photo_state s USING (photo_id) JOIN everyone e ON e.person_id = a.person_id "
        "JOIN faces f ON f.photo_id = s.photo_id WHERE s.status = 'matched' "
        "GROUP BY e.name, s.photo_id, s.captured_at ORDER BY s.photo_id, e.name"
    )
    return [Shot(*row) for row in rows]


def slowest_photos(store: Store, limit: int) -> list[TimedPhoto]:
    """The photos whose analysis took longest, the slowest first; one that was tried twice may be there twice."""
    rows = store.rows(
        "SELECT s.path, t.seconds, t.run_id, s.status, s.format, s.width, s.height, s.size "
        "FROM timing t JOIN photo_state s USING (photo_id) ORDER BY t.seconds DESC, s.path LIMIT ?",
        [limit],
    )
    return [TimedPhoto(*row) for row in rows]


def seconds_per_photo(store: Store) -> tuple[int, float, float, float]:
    """How many analyses there were, and their median, 99th percentile and sum in seconds."""
    row = store.rows(
        "SELECT count(*), coalesce(median(seconds), 0), coalesce(quantile_disc(seconds, 0.99), 0), "
        "coalesce(sum(seconds), 0) FROM timing"
    )[0]
    return row[0], row[1], row[2], row[3]


def skipped_files(store: Store, first: str, limit: int) -> list[tuple[str, str]]:
    """Path and reason of what the scan did not take for photos; those with one reason first."""
    return store.rows(
        "SELECT path, reason FROM skipped ORDER BY reason <> ?, reason, path LIMIT ?",
        [first, limit],
    )


def withheld_persons(store: Store) -> list[Withheld]:
    """Who is not to be delivered, and what that holds back."""
    rows = store.rows(
        "WITH held AS (SELECT DISTINCT a.person_id, s.photo_id FROM face_answer a "
        " JOIN photo_state s USING (photo_id) WHERE s.reason = 'do_not_deliver') "
        "SELECT p.name, count(h.photo_id), coalesce(sum((SELECT count(*) FROM write w "
        " WHERE w.photo_id = h.photo_id AND w.status = 'verified')), 0)::INTEGER "
        "FROM person p LEFT JOIN held h USING (person_id) WHERE NOT p.deliver "
        "GROUP BY p.person_id, p.name ORDER BY p.person_id"
    )
    return [Withheld(*row) for row in rows]


def dropped_faces(store: Store, limit: int) -> list[ReviewFace]:
    """Faces of dropped photos beside whom they came nearest to, the nearest first, one of each photo."""
    rows = store.rows(
        "SELECT f.crop, (SELECT r.crop FROM reference r WHERE r.person_id = e.current_id "
        " ORDER BY r.quality DESC, r.reference_id LIMIT 1), a.face_id, s.photo_id, s.path, e.name, u.name, "
        "a.outcome, a.reason, a.distance, a.runner_up_distance, a.quality "
        "FROM face_answer a JOIN face f USING (face_id) JOIN photo_state s ON s.photo_id = a.photo_id "
        "JOIN everyone e ON e.person_id = a.nearest_id LEFT JOIN everyone u ON u.person_id = a.runner_up_id "
        "WHERE s.reason = 'only_unknown_faces' AND a.distance IS NOT NULL "
        "QUALIFY row_number() OVER (PARTITION BY a.photo_id ORDER BY a.distance, a.face_id) = 1 "
        "ORDER BY a.distance, a.face_id LIMIT ?",
        [limit],
    )
    return [
        replace(ReviewFace(*rest), crop=bytes(crop), reference_crop=bytes(reference or b""))
        for crop, reference, *rest in rows
    ]


def results(store: Store) -> list[Resulted]:
    """All that batches ever said of photos, in the order they said it."""
    run_of = _batch_runs(store)
    rows = store.rows(
        "SELECT photo_id, batch_id, status, reason FROM result ORDER BY batch_id, photo_id"
    )
    return [
        Resulted(photo_id, run_of.get(batch_id), PhotoStatus(status), reason)
        for photo_id, batch_id, status, reason in rows
    ]


def decisions(store: Store) -> list[Decided]:
    """All rounds of the machine's decisions, oldest first; merged persons are who answers for them today."""
    run_of = _batch_runs(store)
    rows = store.rows(
        "SELECT d.batch_id, f.photo_id, d.face_id, d.round, b.kind, d.reason, coalesce(e.current_id, d.person_id), "
        "d.distance, coalesce(n.current_id, d.nearest_id) FROM decision d JOIN face f USING (face_id) "
        "JOIN batch b ON b.batch_id = d.batch_id LEFT JOIN everyone e ON e.person_id = d.person_id "
        "LEFT JOIN everyone n ON n.person_id = d.nearest_id ORDER BY d.round, d.face_id"
    )
    return [Decided(*(*rest, run_of.get(batch_id))) for batch_id, *rest in rows]


def said_at(store: Store, moment: datetime | None) -> list[Said]:
    """What the user had said of faces by a moment (UTC; None: now), by persons who answer today."""
    now = store.rows("SELECT face_id, person_id, answer FROM verdict")
    later = store.rows(
        "SELECT e.after, e.face_id, e.person_id, e.answer FROM verdict_edit e JOIN action a USING (action_id) "
        "WHERE NOT a.undone AND a.done_at > ? ORDER BY a.action_id DESC, e.after DESC",
        [moment],
    )
    then: dict[Any, Any] = {(face, person): answer for face, person, answer in now}
    for after, face_id, person_id, answer in later:
        _undo(then, (face_id, person_id), answer, after)
    current = dict(store.rows("SELECT person_id, current_id FROM everyone"))
    return [
        Said(face_id, current.get(person_id, person_id), answer)
        for (face_id, person_id), answer in then.items()
    ]


def withheld_at(store: Store, moment: datetime | None) -> set[int]:
    """Persons who were not to be delivered at a moment (UTC; None: now)."""
    then: dict[Any, Any] = dict(store.rows("SELECT person_id, deliver FROM person"))
    later = store.rows(
        "SELECT e.after, e.person_id, e.deliver FROM person_edit e JOIN action a USING (action_id) "
        "WHERE NOT a.undone AND a.done_at > ? ORDER BY a.action_id DESC, e.after DESC",
        [moment],
    )
    for after, person_id, deliver in later:
        _undo(then, person_id, deliver, after)
    return {person_id for person_id, deliver in then.items() if not deliver}


def _undo(rows: dict[Any, Any], key: object, value: object, after: bool) -> None:
    """Take one row of the journal back: what an action put there goes, what it took away comes."""
    if after:
        rows.pop(key, None)
    else:
        rows[key] = value
