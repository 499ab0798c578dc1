"""What changed between two moments of a job: ``what_counts.sql`` says where every photo stood at each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from facesort.core.delivery.changes import ChangedPhoto, FaceThen, Moment, PhotoThen
from facesort.reasons import PhotoStatus
from facesort.store.store import Store

# Of two moments, what was decided or answered after the first one: no other photo can differ.  NULL is now.  Whether
# a person is delivered counts for any photo.
_TOUCHED = """CREATE OR REPLACE TEMP TABLE touched AS
    WITH late AS (
        SELECT batch_id FROM batch
        WHERE least($1::INTEGER, $2::INTEGER) IS NOT NULL
        AND batch_id NOT IN (SELECT batch_id FROM batch_run WHERE run_id <= least($1::INTEGER, $2::INTEGER))
    ), answered AS (
        SELECT e.face_id FROM answer_edit e JOIN action a USING (action_id)
        WHERE a.done_at > least($3::TIMESTAMP, $4::TIMESTAMP)
    ), delivered AS (
        SELECT * FROM (FROM withheld_until($3::TIMESTAMP) EXCEPT FROM withheld_until($4::TIMESTAMP))
        UNION ALL FROM (FROM withheld_until($4::TIMESTAMP) EXCEPT FROM withheld_until($3::TIMESTAMP))
    )
    SELECT photo_id FROM result WHERE batch_id IN (FROM late)
    UNION SELECT f.photo_id FROM decision d JOIN face f USING (face_id) WHERE d.batch_id IN (FROM late)
    UNION SELECT photo_id FROM face WHERE face_id IN (FROM answered)
    UNION SELECT photo_id FROM photo WHERE EXISTS (FROM delivered)"""
# $1 and $2 are the run and the time of a moment.  Each is asked for alone and its rows are kept: as one question with
# both moments the joins need more than the database's cache, whatever the number of photos.
_WHO = (
    """{name}_face AS
    SELECT face_id, photo_id, round, person_id, by_user, awaits,
           person_id IN (FROM withheld_until($2::TIMESTAMP)) AS is_withheld
    FROM face_state_until($1::INTEGER, $2::TIMESTAMP) WHERE photo_id IN (FROM touched)""",
    """{name}_photo AS
    SELECT photo_id, source, path, status, reason FROM photo_state_until($1::INTEGER, $2::TIMESTAMP)
    WHERE status <> 'pending' AND photo_id IN (FROM touched)""",
    """{name} AS
    SELECT s.photo_id, shown_path(s.source, s.path) AS path, s.status, s.reason,
           coalesce(list_sort(list_distinct(list(f.person_id) FILTER (f.person_id IS NOT NULL AND NOT f.awaits))), [])
               AS persons,
           coalesce(list_sort(list_distinct(list(f.person_id) FILTER (f.is_withheld))), []) AS withheld
    FROM {name}_photo s LEFT JOIN {name}_face f ON f.photo_id = s.photo_id AND s.status IN ('matched', 'unknown')
    GROUP BY s.photo_id, s.source, s.path, s.status, s.reason""",
)
_NEW = "SELECT count(*) FROM later ANTI JOIN before USING (photo_id)"
_CHANGED = """
WITH machine AS (                           -- what the machine said, under the answers
    SELECT d.face_id, d.round, r.kind, d.reason, coalesce(e.current_id, d.person_id) AS person_id, d.distance,
           coalesce(n.current_id, d.nearest_id) AS nearest_id, d.group_distance
    FROM decision d JOIN batch_run r USING (batch_id) LEFT JOIN everyone e ON e.person_id = d.person_id
    LEFT JOIN everyone n ON n.person_id = d.nearest_id
), face AS (
    SELECT l.photo_id, list((b.person_id, b.by_user, m.kind, m.reason, m.person_id, m.distance, m.nearest_id,
                             m.group_distance, l.person_id, l.by_user, n.kind, n.reason, n.person_id, n.distance,
                             n.nearest_id, n.group_distance) ORDER BY l.face_id) AS faces
    FROM before_face b JOIN later_face l USING (face_id)
    JOIN machine m ON m.face_id = b.face_id AND m.round = b.round
    JOIN machine n ON n.face_id = l.face_id AND n.round = l.round
    WHERE b.person_id IS DISTINCT FROM l.person_id GROUP BY l.photo_id
)
SELECT photo_id, l.path, b.status, b.reason, b.persons, b.withheld, l.status, l.reason, l.persons, l.withheld,
       coalesce(f.faces, [])
FROM before b JOIN later l USING (photo_id) LEFT JOIN face f USING (photo_id)
WHERE (b.status, b.reason, b.persons) IS DISTINCT FROM (l.status, l.reason, l.persons) ORDER BY photo_id
"""


def changed_photos(
    store: Store, before: Moment, after: Moment, each: Callable[[ChangedPhoto], object]
) -> int:
    """Find photos that were decided at both moments and not alike.

    Parameters
    ----------
    each : callable
        Called for each of them, in order: there may be very many.  It asks the database for nothing.

    Returns
    -------
    int
        How many photos were decided later only.
    """
    store.execute(_TOUCHED, [before.run_id, after.run_id, before.time, after.time])
    if not store.value("SELECT EXISTS (FROM touched)"):
        store.execute("DROP TABLE touched")
        return 0
    for name, moment in (("before", before), ("later", after)):
        for kept in _WHO:
            sql = f"CREATE OR REPLACE TEMP TABLE {kept.format(name=name)}"
            store.execute(sql, [moment.run_id, moment.time] if "$1" in kept else [])
    for photo_id, path, *then, faces in store.stream(_CHANGED):
        pairs = tuple((FaceThen(*face[:8]), FaceThen(*face[8:])) for face in faces)
        each(ChangedPhoto(photo_id, path, _photo(then[:4]), _photo(then[4:]), pairs))
    new = int(store.value(_NEW))
    for name in ("before", "later"):
        store.execute(f"DROP TABLE {name}; DROP TABLE {name}_photo; DROP TABLE {name}_face")
    store.execute("DROP TABLE touched")
    return new


def _photo(row: Sequence[Any]) -> PhotoThen:
    status, reason, persons, withheld = row
    return PhotoThen(PhotoStatus(status), reason, frozenset(persons), frozenset(withheld))
