"""What users do with single faces: answer, ignore, name, take away, unlearn.  Each is one undoable action."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Literal

import numpy as np

from facesort.clock import Clock, utc_now
from facesort.core.delivery.routing import safe_folder
from facesort.core.persons.gallery import Person
from facesort.core.persons.representatives import representatives
from facesort.core.stored import StoredFace, StoredPhoto
from facesort.core.text.words import several
from facesort.engine.gallery.action import undoable
from facesort.engine.gallery.seed import person_name
from facesort.errors import GalleryError
from facesort.store import Store
from facesort.store.gallery import people
from facesort.store.gallery.answers import (
    ignore_faces,
    missing_faces,
    notice_faces,
    set_answers,
    unlearn_faces,
)
from facesort.store.gallery.people import NewReference
from facesort.store.queries import gallery
from facesort.store.queries.gallery import known_person
from facesort.store.queries.review import shown
from facesort.store.queries.review.answers import Said, said
from facesort.store.queries.stored import stored_faces, stored_photos, with_crops
from facesort.workspace import Workspace

Answer = Literal["yes", "no", "unsure"]

_MAX_REFERENCES = 5  # made of the faces that were named; more add little


def answer_faces(
    workspace: Workspace,
    persons: Mapping[int, str],
    answer: Answer,
    *,
    seen: Said | None = None,
    clock: Clock = utc_now,
) -> None:
    """Answer whether faces are these persons.

    After a *no* the face is never matched to that person again.  A *yes* overrides the machine, and any earlier *yes*
    for another person.  The last answer counts.

    Parameters
    ----------
    persons : mapping of face_id to name
    seen : Said, optional
        What users had said when the faces were shown.

    Raises
    ------
    GalleryError
        If a face or person does not exist, something else was said about a face since, or the answer would take a
        person's only reference away.
    """
    names = sorted(set(persons.values()))
    whom = ", ".join(names) if len(names) <= 3 else f"{len(names)} persons"
    summary = f"{answer} for {several(len(persons), 'face')}: {whom}"
    with undoable(workspace, "answer", summary, clock) as store:
        _refuse_missing(store, persons)
        _refuse_changed(store, persons, seen)
        ids = {name: known_person(store, name).person_id for name in set(persons.values())}
        set_answers(store, {face: ids[name] for face, name in persons.items()}, answer)


def ignore(
    workspace: Workspace,
    face_ids: Collection[int],
    *,
    seen: Said | None = None,
    clock: Clock = utc_now,
) -> None:
    """Never ask about these faces again.

    Parameters
    ----------
    seen : Said, optional
        What users had said when the faces were shown.

    Raises
    ------
    GalleryError
        If a face does not exist, or something else was said about it since.
    """
    with undoable(workspace, "ignore", f"{several(len(face_ids), 'face')} ignored", clock) as store:
        _refuse_missing(store, face_ids)
        _refuse_changed(store, face_ids, seen)
        ignore_faces(store, list(face_ids))


def name_faces(
    workspace: Workspace,
    face_ids: Sequence[int],
    name: str,
    folder: str | None = None,
    *,
    seen: Said | None = None,
    clock: Clock = utc_now,
) -> Person:
    """Make a new person of faces, or add them to a person in the gallery.

    All of them are answered with *yes*, and a few good ones that differ from each other become references: a re-match
    adds the photos, and finds further ones.

    Parameters
    ----------
    folder : str, optional
        Of a new person; default: after the name.
    seen : Said, optional
        What users had said when the faces were shown.

    Raises
    ------
    GalleryError
        If a face does not exist, something else was said about one since, none can be compared, or the name or the
        folder cannot be used.
    """
    wanted = person_name(name).strip()
    with undoable(
        workspace, "name", f"{several(len(face_ids), 'face')} named {wanted}", clock
    ) as store:
        _refuse_changed(store, face_ids, seen)
        return _name(store, face_ids, wanted, folder)


def use_as_reference(
    workspace: Workspace, face_id: int, *, seen: Said | None = None, clock: Clock = utc_now
) -> Person:
    """Make a face a reference of its effective person, and answer it with *yes*.

    Parameters
    ----------
    seen : Said, optional
        What users had said when the faces were shown.

    Raises
    ------
    GalleryError
        If the face is unknown, something else was said about it since, or it cannot be compared.
    """
    with undoable(workspace, "reference", f"face {face_id} became a reference", clock) as store:
        _refuse_changed(store, [face_id], seen)
        face = next(iter(shown.faces_with_crops(store, [face_id])), None)
        if face is None or face.person is None:
            raise GalleryError(f"face {face_id} is unknown: name it first")
        person = known_person(store, face.person)
        set_answers(store, {face_id: person.person_id}, "yes")
        if not _enrol(store, person, _comparable(store, [face_id])):
            raise GalleryError(f"{face.photo.path} is a reference of {person.name!r} already")
        return person


def unlearn(
    workspace: Workspace,
    face_ids: Collection[int],
    *,
    seen: Said | None = None,
    clock: Clock = utc_now,
) -> None:
    """Take learned faces out of the gallery.

    All decisions stay until the next re-match.  An unlearned face is never learned again: a sort learns from new faces
    only, and a re-match does not learn.

    Parameters
    ----------
    seen : Said, optional
        What users had said when the faces were shown.

    Raises
    ------
    GalleryError
        If one of them was not learned, or something else was said about it since.
    """
    summary = f"{several(len(face_ids), 'face')} unlearned"
    with undoable(workspace, "unlearn", summary, clock) as store:
        _refuse_changed(store, face_ids, seen)
        others = set(face_ids) - unlearn_faces(store, face_ids)
        if others:
            chosen = (
                "the face" if len(face_ids) == 1 else f"{len(others)} of the {len(face_ids)} faces"
            )
            raise GalleryError(
                f"nothing was unlearned, because {chosen} was never learned: choose faces that are marked as learned"
            )


def take_away(
    workspace: Workspace,
    face_ids: Sequence[int],
    name: str,
    to: str | None = None,
    *,
    seen: Said | None = None,
    clock: Clock = utc_now,
) -> Person | None:
    """Answer that faces are not this person, and name them if it is known who they are.

    Parameters
    ----------
    name : str
        The person that they are not.
    to : str, optional
        Named as by `name_faces`.
    seen : Said, optional
        What users had said when the faces were shown.

    Returns
    -------
    Person or None
        The person of that name.

    Raises
    ------
    GalleryError
        As `answer_faces` and `name_faces`.
    """
    wanted = None if to is None else person_name(to).strip()
    summary = f"{several(len(face_ids), 'face')} taken away from {name}" + (
        f" for {wanted}" if wanted else ""
    )
    with undoable(workspace, "take_away", summary, clock) as store:
        _refuse_missing(store, face_ids)
        _refuse_changed(store, face_ids, seen)
        person = known_person(store, name)
        if wanted == name:
            raise GalleryError(f"faces taken away from {name!r} cannot be given to {name!r}")
        set_answers(store, dict.fromkeys(face_ids, person.person_id), "no")
        return None if wanted is None else _name(store, face_ids, wanted, None)


def _refuse_missing(store: Store, face_ids: Collection[int]) -> None:
    missing = missing_faces(store, list(face_ids))
    if missing:
        raise GalleryError(
            f"there is no face {missing[0]} in this workspace: the faces have changed, run the cell again"
        )


def _refuse_changed(store: Store, face_ids: Collection[int], seen: Said | None) -> None:
    """Of two windows, neither takes back what was said in the other one without having shown it."""
    if seen is None:
        return
    now = said(store, face_ids)
    changed = [face_id for face_id in face_ids if now.get(face_id) != seen.get(face_id)]
    if changed:
        which = f"{len(changed):,} of {several(len(face_ids), 'face')}"
        were = (
            "This face was"
            if len(face_ids) == 1
            else f"{which} {'was' if len(changed) == 1 else 'were'}"
        )
        raise GalleryError(
            f"{were} changed in another window or section since shown here: nothing was stored; the page is up to "
            "date now, look and press again"
        )


def _comparable(store: Store, face_ids: Sequence[int]) -> list[StoredFace]:
    """The faces that have an embedding of the gallery's model pack."""
    packs = gallery.pack_ids(store)
    where = "WHERE list_contains(?, s.face_id) ORDER BY s.face_id"
    stored = stored_faces(store, where, [list(map(int, face_ids))], pack_id="")
    found = [f for f in stored if f.embedding is not None and (not packs or f.pack_id in packs)]
    if not found:
        raise GalleryError(
            "none of these faces can be compared: they were erased, or belong to another model pack than the gallery"
        )
    return found


def _name(store: Store, face_ids: Sequence[int], name: str, folder: str | None) -> Person:
    if not name:
        raise GalleryError("a person needs a name")
    _refuse_missing(store, face_ids)
    person = gallery.find_person(store, name)
    if person is None:
        person = people.add_person(store, name, safe_folder(folder or name))
    faces = _comparable(store, face_ids)
    qualities = np.array([face.quality for face in faces], dtype=np.float32)
    rows = representatives(
        np.stack([np.asarray(face.embedding) for face in faces]), qualities, _MAX_REFERENCES
    )
    set_answers(store, dict.fromkeys(face_ids, person.person_id), "yes")
    _enrol(store, person, [faces[row] for row in rows])
    notice_faces(store, face_ids)
    return person


def _enrol(store: Store, person: Person, faces: Sequence[StoredFace]) -> int:
    """Add references, one per photo; returns how many are new."""
    new = []
    keys = sorted({face.photo.photo_id for face in faces})
    photos = {photo.photo.photo_id: photo for photo in stored_photos(store, keys)}
    for face in with_crops(store, faces):
        photo = photos[face.photo.photo_id]
        if not people.has_reference(store, person.person_id, photo.sha256):
            people.add_reference(store, person.person_id, _reference(face, photo))
            new.append(face.face_id)
    unlearn_faces(store, new)  # a face must not count twice, as a reference and as learned
    return len(new)


def _reference(face: StoredFace, photo: StoredPhoto) -> NewReference:
    return NewReference(
        file_name=face.photo.path.rpartition("/")[2],
        sha256=photo.sha256,
        sharpness=face.sharpness,
        yaw=face.yaw,
        quality=face.quality,
        pack_id=face.pack_id,
        embedding=np.asarray(face.embedding),
        crop=face.crop,
        captured_at=photo.taken_at,
        face_id=face.face_id,
    )
