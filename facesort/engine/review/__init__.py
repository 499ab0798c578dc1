"""Users' edits of single faces, and groups of unknown faces."""
