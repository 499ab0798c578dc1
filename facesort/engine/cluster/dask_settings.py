"""Dask as facesort needs it, whatever the user's own settings of it are."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import dask
import distributed

PAGES = "127.0.0.1:0"
"""Where Dask has its pages about a cluster, which cannot be left out: nothing is on them."""

_SETTINGS: dict[str, object] = {
    "distributed.scheduler.http.routes": [],
    "distributed.worker.http.routes": [],
    "distributed.admin.large-graph-warning-threshold": "10GB",  # a photo that is sent is large
}


@contextmanager
def as_facesort_needs_it() -> Iterator[None]:
    """Set up Dask.

    What it logs of connections that are lost is told in facesort's own words; ``facesort -v`` shows it too.
    """
    shown = logging.INFO if logging.getLogger().isEnabledFor(logging.DEBUG) else logging.CRITICAL
    logging.getLogger(distributed.__name__).setLevel(shown)
    with dask.config.set(_SETTINGS):
        # It looks for the way to the internet, which an office need not have.
        warnings.filterwarnings("ignore", message="Couldn't detect a suitable IP address")
        yield
