"""JPEG: decode, encode, and tell damage from oddities."""
