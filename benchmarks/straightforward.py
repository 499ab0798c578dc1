"""What the usual program does, written plainly from public APIs: the measure of `speed.py`.

Pillow decodes the whole photo, `FaceAnalysis.get` looks at 640 px, the nearest centroid decides, a thumbnail is saved
for every person found, and sqlite gets a row; one photo after the other.
"""

from __future__ import annotations

import importlib.util
import io
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path

import dlib
import numpy as np
import rawpy
from insightface.app import FaceAnalysis
from numpy.typing import NDArray
from PIL import Image, ImageOps

__all__ = ["Straightforward", "sort_with_dlib"]


class Straightforward:
    """The usual pipeline, set up: models are loaded and references embedded before anything is timed.

    Parameters
    ----------
    pack : Path
        A folder ``.../models/NAME``, as `FaceAnalysis` wants it.
    references : dict of str to Path
    loose : float
        Euclidean distance up to which a face is given the nearest name.
    output : Path
        A folder per person and the database come here.
    """

    def __init__(
        self, pack: Path, references: Mapping[str, Path], loose: float, output: Path
    ) -> None:
        self._app = FaceAnalysis(
            name=pack.name,
            root=str(pack.parent.parent),
            allowed_modules=["detection", "recognition"],
            providers=["CPUExecutionProvider"],
        )
        self._app.prepare(ctx_id=-1, det_size=(640, 640))
        self._loose, self._output = loose, output
        self._names, centroids = [], []
        for name, path in references.items():
            faces = self._app.get(np.asarray(_open(path))[:, :, ::-1])
            if faces:
                self._names.append(name)
                centroids.append(faces[0].normed_embedding)
        self._centroids = np.stack(centroids)
        output.mkdir(parents=True)
        self._database = sqlite3.connect(output / "faces.sqlite")
        self._database.execute("CREATE TABLE face (path TEXT, box BLOB, embedding BLOB, name TEXT)")

    def sort(self, photos: Sequence[Path]) -> int:
        """Sort photos; returns the number of faces."""
        count = 0
        for path in photos:
            image = _open(path)
            faces = self._app.get(np.asarray(image)[:, :, ::-1])
            found = [self._name(face.normed_embedding) for face in faces]
            count += len(faces)
            image.thumbnail((2048, 2048))
            for name in {name for name in found if name}:
                (self._output / name).mkdir(exist_ok=True)
                image.save(self._output / name / f"{path.stem}.jpg", quality=85)
            self._database.executemany(
                "INSERT INTO face VALUES (?, ?, ?, ?)",
                [
                    (str(path), face.bbox.tobytes(), face.embedding.tobytes(), name)
                    for face, name in zip(faces, found, strict=True)
                ],
            )
            self._database.commit()
        return count

    def _name(self, embedding: NDArray[np.float32]) -> str:
        distances = np.linalg.norm(self._centroids - embedding, axis=1)
        nearest = int(distances.argmin())
        return self._names[nearest] if distances[nearest] <= self._loose else ""


def _open(path: Path) -> Image.Image:
    """Decode a photo whole; a RAW file is developed, as most programs do."""
    if path.suffix.lower() == ".arw":
        with rawpy.imread(io.BytesIO(path.read_bytes())) as raw:
            return Image.fromarray(raw.postprocess(use_camera_wb=True))
    with Image.open(path) as image:
        return ImageOps.exif_transpose(image).convert("RGB")


def sort_with_dlib(photos: Sequence[Path]) -> int:
    """What `face_recognition.face_locations` and `face_encodings` do with their defaults; returns the number of faces.

    By dlib itself: importing that package fails where setuptools has no pkg_resources any more.
    """
    models = Path(str(importlib.util.find_spec("face_recognition_models").origin)).parent / "models"
    detector = dlib.get_frontal_face_detector()
    points = dlib.shape_predictor(str(models / "shape_predictor_5_face_landmarks.dat"))
    network = dlib.face_recognition_model_v1(
        str(models / "dlib_face_recognition_resnet_model_v1.dat")
    )
    count = 0
    for path in photos:
        pixels = np.asarray(_open(path))
        for box in detector(pixels, 1):
            network.compute_face_descriptor(pixels, points(pixels, box), 1)
            count += 1
    return count
