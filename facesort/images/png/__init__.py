"""PNG: its chunks and its checksums."""
