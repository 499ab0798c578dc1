"""From pixels to `Face` records, with any engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from facesort.core.faces.looks import Seen, Sight, merged, next_looks
from facesort.core.faces.quality import quality, sharpness, yaw
from facesort.core.faces.turns import turned_boxes, turned_points
from facesort.core.records import Detections, Face, Pixels
from facesort.faces.look import Viewer
from facesort.faces.protocol import FaceEngine
from facesort.pixels import Pyramid

CropEncoder = Callable[[Pixels, NDArray[np.float32]], bytes]
"""Encodes a thumbnail of one face, given the image and a box in its px (see `facesort.images`)."""


def find_faces(
    engine: FaceEngine,
    image: Pyramid,
    *,
    scale: float,
    crop: CropEncoder,
    told: bool = False,
    small: bool = False,
) -> tuple[Face, ...]:
    """Detect, align, embed and rate all faces of one image, also those that lie on their side or head.

    Parameters
    ----------
    image : Pyramid
        Upright sRGB, as far as its file says how it hangs; may be smaller than the photo.
    scale : float
        Full size of the photo divided by the size of `image`; boxes and landmarks are multiplied by it.
    crop : callable
        Encodes the thumbnail of a face, which is upright in it.
    told, small : bool
        As in `core.looks.Sight`.

    Returns
    -------
    tuple of Face
        Best detection score first.  Quality is measured on `image`, not on the full-size photo: that is what
        the embedding was computed from.
    """
    viewer = Viewer(engine, image)
    found, turns = _look(viewer, Sight(viewer.size, scale, told, small, engine.sure))
    faces = {
        number: face
        for turn in sorted(set(turns.tolist()))
        for number, face in zip(
            np.flatnonzero(turns == turn).tolist(),
            _rated(engine, viewer, _chosen(found, turns == turn), turn, scale, crop),
            strict=True,
        )
    }
    return tuple(faces[number] for number in range(len(faces)))


def _look(viewer: Viewer, sight: Sight) -> tuple[Detections, NDArray[np.int64]]:
    seen: list[Seen] = []
    while looks := next_looks(sight, seen):
        seen += [viewer.see(look) for look in looks]
    return merged(seen)


def _chosen(found: Detections, which: NDArray[np.bool_]) -> Detections:
    return Detections(found.boxes[which], found.landmarks[which], found.scores[which])


def _rated(
    engine: FaceEngine,
    viewer: Viewer,
    found: Detections,
    turn: int,
    scale: float,
    crop: CropEncoder,
) -> Iterator[Face]:
    """Embed and rate faces that are upright after one turn."""
    view = viewer.turned(turn)
    boxes = turned_boxes(found.boxes, viewer.size, turn)
    points = turned_points(found.landmarks, viewer.size, turn)
    aligned = engine.align(view, Detections(boxes, points, found.scores))
    for number, (face, embedding) in enumerate(zip(aligned, engine.embed(aligned), strict=True)):
        sharp, aside, score = sharpness(face), yaw(points[number]), float(found.scores[number])
        size = float((boxes[number, 2:] - boxes[number, :2]).min())
        yield Face(
            box=found.boxes[number] * np.float32(scale),
            landmarks=found.landmarks[number] * np.float32(scale),
            score=score,
            sharpness=sharp,
            yaw=aside,
            quality=quality(size_px=size, sharpness=sharp, yaw=aside, score=score),
            embedding=embedding,
            crop=crop(view, boxes[number]),
            turn=turn,
        )
