from __future__ import annotations

import os
from pathlib import Path

import pytest
from disks import mounted, needs_mount, unprivileged

from facesort.engine.job.roots import check_output
from facesort.errors import OutputError

posix = pytest.mark.skipif(os.name == "nt", reason="POSIX names and permissions")


def test_the_first_time_the_output_is_made(tmp_path: Path) -> None:
    root = check_output(tmp_path / "a" / "b", [])
    assert root.path.is_dir()
    assert root.is_there()


@posix
def test_an_output_that_is_made_survives_a_power_cut(
    tmp_path: Path, synced: list[tuple[int, int, list[str]]]
) -> None:
    check_output(tmp_path / "a" / "b", [])
    assert (tmp_path.stat().st_ino, 0, ["a"]) in synced
    assert ((tmp_path / "a").stat().st_ino, 0, ["b"]) in synced


def test_an_output_that_is_there_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "foreign.txt").write_text("mine")
    check_output(tmp_path, [])
    assert [p.name for p in tmp_path.iterdir()] == ["foreign.txt"]


def test_an_unmounted_output_is_not_made_again(tmp_path: Path) -> None:
    root = tmp_path / "disk" / "sorted"
    for _ in range(2):
        with pytest.raises(OutputError, match=r"looks unmounted or emptied.*Mount the right disk"):
            check_output(root, ["Anna/a.jpg"])
        assert not root.exists(), "the internal disk must not take its place"
        root.parent.mkdir(exist_ok=True)


@pytest.mark.parametrize("name", ["a_123.jpg", "F\uefeate_123.jpg"])
def test_an_output_is_recognised_by_what_was_written(tmp_path: Path, name: str) -> None:
    """A byte of a source's name that is not UTF-8 is a private character in the output's."""
    (tmp_path / "Anna").mkdir()
    (tmp_path / "Anna" / name).touch()
    assert check_output(tmp_path, ["Ben/gone.jpg", f"Anna/{name}"]).is_there()


@pytest.mark.parametrize("below", [False, True])
def test_an_output_that_cannot_be_made_is_refused(tmp_path: Path, below: bool) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=r"cannot be created.*facesort\.toml"):
        check_output(tmp_path / "file" / "below" if below else tmp_path / "file", [])


def test_an_output_with_a_name_that_the_disk_cannot_hold_says_so(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"cannot be created.*change the folder"):
        check_output(tmp_path / ("x" * 300), [])


@posix
def test_an_output_that_must_not_be_written_is_refused() -> None:
    with unprivileged() as folder:
        folder.chmod(0o555)
        with pytest.raises(OutputError, match="is read-only"):
            check_output(folder, [])
        with pytest.raises(OutputError, match=r"cannot be created.*Permission denied"):
            check_output(folder / "below", [])
        folder.chmod(0o755)


@needs_mount
def test_an_output_on_a_read_only_disk_is_refused(tmp_path: Path) -> None:
    with mounted(tmp_path, "ro"), pytest.raises(OutputError, match="is read-only"):
        check_output(tmp_path, [])
