"""Who is seen in a video: by the nearest, and nobody twice at a time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from drawn_collections import face

from facesort.core.clips import Track
from facesort.core.collections.records import IndexedFace
from facesort.core.collections.seen import SeenFace, by_person
from facesort.core.faces.face_details import FaceDetail
from facesort.core.faces.head_pose import HeadPose

ANN, ANN_TOO = (replace(face(key), user_id="ann") for key in range(2))
BOB = face(2)
THERE = {one.face_id: one for one in (ANN, ANN_TOO, BOB)}
DETAIL = FaceDetail((0.1, 0.1, 0.2, 0.2), 99.0, {}, HeadPose(None, None, None), 50.0, 50.0, 0.5, ())


def seen(first_ms: int, last_ms: int, *near: tuple[IndexedFace, float]) -> SeenFace:
    times = np.array([first_ms, last_ms], np.int32)
    track = Track(first_ms, last_ms, first_ms, times, np.zeros((2, 4), np.float32), ())
    return SeenFace(track, DETAIL, tuple((one.face_id, distance) for one, distance in near))


def test_faces_of_a_user_are_one_person() -> None:
    early, late = seen(0, 1000, (ANN_TOO, 0.4)), seen(2000, 3000, (ANN, 0.3), (BOB, 0.5))

    [ann], unknown = by_person([early, late], THERE)

    assert (ann.face, ann.seen, unknown) == (ANN, ((early, 0.4), (late, 0.3)), [])


def test_nobody_is_in_one_frame_twice() -> None:
    near, far = seen(0, 1000, (ANN, 0.2)), seen(500, 2000, (ANN_TOO, 0.3), (BOB, 0.4))
    farther = seen(1000, 1500, (ANN, 0.5))

    persons, unknown = by_person([near, far, farther], THERE)

    assert [(p.face, p.seen) for p in persons] == [(ANN, ((near, 0.2),)), (BOB, ((far, 0.4),))]
    assert unknown == [farther]


def test_a_face_that_is_gone_is_nobody() -> None:
    stranger = seen(0, 1000, (BOB, 0.2))

    assert by_person([stranger], {}) == ([], [stranger])
    assert by_person([], THERE) == ([], [])
