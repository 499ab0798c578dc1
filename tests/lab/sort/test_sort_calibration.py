"""03_sort says which calibration it runs on, and whether that still holds."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from pathlib import Path

import pytest
from synthetic_event import add_references, make_gallery

from facesort.core.persons.matching import Thresholds
from facesort.engine.calibration.calibrate import run_calibration
from facesort.engine.calibration.in_force import apply_calibration
from facesort.faces.protocol import ModelPack
from facesort.lab import sort
from facesort.workspace import Workspace

Gallery = tuple[Workspace, ModelPack]


@pytest.fixture
def gallery(tmp_path: Path) -> Gallery:
    return make_gallery(tmp_path, {identity: [30, 60] for identity in (1, 2, 3)})


def applied(gallery: Gallery, by_hand: Thresholds | None = None) -> str:
    """Apply a calibration; gives its id."""
    calibration = run_calibration(*gallery, datetime(2026, 10, 1, tzinfo=UTC)).calibration
    apply_calibration(gallery[0], calibration, by_hand)
    return calibration.calibration_id


def rows(workspace: Workspace, **overrides: object) -> dict[object, tuple[object, ...]]:
    table = sort.open_sort(workspace.root, **overrides).table()
    return {row[0]: tuple(row[1:]) for row in table.rows}


def test_no_calibration_is_said(gallery: Gallery, caplog: pytest.LogCaptureFixture) -> None:
    assert rows(gallery[0])["Calibration"][0] == "none"
    assert caplog.records == []


def test_the_calibration_is_named_with_its_data(
    gallery: Gallery, caplog: pytest.LogCaptureFixture
) -> None:
    name = applied(gallery)
    shown = rows(gallery[0], loose=1.1)
    assert shown["Calibration"][0] == f"{name} of 2026-10-01"
    assert "6 references of 3 persons" in str(shown["Calibration"][1])
    assert shown["STRICT"] == ("0.80", f"calibration {name}")
    assert shown["LOOSE"] == ("1.10", "parameter of this run")
    assert caplog.records == []


def test_thresholds_chosen_by_hand_are_called_that(gallery: Gallery) -> None:
    name = applied(gallery, Thresholds(0.7, 0.9, 0.05))
    assert rows(gallery[0])["LOOSE"] == ("0.90", f"calibration {name}, chosen by hand")


def test_thresholds_written_since_are_called_that(gallery: Gallery) -> None:
    applied(gallery, Thresholds(0.8, 0.9, 0.05))
    file = gallery[0].root / "facesort.toml"
    matching, _, rest = file.read_text().partition("[calibration]")
    file.write_text(matching.replace("loose = 0.9", "loose = 1.05") + "[calibration]" + rest)
    shown = rows(gallery[0])
    assert shown["LOOSE"] == ("1.05", "facesort.toml, changed since the calibration")
    assert str(shown["STRICT"][1]).startswith("calibration ")


def test_a_gallery_that_changed_since_is_warned_of(
    gallery: Gallery, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    applied(gallery)
    add_references(*gallery, tmp_path, {4: [30]})
    with caplog.at_level(logging.WARNING):
        shown = rows(gallery[0])
    assert "OUT OF DATE: the gallery has changed since" in str(shown["Calibration"][0])
    assert "facesort calibrate" in caplog.text


def test_a_database_in_use_does_not_hide_why(gallery: Gallery) -> None:
    applied(gallery)
    gallery[0].database.write_bytes(b"")
    gallery[0].database.unlink()
    assert "is not known" in str(rows(gallery[0])["Calibration"][0])
