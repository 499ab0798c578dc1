"""What ``04_review`` shows."""

from facesort.lab.review.cells import (
    Reviewing,
    open_review,
    show_bursts,
    show_doubtful,
    show_history,
    show_person,
    show_rematch,
    show_rivals,
    show_strangers,
    show_what_if,
)

__all__ = [
    "Reviewing",
    "open_review",
    "show_bursts",
    "show_doubtful",
    "show_history",
    "show_person",
    "show_rematch",
    "show_rivals",
    "show_strangers",
    "show_what_if",
]
