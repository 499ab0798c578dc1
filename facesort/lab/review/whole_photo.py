"""The whole photo of a face, with all its faces framed and named."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from facesort.core.foreign_text import printable
from facesort.core.regions import delivered_region
from facesort.core.stored import StoredFace, StoredPhoto
from facesort.engine.analysis.analyse import Analyser
from facesort.engine.delivery.renderer import Renderer
from facesort.lab.review.session import ReviewSession
from facesort.store.queries import Store
from facesort.store.queries.review import faces_with_crops
from facesort.store.queries.stored import stored_photos


def whole_photo(session: ReviewSession, face_id: int) -> tuple[dict[str, Any], bytes]:
    """The photo of a face: a copy in the output, else from its source.

    It is decoded in this process: it is taken only if it is the very file that a worker decoded when it was sorted.

    Returns
    -------
    tuple of (dict, bytes)
        Its title, a note if it cannot be shown, and its faces, with their frames in parts of its size; and a JPEG, or
        nothing.
    """
    photo = session.read(_photo_of(face_id))
    if photo is None:
        note = "There is no photo of it: it is a reference, or was erased."
        return {"title": "", "note": note, "faces": []}, b""
    settings = session.workspace.settings
    with ThreadPoolExecutor(1) as executor:
        analyser = Analyser(settings.sources, session.pack, settings.photos)
        renderer = Renderer(analyser, executor, settings.output, lambda *_: None)
        (found,) = renderer.results([photo])
    about = {"title": printable(photo.photo.shown), "note": "", "faces": _faces(photo, face_id)}
    if isinstance(found, bytes):
        return about, found
    note = (
        f"No copy of this photo is in the output, and its source cannot be read ({found}): connect the disk of "
        f"{photo.photo.source}, and open the photo again."
    )
    return about | {"note": printable(note)}, b""


def _photo_of(face_id: int) -> Callable[[Store], StoredPhoto | None]:
    def read(store: Store) -> StoredPhoto | None:
        face = next(iter(faces_with_crops(store, [face_id])), None)
        return None if face is None else next(stored_photos(store, [face.photo.photo_id]), None)

    return read


def _faces(photo: StoredPhoto, face_id: int) -> list[dict[str, Any]]:
    regions = [(face, delivered_region(photo, face)) for face in photo.faces]
    return [
        {
            "name": printable(_name(face)),
            "frame": [at.left, at.top, at.left + at.width, at.top + at.height],
            "asked": face.face_id == face_id,
        }
        for face, at in regions
        if at is not None
    ]


def _name(face: StoredFace) -> str:
    if face.person:
        return face.person
    return f"may be {face.nearest}" if face.reason == "group_in_doubt" else "nobody"
