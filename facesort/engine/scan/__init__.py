"""The files of the sources: listed, compared with what is known, and taken in."""
