from __future__ import annotations

from pathlib import Path

import pytest
from private_event import sorted_event


@pytest.fixture(scope="session")
def private_job(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sorted event to be copied (`copy_of`), as people are forgotten in it."""
    folder = tmp_path_factory.mktemp("private")
    sorted_event(folder)
    return folder
