"""Persons, and the decision which face is whose."""
