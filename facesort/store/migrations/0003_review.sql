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
