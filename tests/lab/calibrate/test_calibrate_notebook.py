"""02_calibrate: what it shows, what follows the thresholds, and what a run saves."""

from __future__ import annotations

import html
import io
import json
import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pytest
from IPython.display import HTML, Markdown
from matplotlib.axes import Axes
from matplotlib.backend_bases import MouseEvent
from matplotlib.figure import Figure
from synthetic_event import make_gallery, write_photo

from facesort.core.persons.matching import Thresholds
from facesort.core.text.words import share
from facesort.errors import FacesortError, InsufficientTrialsError, SettingsError
from facesort.lab import calibrate
from facesort.lab.calibrate.curves import plot_curves
from facesort.lab.calibrate.histogram import Group, ThresholdMark, plot_groups
from facesort.lab.calibrate.panels import ApplyPanel, Controls
from facesort.lab.calibrate.session import CalibrationSession
from facesort.lab.calibrate.source_cells import faces_between
from facesort.lab.calibrate.written import write_calibration
from facesort.lab.run.launch import launch
from facesort.lab.shared.colours import BLUE, GREY
from facesort.lab.shared.plots import Plot
from facesort.lab.shared.tables import Table
from facesort.lab.shared.words import decimals
from facesort.settings import load_settings, save_settings
from facesort.workspace import Workspace, open_workspace


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> CalibrationSession:
    """Four persons with three references each, and eight photos of two of six people; read-only."""
    folder = tmp_path_factory.mktemp("event")
    made, _ = make_gallery(folder, {identity: [30, 60, 120] for identity in range(1, 5)})
    for number in range(8):
        people = [1 + number % 6, 1 + (number + 3) % 6]
        path = folder / "source" / f"{number}.jpg"
        write_photo(path, people, variation=160, shade=90 + number)
    session = calibrate.open_calibration(made.root, executor=ThreadPoolExecutor(1))
    calibrate.look_at_source(session, photos=200, seed=0)
    return session


@pytest.fixture
def workspace(opened: CalibrationSession, tmp_path: Path) -> Workspace:
    """A copy with its own source."""
    for name in ("hot", "source"):
        shutil.copytree(opened.workspace.root.parent / name, tmp_path / name)
    file = tmp_path / "hot" / "facesort.toml"
    file.write_text(file.read_text().replace(str(opened.workspace.root.parent), str(tmp_path)))
    return open_workspace(tmp_path / "hot")


@pytest.fixture
def session(opened: CalibrationSession, workspace: Workspace) -> CalibrationSession:
    session = CalibrationSession(workspace, opened.pack, opened.run, opened.calibration.thresholds)
    session.sample = opened.sample
    return session


# --- the notebook -----------------------------------------------------------------------------


def test_the_notebook_shows_everything_and_leaves_a_calibration(
    workspace: Workspace, tmp_path: Path
) -> None:
    given = {"workspace": str(workspace.root), "strict": 0.3, "loose": 0.9, "apply": True}
    given |= {"contact_sheet": 8}

    saved = launch("02_calibrate", given, runs=tmp_path / "runs", job="x", echo=io.StringIO())

    cells = nbformat.read(saved, 4).cells
    outputs = {c.source.split("(")[0]: c.outputs for c in cells if c.get("outputs")}
    assert [o for shown in outputs.values() for o in shown if o.output_type == "error"] == []
    for question in ("distances", "curves", "crowd", "forecast", "between"):
        (shown,) = outputs[f"calibrate.show_{question}"]
        assert "data:image/svg+xml" in shown.data["text/html"], question
    for question in ("suggestion", "rates"):
        (shown,) = outputs[f"calibrate.show_{question}"]
        assert "<table" in shown.data["text/html"], question
    assert "chosen by hand" in outputs["calibrate.show_controls"][0].data["text/markdown"]
    assert "the next sort uses them" in outputs["calibrate.show_apply"][0].data["text/html"]
    found = write_calibration(saved)
    assert json.loads((saved.parent / "calibration.json").read_text()) == found
    assert found["counts"]["persons"] == 4
    assert found["chosen"] | {"rates": None} == {
        "strict": 0.3, "loose": 0.9, "by_hand": True, "applied": True, "loose_stored": 0.9, "rates": None,
    }  # fmt: skip
    assert found["chosen"]["rates"]["fpir"]["trials"] == 12
    assert found["forecast"]["drops"]["photos"] == 8
    assert "Person" not in json.dumps(found)
    settings = load_settings(workspace.root / "facesort.toml")
    assert (settings.matching.strict, settings.matching.loose) == (0.3, 0.9)
    assert settings.calibration is not None
    assert settings.calibration.id == found["calibration_id"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"strict": 1.2, "loose": 1.0}, "strict <= loose"),
        ({"loose": 3.0}, "<= 2"),
        ({"margin": 0.1}, "has no threshold margin"),
        ({"fpir": 0.0}, "target for fpir"),
        ({"labelled": "nowhere"}, "is not a folder"),
    ],
)
def test_what_is_not_valid_is_refused(
    workspace: Workspace, given: dict[str, Any], message: str
) -> None:
    with pytest.raises(FacesortError, match=message):
        calibrate.open_calibration(workspace.root, **given)


def test_too_little_is_refused(workspace: Workspace) -> None:
    with workspace.open_store() as store:
        store.execute("DELETE FROM reference WHERE person_id > 1")
        store.execute("DELETE FROM person WHERE person_id > 1")
    with pytest.raises(InsufficientTrialsError, match="the gallery has one person"):
        calibrate.open_calibration(workspace.root)


# --- tables and texts -------------------------------------------------------------------------


def test_the_suggestion_says_what_is_missing(session: CalibrationSession) -> None:
    table = calibrate.show_suggestion(session)
    assert [row[:3] for row in table.rows] == [
        ("STRICT", "0.80", "0.80"),
        ("LOOSE", "of the event", "1.00"),
    ]
    assert "recommendation stays: 4 people cannot support" in str(table.rows[1][3])
    assert "LOOSE at 1 % takes 99 people, and there are 4" in table.note


def test_enough_people_are_not_missing(workspace: Workspace) -> None:
    enough = calibrate.open_calibration(workspace.root, fpir=0.3, wrong_learning=0.25)
    assert "Nothing is missing" in calibrate.show_suggestion(enough).note


def test_possible_duplicates_are_named(workspace: Workspace, tmp_path: Path) -> None:
    labelled = tmp_path / "labelled"
    write_photo(labelled / "person_1" / "a.png", [1], variation=100)  # in the gallery as "Person 1"
    write_photo(labelled / "Person 2" / "b.png", [2], variation=100)
    write_photo(labelled / "Stranger" / "c.png", [9], variation=100)
    session = calibrate.open_calibration(
        workspace.root, labelled=labelled, executor=ThreadPoolExecutor(1)
    )
    assert [(a.name, a.person) for a in session.possible_duplicates] == [("person_1", "Person 1")]
    note = calibrate.show_suggestion(session).note
    assert note.startswith("Check these names first")
    assert "person_1 and Person 1 (0." in note
    assert session.record()["look_alikes"] == 1


def test_a_good_gallery_has_no_possible_duplicates(session: CalibrationSession) -> None:
    assert session.possible_duplicates == ()
    assert "Check these names" not in calibrate.show_suggestion(session).note


def test_rates_follow_the_thresholds(session: CalibrationSession) -> None:
    def counted() -> list[str]:
        table = calibrate.show_rates(session).content()
        assert isinstance(table, Table)
        return [str(row[3]) for row in table.rows]

    assert counted() == ["0 of 12", "0 of 12", "0 of 36", "0 of 12", "0 of 12"]
    session.move(strict=0.0, loose=0.1)
    assert counted() == ["0 of 12", "12 of 12", "0 of 36", "12 of 12", "0 of 12"]
    session.move(loose=2.0)
    assert counted()[0] == "12 of 12"
    assert session.point.thresholds == session.thresholds


@pytest.mark.parametrize(
    ("start", "move", "expected"),
    [
        ((0.8, 1.0), {}, (0.8, 1.0)),
        ((0.8, 1.0), {"strict": 0.5}, (0.5, 1.0)),
        ((0.8, 1.0), {"strict": 1.5}, (1.0, 1.0)),
        ((0.8, 1.0), {"loose": 0.5}, (0.8, 0.8)),
        ((0.8, 1.0), {"strict": 1.2, "loose": 1.4}, (1.2, 1.4)),
    ],
)
def test_no_threshold_passes_the_other(
    session: CalibrationSession,
    start: tuple[float, float],
    move: dict[str, float],
    expected: tuple[float, float],
) -> None:
    told: list[Thresholds] = []
    session.follow("test", lambda: told.append(session.thresholds))
    session.move(strict=start[0], loose=start[1])
    told.clear()
    session.move(**move)
    assert (session.thresholds.strict, session.thresholds.loose) == expected
    assert told == ([session.thresholds] if expected != start else [])


def test_the_forecast_and_the_faces_between_are_of_one_sample(session: CalibrationSession) -> None:
    session.move(strict=0.0, loose=2.0)
    faces, number = faces_between(session, 3)
    assert (len(faces), number) == (3, 16), "every face has a name, and none is learned"
    distances = [face.distance or 0.0 for face in faces]
    assert distances == sorted(distances, reverse=True)
    assert all(face.crop and face.reference_crop for face in faces)
    session.move(loose=0.01)
    assert faces_between(session, 3) == ([], 0)
    forecast = session.forecast()
    assert forecast is not None
    assert forecast.drops(0.01).dropped == 8


def test_the_forecast_says_what_groups_do_with_and_without_a_loose(
    session: CalibrationSession,
) -> None:
    def said() -> str:
        shown = calibrate.show_forecast(session).content()
        assert isinstance(shown, Plot)
        return str(shown.alt)

    assert "Groups of faces end at this LOOSE too." in said()
    assert "the event (1.00, the pack's, as the sample has too few faces): 0." in said()
    event = session.record()["event"]
    assert (event["decided_by"], event["loose"]) == ("too_few", 1.0)
    assert event["drops"]["dropped"] == 0
    assert session.sample is not None
    session.sample = replace(session.sample, photos_in_all=300)
    assert "too: all 300 photos find more than these 8.\nSo fewer may be dropped" in said()

    session.apply()  # four people do not measure a LOOSE: it stays the event's

    assert "left to the event" in said()

    session.move(loose=0.95)
    session.apply()

    assert "left to the event" not in said()
    assert session.record()["event"] is None
    assert calibrate.show_suggestion(session).rows[1][1] == "0.95"


def test_what_a_crowd_says_comes_with_its_test(session: CalibrationSession) -> None:
    """Eight photos with a pair each are few: that nothing is found says little."""
    shown = calibrate.show_crowd(session).content()
    assert isinstance(shown, Plot)
    assert str(shown.alt).startswith("Too few pairs to tell whether the people of this event")
    assert "of 8 pairs in photos" in str(shown.alt) and "95 % interval" in str(shown.alt)
    assert session.record()["crowd"]["sentence"] in str(shown.alt)


def test_without_groups_the_forecast_is_of_faces_alone(workspace: Workspace) -> None:
    file = workspace.root / "facesort.toml"
    matching = workspace.settings.matching.model_copy(update={"groups": False})
    save_settings(workspace.settings.model_copy(update={"matching": matching}), file)
    session = calibrate.open_calibration(workspace.root, executor=ThreadPoolExecutor(1))
    calibrate.look_at_source(session, photos=200, seed=0)

    shown = calibrate.show_forecast(session).content()

    assert isinstance(shown, Plot)
    assert "roups" not in str(shown.alt)
    assert session.record()["event"] is None
    assert calibrate.show_suggestion(session).rows[1][1] == "1.00"


def test_one_reference_each_leaves_out_what_is_not_known(tmp_path: Path) -> None:
    made, _ = make_gallery(tmp_path, {identity: [30] for identity in range(1, 5)})
    session = calibrate.open_calibration(made.root, executor=ThreadPoolExecutor(1))

    table = calibrate.show_rates(session).content()
    assert isinstance(table, Table)
    assert [row[2] for row in table.rows] == ["0 %", "not known", "0 %", "not known", "0 %"]
    assert "(FNIR, FNMR) is not known: 0 persons" in table.note
    assert "(FNIR, FNMR) is not known" in calibrate.show_suggestion(session).note
    (ax,) = calibrate.show_distances(session).canvas.figure.axes
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels == ["different people (12)", "a stranger and the nearest person (4)"]
    (only,) = plot_curves(session.curves, session.point, 0.01).axes
    assert only.get_ylabel() == "FPIR: strangers given a name"
    shown = calibrate.show_curves(session).content()
    assert isinstance(shown, Plot)
    assert shown.alt.startswith("4 people can show rates of 1 in 4 and above, which is no curve")


@pytest.mark.parametrize("photos", [0, 5])
def test_without_photos_the_rest_still_works(workspace: Workspace, photos: int) -> None:
    for path in workspace.settings.sources["card-1"].iterdir():
        path.unlink()
    session = calibrate.open_calibration(workspace.root, executor=ThreadPoolExecutor(1))
    said = calibrate.look_at_source(session, photos=photos, seed=0)
    assert ("is empty: check the folder" if photos else "`sample` is 0") in unescape(said.data)
    for show in (calibrate.show_crowd, calibrate.show_forecast):
        assert isinstance(show(session).content(), Markdown)
    assert isinstance(calibrate.show_between(session, limit=24).content(), Markdown)
    assert session.record()["forecast"] is None
    assert session.record()["crowd"] is None


def test_the_analysis_has_a_progress_bar(
    workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    session = calibrate.open_calibration(workspace.root, executor=ThreadPoolExecutor(1))
    assert capsys.readouterr().out == ""
    calibrate.look_at_source(session, photos=3, seed=0)
    assert "3/3" in capsys.readouterr().out


def test_meaningless_numbers_are_refused(session: CalibrationSession) -> None:
    with pytest.raises(SettingsError, match="contact_sheet must be"):
        calibrate.show_between(session, limit=401)
    with pytest.raises(SettingsError, match="sample must be"):
        calibrate.look_at_source(session, photos=-1, seed=0)


def test_who_gains_and_loses_photos_is_said_with_a_total(session: CalibrationSession) -> None:
    def table() -> Table:
        shown = calibrate.show_what_if(session).content()
        assert isinstance(shown, Table)
        return shown

    assert [*map(tuple, table().rows)] == [("4 persons", 11, 11, 0, 0)], "as suggested"
    assert table().total == ("all persons", 11, 11, 0, 0)

    session.move(strict=0.0, loose=0.01)
    assert sorted(row[0] for row in table().rows) == [f"Person {n}" for n in range(1, 5)]
    assert table().total == ("all persons", 11, 0, 0, 11)
    assert "somebody is found in 8 now and in 0 then; the source has 8." in table().note

    session.apply()
    assert table().total == ("all persons", 0, 0, 0, 0)
    session.move(strict=0.8, loose=2.0)
    gained = table().total
    assert gained is not None and gained[1:] == (0, 16, 16, 0), "every face has a name"


def test_no_picture_of_a_face_unless_requested(session: CalibrationSession) -> None:
    shown = calibrate.show_between(session, limit=0).content()
    assert isinstance(shown, Markdown)
    assert "No pictures of faces" in str(shown.data)


# --- sliders and the button -------------------------------------------------------------------


def test_sliders_and_thresholds_follow_each_other(session: CalibrationSession) -> None:
    controls = Controls(session)
    controls.loose.value = 1.3
    assert session.thresholds.loose == 1.3
    assert "chosen by hand" in controls.message.value
    controls.strict.value = 1.9
    assert (session.thresholds.strict, controls.strict.value) == (1.3, 1.3)
    controls.suggested.click()
    assert session.thresholds == session.calibration.thresholds
    assert (controls.strict.value, controls.loose.value) == (0.8, 1.0)
    assert "as suggested" in controls.message.value


def test_the_button_stores_once(session: CalibrationSession) -> None:
    file = session.workspace.root / "facesort.toml"
    panel = ApplyPanel(session)
    session.move(loose=0.97)
    assert panel.button.description == "Apply STRICT 0.80, LOOSE 0.97"
    panel.button.click()
    assert panel.button.disabled
    assert load_settings(file).matching.loose == 0.97
    session.move(loose=0.9)
    assert not panel.button.disabled
    assert "These thresholds are not stored" in panel.message.value
    assert "replaces the event's own: groups of faces end there too." in html.unescape(
        panel.message.value
    )
    file.write_text("[")
    panel.button.click()
    assert "is not valid TOML" in panel.message.value


def test_what_is_applied_says_what_next_and_is_taken_back(session: CalibrationSession) -> None:
    file = session.workspace.root / "facesort.toml"
    before = load_settings(file)
    panel = ApplyPanel(session)
    assert panel.undo.disabled
    session.move(strict=0.61, loose=0.97)
    panel.button.click()
    assert f"STRICT 0.61, LOOSE 0.97 stored in {file}; the next sort uses them." in panel.text()
    assert "For photos that are sorted: `facesort rematch`." in panel.text()
    session.move(loose=0.9)
    panel.button.click()

    panel.undo.click()

    assert load_settings(file).matching.loose == 0.97
    assert "These thresholds are not stored" in panel.text()
    panel.undo.click()
    assert load_settings(file) == before
    assert panel.undo.disabled
    assert "Nothing is stored yet" in panel.text()


def test_a_loose_that_nothing_measured_is_left_to_the_event(session: CalibrationSession) -> None:
    panel = ApplyPanel(session)
    assert panel.button.description == "Apply STRICT 0.80, LOOSE of the event"
    panel.button.click()
    assert "LOOSE is not stored, because there were too few people to measure it." in panel.text()
    assert session.finds_loose
    assert session.record()["chosen"]["loose_stored"] is None


def test_nothing_is_stored_without_the_button(workspace: Workspace) -> None:
    before = (workspace.root / "facesort.toml").read_bytes()
    session = calibrate.open_calibration(workspace.root, executor=ThreadPoolExecutor(1))
    said = calibrate.show_apply(session, apply=False)
    assert isinstance(said, HTML)
    assert ">Nothing is stored yet. LOOSE is not stored, because there were too few" in said.data
    assert (workspace.root / "facesort.toml").read_bytes() == before


# --- charts -----------------------------------------------------------------------------------


def axes() -> Axes:
    return Figure().add_subplot()


def test_histograms_are_shares_of_each_kind() -> None:
    ax = axes()
    scores = np.array([0.5, 0.5, 0.6, np.inf], np.float32)
    groups = [Group("one", scores, BLUE, True), Group("none", scores[:0], GREY, False)]
    plot_groups(ax, groups, Thresholds(0.8, 1.0, 0.05))
    one, none = ax.patches[1], ax.patches[2]
    assert np.nansum(one.get_data().values) == pytest.approx(3 / 4)
    assert np.nansum(none.get_data().values) == 0
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels == ["one (4)", "none (0)"]
    assert [text.get_text() for text in ax.texts] == ["STRICT 0.80", "LOOSE 1.00"]


def test_a_chart_grows_with_its_thresholds() -> None:
    ax = axes()
    ax.set_xlim(0.5, 1.5)
    mark = ThresholdMark(ax, "LOOSE", 1.0)
    assert ax.get_xlim() == (0.5, 1.5)
    mark.move(1.9)
    assert ax.get_xlim() == (0.5, 2.0)
    assert mark.value == 1.9


def test_det_reaches_below_the_target(session: CalibrationSession) -> None:
    figure = plot_curves(session.curves, session.point, 0.01)
    roc, det = figure.axes
    assert det.get_xlim()[0] < 0.01
    assert roc.get_xlim()[0] <= 1e-4
    assert len(session.curves.bands) <= 20


def test_pictures_say_what_they_show(session: CalibrationSession) -> None:
    session.move(strict=0.2)
    shows = [calibrate.show_curves, calibrate.show_crowd, calibrate.show_forecast]
    between = calibrate.show_between(session, limit=4)
    for live in [*(show(session) for show in shows), between]:
        shown = live.content()
        assert isinstance(shown, Plot)
        assert shown.width > 800
        assert re.search(r"\d", shown.alt), "with the numbers"
    assert isinstance(calibrate.show_data(session), Table)


def test_a_line_is_dragged_and_stops_at_the_other(session: CalibrationSession) -> None:
    chart = calibrate.show_distances(session)
    canvas, (ax,) = chart.canvas, chart.canvas.figure.axes
    canvas.figure.draw_without_rendering()

    def mouse(name: str, distance: float) -> None:
        x, y = ax.transData.transform((distance, np.mean(ax.get_ylim())))
        canvas.callbacks.process(name, MouseEvent(name, canvas, x, y, button=1))

    def drag(start: float, end: float, release: str = "button_release_event") -> None:
        mouse("button_press_event", start)
        mouse("motion_notify_event", end)
        mouse(release, end)

    for page, width in ((568, 560), (1400, 800)):
        chart.page.px = page
        assert canvas.get_width_height() == (width, 420), "no wider than the page, nor than it was"
        canvas.figure.draw_without_rendering()
        assert ax.bbox.width > 0.75 * width, "names of the groups stand above it, not beside"

    drag(0.5, 0.6)  # there is no line
    assert session.thresholds == Thresholds(0.8, 1.0, 0.05)
    drag(0.8, 0.6)
    assert session.thresholds.strict == pytest.approx(0.6, abs=2e-3)
    drag(1.0, 0.4)
    assert session.thresholds.loose == session.thresholds.strict
    session.move(loose=1.0)
    drag(1.0, 0.9, "figure_leave_event")  # the browser hears no release outside
    assert session.thresholds.loose == pytest.approx(0.9, abs=2e-3)
    mouse("motion_notify_event", 1.2)
    assert ax.texts[1].get_text() == f"LOOSE {decimals(session.thresholds.loose)}", "let go"
    session.move(strict=0.8, loose=1.0)
    assert [text.get_text() for text in ax.texts] == ["STRICT 0.80", "LOOSE 1.00"]
    data = chart._repr_mimebundle_()
    assert "data:image/svg+xml" in data["text/html"], "unattended"
    assert "the same person: 12 distances from 0.30 to 0.54" in data["text/plain"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0, "0 %"),
        (1, "100 %"),
        (0.1275, "12.8 %"),
        (0.01, "1 %"),
        (0.0040, "0.4 %"),
        (0.000031, "0.0031 %"),
        (1.2e-9, "0.00000012 %"),
    ],
)
def test_small_shares_keep_two_digits(value: float, expected: str) -> None:
    assert share(value) == expected
