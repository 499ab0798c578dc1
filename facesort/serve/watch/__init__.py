"""What is written down: metrics, logs, and the audit log."""

from __future__ import annotations

from facesort.serve.watch.noted import note as note
