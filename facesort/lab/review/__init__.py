"""What the cells of ``04_review`` call."""

from facesort.lab.review.cells import (
    open_review as open_review,
    show_bursts as show_bursts,
    show_doubtful as show_doubtful,
    show_history as show_history,
    show_look_alikes as show_look_alikes,
    show_person as show_person,
    show_rematch as show_rematch,
    show_unknown_people as show_unknown_people,
)
