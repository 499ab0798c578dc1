"""Collections of faces that a service searches: their records, and what a store of them does."""
