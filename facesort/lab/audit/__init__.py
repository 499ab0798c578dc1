"""What the cells of ``05_audit`` call."""

from facesort.lab.audit.cells import (
    show_changes as show_changes,
    show_coverage as show_coverage,
    show_dropped_faces as show_dropped_faces,
    show_faceless as show_faceless,
    show_runs as show_runs,
    show_short as show_short,
    show_unusable as show_unusable,
    show_withheld as show_withheld,
)
from facesort.lab.audit.drops import (
    show_hours as show_hours,
    show_persons as show_persons,
    show_places as show_places,
    show_reasons as show_reasons,
)
from facesort.lab.audit.report import open_audit as open_audit
from facesort.lab.audit.sources import show_sources as show_sources
