"""Pixels become faces: model packs, the FaceEngine protocol and its implementations."""
