"""LFW's photos, analysed once per model pack and kept outside of the repository."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facesort.core.records import Analysis, Face, PhotoRef
from facesort.engine.analysis.analyse import Analyser, Task, analyse_file
from facesort.faces.protocol import ModelPack
from facesort.settings import PhotoSettings

CACHE = Path(tempfile.gettempdir()) / "facesort-calibration"


def labelled_analyses(assets: Path, pack: ModelPack) -> dict[str, list[Analysis]]:
    """Analyses of the photos of each person of LFW, in the order of their paths; without pictures."""
    cached = CACHE / f"lfw-{pack.pack_id[:16]}.npz"
    if not cached.exists():
        _analyse(assets / "photos" / "lfw", pack, cached)
    with np.load(cached) as data:
        paths, photo = [str(p) for p in data["photos"]], data["photo"]
        faces = [
            _face(*row)
            for row in zip(data["embeddings"], data["boxes"], data["marks"], strict=True)
        ]
    people: dict[str, list[Analysis]] = defaultdict(list)
    for photo_id, path in enumerate(paths):
        found = tuple(faces[i] for i in np.flatnonzero(photo == photo_id))
        # The path stands for the content: LFW has no two files alike.
        people[path.split("/")[0]].append(Analysis(photo_id, path, faces=found))
    return dict(people)


def _face(
    embedding: NDArray[np.float32], box: NDArray[np.float32], marks: NDArray[np.float64]
) -> Face:
    score, sharpness, yaw, quality = (float(mark) for mark in marks)
    landmarks = np.full((5, 2), np.nan, np.float32)
    return Face(box, landmarks, score, sharpness, yaw, quality, embedding, b"")


def _analyse(root: Path, pack: ModelPack, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    analyser = Analyser({"": root}, pack, PhotoSettings(), threads=1)
    paths = sorted(p.relative_to(root).as_posix() for p in root.rglob("*.jpg"))
    analyses = [
        replace(analyse_file(analyser, Task(PhotoRef(i, path))), jpeg=b"")
        for i, path in enumerate(paths)
    ]
    rows = [(a.photo_id, face) for a in analyses for face in a.faces]
    np.savez(
        target,
        photos=np.array(paths),
        photo=np.array([photo for photo, _ in rows], dtype=np.int64),
        embeddings=np.stack([face.embedding for _, face in rows]),
        boxes=np.stack([face.box for _, face in rows]),
        marks=np.array([(f.score, f.sharpness, f.yaw, f.quality) for _, f in rows]),
    )
