"""An engine of a detector and a recogniser that need not know each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from facesort.core.records import Crops, Detections, Embeddings, Pixels
from facesort.faces.protocol import ModelPack


class FaceDetector(Protocol):
    """The half of a `FaceEngine` that finds faces."""

    @property
    def sure(self) -> float:
        """As of a `FaceEngine`."""
        ...

    @property
    def edge(self) -> int | None:
        """As of a `FaceEngine`."""
        ...

    def detect(self, pixels: Pixels, *, quick: bool = False) -> Detections:
        """Find the faces in one image."""
        ...


class FaceRecogniser(Protocol):
    """The half of a `FaceEngine` that tells faces apart."""

    def align(self, pixels: Pixels, detections: Detections) -> Crops:
        """Crop and align faces."""
        ...

    def embed(self, crops: Crops) -> Embeddings:
        """Embed aligned crops."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class ComposedEngine:
    """A `FaceEngine` of two halves."""

    pack: ModelPack
    detector: FaceDetector
    recogniser: FaceRecogniser

    @property
    def sure(self) -> float:
        """Of the detector."""
        return self.detector.sure

    @property
    def edge(self) -> int | None:
        """Of the detector."""
        return self.detector.edge

    def detect(self, pixels: Pixels, *, quick: bool = False) -> Detections:
        """Find the faces in one image."""
        return self.detector.detect(pixels, quick=quick)

    def align(self, pixels: Pixels, detections: Detections) -> Crops:
        """Crop and align the faces."""
        return self.recogniser.align(pixels, detections)

    def embed(self, crops: Crops) -> Embeddings:
        """Embed aligned crops."""
        return self.recogniser.embed(crops)
