"""Plain immutable records that are passed between all layers.

The shapes and units of their numpy arrays are defined here and assumed everywhere else.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from facesort.core.clips import ClipInfo, Track
from facesort.core.derivatives import Derivative
from facesort.reasons import Reason, Remark

Pixels = NDArray[np.uint8]
"""(height, width, 3) uint8, sRGB, upright."""

Crops = NDArray[np.uint8]
"""(n, side, side, 3) uint8, sRGB: aligned faces, for one engine."""

Embeddings = NDArray[np.float32]
"""(n, dim) float32, rows L2-normalised."""

Room = Callable[[int, int], Embeddings]
"""Makes an array of so many rows and columns, of any content."""


def in_memory(rows: int, columns: int) -> Embeddings:
    """Make an array in memory: the usual `Room`."""
    return np.empty((rows, columns), np.float32)


@dataclass(frozen=True, slots=True)
class PhotoRef:
    """Which photo, and where a file of it is: all that is needed to find it again.

    Parameters
    ----------
    photo_id : int
        Also the ordering index: photos are matched in this order.  A photo has the id of the file that it was first
        read from.
    path : str
        POSIX path relative to the folder of the source.
    source : str
        Name of the source; empty for a photo of no source, such as a reference.
    shown : str
        The path as people see it: after the name of the source where there are several.
    turn : int
        As in `Analysis`, once it was analysed.
    at_ms : int or None
        Of a clip: the frame that is its picture, as in `Track`; None: it is not a clip, or no frame was chosen.
    upright : bool
        Whether its copies are turned by that: it was decided by the settings of the sort that analysed it.
    """

    photo_id: int
    path: str
    source: str = field(default="", kw_only=True)
    shown: str = field(default="", kw_only=True, compare=False)
    turn: int = field(default=0, kw_only=True, compare=False)
    at_ms: int | None = field(default=None, kw_only=True, compare=False)
    upright: bool = field(default=False, kw_only=True, compare=False)

    def __post_init__(self) -> None:
        if not self.shown:
            object.__setattr__(self, "shown", self.path)

    @property
    def copies_turn(self) -> int:
        """Degrees clockwise by which its copies are turned."""
        return self.turn if self.upright else 0

    @property
    def shown_name(self) -> str:
        """The same without the folders."""
        return self.shown.removesuffix(self.path) + self.path.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class File:
    """One file of a source as the scan found it.

    Parameters
    ----------
    file_id : int
        In the order in which they were found.
    source : str
        Name of the source.
    path : str
        POSIX path relative to the folder of the source.
    size : int
        In bytes.
    mtime_ns : int
        Modification time in nanoseconds since the epoch.
    """

    file_id: int
    source: str
    path: str
    size: int
    mtime_ns: int

    @property
    def ref(self) -> PhotoRef:
        """The photo that it holds, as long as no earlier file is known to hold the same."""
        return PhotoRef(self.file_id, self.path, source=self.source)


_LAST_NS = (1 << 63) - 2  # DuckDB takes the one after it for infinity


def in_64_bits(mtime_ns: int) -> int:
    """A modification time as it is stored: another number where a disk says a year before 1678 or after 2262."""
    return (mtime_ns + _LAST_NS) % (2 * _LAST_NS + 1) - _LAST_NS


@dataclass(frozen=True, slots=True)
class Position:
    """Where a photo was taken.

    Parameters
    ----------
    latitude, longitude : float
        Degrees north and east, WGS 84.
    altitude : float or None
        Metres above sea level.
    """

    latitude: float
    longitude: float
    altitude: float | None = None


@dataclass(frozen=True, slots=True)
class PhotoInfo:
    """Properties and metadata of a photo file.

    Parameters
    ----------
    format : str
        By content, not by name: ``JPEG``, ``ARW``, ``HEIF`` ...
    width, height : int
        Upright, full size, in px.
    captured_at : datetime or None
        By the camera's clock, without time zone.
    camera : str
        Make and model; empty if unknown.
    utc_offset : int or None
        Of the camera's clock, in minutes east of UTC.
    position : Position or None
        None: not recorded.
    remarks : tuple of Remark
    """

    format: str
    width: int
    height: int
    captured_at: datetime | None = None
    camera: str = ""
    utc_offset: int | None = None
    position: Position | None = None
    remarks: tuple[Remark, ...] = ()


@dataclass(frozen=True, slots=True)
class Detections:
    """Detected faces of one image, best score first; ``n`` may be 0.

    Parameters
    ----------
    boxes : ndarray of shape (n, 4), float32
        ``x_min, y_min, x_max, y_max`` in px of the image; may extend beyond it.
    landmarks : ndarray of shape (n, 5, 2), float32
        Left eye, right eye, nose, left and right corner of the mouth as seen in the image, in px; NaN for points the
        detector does not give (dlib: the mouth).
    scores : ndarray of shape (n,), float32
        Confidence; comparable within one pack only.
    """

    boxes: NDArray[np.float32]
    landmarks: NDArray[np.float32]
    scores: NDArray[np.float32]

    def __post_init__(self) -> None:
        n = len(self.scores)
        wanted = {"boxes": (n, 4), "landmarks": (n, 5, 2), "scores": (n,)}
        for name, shape in wanted.items():
            got = getattr(self, name).shape
            if got != shape:
                raise ValueError(f"{name} must have shape {shape}, but has {got}")

    def __len__(self) -> int:
        return len(self.scores)


@dataclass(frozen=True, slots=True, eq=False)
class Face:
    """One face of one photo.

    Parameters
    ----------
    box : ndarray of shape (4,), float32
        ``x_min, y_min, x_max, y_max`` in px of the full-size photo as viewers show it: upright if its file says how.
    landmarks : ndarray of shape (5, 2), float32
        As in `Detections`, in px of the photo, like the box.
    score : float
        Detection score.
    sharpness : float
        Variance of the Laplacian (see `core.quality`).
    yaw : float
        0 frontal, about 1 profile (see `core.quality`).
    quality : float
        In [0, 1] (see `core.quality`).
    embedding : ndarray of shape (dim,), float32
        L2-normalised.
    crop : bytes
        JPEG thumbnail of the face with some context.
    turn : int
        Degrees clockwise by which the photo must be turned for the face to be upright: 0, 90, 180 or 270.
    track : Track or None
        Of a face that was followed through a clip: all else is that of its best frame, but for the embedding, which is
        the mean over its frames, weighted with their quality.
    """

    box: NDArray[np.float32]
    landmarks: NDArray[np.float32]
    score: float
    sharpness: float
    yaw: float
    quality: float
    embedding: NDArray[np.float32]
    crop: bytes
    turn: int = 0
    track: Track | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Analysis:
    """What the analysis of one file gave: a result, or a reason why there is none.

    Parameters
    ----------
    sha256 : str
        Hex digest of the whole file; empty if it could not be read.
    faces : tuple of Face
    jpeg : bytes
        The output JPEG; empty where the photo has no face or failed.
    derivatives : tuple of Derivative
        Smaller versions of it, if the settings ask for them.
    detail : str
        What was found, in words, if it failed or is damaged.
    seconds : float
        Wall time of the analysis; not stored with the result.
    phash : int or None
        Perceptual hash, 64 bits: photos that look alike differ in few of them.
    known : bool
        The content was known already; nothing but its hash was computed.
    is_video : bool
        The content is that of a clip, whatever its name says; nothing but its hash was computed.
    shot_of : int or None
        An earlier photo of the same shot: the JPEG of a RAW, for example.
    turn : int
        Degrees clockwise by which the photo must be turned to hang as its faces say: 0, 90, 180 or 270; 0 too if its
        file says how it hangs.
    clip : ClipInfo or None
        None: it is a photo.  A clip has no `jpeg` of its own: a frame is rendered for each person.
    """

    photo_id: int
    sha256: str
    info: PhotoInfo | None = None
    faces: tuple[Face, ...] = ()
    jpeg: bytes = b""
    derivatives: tuple[Derivative, ...] = ()
    failure: Reason | None = None
    detail: str = ""
    seconds: float = 0.0
    phash: int | None = None
    known: bool = False
    is_video: bool = False
    shot_of: int | None = None
    turn: int = 0
    clip: ClipInfo | None = None

    @property
    def is_damaged(self) -> bool:
        """Whether it was accepted although some of its pixels are missing or guessed."""
        return self.info is not None and Remark.DAMAGED in self.info.remarks

    @property
    def is_linked(self) -> bool:
        """Whether no faces were looked for, because another photo is decided for the whole shot."""
        return self.shot_of is not None and self.phash is None and self.clip is None
