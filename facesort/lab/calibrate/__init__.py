"""What the cells of ``02_calibrate`` call."""

from facesort.lab.calibrate.cells import (
    conclude as conclude,
    open_calibration as open_calibration,
    show_apply as show_apply,
    show_controls as show_controls,
    show_curves as show_curves,
    show_data as show_data,
    show_distances as show_distances,
    show_rates as show_rates,
    show_suggestion as show_suggestion,
)
from facesort.lab.calibrate.source_cells import (
    look_at_source as look_at_source,
    show_between as show_between,
    show_crowd as show_crowd,
    show_forecast as show_forecast,
    show_what_if as show_what_if,
)
