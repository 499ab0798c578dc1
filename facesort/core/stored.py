"""Photos and faces as they are stored."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from facesort.core.clips import ClipInfo
from facesort.core.copies import PlannedWrite
from facesort.core.records import PhotoRef

Key = tuple[int, int | None]
"""A photo, or a whole clip, and None; or a clip and the time of one of its frames in ms."""


@dataclass(frozen=True, slots=True)
class StoredTrack:
    """When a face of a clip is seen, in ms from the first frame; as in `clips.Track`."""

    start_ms: int
    end_ms: int
    best_ms: int
    first_ms: int
    last_ms: int


@dataclass(frozen=True, slots=True, eq=False)
class StoredFace:
    """A face, with the machine's current decision and what counts.

    Parameters
    ----------
    box : tuple of four float
        ``x_min, y_min, x_max, y_max`` in px of the upright, full-size photo; may reach outside.
    round : int
        Of the machine's current decision; 0 is the sort.
    decided : tuple of (outcome, reason, person_id or None)
        That decision; of persons who were merged, who stands for them today.
    outcome, reason : str
        What counts: of the decision, or of a user's answer.
    person_id : int or None
        The effective person, who may have left the gallery since.
    person : str or None
        Their name if they are in the gallery.
    distance : float or None
        To `person`, or to the nearest person if the face is unknown.  None if the two were never compared.
    nearest, runner_up : str or None
        The nearest and the second nearest person when the face was decided.
    answer : str or None
        The user's answer for this face and `person`, or `nearest` if its group is in doubt.
    learned, reference : bool
        Whether this face is in the person's gallery.
    group_distance : float or None
        RMS distance at which the face's group came to `person`, or to `nearest` if the group is in doubt.  None if no
        group proposed them.
    group_faces : int or None
        Other faces of that group when the face was decided.
    embedding : ndarray of shape (dim,), float32, or None
        None if it was not asked for, was erased, or is of another model pack than the one asked for.
    track : StoredTrack or None
        None: a face of a photo.
    awaits : bool
        Whether it is pending: LOOSE in a clip, of which its person gets nothing before a yes.
    crop : bytes
        JPEG; empty if it was not asked for or was erased.
    reference_crop : bytes
        JPEG of the best reference of `person`, or else of `nearest`; empty if there is none or it was not asked for.
    """

    face_id: int
    photo: PhotoRef
    box: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    sharpness: float = 0.0
    yaw: float = 0.0
    quality: float = 0.0
    pack_id: str = ""
    round: int = 0
    decided: tuple[str, str, int | None] = ("unknown", "above_loose", None)
    outcome: str = "unknown"
    reason: str = "above_loose"
    person_id: int | None = None
    person: str | None = None
    distance: float | None = None
    nearest: str | None = None
    runner_up: str | None = None
    runner_up_distance: float | None = None
    answer: str | None = None
    learned: bool = False
    reference: bool = False
    group_distance: float | None = None
    group_faces: int | None = None
    embedding: NDArray[np.float32] | None = None
    track: StoredTrack | None = None
    awaits: bool = False
    crop: bytes = b""
    reference_crop: bytes = b""


@dataclass(frozen=True, slots=True, eq=False)
class StoredPhoto:
    """A photo, with its faces and its copies.

    Parameters
    ----------
    reason : str or None
        Why it reached no folder.
    sha256 : str
        Of the source file; empty if it could not be read.
    size : tuple of (width, height) or None
        In px, upright and full size.
    phash : int or None
        Perceptual hash; None for photos that were sorted before there was one.
    faces : tuple of StoredFace
        Empty for duplicates, and for photos that failed or wait.
    copies : tuple of PlannedWrite
        Files of the output that did not fail, in the order they were written.
    taken_at : datetime or None
        By the camera's clock, corrected by the offset that the user set.
    shot_id : int
        The first photo of its shot; 0 if that is not known.
    present : bool
        Whether a file that holds it is in the sources.
    remarks : tuple of str
        Codes of `Remark`.
    clip : ClipInfo or None
        None: it is a photo.
    file_size : int
        Of the source file, in bytes.
    """

    photo: PhotoRef
    status: str
    reason: str | None
    sha256: str
    size: tuple[int, int] | None = None
    phash: int | None = None
    taken_at: datetime | None = None
    camera: str = ""
    faces: tuple[StoredFace, ...] = ()
    copies: tuple[PlannedWrite, ...] = ()
    shot_id: int = 0
    present: bool = True
    remarks: tuple[str, ...] = ()
    clip: ClipInfo | None = None
    file_size: int = 0

    @property
    def key(self) -> Key:
        """What it shows."""
        return self.photo.photo_id, self.photo.at_ms

    @property
    def is_whole_clip(self) -> bool:
        """Whether it stands for a clip, and for none of its frames."""
        return self.clip is not None and self.photo.at_ms is None

    @property
    def sharpness(self) -> float:
        """Mean over its faces."""
        return fmean(face.sharpness for face in self.faces) if self.faces else 0.0
