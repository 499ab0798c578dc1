"""Model packs: find, identify and download them."""
