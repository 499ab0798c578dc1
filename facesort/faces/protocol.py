"""The interface of a face engine, and the model pack it runs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, Protocol

from facesort.core.records import Crops, Detections, Embeddings, Pixels

DetectorKind = Literal["scrfd", "yunet", "dlib", "synthetic"]
RecogniserKind = Literal["arcface", "sface", "dlib", "synthetic"]


@dataclass(frozen=True, slots=True)
class Licence:
    """What weights may be used for, as far as their publisher says.

    Parameters
    ----------
    name : str
        SPDX's name, or a few words.
    paid_work : bool or None
        Whether one may earn money with them; None: not known.
    source : str
        Where the publisher says so; empty if not known.
    trained_on : str
        Origin of the training data; empty if the publisher does not say.
    """

    name: str
    paid_work: bool | None = None
    source: str = ""
    trained_on: str = ""

    def __str__(self) -> str:
        """The name, and what it means to somebody who is paid."""
        if self.paid_work is None:
            return f"{self.name}: ask its publisher"
        return f"{self.name}{', also for paid work' if self.paid_work else ': not for paid work'}"


@dataclass(frozen=True, slots=True)
class Detector:
    """The half of a pack that finds faces.

    Parameters
    ----------
    kind : str
        ``scrfd``, ``yunet``, ``dlib`` (its file finds the landmarks) or ``synthetic``.
    file, sha256 : str or None
        Name in the pack's folder, and hash in hex; None for a drawn pack.
    licence : Licence
        Of the weights.
    """

    kind: DetectorKind
    file: str | None
    sha256: str | None
    licence: Licence


@dataclass(frozen=True, slots=True)
class Recogniser:
    """The half of a pack that tells faces apart, and how a face is prepared for it.

    Parameters
    ----------
    kind : str
        ``arcface``, ``sface``, ``dlib`` or ``synthetic``.
    file, sha256, licence
        As of a `Detector`.
    colour : str
        Order of the channels of its input.
    mean, scale : float or None
        Its input is (pixel - mean) / scale; None: as InsightFace finds it in the graph.
    dim : int or None
        Length of an embedding; None: as the file says.
    """

    kind: RecogniserKind
    file: str | None
    sha256: str | None
    licence: Licence
    colour: Literal["RGB", "BGR"] = "RGB"
    mean: float | None = None
    scale: float | None = None
    dim: int | None = None

    @property
    def runs_in_onnx(self) -> bool:
        """Whether a backend can be chosen for it."""
        return self.kind in ("arcface", "sface")


@dataclass(frozen=True, slots=True)
class ModelPack:
    """A detector and a recogniser, with their identity.

    Parameters
    ----------
    name : str
        Shown to users: ``buffalo_l``, ``dlib``, ``synthetic``.
    kind : str
        How it was found: ``insightface`` (a folder in InsightFace's layout), ``described`` (a folder with a
        ``pack.toml``), ``dlib`` (installed packages) or ``synthetic``.
    path : Path or None
        Folder of the files; None if the pack has none.
    pack_id : str
        SHA-256 (hex) over the files' hashes and the preprocessing.  Embeddings of different packs are never
        compared.
    detector, recogniser : Detector, Recogniser
        What it consists of.
    strict, loose : float
        Recommended thresholds (Euclidean distance between L2-normalised vectors).
    calibrated : bool
        False if the thresholds are only to start from: nobody measured them with this recogniser and kind of detector.
    widest_loose : float or None
        RMS distance that LOOSE of an event never exceeds; None: not known, see `core.groups.threshold`.
    measured_on : str
        What the thresholds were measured on; empty: not measured.
    """

    name: str
    kind: str
    path: Path | None
    pack_id: str
    detector: Detector
    recogniser: Recogniser
    strict: float
    loose: float
    calibrated: bool
    widest_loose: float | None = None
    measured_on: str = ""

    @property
    def files(self) -> tuple[tuple[str, str], ...]:
        """Name and SHA-256 of each file in use: the detector's and the recogniser's."""
        halves = (self.detector, self.recogniser)
        return tuple((half.file, half.sha256) for half in halves if half.file and half.sha256)

    def lying_as(self, other: ModelPack) -> ModelPack:
        """The same pack with the files of another of the same id, which may lie and be called otherwise there."""
        return replace(self, path=other.path, detector=other.detector, recogniser=other.recogniser)

    @property
    def is_folder(self) -> bool:
        """Whether it is named by its folder; the others come with packages, or with facesort itself."""
        return self.kind in ("insightface", "described")

    @property
    def paid_work(self) -> bool | None:
        """Whether one may earn money with it: the more restricted half decides.  None: not known."""
        halves = (self.detector.licence.paid_work, self.recogniser.licence.paid_work)
        return False if False in halves else None if None in halves else True

    @property
    def licence(self) -> str:
        """One sentence, shown to users."""
        detector, recogniser = self.detector.licence, self.recogniser.licence
        if (detector.name, detector.paid_work) == (recogniser.name, recogniser.paid_work):
            return f"Licence of the weights: {recogniser}."
        return (
            f"Licence of the weights: of the detector {detector}; of the recogniser {recogniser}."
        )


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
