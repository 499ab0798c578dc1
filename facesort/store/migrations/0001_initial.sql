-- The first schema.  Rules that hold for every table:
--   * Rows describe; only batch.state, write.status, run.state and a person's or reference's own row are ever updated.
--   * What depends on the clock or on interruptions lives in run, run_batch and timing alone: every other table has the
--     same content for the same input, however often the job was killed.
--   * Embeddings are little-endian float32 BLOBs; each row that holds one names its model pack.
--   * No foreign keys: DuckDB checks them row by row and refuses updates inside the transaction that inserts; the
--     property tests of the store check the references instead.

CREATE TABLE photo (
    photo_id  INTEGER PRIMARY KEY,          -- also the ordering index
    path      VARCHAR NOT NULL,             -- POSIX, relative to the source root
    size      BIGINT  NOT NULL,
    mtime_ns  BIGINT  NOT NULL
);

CREATE TABLE skipped (                      -- seen by the scan, not taken for a photo
    path    VARCHAR PRIMARY KEY,
    reason  VARCHAR NOT NULL
);

CREATE TABLE batch (
    batch_id  INTEGER PRIMARY KEY,
    kind      VARCHAR NOT NULL CHECK (kind IN ('sort', 'retry')),
    state     VARCHAR NOT NULL CHECK (state IN ('PENDING', 'PROCESSING', 'COMMITTING', 'COMMITTED'))
);

CREATE TABLE batch_photo (
    batch_id  INTEGER NOT NULL,
    photo_id  INTEGER NOT NULL,
    PRIMARY KEY (batch_id, photo_id)
);

CREATE TABLE result (                       -- one per photo and batch; the newest counts
    photo_id      INTEGER NOT NULL,
    batch_id      INTEGER NOT NULL,
    status        VARCHAR NOT NULL CHECK (status IN ('matched', 'unknown', 'no_face', 'duplicate', 'failed')),
    reason        VARCHAR,                  -- why the photo reached no folder
    detail        VARCHAR NOT NULL,
    sha256        VARCHAR NOT NULL,         -- empty if the file could not be read
    duplicate_of  INTEGER,
    format        VARCHAR,
    width         INTEGER,
    height        INTEGER,
    captured_at   TIMESTAMP,
    camera        VARCHAR,
    PRIMARY KEY (photo_id, batch_id)
);

CREATE TABLE face (
    face_id    BIGINT PRIMARY KEY,
    photo_id   INTEGER NOT NULL,
    batch_id   INTEGER NOT NULL,
    x_min      FLOAT NOT NULL,              -- px of the upright, full-size photo
    y_min      FLOAT NOT NULL,
    x_max      FLOAT NOT NULL,
    y_max      FLOAT NOT NULL,
    landmarks  BLOB NOT NULL,               -- 10 float32: five points, x and y
    score      FLOAT NOT NULL,
    sharpness  FLOAT NOT NULL,
    yaw        FLOAT NOT NULL,
    quality    FLOAT NOT NULL,
    pack_id    VARCHAR NOT NULL,
    embedding  BLOB NOT NULL,
    crop       BLOB NOT NULL                -- small JPEG for people to look at
);

CREATE TABLE decision (                     -- append-only; the newest round of a face counts
    face_id             BIGINT NOT NULL,
    round               INTEGER NOT NULL,   -- 0 is the sort itself
    outcome             VARCHAR NOT NULL CHECK (outcome IN ('strict', 'loose', 'unknown')),
    reason              VARCHAR NOT NULL,
    person_id           INTEGER,
    distance            FLOAT,
    nearest_id          INTEGER,
    runner_up_id        INTEGER,
    runner_up_distance  FLOAT,
    PRIMARY KEY (face_id, round)
);

CREATE TABLE person (
    person_id  INTEGER PRIMARY KEY,
    name       VARCHAR NOT NULL UNIQUE,
    folder     VARCHAR NOT NULL,
    folder_key VARCHAR NOT NULL UNIQUE      -- case-folded: two folders must differ on every file system
);

CREATE TABLE reference (
    reference_id  INTEGER PRIMARY KEY,
    person_id     INTEGER NOT NULL,
    file_name     VARCHAR NOT NULL,
    sha256        VARCHAR NOT NULL,         -- of the reference photo
    sharpness     FLOAT NOT NULL,
    yaw           FLOAT NOT NULL,
    quality       FLOAT NOT NULL,
    pack_id       VARCHAR NOT NULL,
    embedding     BLOB NOT NULL,
    crop          BLOB NOT NULL             -- JPEG with context, large enough to embed again with another pack
);

CREATE TABLE learned (                      -- in the order of learning; the last N of a person are in the gallery
    learned_id  BIGINT PRIMARY KEY,
    person_id   INTEGER NOT NULL,
    face_id     BIGINT NOT NULL
);

CREATE TABLE write (                        -- the commit log
    write_id   BIGINT PRIMARY KEY,
    batch_id   INTEGER NOT NULL,
    photo_id   INTEGER NOT NULL,
    person_id  INTEGER,                     -- null: the folder of unknown faces
    target     VARCHAR NOT NULL,            -- POSIX, relative to the output root
    sha256     VARCHAR NOT NULL,
    size       BIGINT NOT NULL,
    status     VARCHAR NOT NULL CHECK (status IN ('planned', 'verified', 'failed')),
    reason     VARCHAR
);

CREATE TABLE run (
    run_id       INTEGER PRIMARY KEY,
    started_at   TIMESTAMP NOT NULL,        -- UTC
    finished_at  TIMESTAMP,
    state        VARCHAR NOT NULL CHECK (state IN ('running', 'finished', 'failed', 'interrupted')),
    version      VARCHAR NOT NULL,
    pack_name    VARCHAR NOT NULL,
    pack_id      VARCHAR NOT NULL,
    settings     JSON NOT NULL
);

CREATE TABLE run_batch (
    run_id            INTEGER NOT NULL,
    batch_id          INTEGER NOT NULL,
    finished_at       TIMESTAMP NOT NULL,   -- UTC
    photos            INTEGER NOT NULL,
    analysis_seconds  DOUBLE NOT NULL,      -- waiting for the workers
    engine_seconds    DOUBLE NOT NULL,      -- matching, staging, storing, committing
    PRIMARY KEY (run_id, batch_id)
);

CREATE TABLE timing (                       -- what the analysis of each photo took in its worker
    run_id    INTEGER NOT NULL,
    photo_id  INTEGER NOT NULL,
    seconds   DOUBLE NOT NULL
);
