"""What the cells of ``01_seed`` call."""

from facesort.lab.seed import cells
from facesort.lab.shared.opening import cell, opening

open_gallery = opening(cells.open_gallery)
show_add = cell(cells.show_add)
show_closest_pair = cell(cells.show_closest_pair)
show_coach = cell(cells.show_coach)
show_confusion = cell(cells.show_confusion)
show_gallery = cell(cells.show_gallery)
