"""STRICT and LOOSE from labelled photos, and a forecast of what a sort would give."""
