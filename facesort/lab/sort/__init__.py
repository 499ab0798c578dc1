"""What the cells of ``03_sort`` call."""

from facesort.lab.sort.cells import (
    run as run,
    show_counts as show_counts,
    show_distances as show_distances,
    show_doubtful as show_doubtful,
    show_drops as show_drops,
    show_failed as show_failed,
    show_files as show_files,
    show_speed as show_speed,
)
from facesort.lab.sort.job import (
    open_sort as open_sort,
)
