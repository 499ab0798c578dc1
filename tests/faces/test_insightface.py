from __future__ import annotations

import subprocess
import sys
import warnings
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, strategies as st
from insightface.utils.face_align import arcface_dst, estimate_norm

from facesort.errors import PackError
from facesort.faces.analysis import find_faces
from facesort.faces.engines.alignment import similarity, template
from facesort.faces.engines.insightface_models import missing_library
from facesort.faces.engines.load import load_engine
from facesort.faces.packs.find import resolve_pack
from facesort.images import load_photo
from facesort.pixels import Pyramid, turned

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
    code = "import facesort.faces.engines.insightface_models"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True
    )
    assert (done.stdout, done.stderr) == ("", "")


def test_the_template_is_insightfaces() -> None:
    np.testing.assert_array_equal(template(112), arcface_dst, strict=True)


def test_the_engine_loads_no_more_of_insightface_than_it_uses() -> None:
    """The rest takes a third of the start of a worker; whoever wants it still gets all of it."""
    code = (
        "import sys, facesort.faces.engines.insightface_models as engine;"
        "print(sorted({'insightface', 'requests', 'scipy', 'skimage'} & set(sys.modules)));"
        "import insightface.app, inspect;"
        "from insightface.model_zoo import ArcFaceONNX, SCRFD;"
        "print([inspect.getsource(o) == inspect.getsource(t) and inspect.getfile(o) == inspect.getfile(t)"
        " for o, t in ((engine.SCRFD, SCRFD), (engine.ArcFaceONNX, ArcFaceONNX))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["[]", "[True, True]"]


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


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_a_real_face_is_recognised_however_its_photo_lies(assets: Path, turn: int) -> None:
    """As it lies it is found too, but with the eyes where the mouth is, and so far from itself as a stranger."""
    engine = load_engine(resolve_pack(str(assets / "models/mbf128"), []), threads=1)
    photo = assets / "photos/deepface/img1.jpg"
    pixels = load_photo(photo.read_bytes(), photo.name, max_megapixels=50).pixels
    upright = engine.embed(engine.align(pixels, engine.detect(pixels)))[0]
    lying = np.ascontiguousarray(np.rot90(pixels, turn // 90))
    (face,) = find_faces(engine, Pyramid(lying), scale=1.0, crop=lambda *_: b"", told=True)
    assert face.turn == turn
    assert np.linalg.norm(face.embedding - upright) < 0.4
    seen = engine.detect(lying)
    plain = engine.embed(engine.align(lying, seen))
    assert not len(seen) or np.linalg.norm(plain - upright, axis=1).min() > 0.7


@pytest.mark.parametrize("turn", [0, 90, 180])
def test_halves_and_turns_of_them_give_the_same_bits(
    assets: Path, monkeypatch: pytest.MonkeyPatch, turn: int
) -> None:
    engine = load_engine(resolve_pack(str(assets / "models/mbf128"), []), threads=1)
    photo = assets / "photos/deepface/img1.jpg"
    pixels = load_photo(photo.read_bytes(), photo.name, max_megapixels=50).pixels
    large = turned(cv2.resize(pixels, (2400, 1800)), turn)

    def found() -> list[tuple[object, ...]]:
        faces = find_faces(engine, Pyramid(large), scale=1.0, crop=lambda *_: b"")
        return [(*f.box, *f.landmarks.flat, f.score, f.turn, *f.embedding) for f in faces]

    by_halves = found()
    monkeypatch.setattr(type(engine.detector), "edge", None)  # type: ignore[attr-defined]
    assert by_halves
    assert by_halves == found()


def test_a_quick_look_does_not_enlarge(assets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = load_engine(resolve_pack(str(assets / "models/mbf128"), []), threads=1)
    sizes = []
    detect = engine.detector._scrfd.detect  # type: ignore[attr-defined]

    def recorded(
        image: np.ndarray, *, input_size: list[tuple[int, int]], det_thresh: float
    ) -> object:
        sizes.append(input_size)
        return detect(image, input_size=input_size, det_thresh=det_thresh)

    monkeypatch.setattr(engine.detector._scrfd, "detect", recorded)  # type: ignore[attr-defined]
    pixels = np.full((2000, 3000, 3), 90, np.uint8)
    find_faces(engine, Pyramid(pixels), scale=2.0, crop=lambda *_: b"", told=True)
    whole, *turned = sizes
    assert whole == [(128, 96), (640, 448)]
    assert sorted(turned) == [[(192, 256)], [(192, 256)], [(256, 192)]]
