-- One word for what users say of faces, and no stage times: a profiler tells them.
-- The views of before are dropped here: they are made anew by what_counts.sql after the last migration.

DROP VIEW IF EXISTS face_shown;
DROP VIEW IF EXISTS photo_state;
DROP VIEW IF EXISTS face_answer;
DROP VIEW IF EXISTS face_decision;

ALTER TABLE verdict RENAME TO answer;
ALTER TABLE verdict_edit RENAME TO answer_edit;
DROP TABLE stage_time;
