"""What the review asks: faces to look at, and what users answered."""
