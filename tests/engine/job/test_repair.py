"""What is missing in the output is written again, with the bytes that were there; what is there is never touched."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from disks import mounted, needs_mount
from mortals import Mortal
from synthetic_event import make_workspace, sort_in_threads, tree, write_photo

from facesort.engine.gallery.persons import merge_persons, remove_person, set_delivery
from facesort.engine.job.output import accept_output
from facesort.engine.job.repair import Repair, Watch, repair_output
from facesort.engine.job.sort import run_rematch
from facesort.engine.privacy.forget import forget
from facesort.engine.review import answers as review
from facesort.engine.setup import open_with_pack
from facesort.errors import OutputError, WorkspaceBusyError
from facesort.settings import load_settings, save_settings
from facesort.store.queries.delivery.commit_log import LoggedWrite
from facesort.workspace import Workspace, open_workspace

Bytes = dict[str, bytes]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sorted event of six photos and nine copies."""
    root = tmp_path_factory.mktemp("event")
    for number, people in enumerate(([1, 2], [1], [2], [3], [1, 3, 4], [4])):
        write_photo(root / "source" / f"{number}.png", people, variation=40, shade=100 + number)
    sort_in_threads(*make_workspace(root, root / "source"))
    return root


@pytest.fixture
def workspace(prepared: Path, tmp_path: Path) -> Workspace:
    """A copy of the event: workspace, source and output."""
    for name in ("hot", "source", "out"):
        shutil.copytree(prepared / name, tmp_path / name)
    toml = tmp_path / "hot" / "facesort.toml"
    places = {"sources": {"card-1": tmp_path / "source"}, "output": tmp_path / "out"}
    save_settings(load_settings(toml).model_copy(update=places), toml)
    return open_workspace(tmp_path / "hot")


def repair(workspace: Workspace) -> Repair:
    with ThreadPoolExecutor(2) as executor:
        return repair_output(*open_with_pack(workspace.root), executor)


def copies(workspace: Workspace, pattern: str = "*/*.jpg") -> list[Path]:
    return sorted(workspace.settings.output.glob(pattern))


def marks(workspace: Workspace) -> dict[str, tuple[int, int]]:
    """What changes with every write to a file."""
    return {str(path): (path.stat().st_ino, path.stat().st_mtime_ns) for path in copies(workspace)}


def test_nothing_is_missing_and_nothing_is_done(workspace: Workspace) -> None:
    before = marks(workspace)
    done = repair(workspace)
    assert (done.result.verified, done.repaired, done.failed) == (9, (), {})
    assert done.result.passed
    assert marks(workspace) == before


@pytest.mark.parametrize("lost", ["Person 1/0_*.jpg", "*/4_*.jpg", "Person 3/*.jpg", "*/[1-5]_*"])
def test_what_is_missing_is_written_again(workspace: Workspace, lost: str) -> None:
    before = tree(workspace.settings.output)
    gone = copies(workspace, lost)
    for path in gone:
        path.unlink()
    for folder in workspace.settings.output.iterdir():
        if not any(folder.iterdir()):
            folder.rmdir()
    kept = marks(workspace)

    done = repair(workspace)

    assert {workspace.settings.output / target for target in done.repaired} == set(gone)
    assert (done.result.verified, done.failed) == (9, {})
    assert tree(workspace.settings.output) == before
    assert kept.items() <= marks(workspace).items()
    assert list(workspace.staging.iterdir()) == []
    assert repair(workspace).repaired == ()


def test_without_the_source_another_copy_will_do_and_what_has_none_is_told(
    workspace: Workspace,
) -> None:
    (shared, alone) = copies(workspace, "Person 1/[01]_*.jpg")
    shared.unlink()
    alone.unlink()
    workspace.settings.sources["card-1"].rename(workspace.root / "away")

    done = repair(workspace)

    assert done.repaired == (f"Person 1/{shared.name}",)
    assert done.result.missing == (f"Person 1/{alone.name}",)
    why = f"the source {workspace.settings.sources['card-1']} is not there"
    assert done.failed == {f"Person 1/{alone.name}": why}
    assert not alone.exists()

    (workspace.root / "away").rename(workspace.settings.sources["card-1"])
    assert repair(workspace).repaired == (f"Person 1/{alone.name}",)


def test_a_photo_that_is_another_now_is_not_written(workspace: Workspace) -> None:
    (lost,) = copies(workspace, "Person 2/2_*.jpg")
    lost.unlink()
    write_photo(workspace.settings.sources["card-1"] / "2.png", [2], variation=41)

    done = repair(workspace)

    assert done.repaired == ()
    assert "render_changed" in done.failed[f"Person 2/{lost.name}"]
    assert not lost.exists()


def test_what_is_changed_is_never_replaced_until_the_user_moves_it_away(
    workspace: Workspace,
) -> None:
    (changed,) = copies(workspace, "Person 2/2_*.jpg")
    right = changed.read_bytes()
    changed.write_bytes(b"edited")
    (folder,) = copies(workspace, "Person 2/0_*.jpg")
    folder.unlink()
    folder.mkdir()
    before = marks(workspace)

    done = repair(workspace)

    assert marks(workspace) == before
    assert done.result.changed == (f"Person 2/{changed.name}",)
    assert list(done.result.unreadable) == [f"Person 2/{folder.name}"]
    assert not done.result.passed

    changed.rename(workspace.root / "edited.jpg")
    folder.rmdir()
    assert repair(workspace).result.passed
    assert changed.read_bytes() == right


def test_what_is_no_longer_right_is_not_put_back(workspace: Workspace) -> None:
    """The user has deleted the copies that `corrections.csv` lists: of one rejected, one withheld, one forgotten."""
    with workspace.open_store() as store:
        (face,) = store.rows(
            "SELECT face_id FROM face JOIN place USING (photo_id) WHERE path = '2.png'"
        )
    review.answer_faces(workspace, {face[0]: "Person 2"}, "no")
    set_delivery(workspace, "Person 4", False)
    forget(workspace, "Person 3")
    for path in copies(workspace):
        path.unlink()
    accept_output(workspace, workspace.settings.output)

    done = repair(workspace)

    back = {target.split("_")[0] for target in done.repaired}
    assert back == {"Person 1/0", "Person 2/0", "Person 1/1"}
    assert {target.split("_")[0] for target in done.result.removed} == {
        "Person 2/2", "Person 3/3", "Person 1/4", "Person 3/4", "Person 4/4", "Person 4/5",
    }  # fmt: skip
    assert done.result.passed

    set_delivery(workspace, "Person 4", True)
    again = {target.split("_")[0] for target in repair(workspace).repaired}
    assert again == {"Person 1/4", "Person 4/4", "Person 4/5"}


def test_what_becomes_wrong_while_the_output_is_read_is_not_put_back(workspace: Workspace) -> None:
    """Reading takes long, and others may review meanwhile."""
    for path in copies(workspace, "*/[45]_*"):
        path.unlink()
    edits = [lambda: set_delivery(workspace, "Person 4", False)]

    def edit_once(writes: Sequence[LoggedWrite]) -> Sequence[LoggedWrite]:
        if edits:
            edits.pop()()
        return writes

    done = repair_output(*open_with_pack(workspace.root), watch=Watch(copies=edit_once))
    assert (done.repaired, len(done.result.removed), done.result.passed) == ((), 4, True)
    assert copies(workspace, "*/[45]_*") == []


@pytest.mark.parametrize(
    "edit", [remove_person, lambda w, name: merge_persons(w, name, "Person 1")]
)
def test_copies_of_somebody_who_left_are_not_put_back(
    workspace: Workspace, edit: Callable[[Workspace, str], object]
) -> None:
    edit(workspace, "Person 3")
    (lost,) = copies(workspace, "Person 3/3_*.jpg")
    lost.unlink()
    done = repair(workspace)
    assert (done.result.removed, done.repaired) == ((f"Person 3/{lost.name}",), ())
    assert done.result.passed


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL")
@pytest.mark.parametrize(
    ("point", "passing"),
    [
        ("before_copy", 1),
        ("after_copy", 1),
        ("after_copy", 5),
        ("after_rename", 4),
        ("after_rename", 8),
    ],
)
def test_killed_and_run_again_it_ends_as_if_it_had_not_been(
    workspace: Workspace, point: str, passing: int, mortal: Mortal
) -> None:
    before = tree(workspace.settings.output)
    for path in copies(workspace)[:8]:
        path.unlink()
    assert mortal.act(workspace.root, do="repair", die=[point, passing]) == -signal.SIGKILL

    assert repair(workspace).result.passed
    assert tree(workspace.settings.output) == before, "no temporary file is left"


def test_it_waits_for_nobody(workspace: Workspace) -> None:
    with workspace.sorting_lock(), pytest.raises(WorkspaceBusyError, match="is being sorted by"):
        repair(workspace)


def test_an_output_that_may_be_another_folder_is_not_filled(workspace: Workspace) -> None:
    shutil.rmtree(workspace.settings.output)
    for there in (False, True):
        with pytest.raises(OutputError, match=r"holds none of the files.*--accept-output DIR"):
            repair(workspace)
        assert workspace.settings.output.is_dir() == there
        workspace.settings.output.mkdir(exist_ok=True)
    assert list(workspace.settings.output.iterdir()) == []


@needs_mount
def test_on_a_full_disk_it_says_so_and_goes_on_when_there_is_room(workspace: Workspace) -> None:
    output = workspace.settings.output
    before = tree(output)
    size = max(path.stat().st_size for path in copies(workspace))
    shutil.rmtree(output)
    output.mkdir()
    with mounted(output, f"size={3 * size}"):
        accept_output(workspace, output)
        with pytest.raises(OutputError, match=r"No space left.*free some space.*command again"):
            repair(workspace)
        subprocess.run(["mount", "-o", "remount,size=100m", output], check=True)
        assert repair(workspace).result.passed
        assert tree(output) == before


def test_a_rematch_after_it_finds_nothing_to_do(workspace: Workspace) -> None:
    for path in copies(workspace, "*/4_*.jpg"):
        path.unlink()
    repair(workspace)
    before = marks(workspace)
    _, report = run_rematch(*open_with_pack(workspace.root))
    assert report.files == 0
    assert marks(workspace) == before
