"""Figures about the requests, for Prometheus; no label comes from a client."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from facesort.serve.watch.noted import Noted

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
OTHER = "other"


class Metrics:
    """Of one application; it has a registry of its own."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        self._requests = Counter(
            "facesort_requests",
            "Requests that were answered.",
            ["operation", "status", "error"],
            registry=registry,
        )
        self._seconds = Histogram(
            "facesort_request_seconds",
            "Time to answer.",
            ["operation"],
            buckets=_SECONDS,
            registry=registry,
        )
        self.in_flight = Gauge(
            "facesort_requests_in_flight", "Requests that were accepted.", registry=registry
        )
        self._faces = Counter(
            "facesort_faces", "Faces, by what was done with them.", ["done"], registry=registry
        )

    def count(self, noted: Noted, status: int, seconds: float) -> None:
        """Count a request that was answered."""
        operation = noted.operation or OTHER
        self._requests.labels(operation, status, noted.error).inc()
        self._seconds.labels(operation).observe(seconds)
        for done in ("indexed", "deleted", "searched"):
            self._faces.labels(done).inc(getattr(noted, done))

    def text(self) -> bytes:
        """In Prometheus' text format."""
        return generate_latest(self._registry)
