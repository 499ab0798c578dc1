"""What the cells of ``01_seed`` call."""

from facesort.lab.seed.cells import (
    open_gallery as open_gallery,
)
from facesort.lab.seed.cells import (
    show_add as show_add,
)
from facesort.lab.seed.cells import (
    show_closest_pair as show_closest_pair,
)
from facesort.lab.seed.cells import (
    show_coach as show_coach,
)
from facesort.lab.seed.cells import (
    show_confusion as show_confusion,
)
from facesort.lab.seed.cells import (
    show_gallery as show_gallery,
)
