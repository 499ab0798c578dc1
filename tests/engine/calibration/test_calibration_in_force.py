"""A calibration that was applied: what the settings say about it, and when it no longer holds."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from synthetic_event import add_references, make_gallery

from facesort.core.calibration import Basis, Calibration
from facesort.core.persons.matching import Thresholds
from facesort.engine.calibration.calibrate import run_calibration
from facesort.engine.calibration.in_force import (
    apply_calibration,
    changes_since,
    moved_since,
    take_back,
)
from facesort.engine.gallery.persons import rename_person
from facesort.engine.rules import rules_of
from facesort.errors import SettingsError
from facesort.faces.protocol import ModelPack
from facesort.settings import load_settings
from facesort.store.job.runs import start_run
from facesort.workspace import Workspace, open_workspace

DATE = datetime(2026, 10, 1, tzinfo=UTC)


@pytest.fixture
def seeded(tmp_path: Path) -> tuple[Workspace, ModelPack]:
    return make_gallery(tmp_path, {identity: [30, 60] for identity in (1, 2, 3)})


@pytest.fixture
def calibration(seeded: tuple[Workspace, ModelPack]) -> Calibration:
    return run_calibration(*seeded, DATE).calibration


def changed(workspace: Workspace, pack: ModelPack) -> tuple[str, ...]:
    with workspace.open_store(read_only=True) as store:
        return changes_since(workspace, pack, store)


def moved(workspace: Workspace, pack: ModelPack) -> tuple[str, ...]:
    with workspace.open_store(read_only=True) as store:
        return moved_since(workspace, pack, store)


def test_nothing_applied_is_nothing_to_check(seeded: tuple[Workspace, ModelPack]) -> None:
    assert seeded[0].settings.calibration is None
    assert changed(*seeded) == ()


def test_what_is_applied_is_in_the_settings_with_where_it_comes_from(
    seeded: tuple[Workspace, ModelPack], calibration: Calibration
) -> None:
    workspace, pack = seeded
    file = workspace.root / "facesort.toml"
    text = file.read_text().replace("learn = true", "learn = false  # while we look")
    file.write_text(text)  # after the workspace was opened

    saved = apply_calibration(workspace, calibration)

    assert saved == load_settings(file)
    assert "while we look" in file.read_text()
    thresholds = calibration.thresholds
    assert saved.matching == workspace.settings.matching.model_copy(
        update={"strict": thresholds.strict, "learn": False}
    )  # three people say nothing about LOOSE: a sort finds it from the event's own faces
    record = saved.calibration
    assert record is not None
    assert (record.id, record.date) == (calibration.calibration_id, "2026-10-01T00:00:00+00:00")
    assert (record.pack_id, record.gallery) == (pack.pack_id, calibration.gallery)
    assert record.persons == 3
    assert record.data.startswith("6 references of 3 persons; too few people for STRICT, ")
    assert (record.strict, record.loose) == (thresholds.strict, None)
    assert not record.by_hand


def test_a_loose_that_nothing_measured_replaces_no_other(
    seeded: tuple[Workspace, ModelPack], calibration: Calibration
) -> None:
    workspace, pack = seeded
    apply_calibration(workspace, calibration, Thresholds(0.7, 0.9, 0.05))
    set_by_hand = open_workspace(workspace.root)
    assert rules_of(set_by_hand.settings, pack).loose_is_given

    saved = apply_calibration(set_by_hand, calibration)

    assert saved.matching.loose is None
    assert not rules_of(saved, pack).loose_is_given
    assert saved == apply_calibration(set_by_hand, calibration, calibration.thresholds)


def test_a_loose_that_was_measured_is_stored(
    seeded: tuple[Workspace, ModelPack], calibration: Calibration
) -> None:
    suggestion = calibration.suggestion
    measured = replace(suggestion, loose=replace(suggestion.loose, basis=Basis.DATA))
    saved = apply_calibration(seeded[0], replace(calibration, suggestion=measured))
    assert saved.calibration is not None
    assert saved.matching.loose == saved.calibration.loose == calibration.thresholds.loose


def test_what_was_applied_is_taken_back(
    seeded: tuple[Workspace, ModelPack], calibration: Calibration
) -> None:
    file = seeded[0].root / "facesort.toml"
    before = load_settings(file)
    apply_calibration(seeded[0], calibration, Thresholds(0.7, 0.9, 0.05))
    file.write_text(file.read_text().replace("learn = true", "learn = false"))

    saved = take_back(seeded[0], before)

    assert saved == load_settings(file)
    assert saved.calibration is None
    assert saved.matching == before.matching.model_copy(update={"learn": False})


def test_thresholds_chosen_by_hand_are_recorded_as_that(
    seeded: tuple[Workspace, ModelPack], calibration: Calibration
) -> None:
    chosen = Thresholds(0.61, 0.92, 0.05)
    record = apply_calibration(seeded[0], calibration, chosen).calibration
    assert record is not None
    assert (record.strict, record.loose, record.by_hand) == (0.61, 0.92, True)
    assert record.data == "6 references of 3 persons"  # nobody recommends these
    again = apply_calibration(seeded[0], calibration, calibration.thresholds).calibration
    assert again is not None
    assert not again.by_hand


def test_a_lowered_threshold_is_recorded_as_that(
    seeded: tuple[Workspace, ModelPack], calibration: Calibration
) -> None:
    suggestion = calibration.suggestion
    lowered = replace(suggestion, loose=replace(suggestion.loose, basis=Basis.LOWERED))
    record = apply_calibration(seeded[0], replace(calibration, suggestion=lowered)).calibration
    assert record is not None
    assert record.data.endswith(
        "too few people for LOOSE, which is below every error that was seen"
    )


def test_settings_that_have_become_invalid_are_left_alone(
    seeded: tuple[Workspace, ModelPack], calibration: Calibration
) -> None:
    file = seeded[0].root / "facesort.toml"
    file.write_text(file.read_text() + "\n[matchin]\n")
    before = file.read_bytes()
    with pytest.raises(SettingsError, match="matchin"):
        apply_calibration(seeded[0], calibration)
    assert file.read_bytes() == before


def test_thresholds_that_a_pack_changed_since_the_last_sort_are_told(
    seeded: tuple[Workspace, ModelPack],
) -> None:
    workspace, pack = seeded
    assert moved(workspace, pack) == ()  # nothing was sorted
    settings = workspace.settings.model_dump(mode="json")
    settings["matching"] |= {"strict": pack.strict, "loose": pack.loose}
    with workspace.open_store() as store:
        start_run(store, version="1", pack_name="p", pack_id=pack.pack_id, settings=settings)
    assert moved(workspace, pack) == ()

    measured = replace(pack, strict=0.5, loose=0.6, measured_on="100 people")
    assert moved(workspace, measured) == ("STRICT 0.80 -> 0.50", "LOOSE 1.00 -> 0.60")

    matching = workspace.settings.matching.model_copy(update={"strict": 0.4, "loose": 1.0})
    own = workspace.settings.model_copy(update={"matching": matching})
    assert moved(replace(workspace, settings=own), measured) == ()


def test_a_calibration_is_out_of_date_when_the_margin_changed(
    seeded: tuple[Workspace, ModelPack], calibration: Calibration
) -> None:
    apply_calibration(seeded[0], calibration)
    workspace, pack = open_workspace(seeded[0].root), seeded[1]
    matching = workspace.settings.matching.model_copy(update={"margin": 0.0})
    settings = workspace.settings.model_copy(update={"matching": matching})

    (change,) = changed(replace(workspace, settings=settings), pack)

    assert "a margin of 0.05 to the runner-up, which is 0.0 now" in change


def test_a_calibration_is_out_of_date_when_references_or_the_pack_changed(
    seeded: tuple[Workspace, ModelPack], calibration: Calibration, tmp_path: Path
) -> None:
    apply_calibration(seeded[0], calibration)
    workspace, pack = open_workspace(seeded[0].root), seeded[1]
    assert changed(workspace, pack) == ()

    rename_person(workspace, "Person 1", "Ada")  # a name decides nothing
    assert changed(workspace, pack) == ()

    add_references(workspace, pack, tmp_path, {4: [30]})
    (change,) = changed(workspace, pack)
    assert change == "the gallery has changed since (3 persons then, 4 now)"

    (change,) = changed(workspace, replace(pack, pack_id="f" * 64))
    assert change.startswith("it was made with another model pack (")
