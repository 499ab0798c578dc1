"""What the detector looks at, given what it has found."""

from __future__ import annotations

import numpy as np
import pytest

from facesort.core.faces.looks import Look, Seen, Sight, detail_edge, is_sure, merged, next_looks
from facesort.core.faces.turns import turned_boxes, turned_points
from facesort.core.records import Detections

_UPRIGHT = np.array([[30, 30], [70, 30], [50, 50], [35, 75], [65, 75]], np.float32)
_SIGHT = Sight((3000, 2000), scale=2.0, told=True, sure=0.78)


def found(*faces: tuple[float, float, float, float], turn: int = 0) -> Detections:
    """Faces by score, left, top and side; their landmarks as they are after a turn."""
    boxes = [[left, top, left + side, top + side] for _, left, top, side in faces]
    shape = turned_points(_UPRIGHT, (100, 100), turn)
    points = [shape * side / 100 + (left, top) for _, left, top, side in faces]
    return Detections(
        np.array(boxes, np.float32).reshape(-1, 4),
        np.array(points, np.float32).reshape(-1, 5, 2),
        np.array([score for score, *_ in faces], np.float32),
    )


NOBODY = found()
SURE = found((0.9, 100, 100, 300))
WEAK = found((0.6, 100, 100, 300))


def plain(detections: Detections, sight: Sight = _SIGHT) -> list[Seen]:
    return [Seen(look, detections) for look in next_looks(sight, [])]


def test_a_photo_with_a_sure_face_is_looked_at_once() -> None:
    assert next_looks(_SIGHT, []) == (Look((0, 0, 3000, 2000)),)
    assert next_looks(_SIGHT, plain(SURE)) == ()


@pytest.mark.parametrize(
    "detections",
    [NOBODY, WEAK, found((0.95, 100, 100, 300), turn=90)],
    ids=["none", "weak", "tilted"],
)
def test_where_no_face_is_sure_and_upright_every_turn_gets_a_quick_look(
    detections: Detections,
) -> None:
    looks = next_looks(_SIGHT, plain(detections))
    assert {look.turn for look in looks if not look.padding} == {90, 180, 270}
    assert all(look.is_quick for look in looks)


def test_what_a_file_says_makes_the_look_quicker_and_small_faces_make_it_full() -> None:
    def edges(**how: bool) -> set[int | None]:
        sight = Sight((1200, 800), sure=0.78, **how)
        return {look.edge for look in next_looks(sight, plain(NOBODY, sight)) if look.turn}

    assert edges(told=True) == {256}
    assert edges(told=False) == {None}
    assert edges(told=True, small=True) == {None}


@pytest.mark.parametrize(
    ("upright", "turned", "again"),
    [
        (NOBODY, 0.70, True),
        (NOBODY, 0.55, False),  # what nobody sees upright is often none
        (WEAK, 0.70, True),
        (WEAK, 0.62, False),  # not better than it hangs
    ],
)
def test_the_best_turn_is_looked_at_in_full_if_it_is_better(
    upright: Detections, turned: float, again: bool
) -> None:
    seen = plain(upright)
    for look in next_looks(_SIGHT, seen):
        score = turned if look.turn == 180 else 0.51
        seen.append(Seen(look, NOBODY if look.padding else found((score, 100, 100, 300))))
    full = Look((0, 0, 3000, 2000), 180)
    assert next_looks(_SIGHT, seen) == ((full,) if again else ())
    if again:
        seen.append(Seen(full, found((0.88, 110, 110, 300))))
        assert next_looks(_SIGHT, seen) == ()
        together, turns = merged(seen)
        assert together.scores.tolist() == [pytest.approx(0.88)]
        assert turns.tolist() == [180]
    else:
        assert merged(seen)[0] is upright


def test_a_face_that_fills_the_photo_is_looked_at_with_a_border() -> None:
    (look,) = next_looks(_SIGHT, plain(found((0.9, 100, 100, 1700))))
    assert look.padding > 0
    assert look.turn == 0
    assert not look.is_quick


def test_a_face_that_only_a_border_shows_is_looked_at_again() -> None:
    seen = plain(WEAK)
    for look in next_looks(_SIGHT, seen):
        seen.append(Seen(look, found((0.8, 50, 50, 1800)) if look.padding else NOBODY))
    (look,) = next_looks(_SIGHT, seen)
    assert (look.padding > 0, look.is_quick) == (True, False)


@pytest.mark.parametrize(
    ("size", "small", "edge"),
    [
        ((6000, 4000), False, None),
        ((6000, 4000), True, 6000),
        ((20_000, 3000), False, 20_000),
        ((3000, 20_000), False, 20_000),
        ((20_000, 9000), False, 10_000),
        ((1200, 300), True, None),
        ((2048, 1365), False, None),
        ((6000, 0), False, 6000),
    ],
)
def test_a_panorama_is_decoded_in_detail_and_other_photos_if_asked(
    size: tuple[int, int], small: bool, edge: int | None
) -> None:
    assert detail_edge(size, small=small) == edge


@pytest.mark.parametrize(
    ("size", "small", "least"),
    [
        ((20_000, 3000), False, 60),
        ((20_000, 2400), False, 60),
        ((6000, 4000), True, 52),
        ((3000, 20_000), False, 60),
        ((3000, 2000), True, 52),
    ],
)
def test_tiles_cover_a_photo_so_that_small_faces_are_whole_in_one(
    size: tuple[int, int], small: bool, least: int
) -> None:
    sight = Sight(size, small=small, sure=0.78)
    whole, *tiles = [look.window for look in next_looks(sight, [])]
    assert whole == (0, 0, *size)
    rng = np.random.default_rng(1)
    for x, y in rng.uniform(0, 1, (200, 2)) * (np.array(size) - 300):
        face = (x, y, x + 300, y + 300)
        assert any(
            left <= face[0] and top <= face[1] and face[2] <= right and face[3] <= bottom
            for left, top, right, bottom in tiles
        )
    sides = [max(right - left, bottom - top) for left, top, right, bottom in tiles]
    assert max(sides) * 16 / 640 <= least + 1, "at least 16 px at the detector's 640"
    assert len(tiles) <= 1.1 * size[0] * size[1] / (max(sides) * 0.7) ** 2 + 2, (
        "few more than needed"
    )


def test_faces_of_several_looks_are_told_once_and_as_they_were_seen_best() -> None:
    sight = Sight((20_000, 3000), sure=0.78)
    windows = next_looks(sight, [])
    seen = [
        Seen(windows[0], found((0.7, 1000, 1000, 200))),
        Seen(windows[1], found((0.9, 1004, 1002, 196), (0.85, 1150, 1000, 200))),
        Seen(windows[2], found((0.6, 1004, 1002, 90))),  # the part that is in this tile
    ]
    together, turns = merged(seen)
    np.testing.assert_allclose(together.scores, [0.9, 0.85])
    assert turns.tolist() == [0, 0]


def test_people_who_embrace_stay_two() -> None:
    """What one look took for two faces is two, however much they overlap."""
    both = found((0.9, 100, 100, 200), (0.8, 160, 100, 200))
    sight = Sight((20_000, 3000), sure=0.78)
    one, other, *_ = next_looks(sight, [])
    assert len(merged([Seen(one, both), Seen(other, both)])[0]) == 2


def test_a_detector_without_a_mouth_is_believed() -> None:
    face = found((0.9, 100, 100, 300))
    face.landmarks[:, 3:] = np.nan
    assert is_sure([Seen(Look((0, 0, 1, 1)), face)], 0.5)


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
def test_turned_points_and_boxes_are_where_turned_pixels_are(turn: int) -> None:
    pixels = np.zeros((30, 50), np.uint8)
    pixels[4:10, 20:28] = 1
    turned = np.rot90(pixels, -turn // 90)
    rows, columns = np.nonzero(turned)
    box = turned_boxes(np.array([20, 4, 28, 10], np.float32), (50, 30), turn)
    assert box.tolist() == [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
    back = turned_boxes(box, turned.shape[::-1], -turn)
    assert back.tolist() == [20, 4, 28, 10]
