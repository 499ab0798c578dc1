"""Runs notebooks through papermill and keeps them, as notebooks and as web pages."""
