from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from facesort.core.faces.face_details import (
    FaceDetail,
    Landmark,
    QualityFilter,
    Weakness,
    face_detail,
    why_left_out,
)
from facesort.core.faces.head_pose import head_pose
from facesort.core.records import Face

FRONTAL = np.array([[-50, 0], [50, 0], [0, 57], [-40, 116], [40, 116]], np.float32)
DEPTH = np.array([0, 0, 50, 0, 0], np.float32)  # towards the camera


def turned_head(yaw: float = 0, pitch: float = 0, roll: float = 0) -> Any:
    """The landmarks of an average face that looks to the right, up, and is tilted clockwise; in degrees."""
    y, p, r = np.radians([yaw, pitch, roll])
    x, down, out = FRONTAL[:, 0], FRONTAL[:, 1], DEPTH
    down, out = down * np.cos(p) - out * np.sin(p), out * np.cos(p) + down * np.sin(p)
    x = x * np.cos(y) + out * np.sin(y)
    tilted = np.stack([x * np.cos(r) - down * np.sin(r), x * np.sin(r) + down * np.cos(r)], axis=1)
    return (200 + tilted).astype(np.float32)


def a_face(**changes: Any) -> Face:
    face = Face(
        box=np.array([100, 50, 300, 250], np.float32),
        landmarks=turned_head(),
        score=0.9,
        sharpness=600.0,
        yaw=0.0,
        quality=0.8,
        embedding=np.zeros(4, np.float32),
        crop=b"",
    )
    return replace(face, **changes)


def detail(face: Face, brightness: float = 127.5) -> FaceDetail:
    return face_detail(face, brightness=brightness, width=400, height=500)


@pytest.mark.parametrize("yaw", [-45, -20, 0, 20, 45])
@pytest.mark.parametrize("roll", [-170, -90, -10, 0, 25, 90, 180])
def test_pose_of_a_head_that_turns_and_tilts(yaw: float, roll: float) -> None:
    pose = head_pose(turned_head(yaw=yaw, roll=roll))

    assert pose.yaw == pytest.approx(yaw, abs=0.5)
    assert pose.pitch == pytest.approx(0, abs=1)
    assert abs((pose.roll or 0) - roll) % 360 == pytest.approx(0, abs=0.5)


@pytest.mark.parametrize("pitch", [-30, -10, 0, 10, 30])
@pytest.mark.parametrize("yaw", [0, 20])
def test_pose_of_a_head_that_nods(pitch: float, yaw: float) -> None:
    pose = head_pose(turned_head(yaw=yaw, pitch=pitch))

    assert pose.pitch == pytest.approx(pitch, abs=1)


def test_pose_without_a_mouth_has_no_pitch() -> None:
    landmarks = turned_head(yaw=20)
    landmarks[3:] = np.nan

    pose = head_pose(landmarks)

    assert (pose.yaw, pose.pitch, pose.roll) == (pytest.approx(20, abs=0.5), None, 0.0)


@pytest.mark.parametrize(("turn", "roll"), [(0, 0), (90, -90), (180, -180), (270, 90)])
def test_without_eyes_the_turn_of_the_photo_is_the_roll(turn: int, roll: float) -> None:
    unknown = head_pose(np.full((5, 2), np.nan, np.float32), turn=turn)
    same_place = head_pose(np.zeros((5, 2), np.float32), turn=turn)

    assert unknown == same_place
    assert (unknown.yaw, unknown.pitch, unknown.roll) == (None, None, roll)


def test_a_face_is_told_in_shares_of_the_image() -> None:
    found = detail(a_face())

    assert found.box == pytest.approx((0.25, 0.1, 0.5, 0.4))
    assert (found.confidence, found.brightness) == (pytest.approx(90), pytest.approx(50))
    assert list(found.landmarks) == list(Landmark)
    assert found.landmarks[Landmark.EYE_LEFT] == pytest.approx((150 / 400, 200 / 500))
    assert (found.quality, found.weak) == (0.8, ())


def test_points_that_a_detector_does_not_locate_are_left_out() -> None:
    landmarks = turned_head()
    landmarks[3:] = np.nan

    found = detail(a_face(landmarks=landmarks))

    assert list(found.landmarks) == [Landmark.EYE_LEFT, Landmark.EYE_RIGHT, Landmark.NOSE]


def test_what_is_measured_stays_within_its_bounds_and_in_order() -> None:
    sharp = [detail(a_face(sharpness=value)).sharpness for value in (0, 18, 50, 600, 1e9)]

    assert sharp == sorted(sharp)
    assert (sharp[0], sharp[2]) == (0, pytest.approx(50))
    assert sharp[-1] <= 100
    assert detail(a_face(score=1.2), brightness=300).confidence == 100
    assert detail(a_face(score=1.2), brightness=300).brightness == 100


def test_quality_filters_let_through_less_and_less() -> None:
    least = [level.least for level in (QualityFilter.NONE, QualityFilter.LOW)]
    least += [level.least for level in (QualityFilter.MEDIUM, QualityFilter.HIGH)]

    assert least == sorted(set(least))
    assert QualityFilter.AUTO.least == QualityFilter.LOW.least


def test_a_face_that_is_left_out_is_told_why() -> None:
    poor = detail(
        a_face(
            box=np.array([100, 50, 120, 80], np.float32),
            sharpness=10.0,
            yaw=0.9,
            score=0.25,
            quality=0.01,
        ),
        brightness=10,
    )

    assert why_left_out(poor, QualityFilter.LOW) == tuple(Weakness)
    assert why_left_out(poor, QualityFilter.NONE) == ()


def test_a_face_that_is_good_enough_is_not_left_out_for_one_weakness() -> None:
    dark = detail(a_face(), brightness=10)

    assert dark.weak == (Weakness.LOW_BRIGHTNESS,)
    assert why_left_out(dark, QualityFilter.HIGH) == ()


def test_a_face_of_medium_quality_passes_low_only() -> None:
    half = detail(a_face(quality=0.3))

    assert why_left_out(half, QualityFilter.AUTO) == ()
    assert why_left_out(half, QualityFilter.MEDIUM) == (Weakness.LOW_FACE_QUALITY,)
