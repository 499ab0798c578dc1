-- Smaller versions of output JPEGs, and pictures of persons: files of the workspace, named by their content.

CREATE TABLE derivative (
    jpeg_sha256  VARCHAR NOT NULL,          -- of the output JPEG that it was made from
    format       VARCHAR NOT NULL CHECK (format IN ('webp', 'jpeg', 'avif')),
    edge         INTEGER NOT NULL,          -- what was asked for, px
    quality      INTEGER NOT NULL,
    width        INTEGER NOT NULL,
    height       INTEGER NOT NULL,
    size         BIGINT NOT NULL,           -- bytes
    sha256       VARCHAR NOT NULL,
    PRIMARY KEY (jpeg_sha256, format, edge, quality)
);

CREATE TABLE thumbnail (                    -- a person's best face, or the reference that a user chose
    person_id    INTEGER PRIMARY KEY,
    face_id      BIGINT,                    -- null: a reference that is no face of the event
    jpeg_sha256  VARCHAR NOT NULL,          -- of the output JPEG, or of the reference's crop, that it was made from
    width        INTEGER NOT NULL,
    height       INTEGER NOT NULL,
    size         BIGINT NOT NULL,
    sha256       VARCHAR NOT NULL
);
