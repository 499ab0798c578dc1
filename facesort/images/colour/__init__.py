"""What the numbers of a picture mean, and their way to sRGB."""
