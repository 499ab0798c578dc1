"""What the cells of ``04_review`` call."""

from facesort.lab.review.cells import (
    open_review as open_review,
)
from facesort.lab.review.cells import (
    show_bursts as show_bursts,
)
from facesort.lab.review.cells import (
    show_doubtful as show_doubtful,
)
from facesort.lab.review.cells import (
    show_history as show_history,
)
from facesort.lab.review.cells import (
    show_look_alikes as show_look_alikes,
)
from facesort.lab.review.cells import (
    show_person as show_person,
)
from facesort.lab.review.cells import (
    show_rematch as show_rematch,
)
from facesort.lab.review.cells import (
    show_unknown_people as show_unknown_people,
)
