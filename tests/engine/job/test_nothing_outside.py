"""Whatever lies in workspace, runs and output: nothing outside of them changes, and nothing foreign in them.

The campaign (``tests/torture/test_nothing_outside.py``) tries every name with every kind of thing.
"""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path

import duckdb
import pytest
from foreign_things import HARD_LINKS, KINDS, VERBS, Thing, World, check
from hypothesis import HealthCheck, given, settings, strategies as st
from synthetic_event import tree

from facesort.errors import StoreError

pytestmark = pytest.mark.skipif(os.name == "nt", reason="links and pipes of POSIX")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World.of(tmp_path_factory.mktemp("world"))


@settings(
    max_examples=20, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_nothing_foreign_is_changed(world: World, data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as name:
        root = Path(name).resolve()
        names = st.sampled_from([*world.ours(root), *world.similar()])
        things = data.draw(
            st.lists(st.builds(Thing, names, st.sampled_from(KINDS)), min_size=1, max_size=5)
        )
        state = data.draw(st.sampled_from(["new", "killed", "sorted"]))
        verbs = data.draw(st.lists(st.sampled_from([*VERBS]), min_size=1, max_size=2))
        check(world, root, state, things, verbs)


# What is in nobody's way: a sort goes on beside it, and says so once if it is where only ours should be.
BESIDE = {
    "hot/staging/000099": ["link to a folder of the source", "folder with files", "file", "pipe"],
    "hot/staging/@eaDir": ["folder with files", "link to a folder"],
    "hot/staging/000001/@eaDir": ["folder with files"],
    "hot/.facesort.duckdb.new": ["link to a file", "folder with files", "pipe"],
    "hot/.facesort.duckdb.new.tmp": ["folder with files", "link to a folder", "file"],
    "hot/state/progress.json": ["link to a file", "pipe", "folder with files", "link that loops"],
    "hot/state/batches": ["link to a folder", "file"],
    "hot/state/batches/.000009.json.new": ["link to a file"],
}
# What is in the way of a sort: it is refused before anything is done.
IN_THE_WAY = {
    "hot/staging": ["link to a folder", "file"],
    "hot/staging/000001": ["link to a folder", "file"],
    "hot/state": ["link to a folder", "link to nothing"],
    "hot/state/owner.json": ["link to a file", "pipe", "folder"],
    "hot/state/.owner.json.new": ["link to a file", "pipe"],
    "hot/sort.lock": ["link to a file", "pipe", "folder", "link to nothing"],
    "hot/corrections.csv": ["link to a file", "pipe", "folder"],
    "hot/facesort.duckdb.wal": ["other name of a file", "link to nothing"],
    "hot/facesort.duckdb.tmp": ["link to a folder"],
}


def _cases(places: dict[str, list[str]]) -> list[tuple[str, str]]:
    return [(name, kind) for name, kinds in places.items() for kind in kinds]


@pytest.mark.parametrize(("name", "kind"), _cases(BESIDE))
def test_what_is_in_nobodys_way_is_left_alone(
    world: World, tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str, kind: str
) -> None:
    said = check(world, tmp_path, "new", [Thing(name, kind)], ["sort"])
    assert said == "sort: done"
    assert sorted(tree(tmp_path / "out")) == sorted(world.targets)
    lines = [record.getMessage() for record in caplog.records]
    named = [line for line in lines if line.startswith(str(tmp_path / name))]
    assert len(named) == 1, lines


@pytest.mark.parametrize(("name", "kind"), _cases(IN_THE_WAY))
def test_what_is_in_the_way_is_refused_until_it_is_moved(
    world: World, tmp_path: Path, name: str, kind: str
) -> None:
    said = check(world, tmp_path, "new", [Thing(name, kind)], ["sort"])
    assert re.fullmatch(rf"sort: {tmp_path / name} cannot be written \(is .*\): move away .*", said)
    (tmp_path / name).rename(tmp_path / "moved away")
    VERBS["sort"](tmp_path)
    assert sorted(tree(tmp_path / "out")) == sorted(world.targets)


def test_a_staging_folder_that_is_a_link_is_refused_also_by_a_rematch(
    world: World, tmp_path: Path
) -> None:
    """A disk that also holds other folders: they were deleted, with exit code 0."""
    said = check(world, tmp_path, "sorted", [Thing("hot/staging", "link to a folder")], ["rematch"])
    assert "staging cannot be written (is a link" in said


@pytest.mark.parametrize("kind", [*HARD_LINKS])
def test_the_other_name_of_a_file_has_its_permissions_afterwards(
    world: World, tmp_path: Path, kind: str
) -> None:
    said = check(world, tmp_path, "sorted", [Thing("hot/facesort.duckdb", kind)], ["status"])
    assert "facesort.duckdb" in said


def test_a_workspace_that_is_reached_by_a_link_is_the_users_wish(
    world: World, tmp_path: Path
) -> None:
    root = world.copy("new", tmp_path)
    root.rename(tmp_path / "other disk")
    root.symlink_to(tmp_path / "other disk", target_is_directory=True)
    VERBS["sort"](tmp_path)
    assert sorted(tree(tmp_path / "out")) == sorted(world.targets)
    assert list((root / "staging").iterdir()) == []


@pytest.mark.parametrize("folder", ["../x", "/x", "..", "a/../../x", "", "a\0b"])
def test_a_database_with_a_persons_folder_elsewhere_makes_nothing_there(
    world: World, tmp_path: Path, folder: str
) -> None:
    """Somebody sent it.  It is refused, and one that is as it should be again is sorted."""
    root = world.copy("new", tmp_path)
    folder = str(tmp_path / "x") if folder == "/x" else folder
    _set_folder(root, folder)
    before = set(tmp_path.iterdir())
    with pytest.raises(StoreError, match="is the folder of a person"):
        VERBS["sort"](tmp_path)
    assert set(tmp_path.iterdir()) == before
    assert tree(tmp_path / "out") == {}
    _set_folder(root, "Person 1")
    VERBS["sort"](tmp_path)
    assert sorted(tree(tmp_path / "out")) == sorted(world.targets)


def _set_folder(root: Path, folder: str) -> None:
    with duckdb.connect(str(root / "facesort.duckdb")) as connection:
        connection.execute("UPDATE person SET folder = ? WHERE name = 'Person 1'", [folder])
