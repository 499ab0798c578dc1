"""Runs notebooks through papermill, and saves them as notebooks and as web pages."""
