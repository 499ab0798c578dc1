"""A database written anew, without what was erased.

DuckDB only marks deleted rows, and reuses their blocks some day; until then anybody can read them in the file.  So
nothing is deleted here: what may stay is copied into a new file that has its schema from the migrations, and what is
not to stay is never written there.  The old file is not touched; replacing it is one rename, and not done here.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from facesort.errors import StoreError
from facesort.store.privacy.erasure import Erasure
from facesort.store.store import Store

# Temporary tables, in memory: what goes, and what follows from that.
_CHOSEN = (
    # An action is taken out whole, so that no half of it can be undone; except a roll-back, which earlier versions made
    # of the learned faces of several persons: it only loses the rows of those who go.
    """
CREATE TEMP TABLE touched AS
SELECT DISTINCT a.action_id, a.kind, a.undone FROM old.action a JOIN (
    SELECT action_id FROM old.reference_edit WHERE face_id IN (FROM gone_face) OR person_id IN (FROM gone_person)
    UNION SELECT action_id FROM old.person_edit WHERE person_id IN (FROM gone_person)
    UNION SELECT action_id FROM old.former_person_edit
          WHERE person_id IN (FROM gone_person) OR merged_into IN (FROM gone_person)
    UNION SELECT action_id FROM old.learned_edit
          WHERE person_id IN (FROM gone_person) OR (NOT $1 AND face_id IN (FROM gone_face))
    UNION SELECT action_id FROM old.answer_edit
          WHERE person_id IN (FROM gone_person) OR (NOT $1 AND face_id IN (FROM gone_face))
    UNION SELECT action_id FROM old.ignored_edit WHERE NOT $1 AND face_id IN (FROM gone_face)
) USING (action_id)
""",
    # Undone actions can only be done again one after the other: if one goes, they all go.
    """
CREATE TEMP TABLE gone_action AS
SELECT action_id FROM old.action a WHERE (a.undone AND EXISTS (FROM touched t WHERE t.undone)) OR EXISTS (
    FROM touched t WHERE t.action_id = a.action_id AND (t.kind <> 'roll_back' OR NOT EXISTS (
        FROM old.learned_edit l WHERE l.action_id = a.action_id
        AND l.person_id NOT IN (FROM gone_person) AND l.face_id NOT IN (FROM gone_face))))
""",
    # Not carried out, and not to be tried again; of what was, the commit log keeps what verifies it.
    """
CREATE TEMP TABLE gone_write AS
SELECT write_id, batch_id, photo_id, target FROM old.write
WHERE person_id IN (FROM gone_person) AND status <> 'verified'
""",
    """
CREATE TEMP TABLE changed_photo AS
SELECT photo_id FROM old.face WHERE NOT $1 AND face_id IN (FROM gone_face) UNION SELECT photo_id FROM gone_write
""",
    """
CREATE TEMP TABLE changed_result AS
SELECT r.photo_id, r.batch_id, r.detail IN (SELECT target FROM gone_write) AS told,
       r.status IN ('matched', 'unknown') OR r.status = 'failed' AND EXISTS (
           FROM gone_write g WHERE g.photo_id = r.photo_id AND g.batch_id = r.batch_id) AND NOT EXISTS (
           FROM old.write w WHERE w.photo_id = r.photo_id AND w.batch_id = r.batch_id AND w.status = 'failed'
           AND w.write_id NOT IN (SELECT write_id FROM gone_write)) AS settled
FROM old.result r JOIN changed_photo c USING (photo_id)
""",
)

# What is copied of the tables that know faces or persons; of all others, every row.
_KEPT: Mapping[str, str] = MappingProxyType(
    {
        "person": "SELECT * FROM old.person WHERE person_id NOT IN (FROM gone_person)",
        # Somebody else's former name may be that of the person who goes.
        "former_person": """
SELECT f.* REPLACE (if(f.name IN (FROM gone_name), e.name, f.name) AS name)
FROM old.former_person f JOIN old.everyone e USING (person_id) WHERE f.person_id NOT IN (FROM gone_person)
""",
        "reference": """
SELECT * FROM old.reference WHERE person_id NOT IN (FROM gone_person)
AND ($1 OR coalesce(face_id NOT IN (FROM gone_face), true))
""",
        "learned": """
SELECT * FROM old.learned WHERE person_id NOT IN (FROM gone_person) AND face_id NOT IN (FROM gone_face)
""",
        "answer": """
SELECT * FROM old.answer WHERE person_id NOT IN (FROM gone_person) AND ($1 OR face_id NOT IN (FROM gone_face))
""",
        "ignored": "SELECT * FROM old.ignored WHERE $1 OR face_id NOT IN (FROM gone_face)",
        "face": """
SELECT * REPLACE (if(face_id IN (FROM gone_face), ''::BLOB, embedding) AS embedding,
                  if(face_id IN (FROM gone_face), ''::BLOB, crop) AS crop)
FROM old.face WHERE $1 OR face_id NOT IN (FROM gone_face)
""",
        "track": "SELECT * FROM old.track WHERE $1 OR face_id NOT IN (FROM gone_face)",
        "strip": "SELECT * FROM old.strip WHERE face_id NOT IN (FROM gone_face)",
        # A face stays although it was once given to the person: a user said no, or a later round another name.
        "decision": """
SELECT d.* REPLACE (
    if(d.person_id IN (FROM gone_person), 'unknown', d.outcome) AS outcome,
    if(d.person_id IN (FROM gone_person), 'rejected_by_user', d.reason) AS reason,
    if(d.person_id IN (FROM gone_person), NULL, d.person_id) AS person_id,
    if(coalesce(d.person_id, d.nearest_id) IN (FROM gone_person), NULL, d.distance) AS distance,
    if(coalesce(d.person_id, d.nearest_id) IN (FROM gone_person), NULL, d.group_distance) AS group_distance,
    if(coalesce(d.person_id, d.nearest_id) IN (FROM gone_person), NULL, d.group_faces) AS group_faces,
    if(d.nearest_id IN (FROM gone_person), NULL, d.nearest_id) AS nearest_id,
    if(d.runner_up_id IN (FROM gone_person), NULL, d.runner_up_id) AS runner_up_id,
    if(d.runner_up_id IN (FROM gone_person), NULL, d.runner_up_distance) AS runner_up_distance)
FROM old.decision d JOIN old.face_decision newest USING (face_id)
WHERE ($1 OR d.face_id NOT IN (FROM gone_face))
AND (d.round = newest.round OR coalesce(d.person_id NOT IN (FROM gone_person), true))
""",
        "write": """
SELECT * FROM old.write WHERE write_id NOT IN (SELECT write_id FROM gone_write)
AND NOT coalesce(person_id IN (FROM gone_person) AND target IN (FROM deleted), false)
""",
        # What may be in an object store; `unpublish` erases it once it is not.
        "published": """
SELECT * FROM old.published
WHERE NOT coalesce(person_id IN (FROM gone_person) AND state = 'dead' AND reason = 'name_taken', false)
""",
        # Of photos that belong to somebody who stays; of a clip, or a motion photo, of what they got of it themselves.
        "derivative": """
SELECT * FROM old.derivative WHERE jpeg_sha256 IN (
    SELECT w.sha256 FROM old.write w JOIN old.wanted_copy c USING (photo_id)
    WHERE w.status <> 'failed' AND NOT c.removed
    AND (c.person_id IS NOT DISTINCT FROM w.person_id
         OR w.photo_id NOT IN (SELECT photo_id FROM old.face JOIN old.track USING (face_id)))
    AND if(c.person_id IS NULL, w.photo_id NOT IN (FROM changed_photo), c.person_id NOT IN (FROM gone_person)))
""",
        "thumbnail": """
SELECT * FROM old.thumbnail WHERE person_id NOT IN (FROM gone_person)
AND coalesce(face_id NOT IN (FROM gone_face), true)
""",
        # Where a photo was taken tells where who is in it was: of all photos of the shot.
        "photo": """
SELECT p.* REPLACE (if(c.shot_id IS NULL, latitude, NULL) AS latitude,
                    if(c.shot_id IS NULL, longitude, NULL) AS longitude,
                    if(c.shot_id IS NULL, altitude, NULL) AS altitude)
FROM old.photo p LEFT JOIN (SELECT DISTINCT shot_id FROM old.photo JOIN changed_photo USING (photo_id)) c
ON c.shot_id = p.shot_id
""",
        "result": """
SELECT r.* REPLACE (if(c.told, '', r.detail) AS detail)
FROM old.result r LEFT JOIN changed_result c ON c.photo_id = r.photo_id AND c.batch_id = r.batch_id
""",
        "action": """
SELECT * REPLACE (
    if(EXISTS (FROM gone_name WHERE regexp_matches(summary, '(^|\\W)' || regexp_escape(name) || '(\\W|$)')),
       'an action that named somebody who was forgotten', summary) AS summary)
FROM old.action WHERE action_id NOT IN (FROM gone_action)
""",
        "person_edit": """
SELECT * FROM old.person_edit WHERE action_id NOT IN (FROM gone_action) AND person_id NOT IN (FROM gone_person)
""",
        "former_person_edit": """
SELECT * FROM old.former_person_edit WHERE action_id NOT IN (FROM gone_action) AND person_id NOT IN (FROM gone_person)
""",
        "learned_edit": """
SELECT * FROM old.learned_edit WHERE action_id NOT IN (FROM gone_action) AND person_id NOT IN (FROM gone_person)
AND ($1 OR face_id NOT IN (FROM gone_face))
""",
        "answer_edit": """
SELECT * FROM old.answer_edit WHERE action_id NOT IN (FROM gone_action) AND person_id NOT IN (FROM gone_person)
AND ($1 OR face_id NOT IN (FROM gone_face))
""",
        # Says what the last re-match knew, these persons included; the next sort finds out again.
        "rematched": "SELECT * FROM old.rematched WHERE NOT EXISTS (FROM gone_person)",
        "reference_edit": """
SELECT * FROM old.reference_edit WHERE action_id NOT IN (FROM gone_action) AND person_id NOT IN (FROM gone_person)
AND coalesce(face_id NOT IN (FROM gone_face), true)
""",
        "ignored_edit": """
SELECT * FROM old.ignored_edit WHERE action_id NOT IN (FROM gone_action) AND ($1 OR face_id NOT IN (FROM gone_face))
""",
    }
)


# Afterwards, when what is left is there: where the photos stand that have lost a face or a copy.
_SETTLED = """
UPDATE result SET status = s.status, reason = s.reason FROM (
    SELECT c.photo_id, c.batch_id, coalesce(t.status, none.status) AS status,
           if(t.photo_id IS NULL, none.reason, t.reason) AS reason
    FROM changed_result c LEFT JOIN photo_standing t USING (photo_id),
         (SELECT unnest(standing(false, false, false))) none
    WHERE c.settled
) s WHERE result.photo_id = s.photo_id AND result.batch_id = s.batch_id
"""


def write_without(old: Path, new: Path, erasure: Erasure) -> dict[str, int]:
    """Copy what may stay of one database into a new file, and check it.

    Parameters
    ----------
    old : Path
        With the newest schema, and held by nobody; it is only read.
    new : Path
        Must not be there.

    Returns
    -------
    dict of table to int
        Rows that were left out.

    Raises
    ------
    StoreError
        If the new file does not hold what it should; nothing is lost then, the old one is as it was.
    """
    with Store.open(new, beside=old) as store:
        _choose(store, erasure)
        tables = _tables(store)
        before = {table: _count(store, f"old.{table}") for table in tables}
        with store.transaction():
            written = {table: _copy(store, table, erasure) for table in tables}
            store.execute(_SETTLED)
        store.execute("DETACH old")
        store.execute("CHECKPOINT")
    with Store.open(new, read_only=True) as store:
        found = {table: _count(store, table) for table in tables}
    if found != written:
        raise StoreError(f"{new} was not written as it should be; nothing was changed, try again")
    return {table: before[table] - written[table] for table in tables}


def copied_whole(store: Store) -> list[str]:
    """Tables of which every row stays: none of them may know a face or a person."""
    return [table for table in _tables(store) if table not in _KEPT]


def _choose(store: Store, erasure: Erasure) -> None:
    """Make the temporary tables that say what goes."""
    for table, column, values in (
        ("gone_person", "person_id INTEGER", erasure.persons),
        ("gone_face", "face_id BIGINT", erasure.faces),
        ("gone_name", "name VARCHAR", erasure.names),
        ("deleted", "target VARCHAR", erasure.deleted),
    ):
        store.execute(f"CREATE TEMP TABLE {table} ({column})")
        store.insert(table, {column.split(" ")[0]: values})
    for sql in _CHOSEN:
        store.execute(sql, [erasure.keep_boxes] if "$1" in sql else [])


def _tables(store: Store) -> list[str]:
    """Tables with data of the workspace; the migrations have written their own."""
    rows = store.rows(
        "SELECT table_name FROM information_schema.tables WHERE table_catalog = current_database() "
        "AND table_type = 'BASE TABLE' AND table_name <> 'schema_migration' ORDER BY table_name"
    )
    return [row[0] for row in rows]


def _copy(store: Store, table: str, erasure: Erasure) -> int:
    """Copy one table; returns its rows."""
    sql = _KEPT.get(table, f"SELECT * FROM old.{table}")  # noqa: S608
    parameters = [erasure.keep_boxes] if "$1" in sql else []
    (written,) = store.rows(f"INSERT INTO {table} BY NAME {sql}", parameters)
    return int(written[0])


def _count(store: Store, table: str) -> int:
    return int(store.value(f"SELECT count(*) FROM {table}"))  # noqa: S608
