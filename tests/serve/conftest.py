"""One started service for all tests of a module, with drawn faces and the synthetic pack."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from drawn_service import CREDENTIALS, Live, listening, make_service, rekognition_at
from starlette.testclient import TestClient

from facesort.serve.app import create_app
from facesort.serve.service import Service


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    service = make_service(tmp_path_factory.mktemp("service"))
    yield service
    service.videos.close()
    service.finder.close()
    service.collections.close()


@pytest.fixture(scope="module")
def client(service: Service) -> Iterator[TestClient]:
    """A client in the same process, without a token: add `bearer`."""
    with TestClient(create_app(service), raise_server_exceptions=False) as client:
        yield client


@pytest.fixture(scope="module")
def bearer() -> dict[str, str]:
    return {"Authorization": f"Bearer {CREDENTIALS.secret}"}


@pytest.fixture(scope="module")
def live(service: Service) -> Iterator[Live]:
    with listening(service) as live:
        yield live


@pytest.fixture(scope="module")
def rekognition(live: Live) -> Any:
    return rekognition_at(live.url)
