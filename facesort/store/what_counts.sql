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

-- The inputs ------------------------------------------------------------------------------------------------------

CREATE OR REPLACE MACRO decision_until(until_run) AS TABLE    -- one row per face: the machine's newest decision
SELECT f.face_id, f.photo_id, f.quality, d.round, d.batch_id, d.outcome, d.reason, d.person_id, d.distance,
       d.nearest_id, d.runner_up_id, d.runner_up_distance
FROM face f
JOIN decision d ON d.face_id = f.face_id
WHERE until_run IS NULL OR d.batch_id IN (SELECT batch_id FROM batch_run WHERE run_id <= until_run)
-- By the photo too, so that a question about some photos reads only theirs.
QUALIFY row_number() OVER (PARTITION BY f.photo_id, f.face_id ORDER BY d.round DESC) = 1;

CREATE OR REPLACE MACRO result_until(until_run) AS TABLE      -- one row per photo: the result of its newest batch, or nulls
WITH newest AS (
    SELECT photo_id, max(batch_id) AS batch_id FROM (
        SELECT photo_id, batch_id FROM batch_photo WHERE until_run IS NULL
        UNION ALL
        SELECT r.photo_id, r.batch_id FROM result r JOIN batch_run b USING (batch_id) WHERE b.run_id <= until_run
    ) GROUP BY photo_id
)
SELECT p.photo_id, p.path, p.size, n.batch_id, r.* EXCLUDE (photo_id, batch_id)
FROM photo p
LEFT JOIN newest n USING (photo_id)
LEFT JOIN result r ON r.photo_id = p.photo_id AND r.batch_id = n.batch_id;

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
                ELSE coalesce(e.current_id, d.person_id) END AS person_id),
       coalesce(y.answer, n.answer) IS NOT NULL AS by_user
FROM query_table(decided) d
LEFT JOIN everyone e ON e.person_id = d.person_id
LEFT JOIN yes y ON y.face_id = d.face_id
LEFT JOIN no n ON n.face_id = d.face_id AND n.person_id = e.current_id;

CREATE OR REPLACE MACRO standing(named, withheld) AS          -- of a photo with faces: its status and reason
CASE WHEN withheld THEN {'status': 'unknown', 'reason': 'do_not_deliver'}
     WHEN named THEN {'status': 'matched', 'reason': NULL}
     ELSE {'status': 'unknown', 'reason': 'only_unknown_faces'} END;

CREATE OR REPLACE MACRO standing_of(faces, withheld) AS TABLE       -- one row per photo that has faces
SELECT photo_id, s.status AS status, s.reason AS reason FROM (
    SELECT f.photo_id, standing(bool_or(f.person_id IS NOT NULL), bool_or(w.person_id IS NOT NULL)) AS s
    FROM query_table(faces) f LEFT JOIN query_table(withheld) w ON w.person_id = f.person_id
    GROUP BY f.photo_id
);

-- Whose copies are right: everyone's in the photo, or else (person_id is NULL) that in the folder of unknown faces.
-- Persons who were removed from the gallery get no new ones: they have no folder any more.
CREATE OR REPLACE MACRO wanted_copy_of(faces, standings) AS TABLE
SELECT f.photo_id, f.person_id, p.folder, p.person_id IS NULL AS removed, min(f.face_id) AS first_face_id
FROM query_table(faces) f JOIN query_table(standings) s USING (photo_id)
LEFT JOIN person p ON p.person_id = f.person_id
WHERE s.status = 'matched' AND f.person_id IS NOT NULL GROUP BY f.photo_id, f.person_id, p.folder, p.person_id
UNION ALL SELECT photo_id, NULL, NULL, false, 0 FROM query_table(standings) WHERE reason = 'only_unknown_faces';

-- What counts now, and what counted then --------------------------------------------------------------------------

CREATE OR REPLACE MACRO face_state_until(until_run, until_time) AS TABLE
WITH decided AS (FROM decision_until(until_run)), answered AS (FROM answer_until(until_time))
FROM face_state_of('decided', 'answered');

CREATE OR REPLACE MACRO photo_state_until(until_run, until_time) AS TABLE   -- one row per photo
WITH faces AS (FROM face_state_until(until_run, until_time)),
withheld AS (FROM withheld_until(until_time)),
standings AS (FROM standing_of('faces', 'withheld'))
SELECT r.photo_id, r.path, r.size, r.batch_id,
       CASE WHEN r.status IN ('matched', 'unknown') THEN coalesce(s.status, r.status)
            ELSE coalesce(r.status, 'pending') END AS status,
       CASE WHEN r.status IN ('matched', 'unknown') AND s.photo_id IS NOT NULL THEN s.reason ELSE r.reason END AS reason,
       coalesce(r.detail, '') AS detail, coalesce(r.sha256, '') AS sha256, r.duplicate_of,
       r.format, r.width, r.height, r.captured_at, r.camera, r.phash
FROM result_until(until_run) r LEFT JOIN standings s ON s.photo_id = r.photo_id;

CREATE OR REPLACE VIEW settled_answer AS FROM settled_answer_of('answer');
CREATE OR REPLACE VIEW face_decision AS FROM decision_until(NULL);
CREATE OR REPLACE VIEW face_state AS FROM face_state_until(NULL, NULL);
CREATE OR REPLACE VIEW photo_state AS FROM photo_state_until(NULL, NULL);
CREATE OR REPLACE VIEW withheld AS FROM withheld_until(NULL);

CREATE OR REPLACE VIEW erased_standing AS   -- photos that had faces until all of them were erased
SELECT photo_id, s.status AS status, s.reason AS reason
FROM (FROM result_until(NULL) ANTI JOIN face USING (photo_id)) r, (SELECT standing(false, false) AS s)
WHERE r.reason = 'only_unknown_faces' OR r.status = 'failed' AND r.photo_id IN (SELECT photo_id FROM write);

CREATE OR REPLACE VIEW photo_standing AS FROM standing_of('face_state', 'withheld') UNION ALL FROM erased_standing;

CREATE OR REPLACE VIEW wanted_copy AS
WITH faces AS MATERIALIZED (FROM face_state),
standings AS MATERIALIZED (FROM standing_of('faces', 'withheld') UNION ALL FROM erased_standing)
FROM wanted_copy_of('faces', 'standings');

-- As people look at it ----------------------------------------------------------------------------------------------

CREATE OR REPLACE VIEW face_shown AS        -- one row per face; `person` is in the gallery today
WITH shown AS (
    SELECT s.face_id, s.photo_id, p.person_id, p.name AS person, u.name AS runner_up, s.outcome, s.reason,
           CASE WHEN s.person_id IS NULL OR m.current_id = s.person_id THEN s.distance
                WHEN u.current_id = s.person_id THEN s.runner_up_distance END AS distance,
           s.runner_up_distance, s.quality, s.by_user, u.current_id AS runner_up_id,
           m.current_id AS candidate_id, n.name AS nearest, s.person_id AS effective_id, s.round,
           d.outcome AS decided_outcome, d.reason AS decided_reason,
           if(d.person_id IS NULL, NULL, coalesce(m.current_id, d.person_id)) AS decided_id
    FROM face_state s
    JOIN decision d ON d.face_id = s.face_id AND d.round = s.round
    LEFT JOIN person p ON p.person_id = s.person_id
    LEFT JOIN everyone m ON m.person_id = coalesce(d.person_id, d.nearest_id)
    LEFT JOIN everyone n ON n.person_id = s.nearest_id
    LEFT JOIN everyone u ON u.person_id = s.runner_up_id
)
SELECT f.face_id, f.photo_id, p.path, f.person, f.runner_up, f.outcome, f.reason, f.distance,
       f.runner_up_distance, f.quality, a.answer,
       EXISTS (FROM learned l WHERE l.face_id = f.face_id AND l.person_id = f.person_id) AS learned,
       EXISTS (FROM reference r WHERE r.face_id = f.face_id AND r.person_id = f.person_id) AS reference,
       f.person_id, f.by_user, f.candidate_id, f.runner_up_id, f.nearest, f.effective_id, f.round,
       f.decided_outcome, f.decided_reason, f.decided_id
FROM shown f JOIN photo p USING (photo_id)
LEFT JOIN settled_answer a ON a.face_id = f.face_id AND a.person_id = f.person_id;
