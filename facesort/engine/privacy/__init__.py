"""Erasing people for good; backups."""
