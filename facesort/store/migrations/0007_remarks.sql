-- What people must be told of a photo although it was read: that it is damaged, that it has further pages.

ALTER TABLE photo ADD COLUMN remarks VARCHAR[];  -- codes of core.records; null: read before there were any
