"""Derives STRICT and LOOSE from labelled photos, and forecasts the result of a sort."""
