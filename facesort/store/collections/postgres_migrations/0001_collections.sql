-- Ids are in the order of their characters, whatever the database's language.
CREATE TABLE facesort.collection (
    collection_key INTEGER PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    collection_id TEXT COLLATE "C" NOT NULL UNIQUE,
    created_at TIMESTAMP NOT NULL,
    pack_id TEXT NOT NULL,
    dim INTEGER NOT NULL,
    strict DOUBLE PRECISION NOT NULL,
    loose DOUBLE PRECISION NOT NULL
);

-- Embeddings of faces and vectors of users are in a table for each collection, `vectors_KEY`: it is written anew when
-- one is erased.
CREATE TABLE facesort.face (
    collection_key INTEGER NOT NULL,
    face_id TEXT COLLATE "C" NOT NULL,
    image_id TEXT NOT NULL,
    external_image_id TEXT,
    box_left DOUBLE PRECISION NOT NULL,
    box_top DOUBLE PRECISION NOT NULL,
    box_width DOUBLE PRECISION NOT NULL,
    box_height DOUBLE PRECISION NOT NULL,
    confidence DOUBLE PRECISION NOT NULL,
    user_id TEXT COLLATE "C",
    PRIMARY KEY (collection_key, face_id)
);
CREATE INDEX ON facesort.face (collection_key, user_id) WHERE user_id IS NOT NULL;

CREATE TABLE facesort.member (
    collection_key INTEGER NOT NULL,
    user_id TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (collection_key, user_id)
);

-- Requests that are not carried out again.
CREATE TABLE facesort.once (
    collection_key INTEGER NOT NULL,
    token TEXT NOT NULL,
    request TEXT NOT NULL,
    done_at TIMESTAMP NOT NULL,
    answer TEXT NOT NULL,
    PRIMARY KEY (collection_key, token)
);
