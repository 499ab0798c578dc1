-- What `facesort publish` sent to object stores, and what waits.  Like run and timing, it depends on the clock and on
-- interruptions.

CREATE TABLE destination (
    destination_id  INTEGER PRIMARY KEY,
    endpoint        VARCHAR NOT NULL,       -- of the server; empty: AWS
    bucket          VARCHAR NOT NULL,
    prefix          VARCHAR NOT NULL,       -- empty, or ends with a slash
    conditional     BOOLEAN,                -- whether it refuses to replace an object; null: not known yet
    mark            VARCHAR NOT NULL        -- written beside an index of ours, the only object that is ever replaced
);

CREATE TABLE published (
    object_id       BIGINT PRIMARY KEY,
    destination_id  INTEGER NOT NULL,
    photo_id        INTEGER,                -- null: a file of an export
    person_id       INTEGER,                -- whose folder it is in; null: nobody's
    target          VARCHAR NOT NULL,       -- the key without the prefix
    sha256          VARCHAR NOT NULL,
    size            BIGINT NOT NULL,
    state           VARCHAR NOT NULL CHECK (state IN ('pending', 'sent', 'dead')),
    reason          VARCHAR,                -- why it is dead
    attempts        INTEGER NOT NULL,
    upload_id       VARCHAR,                -- of a multipart upload that was begun
    etag            VARCHAR,                -- as the server told it when it was sent
    changed_at      TIMESTAMP NOT NULL      -- UTC
);
