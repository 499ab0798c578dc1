"""A machine that would find anything else is refused, with what differs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from facesort.engine.analysis.analyse import Analyser
from facesort.engine.cluster.drawing import drawing
from facesort.engine.cluster.introduction import Introduction, introduce, why_refused
from facesort.faces.engines import synthetic
from facesort.faces.engines.load import load_engine
from facesort.faces.packs.files import synthetic_pack
from facesort.faces.packs.find import resolve_pack
from facesort.settings import PhotoSettings


@pytest.fixture(scope="module")
def ours() -> Introduction:
    return introduce(Analyser({}, synthetic_pack(), PhotoSettings()), [])


def test_the_same_machine_is_taken(ours: Introduction) -> None:
    again = introduce(Analyser({}, synthetic_pack(), PhotoSettings()), [])
    assert why_refused(ours, again, []) == ""


def test_one_whose_detector_differs_in_the_last_bit_is_refused(
    ours: Introduction, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = synthetic.SyntheticEngine.detect

    def other(*args: object, **options: object) -> object:
        seen = found(*args, **options)  # type: ignore[arg-type]
        corner = np.zeros((1, 4), np.float32)
        return replace(
            seen,
            boxes=np.nextafter(corner, np.float32(1)),
            landmarks=np.zeros((1, 5, 2), np.float32),
            scores=np.ones(1, np.float32),
        )

    monkeypatch.setattr(synthetic.SyntheticEngine, "detect", other)
    theirs = introduce(Analyser({}, synthetic_pack(), PhotoSettings()), [])

    assert "its processor finds other faces in a drawing" in why_refused(ours, theirs, [])


def test_one_that_computes_no_numbers_is_refused(ours: Introduction) -> None:
    theirs = replace(ours, embeddings=np.full_like(ours.embeddings, np.nan))

    assert "its processor computes other embeddings (by nan)" in why_refused(ours, theirs, [])


@pytest.mark.parametrize("pack", ["mbf128", "dlib"])
def test_the_drawing_has_a_face_for_the_detectors(pack: str, assets: Path) -> None:
    found = resolve_pack(pack, [assets / "models"])
    engine = load_engine(found, threads=1, backend="onnxruntime")
    for quick in (False, True):
        assert len(engine.detect(drawing(), quick=quick)) == 1
