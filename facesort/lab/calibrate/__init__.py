"""What the cells of ``02_calibrate`` call."""

from facesort.lab.calibrate import cells, source_cells
from facesort.lab.shared.opening import cell, opening

open_calibration = opening(cells.open_calibration)
conclude = cell(cells.conclude)
show_apply = cell(cells.show_apply)
show_controls = cell(cells.show_controls)
show_curves = cell(cells.show_curves)
show_data = cell(cells.show_data)
show_distances = cell(cells.show_distances)
show_rates = cell(cells.show_rates)
show_suggestion = cell(cells.show_suggestion)
look_at_source = cell(source_cells.look_at_source)
show_between = cell(source_cells.show_between)
show_crowd = cell(source_cells.show_crowd)
show_forecast = cell(source_cells.show_forecast)
show_what_if = cell(source_cells.show_what_if)
