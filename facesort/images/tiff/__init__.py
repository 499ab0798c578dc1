"""TIFF and BigTIFF: directories, the main picture, samples that Pillow cannot read, and damage."""
