"""What people do with single faces: answer, ignore, name, take away.  Every verb is one action that can be undone."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Literal

import numpy as np

from facesort.clock import Clock, utc_now
from facesort.core.gallery import Person
from facesort.core.representatives import representatives
from facesort.core.routing import safe_folder
from facesort.core.words import several
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
from facesort.store.queries import gallery, review
from facesort.store.queries.gallery import known_person
from facesort.store.queries.review import FaceRecord
from facesort.workspace import Workspace

Answer = Literal["yes", "no", "unsure"]

_REFERENCES = 5  # of a person who is made from faces of the job; more teach little


def answer(
    workspace: Workspace, persons: Mapping[int, str], said: Answer, *, clock: Clock = utc_now
) -> None:
    """Say of faces whether they are these persons.

    A *no* is for good: the face is never given to that person again.  A *yes* is for that person alone, and corrects
    the machine where it said somebody else.  The last answer counts.

    Parameters
    ----------
    persons : mapping of face_id to name
    said : {'yes', 'no', 'unsure'}

    Raises
    ------
    GalleryError
        If there is no such face or person, or a face that is the only reference of a person is said to be
        somebody else.
    """
    names = sorted(set(persons.values()))
    whom = ", ".join(names) if len(names) <= 3 else f"{len(names)} persons"
    summary = f"{said} for {several(len(persons), 'face')}: {whom}"
    with undoable(workspace, "answer", summary, clock) as store:
        _refuse_missing(store, persons)
        ids = {name: known_person(store, name).person_id for name in set(persons.values())}
        set_answers(store, {face: ids[name] for face, name in persons.items()}, said)


def ignore(workspace: Workspace, face_ids: Collection[int], *, clock: Clock = utc_now) -> None:
    """Never ask about these faces again.

    Raises
    ------
    GalleryError
        If there is no such face.
    """
    with undoable(workspace, "ignore", f"{several(len(face_ids), 'face')} ignored", clock) as store:
        _refuse_missing(store, face_ids)
        ignore_faces(store, list(face_ids))


def name_faces(
    workspace: Workspace,
    face_ids: Sequence[int],
    name: str,
    folder: str | None = None,
    *,
    clock: Clock = utc_now,
) -> Person:
    """Make a person of faces that are the same one, or let them join somebody who is there.

    A few of them, good and unlike each other, become references and are confirmed; a re-match gives the person the
    others.

    Parameters
    ----------
    face_ids : sequence of int
    folder : str, optional
        Of a new person; default: after the name.

    Raises
    ------
    GalleryError
        If there is no such face, none of them can be compared, or the name or the folder cannot be used.
    """
    wanted = person_name(name).strip()
    with undoable(
        workspace, "name", f"{several(len(face_ids), 'face')} named {wanted}", clock
    ) as store:
        return _name(store, face_ids, wanted, folder)


def use_as_reference(workspace: Workspace, face_id: int, *, clock: Clock = utc_now) -> Person:
    """Add a face of the job to the references of the person whose it is, and confirm it.

    Raises
    ------
    GalleryError
        If it is nobody's, or cannot be compared.
    """
    with undoable(workspace, "reference", f"face {face_id} became a reference", clock) as store:
        shown = next(iter(review.review_faces(store, [face_id])), None)
        if shown is None or shown.person is None:
            raise GalleryError(f"face {face_id} is nobody's yet: say first who it is")
        person = known_person(store, shown.person)
        if not _enrol(store, person, _comparable(store, [face_id])):
            raise GalleryError(f"{shown.path} is a reference of {person.name!r} already")
        return person


def unlearn(workspace: Workspace, face_ids: Collection[int], *, clock: Clock = utc_now) -> None:
    """Take learned faces out of the gallery.

    Their decisions, and those of faces that were matched with their help, stay until the next re-match.  An unlearned
    face is not learned again: only faces that a sort has just detected are.

    Raises
    ------
    GalleryError
        If one of them was not learned.
    """
    summary = f"{several(len(face_ids), 'face')} unlearned"
    with undoable(workspace, "unlearn", summary, clock) as store:
        others = sorted(set(face_ids) - unlearn_faces(store, face_ids))
        if others:
            raise GalleryError(f"face {others[0]} was not learned: select learned faces only")


def take_away(
    workspace: Workspace,
    face_ids: Sequence[int],
    name: str,
    to: str | None = None,
    *,
    clock: Clock = utc_now,
) -> Person | None:
    """Split faces off a person: they are never given to that person again.

    Parameters
    ----------
    face_ids : sequence of int
    name : str
        Whose they are not.
    to : str, optional
        Whose they are, as `name_faces`.

    Returns
    -------
    Person or None
        Whose they are now.

    Raises
    ------
    GalleryError
        As `answer` and `name_faces`.
    """
    wanted = None if to is None else person_name(to).strip()
    summary = f"{several(len(face_ids), 'face')} taken away from {name}" + (
        f" for {wanted}" if wanted else ""
    )
    with undoable(workspace, "take_away", summary, clock) as store:
        _refuse_missing(store, face_ids)
        person = known_person(store, name)
        if wanted == name:
            raise GalleryError(f"the faces cannot be taken away from {name!r} and be {name!r}")
        set_answers(store, dict.fromkeys(face_ids, person.person_id), "no")
        return None if wanted is None else _name(store, face_ids, wanted, None)


def _refuse_missing(store: Store, face_ids: Collection[int]) -> None:
    missing = missing_faces(store, list(face_ids))
    if missing:
        raise GalleryError(
            f"there is no face {missing[0]} in this workspace; look at the faces again, they have changed"
        )


def _comparable(store: Store, face_ids: Sequence[int]) -> list[FaceRecord]:
    """The faces whose embeddings are there and of the gallery's pack."""
    packs = gallery.pack_ids(store)
    found = [f for f in review.face_records(store, face_ids) if not packs or f.pack_id in packs]
    if not found:
        raise GalleryError(
            "none of these faces can be compared: they were erased, or are of another model pack than the gallery"
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
    rows = representatives(np.stack([face.embedding for face in faces]), qualities, _REFERENCES)
    _enrol(store, person, [faces[row] for row in rows])
    notice_faces(store, face_ids)
    return person


def _enrol(store: Store, person: Person, faces: Sequence[FaceRecord]) -> int:
    """Confirm faces and make references of them, one per photo; returns how many are new."""
    set_answers(store, {face.face_id: person.person_id for face in faces}, "yes")
    new = []
    for face in faces:
        if not people.has_reference(store, person.person_id, face.sha256):
            people.add_reference(store, person.person_id, _reference(face))
            new.append(face.face_id)
    unlearn_faces(store, new)  # a face must not count twice, as a reference and as learned
    return len(new)


def _reference(face: FaceRecord) -> NewReference:
    return NewReference(
        file_name=face.path.rpartition("/")[2],
        sha256=face.sha256,
        sharpness=face.sharpness,
        yaw=face.yaw,
        quality=face.quality,
        pack_id=face.pack_id,
        embedding=face.embedding,
        crop=face.crop,
        captured_at=face.captured_at,
        face_id=face.face_id,
    )
