"""The batch state machine: scan, decide, commit, resume; sort, re-match and retry."""
