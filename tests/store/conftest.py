from __future__ import annotations

from collections.abc import Iterator

import pytest

from facesort.store import Store


@pytest.fixture
def store() -> Iterator[Store]:
    """An empty database in memory."""
    with Store.open(None) as opened:
        yield opened
