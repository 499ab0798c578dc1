"""What a worker process keeps from one call to the next."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from facesort.engine.analysis import analyse
from facesort.engine.analysis.analyse import Analyser, engine_of
from facesort.faces.engines.load import load_engine
from facesort.faces.packs.files import synthetic_pack
from facesort.faces.protocol import FaceEngine, ModelPack
from facesort.settings import PhotoSettings


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[ModelPack]]:
    packs: list[ModelPack] = []

    def load(pack: ModelPack, **options: int) -> FaceEngine:
        packs.append(pack)
        return load_engine(pack, threads=options["threads"])

    monkeypatch.setattr(analyse, "load_engine", load)
    analyse._engine.cache_clear()
    yield packs
    analyse._engine.cache_clear()


def test_sorts_that_know_a_pack_by_other_names_and_thresholds_share_its_models(
    loaded: list[ModelPack],
) -> None:
    """Two on one worker loaded them again for each photo."""
    pack = synthetic_pack()
    known_otherwise = replace(pack, name="ours", strict=0.1, loose=0.2, measured_on="our photos")
    sorts = [Analyser({}, each, PhotoSettings()) for each in (pack, known_otherwise)]
    assert len({id(engine_of(sort)) for sort in sorts * 3}) == 1
    assert len(loaded) == 1


def test_other_models_are_other_engines_and_two_stay(loaded: list[ModelPack]) -> None:
    pack = synthetic_pack()
    other = replace(pack, detector=replace(pack.detector, sha256="0" * 64))
    sorts = [Analyser({}, each, PhotoSettings()) for each in (pack, other)]
    assert len({id(engine_of(sort)) for sort in sorts * 3}) == 2
    assert loaded == [pack, other]
