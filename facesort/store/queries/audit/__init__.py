"""What an audit asks: what became of photos, and what they have in common."""
