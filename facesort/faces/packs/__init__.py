"""Model packs: which are here, what is known about them, how another one comes."""
