"""What users say of single faces, and people nobody seeded."""
