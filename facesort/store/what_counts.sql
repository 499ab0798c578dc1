-- What counts: who each face is, where each photo stands, and who gets a copy.  Defined here and nowhere else.
--
-- Derived from the tables alone, so it is made anew whenever the schema is brought up to date: change it together with
-- a new numbered migration.  A macro that ends in `_of` takes the names of relations; one that ends in `_until` takes a
-- run and a time (UTC), after which nothing counts; NULL is now.

CREATE OR REPLACE VIEW everyone AS          -- everyone a row may point to, and who stands for them today
WITH known AS (
    SELECT person_id, name, person_id AS current_id FROM person
    UNION ALL
    SELECT person_id, name, coalesce(merged_into, person_id) FROM former_person
)
SELECT k.person_id, k.current_id, c.name FROM known k JOIN known c ON c.person_id = k.current_id;

-- Ids that an undo can bring back are not given to anybody else meanwhile.
CREATE OR REPLACE VIEW person_ever AS SELECT person_id FROM everyone UNION ALL SELECT person_id FROM person_edit;
CREATE OR REPLACE VIEW learned_ever AS SELECT learned_id FROM learned UNION ALL SELECT learned_id FROM learned_edit;

CREATE OR REPLACE VIEW mentioned AS         -- persons whom decisions and copies point to: they must stay explained
SELECT unnest([person_id, nearest_id, runner_up_id]) AS person_id FROM decision
UNION SELECT person_id FROM write;

CREATE OR REPLACE VIEW batch_run AS         -- the run of each batch
-- A run that was killed between storing a batch and recording so leaves a batch without a run: it belongs to the next
-- run that worked on a later batch, else to the newest, which committed it.
SELECT b.batch_id, b.kind, coalesce(max(r.run_id), (SELECT min(l.run_id) FROM run_batch l WHERE l.batch_id > b.batch_id),
                                    (SELECT max(run_id) FROM run)) AS run_id
FROM batch b LEFT JOIN run_batch r USING (batch_id) GROUP BY b.batch_id, b.kind;

CREATE OR REPLACE VIEW in_shot AS           -- the shot of each photo; a clip of it is the movie of a Live Photo
SELECT photo_id, shot_id, c.photo_id IS NOT NULL AS is_clip FROM photo p LEFT JOIN clip c USING (photo_id);

-- The inputs ------------------------------------------------------------------------------------------------------

CREATE OR REPLACE MACRO awaits(outcome, is_track) AS outcome = 'loose' AND is_track;   -- a yes, before anybody gets a copy

CREATE OR REPLACE MACRO decision_until(until_run) AS TABLE    -- one row per face: the machine's newest decision
WITH counted AS NOT MATERIALIZED (
    FROM decision
    WHERE until_run IS NULL OR batch_id IN (SELECT batch_id FROM batch_run WHERE run_id <= until_run)
), again AS (                               -- few faces: a decision that has not changed is not stored again
    SELECT face_id, max(round) AS round FROM counted WHERE round > 0 GROUP BY face_id
)
SELECT f.face_id, f.photo_id, f.quality, d.round, d.batch_id, d.outcome, d.reason, d.person_id, d.distance,
       d.nearest_id, d.runner_up_id, d.runner_up_distance, d.group_distance, d.group_faces,
       awaits(d.outcome, t.face_id IS NOT NULL) AS awaits
FROM face f
JOIN counted d ON d.face_id = f.face_id
LEFT JOIN again a ON a.face_id = d.face_id
LEFT JOIN track t ON t.face_id = f.face_id
WHERE d.round = coalesce(a.round, 0);

CREATE OR REPLACE MACRO result_until(until_run) AS TABLE      -- one row per photo that was decided itself, or nulls
WITH counted AS NOT MATERIALIZED (
    FROM result WHERE until_run IS NULL OR batch_id IN (SELECT batch_id FROM batch_run WHERE run_id <= until_run)
), newest AS (SELECT photo_id, max(batch_id) AS batch_id FROM counted GROUP BY photo_id)
SELECT p.* EXCLUDE (decided_as), r.batch_id, r.status, r.reason, r.detail
FROM photo p LEFT JOIN (FROM counted JOIN newest USING (photo_id, batch_id)) r USING (photo_id)
WHERE p.decided_as = p.photo_id;

CREATE OR REPLACE VIEW held AS              -- one row per file: the content that it holds, as far as it was read
WITH last AS (FROM reading QUALIFY batch_id = max(batch_id) OVER (PARTITION BY file_id)),
asked AS (SELECT file_id, max(batch_id) AS batch_id FROM batch_file GROUP BY file_id)
SELECT f.*, s.name AS source, l.batch_id, l.photo_id, p.decided_as, l.reason, l.detail,
       coalesce(a.batch_id > coalesce(l.batch_id, -1), false) AS waits
FROM file f JOIN source s USING (source_id) LEFT JOIN last l USING (file_id) LEFT JOIN asked a USING (file_id)
LEFT JOIN photo p USING (photo_id);

CREATE OR REPLACE VIEW place AS             -- one row per photo that was decided: the file that stands for it
SELECT decided_as AS photo_id, file_id, source, path, size, state = 'present' AS present, waits FROM held
WHERE decided_as IS NOT NULL
QUALIFY row_number() OVER (PARTITION BY decided_as ORDER BY state = 'present' DESC, photo_id <> decided_as, file_id) = 1;

CREATE OR REPLACE VIEW superseded AS        -- photos that were edited: the newest content under their path is another one
WITH newest AS (
    SELECT h.source_id, h.path, h.file_id, h.photo_id, h.decided_as FROM held h JOIN result_until(NULL) r ON r.photo_id = h.decided_as
    WHERE r.status IN ('matched', 'unknown', 'no_face')
    QUALIFY row_number() OVER (PARTITION BY h.source_id, h.path ORDER BY h.file_id DESC) = 1
), came AS (
    FROM held WHERE photo_id IS NOT NULL QUALIFY row_number() OVER (PARTITION BY photo_id ORDER BY file_id) = 1
)
SELECT o.decided_as AS photo_id, max(n.decided_as) AS by_id
FROM held o JOIN newest n ON n.source_id = o.source_id AND n.path = o.path AND n.file_id > o.file_id
JOIN photo old ON old.photo_id = o.decided_as JOIN photo new ON new.photo_id = n.decided_as
JOIN place l ON l.photo_id = o.decided_as JOIN came c ON c.photo_id = n.photo_id
WHERE o.state = 'replaced' AND NOT l.present AND n.decided_as <> o.decided_as
-- Renamed from another path: of photos that changed their names, or were numbered anew, none is a version of another.
AND (c.state = 'present' OR (c.source_id, c.path) = (o.source_id, o.path))
-- Another time or camera: another photo has the name now, and the old one stays as it is.
AND coalesce(old.captured_at = new.captured_at, true) AND coalesce(nullif(old.camera, '') = nullif(new.camera, ''), true)
GROUP BY o.decided_as;

CREATE OR REPLACE MACRO answer_until(until_time) AS TABLE     -- one row per face and person that a user has answered for
WITH undone AS (                                              -- the first change after that time tells what was there
    SELECT e.face_id, e.person_id, e.answer, e.after, e.action_id FROM answer_edit e JOIN action a USING (action_id)
    WHERE NOT a.undone AND a.done_at > until_time
    QUALIFY e.action_id = min(e.action_id) OVER (PARTITION BY e.face_id, e.person_id)
)
SELECT face_id, person_id, answer FROM (
    SELECT face_id, person_id, answer, NULL AS action_id FROM answer ANTI JOIN undone USING (face_id, person_id)
    UNION ALL SELECT face_id, person_id, answer, action_id FROM undone WHERE NOT after
)
-- `forget` leaves gaps in the journal: of two yes for a face, the one that went first was there.  (Not NULLS LAST: DuckDB
-- 2.0 takes no notice of it here, as the column is not selected.)
QUALIFY answer <> 'yes' OR row_number() OVER (PARTITION BY face_id, answer ORDER BY action_id IS NULL, action_id) = 1;

CREATE OR REPLACE MACRO withheld_until(until_time) AS TABLE   -- persons who are not to be delivered, as they are known today
WITH undone AS (
    SELECT e.person_id, e.deliver, e.after FROM person_edit e JOIN action a USING (action_id)
    WHERE NOT a.undone AND a.done_at > until_time
    QUALIFY e.action_id = min(e.action_id) OVER (PARTITION BY e.person_id)
), settled AS (
    SELECT person_id, deliver FROM person ANTI JOIN undone USING (person_id)
    UNION ALL SELECT person_id, deliver FROM undone WHERE NOT after
)
SELECT DISTINCT coalesce(e.current_id, s.person_id) AS person_id
FROM settled s LEFT JOIN everyone e USING (person_id) WHERE NOT s.deliver;

-- The rules -------------------------------------------------------------------------------------------------------

CREATE OR REPLACE MACRO settled_answer_of(answered) AS TABLE        -- answers, for the persons who stand for others today
-- Of two persons who were merged, a yes to one counts more than a no to the other.
-- Who was removed without a trace still had answers at an earlier time.
SELECT a.face_id, coalesce(e.current_id, a.person_id) AS person_id,
       CASE WHEN bool_or(a.answer = 'yes') THEN 'yes' WHEN bool_or(a.answer = 'no') THEN 'no' ELSE 'unsure' END AS answer
FROM query_table(answered) a LEFT JOIN everyone e USING (person_id) GROUP BY ALL;

CREATE OR REPLACE MACRO face_state_of(decided, answered) AS TABLE   -- who each face is: a user's answer, else the decision
WITH settled AS (FROM settled_answer_of(answered)),
yes AS (FROM settled WHERE answer = 'yes'),
no AS (FROM settled WHERE answer = 'no')
SELECT d.* REPLACE (
           CASE coalesce(y.answer, n.answer) WHEN 'yes' THEN 'strict' WHEN 'no' THEN 'unknown' ELSE d.outcome END AS outcome,
           CASE coalesce(y.answer, n.answer) WHEN 'yes' THEN 'confirmed_by_user' WHEN 'no' THEN 'rejected_by_user'
                ELSE d.reason END AS reason,
           CASE coalesce(y.answer, n.answer) WHEN 'yes' THEN y.person_id WHEN 'no' THEN NULL
                ELSE if(d.person_id IS NULL, NULL, coalesce(e.current_id, d.person_id)) END AS person_id,
           d.awaits AND coalesce(y.answer, n.answer) IS NULL AS awaits),
       coalesce(y.answer, n.answer) IS NOT NULL AS by_user
FROM query_table(decided) d
-- Of a group in doubt, the person it may be: a no settles that too.
LEFT JOIN everyone e ON e.person_id = if(d.reason = 'group_in_doubt', d.nearest_id, d.person_id)
LEFT JOIN yes y ON y.face_id = d.face_id
LEFT JOIN no n ON n.face_id = d.face_id AND n.person_id = e.current_id;

CREATE OR REPLACE MACRO standing(named, withheld, awaited) AS -- of a photo with faces: its status and reason
CASE WHEN withheld THEN {'status': 'unknown', 'reason': 'do_not_deliver'}
     WHEN named THEN {'status': 'matched', 'reason': NULL}
     WHEN awaited THEN {'status': 'unknown', 'reason': 'awaits_review'}
     ELSE {'status': 'unknown', 'reason': 'only_unknown_faces'} END;

CREATE OR REPLACE MACRO standing_of(faces, withheld) AS TABLE       -- one row per photo that has faces
SELECT photo_id, s.status AS status, s.reason AS reason FROM (
    SELECT f.photo_id, standing(bool_or(f.person_id IS NOT NULL AND NOT f.awaits), bool_or(w.person_id IS NOT NULL),
                                bool_or(f.awaits)) AS s
    FROM query_table(faces) f LEFT JOIN query_table(withheld) w ON w.person_id = f.person_id
    GROUP BY f.photo_id
);

-- Whose copies are right: everyone's in the photo, or else (person_id is NULL) that in the folder of unknown faces.
-- Persons who were removed from the gallery get no new ones: they have no folder any more.
-- Nor does the movie of a Live Photo go to those who get its picture (`doubled`).
CREATE OR REPLACE MACRO wanted_copy_of(faces, standings, shots) AS TABLE
SELECT c.*, s.is_clip AND bool_or(NOT s.is_clip) OVER (PARTITION BY s.shot_id, c.person_id) AS doubled FROM (
    SELECT f.photo_id, f.person_id, p.folder, p.person_id IS NULL AS removed, min(f.face_id) AS first_face_id
    FROM query_table(faces) f JOIN query_table(standings) s USING (photo_id)
    LEFT JOIN person p ON p.person_id = f.person_id
    WHERE s.status = 'matched' AND f.person_id IS NOT NULL AND NOT f.awaits
    GROUP BY f.photo_id, f.person_id, p.folder, p.person_id
    UNION ALL SELECT photo_id, NULL, NULL, false, 0 FROM query_table(standings) WHERE reason = 'only_unknown_faces'
) c JOIN query_table(shots) s USING (photo_id);

-- What counts now, and what counted then --------------------------------------------------------------------------

CREATE OR REPLACE MACRO face_state_until(until_run, until_time) AS TABLE
WITH decided AS (FROM decision_until(until_run)), answered AS (FROM answer_until(until_time))
FROM face_state_of('decided', 'answered');

CREATE OR REPLACE MACRO photo_state_of(faces, withheld, until_run) AS TABLE   -- one row per photo that was decided itself
WITH standings AS (FROM standing_of(faces, withheld))
SELECT r.photo_id, l.file_id, l.source, l.path, l.size, l.present, r.batch_id,
       CASE WHEN l.waits AND until_run IS NULL THEN 'pending'
            WHEN r.status IN ('matched', 'unknown') THEN coalesce(s.status, r.status)
            ELSE coalesce(r.status, 'pending') END AS status,
       CASE WHEN l.waits AND until_run IS NULL THEN NULL
            WHEN r.status IN ('matched', 'unknown') AND s.photo_id IS NOT NULL THEN s.reason ELSE r.reason END AS reason,
       coalesce(r.detail, '') AS detail, r.sha256, r.shot_id,
       r.format, r.width, r.height, r.captured_at, r.utc_offset,
       r.captured_at + to_seconds(coalesce(own.seconds, every.seconds, 0)) AS taken_at,
       r.camera, r.phash, r.latitude, r.longitude, r.altitude, coalesce(r.remarks, []) AS remarks,
       coalesce(r.turn, 0) AS turn
FROM result_until(until_run) r JOIN place l USING (photo_id) LEFT JOIN standings s USING (photo_id)
JOIN source o ON o.name = l.source
LEFT JOIN clock own ON own.source_id = o.source_id AND own.camera = r.camera AND own.camera <> ''
LEFT JOIN clock every ON every.source_id = o.source_id AND every.camera = '';

CREATE OR REPLACE MACRO photo_state_until(until_run, until_time) AS TABLE
WITH faces AS (FROM face_state_until(until_run, until_time)), withheld_then AS (FROM withheld_until(until_time))
FROM photo_state_of('faces', 'withheld_then', until_run);

CREATE OR REPLACE VIEW settled_answer AS FROM settled_answer_of('answer');
CREATE OR REPLACE VIEW face_decision AS FROM decision_until(NULL);
CREATE OR REPLACE VIEW face_state AS FROM face_state_until(NULL, NULL);
CREATE OR REPLACE VIEW withheld AS FROM withheld_until(NULL);
CREATE OR REPLACE VIEW photo_state AS FROM photo_state_of('face_state', 'withheld', NULL);

-- One row per file that is there: their statuses add up.  One file stands for each photo, or shot; others are duplicates.
CREATE OR REPLACE VIEW file_state AS
SELECT f.file_id, f.source, f.path, f.size, f.photo_id,
       CASE WHEN f.waits OR f.batch_id IS NULL THEN 'pending'
            WHEN f.photo_id IS NULL THEN 'failed'
            WHEN f.file_id <> l.file_id THEN 'duplicate'
            ELSE s.status END AS status,
       CASE WHEN f.waits OR f.batch_id IS NULL THEN NULL
            WHEN f.photo_id IS NULL THEN f.reason
            WHEN f.file_id = l.file_id THEN s.reason
            WHEN f.photo_id = h.photo_id THEN 'duplicate' ELSE 'same_shot' END AS reason,
       CASE WHEN f.waits OR f.batch_id IS NULL THEN ''
            WHEN f.photo_id IS NULL THEN f.detail
            WHEN f.file_id = l.file_id THEN s.detail ELSE '' END AS detail,
       if(f.file_id <> l.file_id, l.file_id, NULL) AS duplicate_of, f.decided_as, f.batch_id, p.sha256, p.shot_id,
       p.format, p.width, p.height, p.captured_at, s.taken_at, p.camera, coalesce(p.remarks, []) AS remarks
FROM held f LEFT JOIN place l ON l.photo_id = f.decided_as LEFT JOIN held h ON h.file_id = l.file_id
LEFT JOIN photo_state s ON s.photo_id = f.decided_as LEFT JOIN photo p ON p.photo_id = f.photo_id
WHERE f.state = 'present';

-- A file that is linked to another one of its shot is neither delivered nor dropped.
CREATE OR REPLACE VIEW decided_file AS
FROM file_state WHERE status <> 'pending' AND reason IS DISTINCT FROM 'same_shot';

CREATE OR REPLACE VIEW absent_photo AS      -- one row per photo, or file that was never read, of which nothing is there any more
SELECT arg_max(source, file_id) AS source, if(bool_or(state = 'gone'), 'gone', 'replaced') AS state FROM held
GROUP BY coalesce(decided_as, -file_id) HAVING bool_and(state <> 'present');

CREATE OR REPLACE VIEW erased_standing AS   -- photos that had faces until all of them were erased
SELECT photo_id, s.status AS status, s.reason AS reason
FROM (FROM result_until(NULL) ANTI JOIN face USING (photo_id)) r, (SELECT standing(false, false, false) AS s)
WHERE r.reason = 'only_unknown_faces' OR r.status = 'failed' AND r.photo_id IN (SELECT photo_id FROM write);

CREATE OR REPLACE VIEW photo_standing AS FROM standing_of('face_state', 'withheld') UNION ALL FROM erased_standing;

CREATE OR REPLACE VIEW wanted_copy AS
WITH faces AS MATERIALIZED (FROM face_state),
standings AS MATERIALIZED (
    FROM (FROM standing_of('faces', 'withheld') UNION ALL FROM erased_standing) ANTI JOIN superseded USING (photo_id)
)
FROM wanted_copy_of('faces', 'standings', 'in_shot');

-- As people look at it ----------------------------------------------------------------------------------------------

CREATE OR REPLACE MACRO shown_path(of_source, of_path) AS     -- of several sources, a path alone does not say which file
    if((SELECT count(*) FROM source) > 1, of_source || ': ' || of_path, of_path);

CREATE OR REPLACE VIEW face_shown AS        -- one row per face; `person` is in the gallery today
WITH shown AS (
    SELECT s.face_id, s.photo_id, p.person_id, p.name AS person, u.name AS runner_up, s.outcome, s.reason,
           CASE WHEN s.person_id IS NULL OR m.current_id = s.person_id THEN s.distance
                WHEN u.current_id = s.person_id THEN s.runner_up_distance END AS distance,
           s.runner_up_distance, s.quality, s.by_user, s.awaits, u.current_id AS runner_up_id,
           m.current_id AS candidate_id, n.name AS nearest, s.person_id AS effective_id, s.round,
           d.outcome AS decided_outcome, d.reason AS decided_reason,
           if(d.person_id IS NULL, NULL, coalesce(m.current_id, d.person_id)) AS decided_id,
           if(s.person_id IS NULL OR m.current_id = s.person_id, {'distance': s.group_distance, 'faces': s.group_faces},
              NULL) AS in_group
    FROM face_state s
    JOIN decision d ON d.face_id = s.face_id AND d.round = s.round
    LEFT JOIN person p ON p.person_id = s.person_id
    LEFT JOIN everyone m ON m.person_id = coalesce(d.person_id, d.nearest_id)
    LEFT JOIN everyone n ON n.person_id = s.nearest_id
    LEFT JOIN everyone u ON u.person_id = s.runner_up_id
)
SELECT f.face_id, f.photo_id, p.source, p.path, f.person, f.runner_up, f.outcome, f.reason, f.distance,
       f.runner_up_distance, f.quality, a.answer,
       EXISTS (FROM learned l WHERE l.face_id = f.face_id AND l.person_id = f.person_id) AS learned,
       EXISTS (FROM reference r WHERE r.face_id = f.face_id AND r.person_id = f.person_id) AS reference,
       f.person_id, f.by_user, f.candidate_id, f.runner_up_id, f.nearest, f.effective_id, f.round,
       f.decided_outcome, f.decided_reason, f.decided_id,
       f.in_group.distance AS group_distance, f.in_group.faces AS group_faces, f.awaits
FROM shown f JOIN place p USING (photo_id)
LEFT JOIN settled_answer a ON a.face_id = f.face_id
     AND a.person_id = if(f.reason = 'group_in_doubt', f.candidate_id, f.person_id);
