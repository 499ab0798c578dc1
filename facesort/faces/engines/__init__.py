"""What runs the networks of a model pack."""
