"""What a search in a video found: who is seen, and when; without embeddings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from facesort.core.clips import ClipInfo, Track
from facesort.core.collections.records import IndexedFace
from facesort.core.faces.face_details import FaceDetail
from facesort.core.persons.sightings import Sightings


@dataclass(frozen=True, slots=True, eq=False)
class SeenFace:
    """A face that was followed through a video, and the faces of the collection that it looks like.

    Parameters
    ----------
    track : Track
        Without pictures.
    best : FaceDetail
        As it is in its best frame.
    near : tuple of (str, float)
        Ids of faces, and their distances, nearest first.
    """

    track: Track
    best: FaceDetail
    near: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True, eq=False)
class SeenVideo:
    """A video in which the faces of a collection were searched.

    Parameters
    ----------
    width, height : int
        As it is shown, in px.
    format : str
        Of the file.
    damage : str
        What is wrong with it, in words; empty if nothing is.
    faces : tuple of SeenFace
        In the order in which they appear.
    """

    width: int
    height: int
    format: str
    clip: ClipInfo
    damage: str
    faces: tuple[SeenFace, ...]


@dataclass(frozen=True, slots=True, eq=False)
class SeenPerson:
    """A user, or a face of nobody, and where in a video they are seen.

    Parameters
    ----------
    face : IndexedFace
        Of theirs: the nearest.
    seen : tuple of (SeenFace, float)
        With the distance of each, in the order in which they appear.
    """

    face: IndexedFace
    seen: tuple[tuple[SeenFace, float], ...]


def by_person(
    faces: Sequence[SeenFace], there: Mapping[str, IndexedFace]
) -> tuple[list[SeenPerson], list[SeenFace]]:
    """Who is seen in a video, and the faces that are nobody's.

    The nearest are taken first, and who is seen at a time is not seen a second time then: two faces in one frame are
    two people.

    Parameters
    ----------
    there : mapping of str to IndexedFace
        Faces of the collection that still are there, by id.
    """
    sightings = Sightings.in_one([face.track for face in faces])
    pairs = sorted(
        (distance, row, face_id)
        for row, face in enumerate(faces)
        for face_id, distance in face.near
        if face_id in there
    )
    taken: dict[int, float] = {}
    rows_of: dict[str, list[int]] = {}
    nearest: dict[str, IndexedFace] = {}
    for distance, row, face_id in pairs:
        face = there[face_id]
        person = f"user {face.user_id}" if face.user_id is not None else face_id
        rows = rows_of.setdefault(person, [])
        theirs = np.array(rows, np.int64)
        if row not in taken and not sightings.meet(np.full_like(theirs, row), theirs).any():
            taken[row] = distance
            rows.append(row)
            nearest.setdefault(person, face)
    persons = [
        SeenPerson(nearest[person], tuple((faces[row], taken[row]) for row in sorted(rows)))
        for person, rows in rows_of.items()
        if rows
    ]
    persons.sort(key=lambda person: person.seen[0][0].track.first_ms)
    return persons, [face for row, face in enumerate(faces) if row not in taken]
