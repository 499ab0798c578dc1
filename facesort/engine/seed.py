"""Seed: enrol persons from reference photos with exactly one good face each.

Nothing here prints or asks; the command line and the notebook's panel show what comes back.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from facesort.core.gallery import Person
from facesort.core.paths import to_text
from facesort.core.records import Analysis, Face, Photo
from facesort.core.routing import safe_folder
from facesort.engine.analyse import Analyser, analyse_in_order
from facesort.engine.pool import LocalPool
from facesort.engine.setup import refuse_other_pack
from facesort.errors import GalleryError, RefusedReferenceError
from facesort.faces.protocol import FaceEngine, ModelPack
from facesort.images import PhotoKind, decode_jpeg, encode_crop, photo_kind
from facesort.reasons import Reason
from facesort.settings import SeedSettings
from facesort.store import Store, people
from facesort.store.people import NewReference
from facesort.workspace import Workspace

__all__ = ["Candidate", "SeedReport", "candidates_in", "check_reference", "reembed", "seed"]

log = logging.getLogger(__name__)

# Kept for embedding again with another pack: enough context for another detector.
_REFERENCE_CROP = partial(encode_crop, context=0.6, edge=512, quality=95)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A photo offered as a reference.

    Parameters
    ----------
    name : str
        Of the person.
    path : Path
    folder : str or None
        Output folder; None: after the name, or as it is.
    """

    name: str
    path: Path
    folder: str | None = None


@dataclass(frozen=True, slots=True)
class SeedReport:
    """What became of one candidate.

    Parameters
    ----------
    candidate : Candidate
    analysis : Analysis
    refused : RefusedReferenceError or None
        None: it is in the gallery now.
    """

    candidate: Candidate
    analysis: Analysis
    refused: RefusedReferenceError | None


def candidates_in(root: Path) -> list[Candidate]:
    """One person per sub-folder, each photo in it a candidate.

    Raises
    ------
    GalleryError
        If there is no sub-folder with a photo.
    """
    if not root.is_dir():
        raise GalleryError(f"{root} is not a folder")
    found = [
        Candidate(folder.name, path)
        for folder in sorted(p for p in root.iterdir() if p.is_dir() and not p.name.startswith("."))
        for path in sorted(folder.iterdir())
        if path.is_file() and photo_kind(path.name) is PhotoKind.PHOTO
    ]
    if not found:
        raise GalleryError(
            f"{root} has no sub-folder with photos: make one per person, named after them"
        )
    return found


def check_reference(analysis: Analysis, limits: SeedSettings) -> Face:
    """Accept the one good face of a reference photo.

    Parameters
    ----------
    analysis : Analysis
    limits : SeedSettings

    Returns
    -------
    Face

    Raises
    ------
    RefusedReferenceError
        With the reason: unreadable, no face, several, too small, blurred, extreme pose.
    """
    if analysis.failure is not None:
        raise RefusedReferenceError(analysis.failure, analysis.detail)
    if not analysis.faces:
        raise RefusedReferenceError(
            Reason.NO_FACE, "no face was found; use a larger or more frontal one"
        )
    if len(analysis.faces) > 1:
        raise RefusedReferenceError(
            Reason.SEVERAL_FACES,
            f"{len(analysis.faces)} faces were found; crop it to the one person",
        )
    face = analysis.faces[0]
    side = float(min(face.box[2] - face.box[0], face.box[3] - face.box[1]))
    if side < limits.min_face_px:
        raise RefusedReferenceError(
            Reason.TOO_SMALL,
            f"the face is {side:.0f} px wide, at least {limits.min_face_px:g} are needed",
        )
    if face.sharpness < limits.min_sharpness:
        raise RefusedReferenceError(
            Reason.BLURRED,
            f"its sharpness is {face.sharpness:.0f}, at least {limits.min_sharpness:g} is needed",
        )
    if face.yaw > limits.max_yaw:
        raise RefusedReferenceError(
            Reason.EXTREME_POSE,
            f"the head is turned by {face.yaw:.2f}, at most {limits.max_yaw:g} is usable",
        )
    return face


def seed(
    workspace: Workspace,
    pack: ModelPack,
    candidates: Sequence[Candidate],
    executor: Executor | None = None,
) -> Iterator[SeedReport]:
    """Analyse candidates and add the accepted ones to the gallery, one by one.

    Parameters
    ----------
    workspace : Workspace
    pack : ModelPack
    candidates : sequence of Candidate
    executor : Executor, optional
        Default: processes on this machine.

    Yields
    ------
    SeedReport
        One per candidate, in order.

    Raises
    ------
    GalleryError
        If a folder is taken by another person.
    PackMismatchError
        If the gallery was embedded with another pack.
    """
    with workspace.open_store() as store:
        refuse_other_pack(store, pack)
    settings = workspace.settings
    analyser = Analyser(Path("/"), pack, settings.photos)
    photos = [Photo(i, to_text(str(c.path.absolute())), 0, 0) for i, c in enumerate(candidates)]
    workers = min(len(candidates), settings.run.workers or 2)
    with executor or LocalPool(max(workers, 1), settings.photos.timeout_s) as pool:
        for candidate, analysis in zip(
            candidates, analyse_in_order(analyser, photos, pool), strict=True
        ):
            yield _enrol(workspace, pack, candidate, analysis)


def _enrol(
    workspace: Workspace, pack: ModelPack, candidate: Candidate, analysis: Analysis
) -> SeedReport:
    """Store one accepted reference; a new person comes with their first one."""
    with workspace.open_store() as store, store.transaction():
        person = people.find_person(store, candidate.name)
        try:
            face = check_reference(analysis, workspace.settings.seed)
            if person is not None and people.has_reference(
                store, person.person_id, analysis.sha256
            ):
                raise RefusedReferenceError(
                    Reason.ALREADY_THERE, f"this file is a reference of {candidate.name} already"
                )
        except RefusedReferenceError as refused:
            return SeedReport(candidate, analysis, refused)
        person = _person(store, candidate, person)
        people.add_reference(store, person.person_id, _reference(candidate, analysis, face, pack))
    return SeedReport(candidate, analysis, None)


def _person(store: Store, candidate: Candidate, known: Person | None) -> Person:
    if known is None:
        folder = safe_folder(candidate.folder or candidate.name)
        return people.add_person(store, candidate.name, folder)
    if candidate.folder is not None and safe_folder(candidate.folder) != known.folder:
        people.set_folder(store, known, safe_folder(candidate.folder))
    return known


def _reference(
    candidate: Candidate, analysis: Analysis, face: Face, pack: ModelPack
) -> NewReference:
    pixels = decode_jpeg(analysis.jpeg)
    scale = 1.0 if analysis.info is None else pixels.shape[1] / analysis.info.width
    return NewReference(
        file_name=to_text(candidate.path.name),
        sha256=analysis.sha256,
        sharpness=face.sharpness,
        yaw=face.yaw,
        quality=face.quality,
        pack_id=pack.pack_id,
        embedding=face.embedding,
        crop=_REFERENCE_CROP(pixels, face.box * np.float32(scale)),
    )


def reembed(workspace: Workspace, engine: FaceEngine) -> list[tuple[str, str]]:
    """Embed all stored reference crops again with another pack, all or none.

    Parameters
    ----------
    workspace : Workspace
    engine : FaceEngine
        Of the new pack.

    Returns
    -------
    list of (person, file name)
        References in which the new pack finds no face; nothing was changed if there are any.
    """
    with workspace.open_store() as store, store.transaction():
        crops = people.reference_crops(store)
        found = [(item, _largest_face(engine, decode_jpeg(item[3]))) for item in crops]
        lost = [(item[1], item[2]) for item, embedding in found if embedding is None]
        for item, embedding in found:
            if not lost and embedding is not None:
                people.replace_embedding(store, item[0], embedding, engine.pack.pack_id)
    return lost


def _largest_face(engine: FaceEngine, pixels: np.ndarray) -> np.ndarray | None:
    detections = engine.detect(pixels)
    if not len(detections):
        return None
    sizes = (detections.boxes[:, 2:] - detections.boxes[:, :2]).prod(axis=1)
    largest = int(np.argmax(sizes))
    return np.asarray(engine.embed(engine.align(pixels, detections))[largest])
