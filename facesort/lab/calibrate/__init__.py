"""What ``02_calibrate`` shows."""

from facesort.lab.calibrate.cells import (
    Calibrating,
    conclude,
    look_at_source,
    open_calibration,
    show_apply,
    show_between,
    show_controls,
    show_crowd,
    show_curves,
    show_data,
    show_distances,
    show_forecast,
    show_rates,
    show_suggestion,
    write_calibration,
)

__all__ = [
    "Calibrating",
    "conclude",
    "look_at_source",
    "open_calibration",
    "show_apply",
    "show_between",
    "show_controls",
    "show_crowd",
    "show_curves",
    "show_data",
    "show_distances",
    "show_forecast",
    "show_rates",
    "show_suggestion",
    "write_calibration",
]
