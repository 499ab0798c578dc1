"""Only their owner can read a workspace and its backups, whatever the umask."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import pytest
from private_event import sorted_event

from facesort.engine.privacy.backup import backup
from facesort.engine.privacy.forget import forget
from facesort.engine.privacy.restore import restore
from facesort.workspace import open_workspace


def open_to_others(*roots: Path) -> dict[str, str]:
    paths = [path for root in roots for path in (root, *root.rglob("*"))]
    modes = {str(path): path.lstat().st_mode for path in paths}
    return {path: stat.filemode(mode) for path, mode in modes.items() if mode & 0o077}


@pytest.mark.skipif(sys.platform == "win32", reason="no modes there")
@pytest.mark.parametrize("umask", [0, 0o022])
def test_every_file_of_a_workspace_is_its_owner_s_alone(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        workspace, _ = sorted_event(tmp_path)
        with workspace.sorting_lock():
            assert open_to_others(workspace.root) == {}
        backup(workspace, tmp_path / "saved")
        restore(tmp_path / "saved", tmp_path / "restored")
        forget(workspace, "Ada")
        assert open_to_others(workspace.root, tmp_path / "saved", tmp_path / "restored") == {}
        for path in (workspace.root, *workspace.root.rglob("*")):
            path.chmod(0o777 if path.is_dir() else 0o666)  # by another program
        open_workspace(workspace.root)
        assert not {"hot", "facesort.duckdb"} & {
            Path(path).name for path in open_to_others(workspace.root)
        }
    finally:
        os.umask(before)
