"""What is delivered: folders, names, and what is written beside or into a picture."""
