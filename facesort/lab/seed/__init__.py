"""What the cells of ``01_seed`` call."""

from facesort.lab.seed.cells import (
    open_gallery as open_gallery,
    show_add as show_add,
    show_closest_pair as show_closest_pair,
    show_coach as show_coach,
    show_confusion as show_confusion,
    show_gallery as show_gallery,
)
