"""What is in the output and in an export: corrections, verification, fresh deliveries."""
