"""Camera RAW: the preview or the development, and damage."""
