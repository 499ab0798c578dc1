from __future__ import annotations

from pathlib import Path

from disks import mounted, needs_mount

from facesort.engine.sources.root_folder import RootFolder


def test_a_root_that_disappears_is_not_there(tmp_path: Path) -> None:
    folder = tmp_path / "root"
    folder.mkdir()
    root = RootFolder.of(folder)
    assert root.is_there()
    folder.rmdir()
    assert not root.is_there()
    folder.touch()
    assert not root.is_there()


def test_another_device_is_not_the_same_root(tmp_path: Path) -> None:
    stat = tmp_path.stat()
    assert RootFolder(tmp_path, stat.st_dev, stat.st_ino).is_there()
    assert not RootFolder(tmp_path, stat.st_dev + 1, stat.st_ino).is_there()
    assert not RootFolder(tmp_path, stat.st_dev, stat.st_ino + 1).is_there()


@needs_mount
def test_an_unmounted_root_is_not_there_although_its_mount_point_is(tmp_path: Path) -> None:
    with mounted(tmp_path, "size=64k"):
        root = RootFolder.of(tmp_path)
        assert root.is_there()
    assert tmp_path.is_dir()
    assert not root.is_there()


@needs_mount
def test_a_disk_that_is_mounted_over_a_root_is_not_the_root(tmp_path: Path) -> None:
    root = RootFolder.of(tmp_path)
    with mounted(tmp_path, "size=64k"):
        assert not root.is_there()
    assert root.is_there()
