"""The whole round on real faces: seed four of six, sort, find the other two as groups, name them, re-match."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from facesort.demo.event import DemoEvent, DemoScore, build_demo_event, score_demo
from facesort.engine.gallery.person_folders import person_folders
from facesort.engine.gallery.seed import seed
from facesort.engine.job.sort import SortOptions, run_rematch, run_sort
from facesort.engine.review.answers import name_faces
from facesort.engine.review.clusters import find_unknown
from facesort.engine.setup import set_up
from facesort.faces.protocol import ModelPack
from facesort.store.queries import face_sets, reports
from facesort.workspace import Workspace

pytestmark = pytest.mark.models

SEEDED = {"Person A", "Person B", "Person C", "Person D"}
OTHERS = {"Person E", "Person F"}


@pytest.fixture(scope="module")
def event(tmp_path_factory: pytest.TempPathFactory) -> DemoEvent:
    return build_demo_event(tmp_path_factory.mktemp("event"))


def sorted_with(
    event: DemoEvent, folder: Path, assets: Path, names: Collection[str]
) -> tuple[Workspace, ModelPack]:
    """The demo event, sorted after these were seeded."""
    workspace, pack = set_up(
        folder / "hot", [event.source], folder / "out", str(assets / "models" / "mbf128"), []
    )
    # Person E's only reference is a profile, by the landmarks of this detector.
    lenient = workspace.settings.seed.model_copy(update={"max_yaw": 1.2})
    workspace = replace(workspace, settings=workspace.settings.model_copy(update={"seed": lenient}))
    reports_ = list(
        seed(
            workspace, pack, [c for c in person_folders(event.seeds).candidates if c.name in names]
        )
    )
    assert [r.refused for r in reports_] == [None] * len(names)
    run_sort(workspace, pack, SortOptions())
    return workspace, pack


def score(event: DemoEvent, workspace: Workspace) -> DemoScore:
    with workspace.open_store(read_only=True) as store:
        return score_demo(event, reports.photo_folders(store))


def who(event: DemoEvent, workspace: Workspace, face_ids: NDArray[np.int64]) -> str:
    """The one of the unseeded who is in most of these photos: what a user sees at one look."""
    with workspace.open_store(read_only=True) as store:
        found = [crop.path for crop in face_sets.crops_of(store, face_ids).values()]
    return max(sorted(OTHERS), key=lambda name: sum(name in event.truth[path] for path in found))


def test_who_was_found_as_a_group_gets_as_many_photos_as_who_was_seeded(
    event: DemoEvent, assets: Path, tmp_path: Path
) -> None:
    all_at_once = score(event, sorted_with(event, tmp_path / "six", assets, SEEDED | OTHERS)[0])
    workspace, pack = sorted_with(event, tmp_path / "four", assets, SEEDED)
    first = score(event, workspace)

    largest = find_unknown(workspace, pack)[0].clusters[:2]
    names = [who(event, workspace, cluster.face_ids) for cluster in largest]
    assert set(names) == OTHERS
    for name, cluster in zip(names, largest, strict=True):
        name_faces(workspace, cluster.face_ids.tolist(), name)
    run_rematch(workspace, pack)
    afterwards = score(event, workspace)

    assert first.recall is not None and all_at_once.recall is not None
    assert first.recall < all_at_once.recall
    assert (afterwards.precision or 0) >= (all_at_once.precision or 0)
    assert (afterwards.recall or 0) >= all_at_once.recall
