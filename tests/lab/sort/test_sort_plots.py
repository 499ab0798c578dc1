from __future__ import annotations

import warnings

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from facesort.core.persons.matching import Thresholds
from facesort.lab.shared.plots import chart
from facesort.lab.sort.plots import plot_distances, plot_person_files, plot_rate
from facesort.reasons import Outcome

STRANGE_NAMES = {
    "$x_": 3,
    "a$b^$": 2,
    "<b>&amp;": 1,
    "名前": 0,
    "": 4,
    "n" * 300: 5,
    "two\nlines": 6,
}


def floats(*values: float) -> NDArray[np.float32]:
    return np.array(values, dtype=np.float32)


def only_axes(figure: Figure) -> Axes:
    (axes,) = figure.axes
    return axes


def pixels_of(figure: Figure) -> NDArray[np.uint8]:
    canvas = FigureCanvasAgg(figure)
    with warnings.catch_warnings(action="ignore"):  # fonts that are not installed
        canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3]


@pytest.mark.parametrize(
    ("strict", "loose", "unknown"),
    [
        (floats(), floats(), floats(1.3)),
        (floats(0.5), floats(), floats()),
        (floats(0.1, 0.55, 0.5), floats(0.81, 0.99), floats(1.2, 1.2, 1.2, 2.0)),
        (floats(0.0), floats(0.8), floats(0.8, 2.0)),
    ],
)
def test_every_face_is_in_the_histogram_once(
    strict: NDArray[np.float32], loose: NDArray[np.float32], unknown: NDArray[np.float32]
) -> None:
    distances = {Outcome.STRICT: strict, Outcome.LOOSE: loose, Outcome.UNKNOWN: unknown}

    axes = only_axes(chart(lambda ax: plot_distances(ax, distances, Thresholds(0.8, 1.0, 0.05))))

    drawn = [sum(bar.get_height() for bar in container) for container in axes.containers]
    assert drawn == [len(strict), len(loose), len(unknown)]


def test_the_thresholds_are_drawn_where_they_are_and_on_edges_of_bins() -> None:
    distances = dict.fromkeys(Outcome, floats(0.7, 0.9))

    axes = only_axes(chart(lambda ax: plot_distances(ax, distances, Thresholds(0.8, 0.975, 0.05))))

    assert [line.get_xdata()[0] for line in axes.lines] == [0.8, 0.975]
    assert [text.get_text() for text in axes.texts] == ["STRICT 0.80", "LOOSE 0.97"]
    edges = np.array([bar.get_x() for bar in axes.containers[0]])
    assert np.abs(edges - 0.8).min() < 1e-9
    assert np.abs(edges - 0.975).min() < 1e-9
    low, high = axes.get_xlim()
    assert low < 0.7
    assert high > 0.975


def test_the_rate_of_each_batch_is_its_photos_over_its_time() -> None:
    axes = only_axes(chart(lambda ax: plot_rate(ax, [0.0, 10.0, 15.0], [50, 50])))

    values, edges, _ = axes.patches[0].get_data()
    assert list(values) == [5, 10]
    assert list(edges) == [0, 10, 15]
    assert axes.get_legend().get_texts()[1].get_text() == "mean 6.67"
    assert "seconds" in axes.get_xlabel()


@pytest.mark.parametrize(
    ("edges", "unit", "last"),
    [
        ([0.0, 0.0], "seconds", 0.001),
        ([0.0, 299.0], "seconds", 299.0),
        ([0.0, 600.0], "minutes", 10.0),
    ],
)
def test_the_time_axis_suits_the_run(edges: list[float], unit: str, last: float) -> None:
    axes = only_axes(chart(lambda ax: plot_rate(ax, edges, [1])))

    assert unit in axes.get_xlabel()
    assert axes.get_xlim() == (0.0, last)


def test_names_are_text_and_never_formulas() -> None:
    figure = chart(lambda ax: plot_person_files(ax, STRANGE_NAMES))

    axes = only_axes(figure)
    assert [bar.get_width() for bar in axes.containers[0]] == list(STRANGE_NAMES.values())
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert labels[:2] == ["$x_", "a$b^$"]
    assert labels[-1] == "two lines"
    assert pixels_of(figure).std() > 0


def test_a_person_without_files_is_shown() -> None:
    axes = only_axes(chart(lambda ax: plot_person_files(ax, {"Ada": 0})))

    assert [text.get_text() for text in axes.texts] == ["0"]
    assert axes.get_xlim()[1] > 0
