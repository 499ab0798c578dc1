"""The gallery: seeding persons and editing them."""
