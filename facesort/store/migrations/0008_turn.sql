-- How a photo must be turned to hang as its faces say, where its file does not say how it hangs.

ALTER TABLE photo ADD COLUMN turn SMALLINT;  -- degrees clockwise; null: read before they were looked for
