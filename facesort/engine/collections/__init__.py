"""Collections of faces that a service searches: bring a gallery into one, and search for many clients at once."""
