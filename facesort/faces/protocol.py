"""The seam between pixels and faces: a model pack, and the engine that runs it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from facesort.core.records import Crops, Detections, Embeddings, Pixels


@dataclass(frozen=True, slots=True)
class ModelPack:
    """A detector and a recogniser, and who they are.

    Parameters
    ----------
    name : str
        For people: ``buffalo_l``, ``dlib``, ``synthetic``.
    kind : str
        ``insightface``, ``dlib`` or ``synthetic``.
    path : Path or None
        The folder of its files; None for a pack that has none.
    pack_id : str
        SHA-256 (hex) over the files' hashes and the preprocessing version.  Embeddings with different
        ids are never compared.
    files : tuple of (str, str)
        File name and SHA-256 of each file that is used.
    strict, loose : float
        Recommended thresholds (Euclidean distance between L2-normalised vectors).
    calibrated : bool
        False where the thresholds are only the defaults 0.80 / 1.00.
    licence : str
        One sentence for people.
    """

    name: str
    kind: str
    path: Path | None
    pack_id: str
    files: tuple[tuple[str, str], ...]
    strict: float
    loose: float
    calibrated: bool
    licence: str


class FaceEngine(Protocol):
    """Turns upright sRGB pixels into faces.  One engine is used by one thread at a time."""

    @property
    def pack(self) -> ModelPack:
        """The pack this engine runs."""
        ...

    def detect(self, pixels: Pixels) -> Detections:
        """Find the faces in one image."""
        ...

    def align(self, pixels: Pixels, detections: Detections) -> Crops:
        """Cut the faces out as this engine's recogniser wants them; shape (n, side, side, 3)."""
        ...

    def embed(self, crops: Crops) -> Embeddings:
        """Embed aligned crops; shape (n, dim), L2-normalised, n may be 0."""
        ...
