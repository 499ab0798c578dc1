"""Implementations of `FaceEngine`, and the runtimes they run on."""
