"""Model packs as the pages show them: all of their files are hashed, and not for every page."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from facesort.faces.packs.files import synthetic_pack
from facesort.serve.operator import packs as module
from facesort.serve.operator.packs import Packs


def test_packs_are_looked_at_again_when_a_file_of_one_has_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[object] = []
    find = module.find_packs
    monkeypatch.setattr(module, "find_packs", lambda roots: looked.append(roots) or find(roots))
    monkeypatch.setenv("FACESORT_PACKS", str(tmp_path))
    packs = Packs(tmp_path / "workspace", synthetic_pack())
    for _ in range(3):
        assert "synthetic" in packs.names()
    assert len(looked) == 1
    model = tmp_path / "new" / "detector.onnx"
    model.parent.mkdir()
    model.write_bytes(b"one")
    packs.names()
    packs.names()
    assert len(looked) == 2
    known = model.stat()
    model.write_bytes(b"two")
    os.utime(model, ns=(known.st_atime_ns, known.st_mtime_ns))
    packs.names()
    assert len(looked) == 3
