"""Faces in one photo or clip: where they are looked for, how they are turned, how good they are."""
