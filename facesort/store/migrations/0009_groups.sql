-- Groups of faces that are one person each, found at the end of a sort (`matching.groups`).

ALTER TABLE decision ADD COLUMN group_distance FLOAT;   -- RMS, between the face's group and the person; null: no group proposed the person
ALTER TABLE decision ADD COLUMN group_faces INTEGER;    -- other faces of that group then

ALTER TABLE run ADD COLUMN groups JSON;                 -- what groups went by: LOOSE of the event, and what it comes from; null: none

CREATE TABLE face_group (                               -- of the last complete match; made anew by the next one
    face_id   BIGINT NOT NULL,
    group_id  BIGINT NOT NULL                           -- the smallest face_id of the group
);
