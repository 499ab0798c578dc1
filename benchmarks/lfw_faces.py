"""Faces of LFW's photos, embedded once per model pack and kept outside of the repository."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facesort.core.records import Photo
from facesort.engine.analyse import Analyser, analyse_file
from facesort.faces.protocol import ModelPack
from facesort.settings import PhotoSettings

CACHE = Path(tempfile.gettempdir()) / "facesort-calibration"


@dataclass(frozen=True, slots=True, eq=False)
class Faces:
    """Every face of every photo, in the order of the paths; arrays have one row per face.

    Parameters
    ----------
    photos : list of str
        Relative paths, also of photos without a face.
    photo : ndarray of shape (n,), int64
        Index into `photos`.
    embeddings : ndarray of shape (n, dim), float32
    boxes : ndarray of shape (n, 4), float32
        In px.
    marks : ndarray of shape (n, 4), float64
        Score, sharpness, yaw, quality.
    """

    photos: list[str]
    photo: NDArray[np.int64]
    embeddings: NDArray[np.float32]
    boxes: NDArray[np.float32]
    marks: NDArray[np.float64]


def lfw_faces(assets: Path, pack: ModelPack) -> Faces:
    """Analyse LFW with one pack, or read what an earlier call kept in the temporary folder."""
    cached = CACHE / f"lfw-{pack.pack_id[:16]}.npz"
    if not cached.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        root = assets / "photos" / "lfw"
        analyser = Analyser(root, pack, PhotoSettings(), threads=1)
        paths = sorted(p.relative_to(root).as_posix() for p in root.rglob("*.jpg"))
        analyses = [analyse_file(analyser, Photo(i, path, 0, 0)) for i, path in enumerate(paths)]
        rows = [(a.photo_id, face) for a in analyses for face in a.faces]
        np.savez(
            cached,
            photos=np.array(paths),
            photo=np.array([photo for photo, _ in rows], dtype=np.int64),
            embeddings=np.stack([face.embedding for _, face in rows]),
            boxes=np.stack([face.box for _, face in rows]),
            marks=np.array([(f.score, f.sharpness, f.yaw, f.quality) for _, f in rows]),
        )
    with np.load(cached) as data:
        return Faces([str(p) for p in data["photos"]], *(data[k] for k in ("photo", "embeddings", "boxes", "marks")))
