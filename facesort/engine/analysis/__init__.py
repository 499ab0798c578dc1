"""One file becomes an analysis: in worker processes that may die."""
