"""The faces in the samples of a part of a clip."""

from __future__ import annotations

from collections.abc import Iterator

from facesort.core.records import Face
from facesort.faces.analysis import CropEncoder, find_faces
from facesort.faces.protocol import FaceEngine
from facesort.images import WORKING_EDGE
from facesort.images.clips.clip import Clip, Part
from facesort.pixels import Pyramid, fit


def faces_in(
    engine: FaceEngine, clip: Clip, part: Part, *, crop: CropEncoder, small: bool
) -> Iterator[tuple[int, tuple[Face, ...]]]:
    """Find and embed the faces of each sample; where a frame stays on the screen, they are the same ones.

    Parameters
    ----------
    small : bool
        As in `core.looks.Sight`.

    Raises
    ------
    ImageError
        If the clip cannot be decoded.
    """
    faces: tuple[Face, ...] = ()
    for sample in clip.samples(part):
        if sample.pixels is not None:
            shown = fit(sample.pixels, WORKING_EDGE)
            scale = sample.pixels.shape[1] / shown.shape[1]
            faces = find_faces(
                engine, Pyramid(shown), scale=scale, crop=crop, told=True, small=small
            )
        yield sample.ms, faces
