"""Which photos show the same, and which of them is delivered."""

from __future__ import annotations

from datetime import datetime, timedelta
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, strategies as st

from facesort.core.delivery.regions import Region
from facesort.core.delivery.xmp import sidecar
from facesort.core.moments.bursts import Burst, LeftOut, best_of_bursts, find_bursts
from facesort.core.records import PhotoRef
from facesort.core.stored import StoredFace, StoredPhoto

NOON = datetime(2026, 5, 4, 12)


def shot(photo_id: int, phash: int | None = 0, at: int | None = 0, **more: object) -> StoredPhoto:
    """A photo; `at` in seconds after noon."""
    taken = None if at is None else NOON + timedelta(seconds=at)
    ref = PhotoRef(photo_id, f"{photo_id}.jpg", source=str(more.get("source", "card-1")))
    sharpness = float(more.get("sharpness", 1.0))  # type: ignore[arg-type]
    return StoredPhoto(
        ref,
        "matched",
        None,
        "",
        phash=phash,
        taken_at=taken,
        camera=str(more.get("camera", "A")),
        faces=(StoredFace(photo_id, ref, sharpness=sharpness),),
        shot_id=int(more.get("of", 0)),  # type: ignore[call-overload]
        remarks=tuple(more.get("remarks", ())),  # type: ignore[arg-type]
    )


ALIKE, UNLIKE = 0b111111111, 0b1111111111  # 9 and 10 bits from 0


@pytest.mark.parametrize(
    ("shots", "bursts"),
    [
        ([], []),
        ([shot(1)], []),
        ([shot(1), shot(2)], [(1, 2)]),
        ([shot(1), shot(2, ALIKE)], [(1, 2)]),
        ([shot(1), shot(2, UNLIKE)], []),
        ([shot(1), shot(2, None)], []),
        ([shot(1, at=0), shot(2, at=3)], [(1, 2)]),
        ([shot(1, at=0), shot(2, at=4)], []),
        ([shot(1, at=0), shot(2, at=3), shot(3, at=6)], [(1, 2, 3)]),
        ([shot(1, at=2), shot(2, at=0)], [(2, 1)]),  # names that started anew
        ([shot(1), shot(2, camera="B")], []),
        ([shot(1), shot(2, source="card-2")], []),  # another photographer with the same model
        (
            [
                shot(1),
                shot(2, UNLIKE, 1, source="card-2"),
                shot(3, at=2),
                shot(4, UNLIKE, 3, source="card-2"),
            ],
            [(1, 3), (2, 4)],
        ),
        ([shot(1), shot(3, camera="B"), shot(4), shot(5, camera="B")], [(1, 4), (3, 5)]),
        ([shot(1, at=None), shot(2, at=None)], [(1, 2)]),
        ([shot(1, at=None), shot(2, at=0)], []),
        ([shot(1), shot(2, UNLIKE, at=1), shot(3, at=2)], []),
        ([shot(1, of=1), shot(2, UNLIKE, at=None, camera="B", of=1)], [(1, 2)]),
        ([shot(1, of=1), shot(2, UNLIKE, of=1), shot(3), shot(4, UNLIKE)], [(1, 2, 3)]),
    ],
)
def test_bursts(shots: list[StoredPhoto], bursts: list[tuple[int, ...]]) -> None:
    assert [burst.photo_ids for burst in find_bursts(shots)] == bursts


@given(
    st.lists(
        st.builds(
            shot,
            st.integers(1, 99),
            st.one_of(st.none(), st.integers(0, 2**64 - 1)),
            st.one_of(st.none(), st.integers(0, 30)),
            sharpness=st.floats(0, 9),
        ),
        unique_by=lambda s: s.photo.photo_id,
    )
)
def test_a_photo_is_in_one_burst_at_most_and_the_best_is_the_sharpest(
    shots: list[StoredPhoto],
) -> None:
    bursts = find_bursts(shots)

    members = [key for burst in bursts for key in burst.photo_ids]
    assert len(members) == len(set(members))
    sharpness = {s.photo.photo_id: s.sharpness for s in shots}
    for burst in bursts:
        assert len(burst.photo_ids) > 1
        assert sharpness[burst.best] == max(sharpness[key] for key in burst.photo_ids)
    assert find_bursts(reversed(shots)) == bursts


def test_a_damaged_photo_is_the_best_only_where_all_are() -> None:
    damaged = {"remarks": ("damaged",), "sharpness": 9.0}
    whole = [shot(2, remarks=("pages",)), shot(3, sharpness=2.0)]
    shots = [shot(1, **damaged), *whole, shot(4, **damaged)]
    (burst,) = bursts = find_bursts(shots)
    assert burst.best == 3

    folders = {1: ("Ada", "Ben"), 2: ("Ada",), 4: ("Ben",)}
    kept, left_out = best_of_bursts(folders, shots, bursts)
    assert kept == {2: ("Ada",), 1: ("Ben",)}
    assert [(one.photo_id, one.folder, one.instead) for one in left_out] == [
        (1, "Ada", 2),
        (4, "Ben", 1),
    ]


def test_each_folder_keeps_the_sharpest_of_its_own() -> None:
    shots = [shot(1, sharpness=1), shot(2, sharpness=3), shot(3, sharpness=2), shot(4)]
    folders = {1: ("Ada", "Bo"), 2: ("Bo",), 3: ("Bo", "Cy"), 4: ("Ada",)}

    kept, left_out = best_of_bursts(folders, shots, [Burst((1, 2, 3), 2)])

    assert kept == {1: ("Ada",), 2: ("Bo",), 3: ("Cy",), 4: ("Ada",)}
    assert left_out == [
        LeftOut(1, "Bo", "not_best_of_burst", 2),
        LeftOut(3, "Bo", "not_best_of_burst", 2),
    ]


def test_a_box_that_reaches_outside_is_clipped() -> None:
    region = Region.of("Ada", (-10, 50, 50, 220), (100, 200))

    assert region == Region("Ada", 0.0, 0.25, 0.5, 0.75)


def test_names_are_text_whatever_is_in_them() -> None:
    name = 'Ada <b> & "Bo" O\'Neil 林'

    root = ET.fromstring(sidecar([Region(name, 0, 0, 1, 1)], (640, 480)))

    texts = [element.text for element in root.iter() if element.text == name]
    assert len(texts) == 2
