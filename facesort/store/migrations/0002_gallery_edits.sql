-- Persons can leave the gallery; what was decided and delivered for them stays, and stays explained.

CREATE TABLE former_person (                -- merged into somebody, or removed, but rows still point to them
    person_id    INTEGER PRIMARY KEY,       -- never given to anyone else
    name         VARCHAR NOT NULL,
    folder       VARCHAR NOT NULL,          -- free for others again; what is in it stays there
    merged_into  INTEGER                    -- null: removed; never a person who was merged on
);

CREATE VIEW everyone AS                     -- everyone a row may point to, and who answers for them today
WITH known AS (
    SELECT person_id, name, person_id AS current_id FROM person
    UNION ALL
    SELECT person_id, name, coalesce(merged_into, person_id) FROM former_person
)
SELECT k.person_id, k.current_id, c.name FROM known k JOIN known c ON c.person_id = k.current_id;

ALTER TABLE reference ADD COLUMN captured_at TIMESTAMP;  -- as the camera wrote it
