"""Videos that clients send or name: jobs that search them, one after the other, and where their files are."""
