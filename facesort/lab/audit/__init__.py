"""What ``05_audit`` shows."""

from facesort.lab.audit.cells import (
    AuditReport,
    open_audit,
    show_changes,
    show_coverage,
    show_dropped_faces,
    show_faceless,
    show_hours,
    show_persons,
    show_places,
    show_reasons,
    show_runs,
    show_short,
    show_slowest,
    show_unusable,
    show_withheld,
)

__all__ = [
    "AuditReport",
    "open_audit",
    "show_changes",
    "show_coverage",
    "show_dropped_faces",
    "show_faceless",
    "show_hours",
    "show_persons",
    "show_places",
    "show_reasons",
    "show_runs",
    "show_short",
    "show_slowest",
    "show_unusable",
    "show_withheld",
]
