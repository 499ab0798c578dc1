"""The status of a workspace as metrics, in the text format that node-exporter's textfile collector reads.

They name things (statuses, reasons, stages), never people, files or folders.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from facesort.errors import OutputError, because
from facesort.files import replace_file

# Part of the status, metric, label, help.
_GAUGES = (
    ("photos", "photos", "status", "Photo files in the sources, by where they stand."),
    ("faces", "faces", "outcome", "Faces, by what counts for them."),
    ("batches", "batches", "state", "Batches of photos, by state."),
    ("failures", "failed_photos", "reason", "Photo files that failed, by reason."),
    ("failed_copies", "failed_copies", "reason", "Copies that could not be written, by reason."),
    ("skipped", "skipped_files", "reason", "Files that the last scan left out, by reason."),
    ("absent", "absent_photos", "state", "Photos that are in no source any more."),
    ("remarks", "remarked_photos", "remark", "Photos that were read with a remark."),
    ("derivatives", "derivatives", "format", "Smaller versions of delivered photos, by format."),
    (
        "published",
        "published_objects",
        "state",
        "Objects of object stores, by what became of them.",
    ),
    ("dead_objects", "dead_objects", "reason", "Objects of object stores that were given up."),
)


def write_metrics(path: Path, report: Mapping[str, Any]) -> None:
    """Replace a textfile by rename, so that half of it is never read; everybody may read it.

    Parameters
    ----------
    report : mapping
        As `status_report` gives it; of an older facesort, it may lack parts.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    registry = CollectorRegistry()
    registry.register(_Status(report))
    try:
        replace_file(path, generate_latest(registry), private=False)
    except OSError as error:
        raise OutputError(f"{path} cannot be written {because(error)}") from error


class _Status(Collector):
    def __init__(self, report: Mapping[str, Any]) -> None:
        self._report = report

    def collect(self) -> Iterator[Metric]:
        report = self._report
        running = float(report["state"] == "running")
        yield GaugeMetricFamily("facesort_sort_running", "Whether a sort is running.", running)
        if report["eta_seconds"] is not None:
            left = "Time that the running sort still needs."
            yield GaugeMetricFamily("facesort_sort_left_seconds", left, report["eta_seconds"])
        copies = sum(report["persons"].values())
        yield GaugeMetricFamily("facesort_output_files", "Verified copies in the output.", copies)
        for part, name, label, help_text in _GAUGES:
            family = GaugeMetricFamily(f"facesort_{name}", help_text, labels=[label])
            for value, number in report.get(part, {}).items():
                if value != "total":
                    family.add_metric([value], number)
            yield family
        stages = CounterMetricFamily(
            "facesort_stage_seconds", "Time that all sorts took, by stage.", labels=["stage"]
        )
        for stage, seconds in report.get("seconds", {}).items():
            stages.add_metric([stage], seconds)
        yield stages
