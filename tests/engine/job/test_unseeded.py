"""Who else is in a finished job: the unknown faces, grouped."""

from __future__ import annotations

from pathlib import Path

import pytest
from synthetic_event import make_workspace, sort_in_threads, write_photo

from facesort.engine.review.clusters import find_unknown
from facesort.faces.protocol import ModelPack
from facesort.store.queries import face_sets
from facesort.workspace import Workspace

Job = tuple[Workspace, ModelPack]


@pytest.fixture
def job(tmp_path: Path) -> Job:
    """Persons 1 to 4 are seeded; 7 is in four photos, 8 in two, 9 in one, 7 and 8 together in one of them."""
    shown = {
        "a": [1],
        "b": [7],
        "c": [7, 1],
        "d": [7],
        "e": [7, 8],
        "f": [8, 2],
        "g": [9],
        "h": [2],
    }
    for number, (name, people) in enumerate(shown.items()):
        write_photo(tmp_path / "src" / f"{name}.png", people, variation=50 + number)
    return make_workspace(tmp_path, tmp_path / "src")


def test_before_a_sort_there_is_nobody(job: Job) -> None:
    assert find_unknown(*job)[0].total == 0


def test_unknown_faces_are_grouped_largest_first(job: Job) -> None:
    sort_in_threads(*job)
    found = find_unknown(*job)[0]
    assert [len(c) for c in found.clusters] == [4, 2]
    assert (found.grouped, found.alone, found.total) == (6, 1, 7)
    with job[0].open_store(read_only=True) as store:
        shown = face_sets.crops_of(store, found.clusters[0].face_ids)
    assert sorted(crop.path for crop in shown.values()) == ["b.png", "c.png", "d.png", "e.png"]
    assert all(crop.jpeg.startswith(b"\xff\xd8") for crop in shown.values())


def test_who_is_ignored_is_in_no_cluster(job: Job) -> None:
    sort_in_threads(*job)
    largest, _ = find_unknown(*job)[0].clusters
    with job[0].open_store() as store, store.transaction():
        store.insert("ignored", {"face_id": largest.face_ids.tolist()})
    assert [len(c) for c in find_unknown(*job)[0].clusters] == [2]
