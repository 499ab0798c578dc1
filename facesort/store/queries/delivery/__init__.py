"""What is asked about what was delivered, or is to be."""
