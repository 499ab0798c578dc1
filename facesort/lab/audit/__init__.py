"""What the cells of ``05_audit`` call."""

from facesort.lab.audit.cells import (
    open_audit as open_audit,
)
from facesort.lab.audit.cells import (
    show_changes as show_changes,
)
from facesort.lab.audit.cells import (
    show_coverage as show_coverage,
)
from facesort.lab.audit.cells import (
    show_dropped_faces as show_dropped_faces,
)
from facesort.lab.audit.cells import (
    show_faceless as show_faceless,
)
from facesort.lab.audit.cells import (
    show_runs as show_runs,
)
from facesort.lab.audit.cells import (
    show_short as show_short,
)
from facesort.lab.audit.cells import (
    show_slowest as show_slowest,
)
from facesort.lab.audit.cells import (
    show_unusable as show_unusable,
)
from facesort.lab.audit.cells import (
    show_withheld as show_withheld,
)
from facesort.lab.audit.drops import (
    show_hours as show_hours,
)
from facesort.lab.audit.drops import (
    show_persons as show_persons,
)
from facesort.lab.audit.drops import (
    show_places as show_places,
)
from facesort.lab.audit.drops import (
    show_reasons as show_reasons,
)
