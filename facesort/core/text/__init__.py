"""Names, paths and figures as text: in words, and made harmless for the place they go to."""
