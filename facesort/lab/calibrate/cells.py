"""What ``02_calibrate`` shows: the user's own distances, what thresholds do to them, and what a sort would give."""

from __future__ import annotations

import json
from concurrent.futures import Executor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import matplotlib as mpl
from IPython.display import Markdown
from ipywidgets import Widget
from matplotlib.figure import Figure

from facesort.core.calibration import Targets
from facesort.core.matching import Thresholds
from facesort.engine.calibration.calibrate import CalibrationOptions, run_calibration
from facesort.engine.setup import open_with_pack
from facesort.errors import SettingsError
from facesort.files import replace_json
from facesort.lab.calibrate.calibrating import Calibrating
from facesort.lab.calibrate.content import (
    between_picture,
    conclusion,
    crowd_picture,
    curves_picture,
    data_table,
    forecast_picture,
    no_sample,
    rates_table,
    suggestion_table,
)
from facesort.lab.calibrate.draggable import DraggableChart
from facesort.lab.calibrate.panel import ApplyPanel, Controls
from facesort.lab.calibrate.plots import Group, plot_groups
from facesort.lab.shared.face_pictures import face_limit
from facesort.lab.shared.front_end import is_interactive
from facesort.lab.shared.live import Live
from facesort.lab.shared.notebooks import find_folder
from facesort.lab.shared.plots import BLUE, GREY, ORANGE, style
from facesort.lab.shared.progress_bar import progress_bar
from facesort.lab.shared.tables import Table


def open_calibration(
    workspace: str | Path,
    *,
    labelled: str | Path | None = None,
    fpir: float = Targets().fpir,
    wrong_learning: float = Targets().wrong_learning,
    executor: Executor | None = None,
    **by_hand: float | None,
) -> Calibrating:
    """Calibrate a workspace; nothing is stored.

    Parameters
    ----------
    workspace : str or Path
    labelled : str or Path, optional
        A folder per person: persons of the gallery by their names, and strangers.
    fpir, wrong_learning : float
        Rates that are asked for, in (0, 1).
    executor : Executor, optional
        Where to analyse photos; processes on this machine by default.
    **by_hand
        ``strict``, ``loose``: thresholds to begin with; None: those suggested.

    Raises
    ------
    FacesortError
        As `run_calibration`.
    SettingsError
        If a rate or a threshold is not valid.
    """
    opened, pack = open_with_pack(find_folder(workspace))
    opened.open_store().close()  # brings an older database up to date
    folder = None if labelled is None else Path(str(labelled))
    with progress_bar() as on_photo:
        options = CalibrationOptions(folder, Targets(fpir, wrong_learning), executor, on_photo)
        run = run_calibration(opened, pack, datetime.now(UTC), options)
    start = run.calibration.thresholds
    given = {name: value for name, value in by_hand.items() if value is not None}
    try:
        thresholds = Thresholds(
            given.pop("strict", start.strict), given.pop("loose", start.loose), start.margin
        )
    except ValueError as error:
        raise SettingsError(str(error)) from error
    if given:
        raise SettingsError(f"a calibration has no threshold {', '.join(given)}")
    return Calibrating(opened, pack, run, thresholds, executor)


def show_data(desk: Calibrating) -> Table:
    """What there is to calibrate with."""
    return data_table(desk)


def show_suggestion(desk: Calibrating) -> Table:
    """Both thresholds: those in force, those suggested, and why."""
    return suggestion_table(desk)


def show_distances(desk: Calibrating) -> DraggableChart:
    """Distances of the same and of different people, with lines that can be dragged."""
    comparisons = desk.comparisons
    groups = (
        Group("the same person", comparisons.fnmr().scores, BLUE, True),
        Group("different people", comparisons.fmr().scores, GREY, True),
        Group("a stranger and the nearest person", comparisons.fpir().scores, ORANGE, False),
    )
    with mpl.rc_context(style()):
        figure = Figure(figsize=(8.0, 4.2), layout="constrained")
        marks = plot_groups(figure.add_subplot(), groups, desk.thresholds)
    text = "Histograms of distances between faces of the same and of different people, with STRICT and LOOSE"
    shown = DraggableChart(figure, marks, lambda name, value: _drag(desk, name, value), text)
    desk.follow("distances", lambda: shown.show(desk.thresholds.strict, desk.thresholds.loose))
    return shown


def _drag(desk: Calibrating, name: str, value: float) -> None:
    desk.move(**{name.lower(): value})


def show_controls(desk: Calibrating) -> Widget | Markdown:
    """Sliders for both thresholds; words in a run that nobody watches."""
    controls = Controls(desk)
    return controls.widget if is_interactive() else Markdown(controls.text())


def show_rates(desk: Calibrating) -> Live:
    """How often the sort would be wrong; follows the thresholds."""
    return desk.live("rates", lambda: rates_table(desk))


def show_curves(desk: Calibrating) -> Live:
    """ROC and DET with the operating point; follow the thresholds."""
    return desk.live("curves", lambda: curves_picture(desk), deferred=True)


def look_at_source(desk: Calibrating, *, photos: int, seed: int) -> Markdown:
    """Analyse a sample of the source, for what follows.

    Raises
    ------
    SettingsError
        If the number of photos is not a whole number from 0.
    """
    if not isinstance(photos, int) or photos < 0:
        raise SettingsError(f"sample must be a whole number from 0, got {photos!r}")
    desk.look(photos, seed)
    found = desk.sample
    if found is None:
        return no_sample(desk)
    faces = sum(len(analysis.faces) for analysis in found.analyses)
    failed = sum(analysis.failure is not None for analysis in found.analyses)
    return Markdown(
        f"{len(found.photos):,} of {found.photos_in_all:,} photos, spread evenly over the source: {faces:,} faces"
        + (f"; {failed:,} photos could not be read." if failed else ".")
    )


def show_crowd(desk: Calibrating) -> Live:
    """Whether the event's people are harder to tell apart than the seeds promise; follows the thresholds."""
    return desk.live("crowd", lambda: crowd_picture(desk), deferred=True)


def show_forecast(desk: Calibrating) -> Live:
    """What a sort of the whole source would give; follows the thresholds."""
    return desk.live("forecast", lambda: forecast_picture(desk), deferred=True)


def show_between(desk: Calibrating, *, limit: int | None) -> Live:
    """Faces of the sample between STRICT and LOOSE; follows the thresholds.

    Raises
    ------
    SettingsError
        As `face_limit`.
    """
    faces = face_limit(limit)
    return desk.live("between", lambda: between_picture(desk, faces), deferred=True)


def show_apply(desk: Calibrating, *, apply: bool) -> Widget | Markdown:
    """The button that stores the thresholds; already pressed if `apply`; words in a run that nobody watches.

    Raises
    ------
    SettingsError
        As `apply_calibration`.
    """
    panel = ApplyPanel(desk)
    if apply:
        desk.apply()
    return panel.widget if is_interactive() else Markdown(panel.text())


def conclude(desk: Calibrating) -> Live:
    """One sentence, with everything for programs behind it; follows the thresholds."""
    return desk.live("conclusion", lambda: conclusion(desk))


def write_calibration(notebook: Path) -> dict[str, Any]:
    """Write ``calibration.json`` beside an executed notebook, from its summary.

    Parameters
    ----------
    notebook : Path
        That `launch` gave.

    Returns
    -------
    dict
        What was written.
    """
    summary = json.loads(notebook.with_name("summary.json").read_text(encoding="utf-8"))
    found: dict[str, Any] = summary["calibration"]
    replace_json(notebook.with_name("calibration.json"), found)
    return found
