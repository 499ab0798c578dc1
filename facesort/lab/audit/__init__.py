"""What the cells of ``05_audit`` call."""

from facesort.lab.audit import cells, drops, report, sources
from facesort.lab.shared.opening import cell, opening

open_audit = opening(report.open_audit)
show_changes = cell(cells.show_changes)
show_coverage = cell(cells.show_coverage)
show_dropped_faces = cell(cells.show_dropped_faces)
show_faceless = cell(cells.show_faceless)
show_left_out = cell(cells.show_left_out)
show_runs = cell(cells.show_runs)
show_short = cell(cells.show_short)
show_unusable = cell(cells.show_unusable)
show_hours = cell(drops.show_hours)
show_persons = cell(drops.show_persons)
show_places = cell(drops.show_places)
show_reasons = cell(drops.show_reasons)
show_sources = cell(sources.show_sources)
