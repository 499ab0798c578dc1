-- Groups of faces that are one person each, found at the end of a sort (`matching.groups`).

ALTER TABLE decision ADD COLUMN group_distance FLOAT;   -- RMS, between the face's group and the person; null: no group proposed the person
ALTER TABLE decision ADD COLUMN group_faces INTEGER;    -- other faces of that group then
