"""What ``03_sort`` shows."""

from facesort.lab.sort.cells import (
    SortJob,
    open_sort,
    run,
    show_counts,
    show_distances,
    show_doubtful,
    show_drops,
    show_failed,
    show_files,
    show_speed,
    show_stages,
)

__all__ = [
    "SortJob",
    "open_sort",
    "run",
    "show_counts",
    "show_distances",
    "show_doubtful",
    "show_drops",
    "show_failed",
    "show_files",
    "show_speed",
    "show_stages",
]
