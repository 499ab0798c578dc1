"""What ``01_seed`` shows."""

from facesort.lab.seed.cells import (
    Seeding,
    open_seeding,
    show_add,
    show_closest_pair,
    show_coach,
    show_confusion,
    show_gallery,
)

__all__ = [
    "Seeding",
    "open_seeding",
    "show_add",
    "show_closest_pair",
    "show_coach",
    "show_confusion",
    "show_gallery",
]
