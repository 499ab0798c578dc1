from __future__ import annotations

import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, strategies as st
from insightface.utils.face_align import arcface_dst, estimate_norm

from facesort.errors import PackError
from facesort.faces.engines.insightface_engine import missing_library, similarity
from facesort.faces.packs.find import resolve_pack

OFFSETS = st.lists(st.floats(-8, 8), min_size=10, max_size=10)


@given(OFFSETS, st.floats(0.2, 30), st.floats(-3.1, 3.1), st.floats(-100, 4000))
def test_alignment_is_insightfaces(
    offsets: list[float], scale: float, angle: float, shift: float
) -> None:
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    points = (arcface_dst + np.array(offsets).reshape(5, 2)) @ turn.T * scale + shift
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # theirs warns with each call
        theirs = estimate_norm(points)
    ours = similarity(points, arcface_dst)
    corners = np.array([[0, 0, 1], [112 * scale, 0, 1], [shift, shift, 1]])
    np.testing.assert_allclose(corners @ ours.T, corners @ theirs.T, atol=1e-3, rtol=1e-6)


@pytest.mark.parametrize(
    ("message", "advice"),
    [
        ("No module named 'insightface'", "pip install insightface"),
        ("libGL.so.1: cannot open shared object file", "apt install libgl1 libglib2.0-0"),
        ("libgthread-2.0.so.0: cannot open shared object file", "apt install libgl1"),
    ],
)
def test_a_missing_library_is_explained(message: str, advice: str) -> None:
    assert advice in str(missing_library(ImportError(message)))


def test_importing_the_packs_imports_no_engine() -> None:
    code = (
        "import sys, facesort.faces.packs.find, facesort.faces.engines.load;"
        "print(sorted({'cv2', 'dlib', 'insightface', 'onnx', 'onnxruntime'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout.strip(), done.stderr) == ("[]", "")


def test_importing_the_engine_prints_nothing() -> None:
    code = "import facesort.faces.engines.insightface_engine"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True
    )
    assert (done.stdout, done.stderr) == ("", "")


@pytest.mark.models
def test_known_weights_keep_their_thresholds_under_any_name(assets: Path, tmp_path: Path) -> None:
    (tmp_path / "renamed").symlink_to(assets / "models" / "mbf128")
    original = resolve_pack("mbf128", [assets / "models"])
    renamed = resolve_pack("renamed", [tmp_path])
    assert (renamed.pack_id, renamed.strict, renamed.loose) == (
        original.pack_id,
        original.strict,
        original.loose,
    )
    assert original.calibrated
    assert "non-commercial" in original.licence  # the detector is InsightFace's


@pytest.mark.models
def test_a_detector_alone_is_no_pack(assets: Path) -> None:
    with pytest.raises(PackError, match=r"scrfd_2\.5g has no recogniser"):
        resolve_pack("scrfd_2.5g", [assets / "models"])
