-- What people say about the machine's decisions, and the journal that lets them take it back.

CREATE TABLE verdict (                      -- what a user said of a face; the machine never writes here
    face_id    BIGINT NOT NULL,
    person_id  INTEGER NOT NULL,
    answer     VARCHAR NOT NULL CHECK (answer IN ('yes', 'no', 'unsure')),
    PRIMARY KEY (face_id, person_id)        -- at most one 'yes' per face
);

CREATE TABLE ignored (                      -- strangers that nobody wants to be asked about again
    face_id  BIGINT PRIMARY KEY
);

CREATE TABLE action (                       -- what users did; `done_at` is the only clock in it
    action_id  INTEGER PRIMARY KEY,
    done_at    TIMESTAMP NOT NULL,          -- UTC
    kind       VARCHAR NOT NULL,
    summary    VARCHAR NOT NULL,            -- a sentence for people
    undone     BOOLEAN NOT NULL             -- undone actions are the newest ones, and can be done again
);

ALTER TABLE reference ADD COLUMN face_id BIGINT;              -- the face of this job that it was made from, if any
ALTER TABLE person ADD COLUMN deliver BOOLEAN DEFAULT true;   -- false: photos with this person go to nobody

-- The journal: the rows that an action took away (after = false) and put in their place (after = true).
CREATE TABLE person_edit        AS SELECT 0 AS action_id, false AS after, * FROM person        LIMIT 0;
CREATE TABLE former_person_edit AS SELECT 0 AS action_id, false AS after, * FROM former_person LIMIT 0;
CREATE TABLE reference_edit     AS SELECT 0 AS action_id, false AS after, * FROM reference     LIMIT 0;
CREATE TABLE learned_edit       AS SELECT 0 AS action_id, false AS after, * FROM learned       LIMIT 0;
CREATE TABLE verdict_edit       AS SELECT 0 AS action_id, false AS after, * FROM verdict       LIMIT 0;
CREATE TABLE ignored_edit       AS SELECT 0 AS action_id, false AS after, * FROM ignored       LIMIT 0;

-- What can come back by an undo keeps its id: nobody else is given it meanwhile.
CREATE VIEW person_ever AS SELECT person_id FROM everyone UNION ALL SELECT person_id FROM person_edit;
CREATE VIEW learned_ever AS SELECT learned_id FROM learned UNION ALL SELECT learned_id FROM learned_edit;

CREATE VIEW mentioned AS                    -- persons whom the machine's rows point to: they must stay explained
SELECT unnest([person_id, nearest_id, runner_up_id]) AS person_id FROM decision
UNION SELECT person_id FROM write;

-- A re-match adds batches of its own.  DuckDB cannot change a CHECK, so the table is made anew.
CREATE TABLE batch_new (
    batch_id  INTEGER PRIMARY KEY,
    kind      VARCHAR NOT NULL CHECK (kind IN ('sort', 'retry', 'rematch')),
    state     VARCHAR NOT NULL CHECK (state IN ('PENDING', 'PROCESSING', 'COMMITTING', 'COMMITTED'))
);
INSERT INTO batch_new SELECT * FROM batch;
DROP TABLE batch;
ALTER TABLE batch_new RENAME TO batch;

CREATE TABLE rematched (                    -- one row: what the last complete re-match of a sort had before it
    fingerprint  VARCHAR NOT NULL
);

ALTER TABLE run ADD COLUMN kind VARCHAR DEFAULT 'sort';       -- or 'rematch'

ALTER TABLE decision ADD COLUMN batch_id INTEGER;             -- the batch that decided: it tells the run
UPDATE decision SET batch_id = (SELECT f.batch_id FROM face f WHERE f.face_id = decision.face_id);

ALTER TABLE result ADD COLUMN phash UBIGINT;                  -- perceptual hash; null: from before there was one

CREATE OR REPLACE VIEW face_decision AS     -- one row per face: the machine's newest decision
SELECT f.face_id, f.photo_id, f.quality, d.round, d.batch_id, d.outcome, d.reason, d.person_id, d.distance,
       d.nearest_id, d.runner_up_id, d.runner_up_distance
FROM face f
JOIN decision d ON d.face_id = f.face_id
QUALIFY row_number() OVER (PARTITION BY f.face_id ORDER BY d.round DESC) = 1;

CREATE VIEW face_answer AS                  -- one row per face: what counts, of the machine's decision and the user's
WITH said AS (
    SELECT v.face_id, e.current_id AS person_id, bool_or(v.answer = 'yes') AS yes, bool_or(v.answer = 'no') AS no
    FROM verdict v JOIN everyone e USING (person_id)
    GROUP BY v.face_id, e.current_id
)
SELECT d.face_id, d.photo_id, d.quality, d.round, d.batch_id,
       CASE WHEN y.yes THEN 'strict' WHEN n.no THEN 'unknown' ELSE d.outcome END AS outcome,
       CASE WHEN y.yes THEN 'confirmed_by_user' WHEN n.no THEN 'rejected_by_user' ELSE d.reason END AS reason,
       CASE WHEN y.yes THEN y.person_id WHEN n.no THEN NULL ELSE coalesce(e.current_id, d.person_id) END AS person_id,
       d.distance, d.nearest_id, d.runner_up_id, d.runner_up_distance,
       coalesce(y.yes, n.no, false) AS by_user
FROM face_decision d
LEFT JOIN everyone e ON e.person_id = d.person_id
LEFT JOIN said y ON y.face_id = d.face_id AND y.yes
LEFT JOIN said n ON n.face_id = d.face_id AND n.no AND n.person_id = e.current_id;

CREATE OR REPLACE VIEW photo_state AS       -- one row per photo: where it stands now, by what counts
WITH newest AS (
    SELECT photo_id, max(batch_id) AS batch_id FROM batch_photo GROUP BY photo_id
), answered AS (
    SELECT a.photo_id, bool_or(a.person_id IS NOT NULL) AS named, bool_or(NOT p.deliver) AS withheld
    FROM face_answer a LEFT JOIN person p USING (person_id)
    GROUP BY a.photo_id
), state AS (
    SELECT p.photo_id, p.path, p.size, n.batch_id, r.* EXCLUDE (photo_id, batch_id),
           CASE WHEN coalesce(r.status, '') NOT IN ('matched', 'unknown') OR a.photo_id IS NULL THEN NULL
                WHEN a.withheld THEN 'withheld' WHEN a.named THEN 'matched' ELSE 'unknown' END AS answer
    FROM photo p
    LEFT JOIN newest n USING (photo_id)
    LEFT JOIN result r ON r.photo_id = p.photo_id AND r.batch_id = n.batch_id
    LEFT JOIN answered a ON a.photo_id = p.photo_id
)
SELECT photo_id, path, size, batch_id,
       CASE WHEN answer = 'withheld' THEN 'unknown' ELSE coalesce(answer, status, 'pending') END AS status,
       CASE answer WHEN 'withheld' THEN 'do_not_deliver' WHEN 'matched' THEN NULL
                   WHEN 'unknown' THEN 'only_unknown_faces' ELSE reason END AS reason,
       coalesce(detail, '') AS detail, coalesce(sha256, '') AS sha256, duplicate_of,
       format, width, height, captured_at, camera, phash
FROM state;

CREATE VIEW face_shown AS                   -- one row per face, as people look at them; `person` is in the gallery today
WITH shown AS (
    SELECT a.face_id, a.photo_id, p.person_id, p.name AS person, u.name AS runner_up, a.outcome, a.reason,
           CASE WHEN a.person_id IS NULL OR m.current_id = a.person_id THEN a.distance
                WHEN u.current_id = a.person_id THEN a.runner_up_distance END AS distance,
           a.runner_up_distance, a.quality, a.by_user, u.current_id AS runner_up_id,
           m.current_id AS candidate_id
    FROM face_answer a
    JOIN decision d ON d.face_id = a.face_id AND d.round = a.round
    LEFT JOIN person p ON p.person_id = a.person_id
    LEFT JOIN everyone m ON m.person_id = coalesce(d.person_id, d.nearest_id)
    LEFT JOIN everyone u ON u.person_id = a.runner_up_id
), said AS (
    SELECT v.face_id, e.current_id AS person_id,
           CASE WHEN bool_or(v.answer = 'yes') THEN 'yes' WHEN bool_or(v.answer = 'no') THEN 'no' ELSE 'unsure' END
           AS answer
    FROM verdict v JOIN everyone e USING (person_id) GROUP BY ALL
)
SELECT f.face_id, f.photo_id, p.path, f.person, f.runner_up, f.outcome, f.reason, f.distance,
       f.runner_up_distance, f.quality, said.answer,
       EXISTS (FROM learned l WHERE l.face_id = f.face_id AND l.person_id = f.person_id) AS learned,
       EXISTS (FROM reference r WHERE r.face_id = f.face_id AND r.person_id = f.person_id) AS reference,
       f.person_id, f.by_user, f.candidate_id, f.runner_up_id
FROM shown f JOIN photo p USING (photo_id)
LEFT JOIN said ON said.face_id = f.face_id AND said.person_id = f.person_id;
