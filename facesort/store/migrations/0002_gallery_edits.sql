-- Persons can leave the gallery; what was decided and delivered for them stays, and stays explained.

CREATE TABLE former_person (                -- merged into somebody, or removed, but rows still point to them
    person_id    INTEGER PRIMARY KEY,       -- never given to anyone else
    name         VARCHAR NOT NULL,
    folder       VARCHAR NOT NULL,          -- free for others again; what is in it stays there
    merged_into  INTEGER                    -- null: removed; never a person who was merged on
);

ALTER TABLE reference ADD COLUMN captured_at TIMESTAMP;  -- as the camera wrote it
