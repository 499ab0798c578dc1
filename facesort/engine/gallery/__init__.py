"""Who is looked for: seeding persons and editing the gallery."""
