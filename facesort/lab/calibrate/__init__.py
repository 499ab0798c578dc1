"""What the cells of ``02_calibrate`` call."""

from facesort.lab.calibrate import cells, rate_cells, source_cells
from facesort.lab.shared.opening import cell, opening

open_calibration = opening(cells.open_calibration)
conclude = cell(cells.conclude)
show_apply = cell(cells.show_apply)
show_controls = cell(cells.show_controls)
show_data = cell(cells.show_data)
show_suggestion = cell(cells.show_suggestion)
show_curves = cell(rate_cells.show_curves)
show_distances = cell(rate_cells.show_distances)
show_rates = cell(rate_cells.show_rates)
look_at_source = cell(source_cells.look_at_source)
show_between = cell(source_cells.show_between)
show_crowd = cell(source_cells.show_crowd)
show_forecast = cell(source_cells.show_forecast)
show_what_if = cell(source_cells.show_what_if)
