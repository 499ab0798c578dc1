"""The files of a source: what is new, gone or the same, and which belong together."""
