"""Faces of the labelled photos of the test assets, embedded once per model pack and kept outside of the repository."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facesort.core.records import Embeddings, PhotoRef
from facesort.engine.analysis.analyse import Analyser, Task, analyse_file
from facesort.faces.packs.find import resolve_pack
from facesort.settings import PhotoSettings

SETS = ("lfw", "deepface", "compreface", "face-api-bbt", "knn_examples", "vladmandic-human")
FLOORS = {(1.0, 128): 1.12, (1.1, 512): 1.21}
"""Of mbf128 and of buffalo_sc's recogniser, by LOOSE and dimension: mean cosines 0.37 and 0.27."""

SUFFIXES = {".jpg", ".jpeg", ".png"}


@dataclass(frozen=True, slots=True, eq=False)
class Faces:
    """All faces of some photos.

    Parameters
    ----------
    embeddings : ndarray of shape (n, dim), float32
    photo : ndarray of shape (n,), int64
        Faces of one photo are different people.
    file : ndarray of shape (n,), int64
        Index into `paths` and `digests`: another one only where photos were put together.
    face : ndarray of shape (n,), int64
        Index in its photo, best detection first.
    boxes : ndarray of shape (n, 4), float32
        In px.
    quality : ndarray of shape (n,), float64
    paths, digests : list of str
        Of the photos: path below ``photos/``, SHA-256.
    strict, loose : float
        The pack's own thresholds.
    floor : float or None
        RMS distance that was found for the pack.
    """

    embeddings: Embeddings
    photo: NDArray[np.int64]
    file: NDArray[np.int64]
    face: NDArray[np.int64]
    boxes: NDArray[np.float32]
    quality: NDArray[np.float64]
    paths: list[str]
    digests: list[str]
    strict: float
    loose: float
    floor: float | None


def make_cache(assets: Path, pack_name: str, target: Path) -> None:
    """Analyse all photos of `SETS` with facesort's own code."""
    root = assets / "photos"
    pack = resolve_pack(pack_name, [assets / "models"])
    analyser = Analyser({"": root}, pack, PhotoSettings(), threads=1)
    files = sorted(p for s in SETS for p in (root / s).rglob("*") if p.suffix.lower() in SUFFIXES)
    paths = [p.relative_to(root).as_posix() for p in files]
    analyses = [analyse_file(analyser, Task(PhotoRef(i, path))) for i, path in enumerate(paths)]
    rows = [(i, k, f) for i, a in enumerate(analyses) for k, f in enumerate(a.faces)]
    target.parent.mkdir(parents=True, exist_ok=True)
    np.savez(
        target,
        embeddings=np.stack([f.embedding for _, _, f in rows]),
        photo=np.array([i for i, _, _ in rows], np.int64),
        face=np.array([k for _, k, _ in rows], np.int64),
        boxes=np.stack([f.box for _, _, f in rows]),
        quality=np.array([f.quality for _, _, f in rows]),
        paths=np.array(paths),
        digests=np.array([a.sha256 for a in analyses]),
        thresholds=np.array([pack.strict, pack.loose]),
    )


def cached_faces(path: Path) -> Faces:
    with np.load(path) as data:
        fields = {name: data[name] for name in ("embeddings", "photo", "face", "boxes", "quality")}
        strict, loose = map(float, data["thresholds"])
        return Faces(
            **fields,
            file=data["photo"],
            paths=data["paths"].tolist(),
            digests=data["digests"].tolist(),
            strict=strict,
            loose=loose,
            floor=FLOORS.get((loose, fields["embeddings"].shape[1])),
        )
