-- By which of their references a person is shown in the gallery, where a user chose one; else by their best face.

ALTER TABLE reference ADD COLUMN chosen BOOLEAN DEFAULT false;       -- at most one per person
ALTER TABLE reference_edit ADD COLUMN chosen BOOLEAN DEFAULT false;
