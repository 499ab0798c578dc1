"""Persons, references, answers, and the journal of edits."""
