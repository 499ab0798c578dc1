"""Erasing people for good; backup and restore."""
