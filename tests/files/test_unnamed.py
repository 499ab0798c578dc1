"""Arrays on a disk that nobody finds there."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path

import numpy as np
import pytest

from facesort.files import array_on_disk


def test_an_array_has_no_name_and_takes_its_room_at_once(tmp_path: Path) -> None:
    free = os.statvfs(tmp_path).f_bavail if sys.platform != "win32" else 0
    found = array_on_disk(tmp_path, 1000, 16384)
    assert found.shape == (1000, 16384)
    assert found.dtype == np.float32
    assert not found.any()
    found[:] = np.arange(16384)
    assert (found[7] == np.arange(16384)).all()
    if sys.platform != "win32":
        assert list(tmp_path.iterdir()) == []
        assert os.statvfs(tmp_path).f_bavail < free
    del found
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_told_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "")

    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(os, "posix_fallocate", full, raising=False)
    with pytest.raises(OSError, match=str(tmp_path)) as raised:
        array_on_disk(tmp_path, 10, 10)
    assert raised.value.errno == errno.ENOSPC


def test_where_room_cannot_be_asked_for_zeros_are_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(os, "posix_fallocate", pytest.fail, raising=False)
    assert not array_on_disk(tmp_path, 1000, 5000).any()
