"""Codes, times and numbers as text."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from datetime import datetime

import pytest

from facesort.lab.shared.words import timestamp


@pytest.fixture
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """This computer in another time zone."""
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.skipif(sys.platform == "win32", reason="has no tzset")
@pytest.mark.parametrize(
    ("zone", "month", "shown"),
    [
        ("Europe/Vienna", 1, "2026-01-02 00:30:00 +01:00"),
        ("Europe/Vienna", 7, "2026-07-02 01:30:00 +02:00"),
        ("America/St_Johns", 1, "2026-01-01 20:00:00 -03:30"),
        ("UTC", 1, "2026-01-01 23:30:00 +00:00"),
    ],
    indirect=["zone"],
)
@pytest.mark.usefixtures("zone")
def test_times_are_shown_by_the_clock_of_this_computer(month: int, shown: str) -> None:
    assert timestamp(datetime(2026, month, 1, 23, 30)) == shown
