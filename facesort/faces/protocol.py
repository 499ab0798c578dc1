"""The interface of a face engine, and the model pack it runs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from facesort.core.records import Crops, Detections, Embeddings, Pixels


@dataclass(frozen=True, slots=True)
class ModelPack:
    """A detector and a recogniser, with their identity.

    Parameters
    ----------
    name : str
        Shown to users: ``buffalo_l``, ``dlib``, ``synthetic``.
    kind : str
        ``insightface``, ``dlib`` or ``synthetic``.
    path : Path or None
        Folder of the files; None if the pack has none.
    pack_id : str
        SHA-256 (hex) over the files' hashes and the preprocessing version.  Embeddings of different packs are never
        compared.
    files : tuple of (str, str)
        Name and SHA-256 of each file in use.
    strict, loose : float
        Recommended thresholds (Euclidean distance between L2-normalised vectors).
    calibrated : bool
        False if the thresholds are just the defaults, 0.80 and 1.00.
    licence : str
        One sentence, shown to users.
    widest_loose : float or None
        RMS distance that LOOSE of an event never exceeds; None: not known, see `core.groups.threshold`.
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
    widest_loose: float | None = None


class FaceEngine(Protocol):
    """Detects and embeds faces in upright sRGB pixels.  Not thread-safe."""

    @property
    def pack(self) -> ModelPack:
        """Model pack of this engine."""
        ...

    @property
    def sure(self) -> float:
        """Detection score from which a face is one, and upright if its landmarks are."""
        ...

    @property
    def edge(self) -> int | None:
        """Long edge in px to which `detect` averages what is larger: exact halves will do; None: each pixel counts."""
        ...

    def detect(self, pixels: Pixels, *, quick: bool = False) -> Detections:
        """Find the faces in one image; a quick detection enlarges a small one less, and may miss small faces."""
        ...

    def align(self, pixels: Pixels, detections: Detections) -> Crops:
        """Crop and align the faces for the recogniser; shape (n, side, side, 3)."""
        ...

    def embed(self, crops: Crops) -> Embeddings:
        """Embed aligned crops; shape (n, dim), L2-normalised, n may be 0."""
        ...
