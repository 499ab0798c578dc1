"""What ``02_calibrate`` shows of distances and error rates."""

from __future__ import annotations

from functools import partial

import matplotlib as mpl
from matplotlib.figure import Figure

from facesort.core.calibration import Rate
from facesort.core.text.words import share
from facesort.lab.calibrate.curves import plot_curves, why_no_curve
from facesort.lab.calibrate.histogram import DraggableChart, Group, in_words, plot_groups
from facesort.lab.calibrate.session import CalibrationSession
from facesort.lab.shared.colours import BLUE, GREY, ORANGE
from facesort.lab.shared.plots import Plot, chart, picture, style
from facesort.lab.shared.session import Live
from facesort.lab.shared.tables import Table
from facesort.lab.shared.words import decimals


def show_distances(session: CalibrationSession) -> DraggableChart:
    """Distances between faces of the same and of different people; the threshold lines can be dragged."""
    there = _groups(session)
    with mpl.rc_context(style()):
        figure = Figure(figsize=(8.0, 4.2), layout="constrained")
        marks = plot_groups(figure.add_subplot(), there, session.thresholds)
    shown = DraggableChart(
        figure,
        marks,
        lambda name, value: session.move(**{name.lower(): value}),
        in_words(there, session.thresholds),
    )
    session.follow(
        "distances", lambda: shown.show(session.thresholds.strict, session.thresholds.loose)
    )
    return shown


def _groups(session: CalibrationSession) -> list[Group]:
    comparisons = session.comparisons
    groups = (
        Group("the same person", comparisons.fnmr().scores, BLUE, True),
        Group("different people", comparisons.fmr().scores, GREY, True),
        Group("a stranger and the nearest person", comparisons.fpir().scores, ORANGE, False),
    )
    return [group for group in groups if len(group.scores)]


def show_rates(session: CalibrationSession) -> Live:
    """How often a sort would be wrong; follows the thresholds."""

    def table() -> Table:
        point, now, persons = session.point, session.thresholds, session.comparisons.gallery
        rows: list[tuple[str, str, Rate | None, str]] = [
            (
                f"FPIR ({persons:,} persons)",
                "LOOSE",
                point.fpir,
                "strangers' faces given anybody's name",
            ),
            (
                f"FNIR ({persons:,} persons)",
                "LOOSE",
                point.fnir,
                "known people's faces not given theirs",
            ),
            ("FMR", "LOOSE", point.fmr, "comparisons with one other person that are accepted"),
            ("FNMR", "LOOSE", point.fnmr, "comparisons with the person that are refused"),
            (
                "wrong learning",
                "STRICT",
                point.wrong_learning,
                "strangers' faces learned for somebody",
            ),
        ]
        return Table(
            ("Rate", "At", "Value", "Counted", "95 % interval", "What it counts"),
            [
                (name, f"{side} {decimals(getattr(now, side.lower()))}", *_counted(rate), meaning)
                for name, side, rate, meaning in rows
            ],
            note=f"The sample size is people, not photos: the {point.fpir.trials:,} faces for FPIR are of "
            f"{point.fpir.persons:,} people"
            + (f", those for FNIR of {point.fnir.persons:,}" if point.fnir else "")
            + ". If no error was seen, go by the upper end of the interval. "
            + session.calibration.not_known,
        )

    return session.live("rates", table)


def _counted(rate: Rate | None) -> tuple[str, str, str]:
    """Value, count and interval."""
    if rate is None:
        return "not known", "", ""
    return (
        share(rate.value),
        f"{rate.errors:,} of {rate.trials:,}",
        f"{share(rate.low)} to {share(rate.high)}",
    )


def show_curves(session: CalibrationSession) -> Live:
    """ROC and DET with the operating point, FPIR alone, or why there is no curve; follow the thresholds."""

    def content() -> Plot:
        target, point = session.calibration.targets.fpir, session.point
        rates = "; ".join(
            f"{name} {value} ({counted}, 95 %: {interval})"
            for name in ("FPIR", "FNIR", "FMR", "FNMR")
            for value, counted, interval in [_counted(getattr(point, name.lower()))]
            if counted
        )
        text = f"At LOOSE {decimals(point.thresholds.loose)}: {rates}."
        if not (few := why_no_curve(session.curves, target)):
            shown = "FPIR at every LOOSE" if session.calibration.not_known else "ROC and DET"
            return picture(plot_curves(session.curves, point, target), f"{shown}. {text}")
        groups = _groups(session)
        figure = chart(
            partial(plot_groups, groups=groups, thresholds=session.thresholds), height=4.0
        )
        said = f"{few} {text} {in_words(groups, session.thresholds)}"
        return picture(figure, said, above=few)

    return session.live("curves", content, deferred=True)
