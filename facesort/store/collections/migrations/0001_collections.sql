CREATE TABLE collection (
    collection_key INTEGER NOT NULL,
    collection_id VARCHAR NOT NULL,
    created_at TIMESTAMP NOT NULL,
    pack_id VARCHAR NOT NULL,
    dim INTEGER NOT NULL,
    strict DOUBLE NOT NULL,
    loose DOUBLE NOT NULL
);

-- The embedding of a face is a row of the collection's vector file.
CREATE TABLE face (
    collection_key INTEGER NOT NULL,
    face_id VARCHAR NOT NULL,
    row INTEGER NOT NULL,
    image_id VARCHAR NOT NULL,
    external_image_id VARCHAR,
    box_left DOUBLE NOT NULL,
    box_top DOUBLE NOT NULL,
    box_width DOUBLE NOT NULL,
    box_height DOUBLE NOT NULL,
    confidence DOUBLE NOT NULL,
    user_id VARCHAR
);

CREATE TABLE member (
    collection_key INTEGER NOT NULL,
    user_id VARCHAR NOT NULL
);

-- Requests that are not carried out again.
CREATE TABLE once (
    collection_key INTEGER NOT NULL,
    token VARCHAR NOT NULL,
    request VARCHAR NOT NULL,
    done_at TIMESTAMP NOT NULL,
    answer VARCHAR NOT NULL
);
