"""Face detection and embedding: model packs, the `FaceEngine` protocol and its implementations."""
