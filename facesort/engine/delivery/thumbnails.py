"""Pictures of persons, cut out of what is delivered, and one small file that says whose is which."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from facesort.core.delivery.portraits import Portrait, best_portraits
from facesort.core.derivatives import THUMBNAIL, Derivative, Thumbnail
from facesort.core.stored import StoredPhoto
from facesort.engine.delivery.derivative_folder import DerivativeFolder
from facesort.engine.delivery.renderer import Renderer
from facesort.errors import WorkspaceError
from facesort.files import Kind, kind_of, replace_json
from facesort.images import decode_jpeg, encode_crop, jpeg_size
from facesort.images.output import OUTPUT_EDGE
from facesort.store import Store
from facesort.store.job.derivatives import replace_thumbnails
from facesort.store.queries.delivery.derivatives import chosen_pictures, thumbnails
from facesort.store.queries.gallery import person_summaries
from facesort.workspace import Workspace, unwritable

log = logging.getLogger(__name__)

_Chosen = Mapping[int, tuple[int | None, bytes]]  # as `chosen_pictures` gives it

POINTER = "persons.json"
_FORMAT = 1


@dataclass(frozen=True, slots=True)
class _Origin:
    """What a picture is made from: a face in a photo, or the crop of a reference."""

    made_from: Portrait | bytes

    @property
    def key(self) -> tuple[int | None, str]:
        """The face, and the SHA-256 of the JPEG: with the same ones, the picture is the same."""
        if isinstance(self.made_from, bytes):
            return None, hashlib.sha256(self.made_from).hexdigest()
        return self.made_from.face.face_id, self.made_from.photo.copies[0].sha256

    def picture(self, renderer: Renderer) -> bytes | None:
        """The picture as a JPEG; None if the photo cannot be had."""
        if isinstance(self.made_from, bytes):
            return self.made_from
        (jpeg,) = renderer.jpegs([self.made_from.photo])
        if jpeg is None:
            return None
        return cut_out(self.made_from, jpeg)


def cut_out(portrait: Portrait, jpeg: bytes) -> bytes:
    """A person's picture, out of a copy of its photo; no other face is in it."""
    pixels, box = decode_jpeg(jpeg), portrait.box_in(jpeg_size(jpeg))
    return encode_crop(
        pixels, box, context=portrait.context, edge=THUMBNAIL.edge, quality=THUMBNAIL.quality
    )


def update_thumbnails(
    store: Store,
    folder: DerivativeFolder,
    renderer: Renderer,
    photos: Iterable[StoredPhoto],
    *,
    check: bool,
) -> int:
    """Give everybody who is in some photos a picture: the one that a user chose, else their best face in these.

    Parameters
    ----------
    photos : iterable of StoredPhoto
        Those that are delivered, each with copies of one content.
    check : bool
        Whether each picture that was made before is read, to see that it is there and unchanged.

    Returns
    -------
    int
        Pictures that were made.
    """
    photos, there, chosen = list(photos), thumbnails(store), chosen_pictures(store)
    shown = _shown(chosen, photos)
    made: list[Derivative] = []
    found: list[Thumbnail] = []
    for person_id, origin in _origins(chosen, photos).items():
        old, (face_id, jpeg) = there.get(person_id), origin.key
        same = old is not None and (old.face_id, old.jpeg_sha256) == (face_id, jpeg)
        if old and same and not (check and not folder.holds(old.file)):
            found.append(old)
            continue
        data = origin.picture(renderer)
        if data is not None:
            made.append(_file(data))
            found.append(Thumbnail(person_id, face_id, jpeg, made[-1]))
        elif old is not None and (person_id, old.face_id or old.jpeg_sha256) in shown:
            found.append(old)
    folder.write(made)
    with store.transaction():
        replace_thumbnails(store, found)
    return len(made)


def _file(data: bytes) -> Derivative:
    digest = hashlib.sha256(data).hexdigest()
    return Derivative(THUMBNAIL, *jpeg_size(data), len(data), digest, data)


def _origins(chosen: _Chosen, photos: list[StoredPhoto]) -> dict[int, _Origin]:
    best = best_portraits(photos, OUTPUT_EDGE, [face_id for face_id, _ in chosen.values()])
    origins = {}
    for person_id, portrait in sorted(best.items()):
        face_id, crop = chosen.get(person_id, (portrait.face.face_id, b""))
        origins[person_id] = _Origin(portrait if portrait.face.face_id == face_id else crop)
    return origins


def _shown(chosen: _Chosen, photos: list[StoredPhoto]) -> set[tuple[int | None, int | str]]:
    """Persons with all that may be a picture of them: their faces, and the SHA-256 of the crop that was chosen."""
    faces = {(face.person_id, face.face_id) for photo in photos for face in photo.faces}
    crops = {(person_id, _Origin(crop).key[1]) for person_id, (_, crop) in chosen.items()}
    return faces | crops


def point_to_thumbnails(workspace: Workspace, store: Store) -> None:
    """Write who has which picture, by rename, into the folder of all derivatives; nothing if there is no such folder.

    Raises
    ------
    WorkspaceError
        If it cannot be written.
    """
    if kind_of(workspace.derivatives) is not Kind.FOLDER:
        return
    found = thumbnails(store)
    files = [
        (summary.person, found[summary.person.person_id].file)
        for summary in person_summaries(store)
        if summary.person.person_id in found
    ]
    persons = [
        {
            "name": person.name,
            "folder": person.folder,
            "file": file.key,
            "width": file.width,
            "height": file.height,
        }
        for person, file in files
    ]
    path = workspace.derivatives / POINTER
    try:
        replace_json(path, {"format": _FORMAT, "persons": persons})
    except OSError as error:
        raise unwritable(path, error) from error


def update_pointer(workspace: Workspace, store: Store) -> None:
    """Write it again after a change that is stored already, and stands even if it cannot be written."""
    try:
        point_to_thumbnails(workspace, store)
    except WorkspaceError as error:
        log.warning("%s", error)
