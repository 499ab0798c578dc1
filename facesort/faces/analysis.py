"""From pixels to `Face` records, with any engine."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from facesort.core.quality import quality, sharpness, yaw
from facesort.core.records import Face, Pixels
from facesort.faces.protocol import FaceEngine

CropEncoder = Callable[[Pixels, NDArray[np.float32]], bytes]
"""Encodes a thumbnail of one face, given the image and a box in its px (see `facesort.images`)."""


def find_faces(
    engine: FaceEngine, pixels: Pixels, *, scale: float, crop: CropEncoder
) -> tuple[Face, ...]:
    """Detect, align, embed and rate all faces of one image.

    Parameters
    ----------
    pixels : ndarray of shape (height, width, 3), uint8
        Upright sRGB; may be smaller than the photo.
    scale : float
        Full size of the photo divided by the size of `pixels`; boxes and landmarks are multiplied by it.
    crop : callable
        Encodes the thumbnail of a face.

    Returns
    -------
    tuple of Face
        Best detection score first.  Quality is measured on `pixels`, not on the full-size photo: that is what
        the embedding was computed from.
    """
    found = engine.detect(pixels)
    aligned = engine.align(pixels, found)
    embeddings = engine.embed(aligned)
    faces = []
    for box, points, score, face, embedding in zip(
        found.boxes, found.landmarks, found.scores, aligned, embeddings, strict=True
    ):
        sharp, turn = sharpness(face), yaw(points)
        size = float(min(box[2] - box[0], box[3] - box[1]))
        faces.append(
            Face(
                box=box * np.float32(scale),
                landmarks=points * np.float32(scale),
                score=float(score),
                sharpness=sharp,
                yaw=turn,
                quality=quality(size_px=size, sharpness=sharp, yaw=turn, score=float(score)),
                embedding=embedding,
                crop=crop(pixels, box),
            )
        )
    return tuple(faces)
