"""The output in another place: accepted only when the user says so, and then everything goes on."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from synthetic_event import make_workspace, sort_in_threads, tree, write_photo

from facesort.engine.job.output import accept_output
from facesort.engine.job.repair import repair_output
from facesort.engine.setup import open_with_pack
from facesort.errors import FacesortError, OutputError, SettingsError, WorkspaceBusyError
from facesort.settings import load_settings, save_settings
from facesort.workspace import Workspace, open_workspace

REFUSED = r"holds none of the files.*Mount the right disk.*--accept-output DIR.*verify --repair"


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sorted event of three photos and four copies."""
    root = tmp_path_factory.mktemp("event")
    for number, people in enumerate(([1, 2], [1], [3])):
        write_photo(root / "source" / f"{number}.png", people, variation=40, shade=100 + number)
    sort_in_threads(*make_workspace(root, root / "source"))
    return root


@pytest.fixture
def workspace(prepared: Path, tmp_path: Path) -> Workspace:
    """A copy of the event, whose output is then no more where it was."""
    for name in ("hot", "source"):
        shutil.copytree(prepared / name, tmp_path / name)
    shutil.copytree(prepared / "out", tmp_path / "moved")
    toml = tmp_path / "hot" / "facesort.toml"
    places = {"sources": {"card-1": tmp_path / "source"}, "output": tmp_path / "out"}
    save_settings(load_settings(toml).model_copy(update=places), toml)
    toml.write_text("# mine\n" + toml.read_text())
    return open_workspace(tmp_path / "hot")


def sort(workspace: Workspace) -> None:
    sort_in_threads(*open_with_pack(workspace.root))


def add_photo(workspace: Workspace, name: str) -> None:
    write_photo(workspace.settings.sources["card-1"] / name, [1], variation=45, shade=len(name))


def output_of(workspace: Workspace) -> Path:
    return open_workspace(workspace.root).settings.output


@pytest.mark.parametrize("there", [False, True])
def test_a_folder_that_moved_is_refused_until_it_is_accepted(
    workspace: Workspace, tmp_path: Path, there: bool
) -> None:
    if there:  # a mount point
        (tmp_path / "out").mkdir()
    with pytest.raises(OutputError, match=REFUSED):
        sort(workspace)

    result = accept_output(workspace, tmp_path / "moved")

    assert (result.verified, result.passed) == (4, True)
    assert output_of(workspace) == tmp_path / "moved"
    assert "# mine" in (workspace.root / "facesort.toml").read_text()
    add_photo(workspace, "new.png")
    sort(workspace)
    assert len(tree(tmp_path / "moved")) == 5


def test_a_copy_of_it_is_accepted_and_says_what_is_not_as_it_was(
    workspace: Workspace, tmp_path: Path
) -> None:
    clone = tmp_path / "clone"
    shutil.copytree(tmp_path / "moved", clone)
    first, second, *_ = sorted(clone.rglob("*.jpg"))
    first.unlink()
    second.write_bytes(b"half")

    result = accept_output(workspace, clone)

    assert result.verified == 2
    assert result.missing == (first.relative_to(clone).as_posix(),)
    assert result.changed == (second.relative_to(clone).as_posix(),)
    assert second.read_bytes() == b"half"
    assert repair_output(*open_with_pack(workspace.root)).repaired == result.missing


def test_an_empty_one_is_accepted_and_the_job_goes_on_with_or_without_a_repair(
    workspace: Workspace, tmp_path: Path
) -> None:
    new = tmp_path / "new"
    (new / "lost+found").mkdir(parents=True)
    (new / ".DS_Store").touch()
    with pytest.raises(OutputError, match=REFUSED):
        sort(workspace)

    result = accept_output(workspace, new)

    assert (result.verified, len(result.missing), result.found_nothing) == (0, 4, True)
    sort(workspace)  # nothing new: it is still empty, and stays accepted
    add_photo(workspace, "new.png")
    sort(workspace)
    (workspace.state / "output.json").unlink()
    sort(workspace)  # now it is recognised by what is in it
    assert len(tree(new)) == 2, "a new copy and the .DS_Store"
    assert repair_output(*open_with_pack(workspace.root)).result.verified == 5
    assert tree(new).items() >= tree(tmp_path / "moved").items()


def test_that_an_empty_one_was_accepted_holds_for_that_folder_alone(
    workspace: Workspace, tmp_path: Path
) -> None:
    new = tmp_path / "new"
    new.mkdir()
    accept_output(workspace, new)
    new.rename(tmp_path / "unplugged")
    (tmp_path / "in between").mkdir()  # or the next would get the same number
    new.mkdir()
    with pytest.raises(OutputError, match=REFUSED):
        sort(workspace)
    assert list(new.iterdir()) == []
    new.rmdir()
    (tmp_path / "unplugged").rename(new)
    sort(workspace)


def test_once_the_old_one_is_back_an_emptied_folder_is_refused_again(
    workspace: Workspace, tmp_path: Path
) -> None:
    new = tmp_path / "new"
    new.mkdir()
    accept_output(workspace, new)
    accept_output(workspace, tmp_path / "moved")
    accept = workspace.state / "output.json"
    assert not accept.exists()


@pytest.mark.parametrize(
    "mark", ["", "[", "null", "{}", '{"path": 1, "device": 2, "inode": 3}', "[" * 100_000]
)
def test_a_mark_that_is_damaged_accepts_nothing(workspace: Workspace, mark: str) -> None:
    (workspace.state / "output.json").write_text(mark)
    with pytest.raises(OutputError, match=REFUSED):
        sort(workspace)


@pytest.mark.skipif(os.name == "nt", reason="links of POSIX")
def test_a_mark_is_not_read_through_a_link(workspace: Workspace, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    accept_output(workspace, tmp_path / "out")
    mark = workspace.state / "output.json"
    assert json.loads(mark.read_text())["path"] == str(tmp_path / "out")
    mark.rename(tmp_path / "elsewhere.json")
    mark.symlink_to(tmp_path / "elsewhere.json")
    with pytest.raises(OutputError, match=REFUSED):
        sort(workspace)


def missing(root: Path) -> Path:
    return root / "nowhere"


def a_file(root: Path) -> Path:
    (root / "file").touch()
    return root / "file"


def of_others(root: Path) -> Path:
    (root / "others" / "day").mkdir(parents=True)
    (root / "others" / "day" / "holiday.jpg").touch()
    return root / "others"


def all_changed(root: Path) -> Path:
    shutil.copytree(root / "moved", root / "changed")
    for path in (root / "changed").rglob("*.jpg"):
        path.write_bytes(b"other")
    return root / "changed"


def in_the_source(root: Path) -> Path:
    (root / "source" / "sorted").mkdir()
    return root / "source" / "sorted"


def in_the_workspace(root: Path) -> Path:
    return root / "hot" / "staging"


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (missing, OutputError, "is not a folder: plug in the disk or make the folder"),
        (a_file, OutputError, "is not a folder"),
        (of_others, OutputError, "holds files, but none of the 4 that were written"),
        (all_changed, OutputError, "holds files, but none of the 4 that were written"),
        (in_the_source, SettingsError, "lies inside source"),
        (in_the_workspace, SettingsError, "lies inside workspace"),
    ],
)
def test_what_cannot_be_the_output_is_refused_and_nothing_changes(
    workspace: Workspace,
    tmp_path: Path,
    make: Callable[[Path], Path],
    error: type[FacesortError],
    words: str,
) -> None:
    before = tree(tmp_path)
    folder = make(tmp_path)
    added = tree(folder)
    with pytest.raises(error, match=words):
        accept_output(workspace, folder)
    assert tree(folder) == added
    assert tree(tmp_path).items() >= before.items() - {
        ("hot/sort.lock", before.get("hot/sort.lock"))
    }
    assert output_of(workspace) == tmp_path / "out"


def test_while_a_sort_is_running_nothing_is_accepted(workspace: Workspace, tmp_path: Path) -> None:
    with workspace.sorting_lock(), pytest.raises(WorkspaceBusyError):
        accept_output(workspace, tmp_path / "moved")
    assert output_of(workspace) == tmp_path / "out"
