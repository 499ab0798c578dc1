-- Files, photos and shots told apart: a file is a path in a source, a photo is content, a shot is what was taken.
-- The views of before are gone already: they are made anew by what_counts.sql after the last migration.

CREATE TABLE source (                       -- where it is stands in facesort.toml, under the same name
    source_id  INTEGER PRIMARY KEY,
    name       VARCHAR NOT NULL UNIQUE,
    state      VARCHAR NOT NULL CHECK (state IN ('used', 'removed'))
);

CREATE TABLE clock (                        -- what is added to the time that cameras wrote
    source_id  INTEGER NOT NULL,
    camera     VARCHAR NOT NULL,            -- empty: every camera of the source that has no row of its own
    seconds    BIGINT NOT NULL,
    PRIMARY KEY (source_id, camera)
);

CREATE TABLE file (                         -- a path with size and time; of those with one path, the newest may be there
    file_id    INTEGER PRIMARY KEY,         -- also the ordering index
    source_id  INTEGER NOT NULL,
    path       VARCHAR NOT NULL,            -- POSIX, relative to the folder of the source
    size       BIGINT NOT NULL,
    mtime_ns   BIGINT NOT NULL,
    state      VARCHAR NOT NULL CHECK (state IN ('present', 'gone', 'replaced'))
);

CREATE TABLE batch_file (                   -- the files that a batch reads
    batch_id  INTEGER NOT NULL,
    file_id   INTEGER NOT NULL,
    PRIMARY KEY (batch_id, file_id)
);

CREATE TABLE reading (                      -- what reading a file gave; of several, the newest counts
    file_id   INTEGER NOT NULL,
    batch_id  INTEGER NOT NULL,
    photo_id  INTEGER,                      -- null: no content could be had
    reason    VARCHAR,                      -- why
    detail    VARCHAR NOT NULL,
    PRIMARY KEY (file_id, batch_id)
);

CREATE TABLE photo_new (
    photo_id    INTEGER PRIMARY KEY,        -- of the file that it was first read from: also the ordering index
    sha256      VARCHAR NOT NULL,           -- no two photos have the same
    shot_id     INTEGER NOT NULL,           -- the first photo of the shot
    decided_as  INTEGER NOT NULL,           -- the photo that was decided for this one: itself, or another of its shot
    format      VARCHAR,
    width       INTEGER,
    height      INTEGER,
    captured_at TIMESTAMP,                  -- as the camera wrote it
    utc_offset  INTEGER,                    -- of the camera's clock, minutes east of UTC
    camera      VARCHAR,
    phash       UBIGINT,
    latitude    DOUBLE,                     -- degrees, WGS 84
    longitude   DOUBLE,
    altitude    DOUBLE                      -- m above sea level
);

CREATE TABLE result_new (                   -- one per photo that was decided itself, and batch; the newest counts
    photo_id  INTEGER NOT NULL,
    batch_id  INTEGER NOT NULL,
    status    VARCHAR NOT NULL CHECK (status IN ('matched', 'unknown', 'no_face', 'failed')),
    reason    VARCHAR,                      -- why the photo reached no folder
    detail    VARCHAR NOT NULL,
    PRIMARY KEY (photo_id, batch_id)
);

CREATE TABLE skipped_new (                  -- seen by the scan, not taken for a photo
    source_id  INTEGER NOT NULL,
    path       VARCHAR NOT NULL,
    reason     VARCHAR NOT NULL,
    size       BIGINT NOT NULL,             -- as long as size and time stay, its content is not looked at again
    mtime_ns   BIGINT NOT NULL,
    file_id    INTEGER,                     -- the photo file to whose shot it belongs: the movie of a Live Photo, a sidecar
    version    VARCHAR,                     -- of the facesort that looked at it: another one may know more formats
    PRIMARY KEY (source_id, path)
);

-- Until now there was one source, and a photo was a path with size and time.
INSERT INTO source SELECT 1, 'card-1', 'used' WHERE EXISTS (FROM photo);
INSERT INTO file SELECT photo_id, 1, path, size, mtime_ns,
                        if(photo_id = max(photo_id) OVER (PARTITION BY path), 'present', 'replaced') FROM photo;
INSERT INTO batch_file SELECT b.batch_id, b.photo_id FROM batch_photo b JOIN batch USING (batch_id) WHERE kind <> 'rematch';

CREATE TEMP TABLE newest AS SELECT * FROM result QUALIFY batch_id = max(batch_id) OVER (PARTITION BY photo_id);
INSERT INTO photo_new
SELECT photo_id, sha256, photo_id, photo_id, format, width, height, captured_at, NULL, camera, phash, NULL, NULL, NULL
FROM (FROM newest SELECT *, status = 'failed' AND photo_id NOT IN (SELECT photo_id FROM write) AS unread)
WHERE sha256 <> '' AND status <> 'duplicate'
-- Two files with the same content may both have failed: they are one photo.
QUALIFY NOT unread OR row_number() OVER (PARTITION BY sha256 ORDER BY unread, photo_id) = 1;
CREATE TEMP TABLE first AS SELECT sha256, min(photo_id) AS photo_id FROM photo_new GROUP BY sha256;
INSERT INTO reading
SELECT photo_id, batch_id, found, if(found IS NULL, coalesce(nullif(reason, 'duplicate'), 'unreadable'), NULL), if(found IS NULL, detail, '')
FROM (
    SELECT r.*, coalesce(p.photo_id, f.photo_id) AS found FROM result r JOIN batch b USING (batch_id)
    LEFT JOIN photo_new p ON p.photo_id = r.photo_id AND r.status <> 'duplicate' LEFT JOIN first f ON f.sha256 = r.sha256
    WHERE b.kind <> 'rematch'
);
INSERT INTO result_new SELECT photo_id, batch_id, status, reason, detail FROM result
WHERE status <> 'duplicate' AND photo_id IN (SELECT photo_id FROM photo_new);
INSERT INTO skipped_new SELECT 1, path, reason, -1, 0, NULL, NULL FROM skipped;
DROP TABLE newest;
DROP TABLE first;

ALTER TABLE timing RENAME photo_id TO file_id;  -- what takes the time is reading a file

DROP TABLE photo;
DROP TABLE batch_photo;
DROP TABLE result;
DROP TABLE skipped;
ALTER TABLE photo_new RENAME TO photo;
ALTER TABLE result_new RENAME TO result;
ALTER TABLE skipped_new RENAME TO skipped;
