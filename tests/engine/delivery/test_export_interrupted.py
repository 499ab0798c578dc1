"""An export that was interrupted goes on with the same command, and ends as if it had not been."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from disks import mounted, needs_mount
from synthetic_event import make_workspace, sort_in_threads, tree, write_photo

from facesort.engine.delivery import export_folder
from facesort.engine.delivery.export import ExportReport, export
from facesort.engine.delivery.export_files import ExportOptions
from facesort.engine.review import answers as review
from facesort.errors import OutputError
from facesort.faces.protocol import ModelPack
from facesort.workspace import Workspace

Job = tuple[Workspace, ModelPack]

ALL = ExportOptions(xmp=True, results="csv")
FILES = 13  # four copies, their sidecars, the index, three lists


class Killed(BaseException):
    """The process ends here."""


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> Job:
    """A sorted event of three photos with persons, and one of a stranger."""
    root = tmp_path_factory.mktemp("event")
    for number, people in enumerate(([1, 2], [1], [3], [500])):
        write_photo(root / "source" / f"{number}.png", people, variation=40, shade=100 + number)
    workspace, pack = make_workspace(root, root / "source")
    sort_in_threads(workspace, pack)
    return workspace, pack


@pytest.fixture(scope="module")
def whole(job: Job, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The same export without an interruption."""
    folder = tmp_path_factory.mktemp("whole") / "export"
    export_to(job, folder)
    files = tree(folder)
    assert len(files) == FILES
    return files


def export_to(job: Job, folder: Path, options: ExportOptions = ALL) -> ExportReport:
    with ThreadPoolExecutor(2) as executor:
        return export(*job, folder, options, executor)


def interrupt(
    job: Job,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    at: str,
    count: int,
    half: bool = False,
    options: ExportOptions = ALL,
) -> None:
    """Let an export die instead of its n-th call of a function, or with half a file written."""
    real, left = getattr(export_folder, at), count

    def call(*arguments: object, **named: object) -> object:
        nonlocal left
        left -= 1
        if left:
            return real(*arguments, **named)
        if half:
            path, data = arguments
            assert isinstance(path, Path)
            assert isinstance(data, bytes)
            path.write_bytes(data[: len(data) // 2])
        raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(export_folder, at, call)
        export_to(job, folder, options)


@pytest.mark.parametrize(
    ("at", "count", "half"),
    [("replace_json", 1, False), ("remove_own", FILES + 1, False), ("sync_folder", 1, False)]
    + [("sync_folder", 5, False)]
    + [("write_synced", n, n % 2 == 0) for n in range(1, FILES + 1)]
    + [("publish", n, False) for n in range(1, FILES + 1)],
)
def test_it_goes_on_from_everywhere(
    job: Job,
    whole: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    at: str,
    count: int,
    half: bool,
) -> None:
    folder = tmp_path / "export"
    interrupt(job, folder, monkeypatch, at, count, half)
    there = {path: path.stat().st_ino for path in folder.rglob("*.jpg") if path.name[0] != "."}

    report = export_to(job, folder)

    assert tree(folder) == whole
    assert (report.files, report.not_rendered) == (4, 0)
    assert there.items() <= {path: path.stat().st_ino for path in folder.rglob("*.jpg")}.items()


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL")
@pytest.mark.parametrize("count", [1, 6, FILES])
def test_killed_it_goes_on(job: Job, whole: dict[str, str], tmp_path: Path, count: int) -> None:
    folder = tmp_path / "export"
    program = Path(__file__).with_name("killed_export.py")
    command = [sys.executable, program, job[0].root, folder, str(count)]
    done = subprocess.run(command, check=False, capture_output=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert (folder / "_unfinished.json").is_file()
    assert not (folder / "_SHA256SUMS").exists()

    export_to(job, folder)

    assert tree(folder) == whole


def test_a_parquet_table_is_the_same_when_it_is_written_again(
    job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parquet = ExportOptions(results="parquet")
    interrupt(job, tmp_path / "export", monkeypatch, "publish", 9, options=parquet)
    assert (tmp_path / "export" / "_results.parquet").exists()
    export_to(job, tmp_path / "export", parquet)
    assert (tmp_path / "export" / "_SHA256SUMS").exists()


def test_hard_links_are_counted_also_when_they_were_there(
    job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, options = tmp_path / "export", ExportOptions(hard_links=True)
    with monkeypatch.context() as patch, pytest.raises(Killed):

        def no_more(*_: object) -> None:
            raise Killed

        patch.setattr(export_folder, "write_synced", no_more)  # the first file that is no link
        export_to(job, folder, options)
    report = export_to(job, folder, options)
    assert (report.files, report.linked) == (4, 4)


def changed(folder: Path) -> None:
    next(folder.rglob("0_*.jpg")).write_bytes(b"edited")


def changed_sidecar(folder: Path) -> None:
    next(folder.rglob("0_*.xmp")).write_bytes(b"edited")


def of_others(folder: Path) -> None:
    (folder / "Person 1" / "holiday.jpg").touch()


def half_of_others(folder: Path) -> None:
    (folder / ".holiday.jpg.facesort-part").touch()


def another_folder(folder: Path) -> None:
    (folder / "day" / "two").mkdir(parents=True)
    (folder / "day" / "two" / "notes.txt").touch()


def link_to_a_folder(folder: Path) -> None:
    (folder / "day").symlink_to(folder.parent)


def link_to_a_file(folder: Path) -> None:
    path = next(folder.rglob("0_*.jpg"))
    path.rename(folder.parent / "moved.jpg")
    path.symlink_to(folder.parent / "moved.jpg")


@pytest.mark.skipif(os.name == "nt", reason="links of POSIX")
@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (changed, r"0_.*\.jpg is not what this export writes"),
        (changed_sidecar, r"0_.*\.xmp is not what this export writes"),
        (of_others, r"holds Person 1/holiday\.jpg, which this export does not write"),
        (half_of_others, r"holds \.holiday\.jpg\.facesort-part, which"),
        (another_folder, r"holds day/two/notes\.txt, which"),
        (link_to_a_folder, r"holds day, which"),
        (link_to_a_file, r"is a link.*move away what is in its place"),
    ],
)
def test_what_is_not_of_this_export_is_refused_and_left_alone(
    job: Job,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    spoil: Callable[[Path], None],
    words: str,
) -> None:
    folder = tmp_path / "export"
    interrupt(job, folder, monkeypatch, "publish", FILES)
    spoil(folder)
    before = tree(folder)
    with pytest.raises(OutputError, match=words):
        export_to(job, folder)
    assert tree(folder) == before


def test_what_a_file_manager_leaves_does_not_stop_it(
    job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: dict[str, str]
) -> None:
    folder = tmp_path / "export"
    interrupt(job, folder, monkeypatch, "publish", 5)
    for name in (".DS_Store", "Thumbs.db", "Person 1/.DS_Store"):
        (folder / name).touch()
    export_to(job, folder)
    assert tree(folder).keys() - whole.keys() == {".DS_Store", "Thumbs.db", "Person 1/.DS_Store"}


def test_answers_that_changed_meanwhile_leave_no_copy_that_is_wrong_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_photo(tmp_path / "source" / "a.png", [1], variation=40)
    job = make_workspace(tmp_path, tmp_path / "source")
    sort_in_threads(*job)
    interrupt(job, tmp_path / "export", monkeypatch, "publish", 3)
    with job[0].open_store() as store:
        face = store.value("SELECT face_id FROM face")
    review.answer_faces(job[0], {face: "Person 1"}, "no")
    with pytest.raises(OutputError, match=r"holds Person 1/a_.*answers have changed since"):
        export_to(job, tmp_path / "export")


def test_a_copy_that_cannot_be_compared_is_not_left_out(
    job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its photo and its copy in the output are lost since."""
    for name in ("hot", "out", "source"):
        shutil.copytree(job[0].root.parent / name, tmp_path / name)
    places = {"output": tmp_path / "out", "sources": {"card-1": tmp_path / "source"}}
    mine = Workspace(tmp_path / "hot", job[0].settings.model_copy(update=places)), job[1]
    interrupt(mine, tmp_path / "export", monkeypatch, "publish", FILES)
    next((tmp_path / "out").rglob("1_*.jpg")).unlink()
    (tmp_path / "source" / "1.png").unlink()
    with pytest.raises(OutputError, match=r"1\.png was exported before.*plug in the source"):
        export_to(mine, tmp_path / "export")


def test_a_finished_export_is_not_touched(job: Job, tmp_path: Path) -> None:
    export_to(job, tmp_path / "export")
    before = tree(tmp_path / "export")
    with pytest.raises(OutputError, match=r"is not an empty folder, and not an export that was"):
        export_to(job, tmp_path / "export")
    assert tree(tmp_path / "export") == before


@needs_mount
def test_on_a_full_disk_it_says_so_and_goes_on_when_there_is_room(
    job: Job, tmp_path: Path, whole: dict[str, str]
) -> None:
    folder = tmp_path / "disk"
    folder.mkdir()
    with mounted(folder, "size=32k"):
        with pytest.raises(OutputError, match=r"No space left.*free some space.*same command"):
            export_to(job, folder / "export")
        subprocess.run(["mount", "-o", "remount,size=100m", folder], check=True)
        export_to(job, folder / "export")
        assert tree(folder / "export") == whole
