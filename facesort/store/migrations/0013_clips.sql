-- Clips: a clip is a photo with a row here, a track is a face with a row in `track`.

CREATE TABLE clip (
    photo_id     INTEGER PRIMARY KEY,
    duration_ms  INTEGER NOT NULL,          -- from the first frame to the end of the last
    codec        VARCHAR NOT NULL,          -- as FFmpeg calls it
    decoder      VARCHAR NOT NULL,          -- what decoded it, with its version
    every_ms     INTEGER NOT NULL,          -- time between two samples; 0: key frames only
    samples      INTEGER NOT NULL           -- frames in which faces were looked for
);

CREATE TABLE track (                        -- a face that was followed through a clip; times from its first frame
    face_id   BIGINT PRIMARY KEY,
    start_ms  INTEGER NOT NULL,
    end_ms    INTEGER NOT NULL,
    best_ms   INTEGER NOT NULL,             -- the sample with its best face
    first_ms  INTEGER NOT NULL,             -- the first and the last sample in which it was detected
    last_ms   INTEGER NOT NULL,
    times     BLOB NOT NULL,                -- n int32: all of these samples
    boxes     BLOB NOT NULL                 -- 4n float32: px of the upright, full-size frame
);

CREATE TABLE strip (                        -- a few frames of each track as thumbnails
    face_id   BIGINT NOT NULL,
    ms        INTEGER NOT NULL,
    jpeg      BLOB NOT NULL,
    PRIMARY KEY (face_id, ms)
);

ALTER TABLE write ADD COLUMN at_ms INTEGER; -- of a clip: the frame that the copy shows; null: a photo, or the whole clip
