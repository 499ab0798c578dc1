"""Groups of faces that are one person each: how they are joined, where they end, and what follows for a face."""
