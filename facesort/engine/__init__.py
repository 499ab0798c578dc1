"""Scan, analyse, the batch state machine, commit, resume, progress."""
