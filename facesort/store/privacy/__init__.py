"""A database without what was erased."""
