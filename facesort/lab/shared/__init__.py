"""What several notebooks use."""
