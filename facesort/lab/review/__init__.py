"""What the cells of ``04_review`` call."""

from facesort.lab.review import cells
from facesort.lab.shared.opening import cell, opening

open_review = opening(cells.open_review)
show_bursts = cell(cells.show_bursts)
show_doubtful = cell(cells.show_doubtful)
show_history = cell(cells.show_history)
show_look_alikes = cell(cells.show_look_alikes)
show_person = cell(cells.show_person)
show_rematch = cell(cells.show_rematch)
show_unknown_people = cell(cells.show_unknown_people)
