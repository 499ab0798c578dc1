"""What the notebooks show, and the functions their cells call."""
