"""What the cells of ``03_sort`` call."""

from facesort.lab.sort.cells import (
    run as run,
)
from facesort.lab.sort.cells import (
    show_counts as show_counts,
)
from facesort.lab.sort.cells import (
    show_distances as show_distances,
)
from facesort.lab.sort.cells import (
    show_doubtful as show_doubtful,
)
from facesort.lab.sort.cells import (
    show_drops as show_drops,
)
from facesort.lab.sort.cells import (
    show_failed as show_failed,
)
from facesort.lab.sort.cells import (
    show_files as show_files,
)
from facesort.lab.sort.cells import (
    show_speed as show_speed,
)
from facesort.lab.sort.job import (
    open_sort as open_sort,
)
