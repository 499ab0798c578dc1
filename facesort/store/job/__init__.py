"""Photos, batches, faces, decisions and the commit log."""
