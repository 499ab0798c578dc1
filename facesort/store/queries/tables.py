"""The tables of the public API: names instead of ids, no embeddings or crops except in `biometrics`."""

from __future__ import annotations

from duckdb import DuckDBPyRelation

from facesort.store.store import Store

Relation = DuckDBPyRelation

_TABLES = {
    "photos": """
        WITH who AS (
            SELECT a.photo_id, count(*) AS faces,
                   coalesce(list(DISTINCT p.name ORDER BY p.name) FILTER (p.name IS NOT NULL), []) AS persons
            FROM face_state a LEFT JOIN person p ON p.person_id = a.person_id AND NOT a.awaits GROUP BY a.photo_id
        )
        SELECT s.photo_id, s.source, s.path, s.status, s.reason, s.detail,
               coalesce(who.faces, 0) AS faces, coalesce(who.persons, []) AS persons,
               s.captured_at, s.utc_offset, s.taken_at, s.camera, s.format, s.width, s.height, s.size, s.sha256,
               s.shot_id, s.present, x.photo_id IS NOT NULL AS superseded, s.remarks, s.turn,
               c.duration_ms
        FROM photo_state s LEFT JOIN who USING (photo_id) LEFT JOIN superseded x USING (photo_id)
        LEFT JOIN clip c ON c.photo_id = s.photo_id
        ORDER BY s.photo_id""",
    "files": """
        SELECT h.file_id, h.source, h.path, h.state, h.size, make_timestamp_ns(h.mtime_ns) AS modified_at,
               s.status, s.reason, s.detail, h.photo_id, p.shot_id, d.source AS same_as_source, d.path AS same_as,
               s.remarks
        FROM held h LEFT JOIN file_state s USING (file_id) LEFT JOIN photo p ON p.photo_id = h.photo_id
        LEFT JOIN held d ON d.file_id = s.duplicate_of
        ORDER BY h.file_id""",
    "shots": """
        WITH taken AS (
            SELECT p.shot_id, list(h.source || '/' || h.path ORDER BY h.file_id) AS files
            FROM held h JOIN photo p USING (photo_id) WHERE h.state = 'present' GROUP BY p.shot_id
        ), beside AS (
            SELECT p.shot_id, list(s.name || '/' || k.path ORDER BY k.path) AS companions
            FROM skipped k JOIN source s USING (source_id) JOIN held h USING (file_id)
            JOIN photo p ON p.photo_id = h.photo_id GROUP BY p.shot_id
        )
        SELECT shot_id, l.source, l.path, t.files, coalesce(b.companions, []) AS companions, s.taken_at, s.camera
        FROM taken t LEFT JOIN beside b USING (shot_id) LEFT JOIN photo_state s ON s.photo_id = t.shot_id
        LEFT JOIN place l ON l.photo_id = t.shot_id
        ORDER BY shot_id""",
    "faces": """
        SELECT s.face_id, s.photo_id, s.source, s.path, s.person, s.outcome, s.reason, s.distance,
               c.name AS candidate, s.runner_up, s.runner_up_distance, s.group_distance, s.group_faces,
               s.by_user, s.answer, s.awaits, s.learned, s.reference, f.quality, f.score, f.sharpness, f.yaw,
               f.x_min, f.y_min, f.x_max, f.y_max
        FROM face_shown s JOIN face f USING (face_id)
        LEFT JOIN everyone c ON c.person_id = s.candidate_id
        ORDER BY s.face_id""",
    "tracks": """
        SELECT t.face_id, s.photo_id, s.source, s.path, s.person, s.outcome, s.awaits,
               t.start_ms, t.end_ms, t.best_ms, (octet_length(t.times) / 4)::INTEGER AS samples
        FROM track t JOIN face_shown s USING (face_id)
        ORDER BY s.photo_id, t.start_ms, t.face_id""",
    "decisions": """
        SELECT d.face_id, d.round, b.run_id, b.kind, p.source, p.path, d.outcome, d.reason,
               m.name AS person, d.distance, n.name AS nearest, u.name AS runner_up, d.runner_up_distance,
               d.group_distance, d.group_faces
        FROM decision d JOIN face f USING (face_id) JOIN place p USING (photo_id)
        JOIN batch_run b ON b.batch_id = d.batch_id
        LEFT JOIN everyone m ON m.person_id = d.person_id
        LEFT JOIN everyone n ON n.person_id = d.nearest_id
        LEFT JOIN everyone u ON u.person_id = d.runner_up_id
        ORDER BY d.face_id, d.round""",
    "persons": """
        WITH seen AS (
            SELECT person_id, count(DISTINCT photo_id) AS photos FROM face_state WHERE NOT awaits GROUP BY person_id
        ), delivered AS (
            SELECT e.current_id AS person_id, count(DISTINCT w.target) AS files
            FROM write w JOIN everyone e USING (person_id) WHERE w.status = 'verified' GROUP BY ALL
        ), enrolled AS (
            SELECT person_id, count(*) AS n FROM reference GROUP BY person_id
        ), taught AS (
            SELECT person_id, count(*) AS n FROM learned GROUP BY person_id
        )
        SELECT p.person_id, p.name AS person, p.folder, NOT p.deliver AS withheld,
               coalesce(enrolled.n, 0) AS reference_faces, coalesce(taught.n, 0) AS learned_faces,
               coalesce(seen.photos, 0) AS photos, coalesce(delivered.files, 0) AS files
        FROM person p LEFT JOIN seen USING (person_id) LEFT JOIN delivered USING (person_id)
        LEFT JOIN enrolled USING (person_id) LEFT JOIN taught USING (person_id)
        ORDER BY p.person_id""",
    "runs": """
        WITH worked AS (
            SELECT run_id, max(finished_at) AS ended_at, sum(photos)::BIGINT AS photos
            FROM run_batch GROUP BY run_id
        )
        SELECT r.run_id, r.kind, r.state, r.started_at, coalesce(r.finished_at, w.ended_at) AS ended_at,
               coalesce(w.photos, 0) AS photos,
               (r.settings->>'$.matching.strict')::DOUBLE AS strict,
               (r.settings->>'$.matching.loose')::DOUBLE AS loose,
               r.pack_name AS pack, r.pack_id, r.version, r.settings
        FROM run r LEFT JOIN worked w USING (run_id)
        ORDER BY r.run_id""",
    "commits": """
        SELECT w.write_id AS commit_id, w.target AS file, p.source, p.path AS photo, e.name AS person,
               w.status, w.reason, w.sha256, w.size, w.photo_id
        FROM write w JOIN place p USING (photo_id) LEFT JOIN everyone e ON e.person_id = w.person_id
        ORDER BY w.write_id""",
    # Unordered and not kept: this much data exceeds the memory limit.
    "biometrics": "SELECT face_id, photo_id, pack_id, embedding, crop FROM face",
}


def table(store: Store, name: str) -> Relation:
    """One of the tables as a relation, readable until the store is closed."""
    return store.relation(_TABLES[name], kept=name != "biometrics")
