"""What the audit says about clocks and places."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from event_of_cameras import Event

from facesort.core.moments.clocks import CameraPhotos
from facesort.core.moments.offsets import parse_offset
from facesort.core.records import Position
from facesort.engine.setup import set_up
from facesort.lab import audit
from facesort.lab.audit.report import AuditReport
from facesort.lab.audit.tables import Sections
from facesort.lab.shared.tables import Table
from facesort.store.queries.audit.cameras import Camera, CameraClock

ONE, OTHER = ("card-1", "Canon EOS R5"), ("card-2", "NIKON D850")
NOON = datetime(2026, 5, 2, 12)
UNSAFE = "--camera NAME (put the NAME that `facesort source list` shows in quotes)"


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> AuditReport:
    root: Path = tmp_path_factory.mktemp("cameras")
    (root / "src").mkdir()
    workspace = set_up(root / "hot", [root / "src"], root / "out", "synthetic", [])[0]
    report = audit.open_audit(workspace.root, root / "runs")
    return replace(report, sources=[("card-1", 7, 7, 0, 0, 0, None, None, [])])


@pytest.fixture(scope="module")
def photos() -> list[CameraPhotos]:
    """The first camera is the one with most photos; the second's clock is 63 minutes ahead."""
    one, other = Event(shared=0.2).take(1, 3780.0)
    few = len(other.seconds) // 2
    return [one, CameraPhotos(other.seconds[:few], other.persons[:few])]


def clocks(
    report: AuditReport,
    photos: Sequence[CameraPhotos],
    keys: Sequence[Camera] = (ONE, OTHER),
    now: Sequence[int] = (0, 0),
) -> AuditReport:
    found = [CameraClock(*key, 900, 3, by) for key, by in zip(keys, now, strict=True)]
    return replace(report, clocks=found, sightings=dict(zip(keys, photos, strict=True)))


def said(report: AuditReport, heading: str) -> Table | str:
    shown = audit.show_sources(report)
    assert isinstance(shown, Sections)
    assert shown._repr_html_()
    return dict(shown.parts)[heading]


def table(report: AuditReport, heading: str = "Clocks") -> Table:
    shown = said(report, heading)
    assert isinstance(shown, Table)
    return shown


def column(shown: Table, name: str) -> list[object]:
    return [row[list(shown.columns).index(name)] for row in shown.rows]


def test_a_clock_that_is_wrong_is_told_with_the_command_that_sets_it(
    empty: AuditReport, photos: list[CameraPhotos]
) -> None:
    shown = table(clocks(empty, photos))

    assert column(shown, "Should be")[0] == "as it is"
    seconds = parse_offset(str(column(shown, "Should be")[1]))
    assert abs(seconds + 3780) <= 5
    assert column(shown, "How to set it") == [
        "",
        f"facesort source clock card-2 {column(shown, 'Should be')[1]}",
    ]
    assert "photos of card-1 (Canon EOS R5) show the same people within 30 s" in repr(shown)


@pytest.mark.parametrize("now", [(0, -3780), (3780, 0), (60, -3721)])
def test_clocks_that_agree_after_what_is_added_are_left_as_they_are(
    empty: AuditReport, photos: list[CameraPhotos], now: tuple[int, int]
) -> None:
    shown = table(clocks(empty, photos, now=now))

    assert column(shown, "Should be") == ["as it is", "as it is"]
    assert column(shown, "How to set it") == ["", ""]


def test_an_offset_that_should_not_be_there_is_taken_back(
    empty: AuditReport, photos: list[CameraPhotos]
) -> None:
    right = CameraPhotos(photos[1].seconds - 3780, photos[1].persons)

    shown = table(clocks(empty, [photos[0], right], now=(0, 3600)))

    assert column(shown, "How to set it") == ["", "facesort source clock card-2 0"]


@pytest.mark.parametrize(
    ("camera", "ends"),
    [
        ("NIKON D850", '--camera "NIKON D850"'),
        ("X-T5", "--camera X-T5"),
        ("", "Cameras without a name cannot be set apart from others of their source."),
        ('x" ; rm -rf ~ #', UNSAFE),
        ("$(reboot)", UNSAFE),
        ("%PATH%", UNSAFE),
        ("-y", UNSAFE),
        ("a\nb", UNSAFE),
    ],
)
def test_of_several_cameras_in_a_source_one_is_set_by_its_name_if_no_shell_can_misread_it(
    empty: AuditReport, photos: list[CameraPhotos], camera: str, ends: str
) -> None:
    report = clocks(empty, photos, (ONE, ("card-1", camera)))

    shown = table(report)

    assert str(column(shown, "How to set it")[1]).endswith(ends)


def test_without_common_moments_it_says_what_a_user_can_do(empty: AuditReport) -> None:
    shown = table(clocks(empty, Event(shared=0).take(1, 0.0)))

    assert column(shown, "Should be") == ["not known", "not known"]
    assert "facesort source clock NAME +1h3m" in shown.note


def test_one_camera_has_nothing_to_be_compared_with(
    empty: AuditReport, photos: list[CameraPhotos]
) -> None:
    one = clocks(empty, photos[:1], (ONE,), (0,))

    assert said(one, "Clocks") == "There is one camera, and nothing to compare its clock with."
    assert column(table(clocks(empty, photos[:1], (ONE,), (3600,))), "Added now") == ["+1h"]


def test_what_is_not_known_is_said_in_words(empty: AuditReport) -> None:
    assert said(empty, "Clocks") == "No photo has been decided yet."
    assert said(empty, "Places") == "No photo has a position."


def test_places_are_listed_with_time_and_altitude(empty: AuditReport) -> None:
    church = [(Position(48.13713, 11.57541, 519.2 + n), NOON + timedelta(minutes=n)) for n in (3, 0)]  # fmt: skip
    lake: list[tuple[Position, datetime | None]] = [(Position(-33.9, -18.4), None)]
    report = replace(empty, clocks=[CameraClock(*ONE, 7, 0, 0)], positions=[*lake, *church])

    shown = table(report, "Places")

    assert shown.rows == [
        ("48.1371, 11.5754", 2, "2026-05-02 12:00", "2026-05-02 12:03", "519 to 522 m"),
        ("-33.9000, -18.4000", 1, "not recorded", "not recorded", ""),
    ]
    assert shown.note.startswith("3 of 7 photos have a position.")


def test_a_long_list_of_places_stays_short_and_counts_all_photos(empty: AuditReport) -> None:
    everywhere = [(Position(n / 10, n / 10), NOON) for n in range(100)]

    shown = table(replace(empty, positions=everywhere), "Places")

    assert len(shown.rows) == 40
    assert shown.rows[-1][:2] == ("61 others", 61)
    assert sum(column(shown, "Photos")) == 100  # type: ignore[arg-type]
