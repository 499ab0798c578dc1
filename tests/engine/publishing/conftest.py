from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from object_stores import KEY, SECRET, client, moto, rclone
from private_event import sorted_event
from synthetic_event import make_event, make_workspace, sort_in_threads

from facesort.workspace import Workspace


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Those of the tests' servers, and nothing of whoever runs the tests."""
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "no-config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "no-credentials"))


@pytest.fixture(scope="session")
def event(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A sorted event with 200 copies and more; the ledger knows every bucket by itself."""
    folder = tmp_path_factory.mktemp("published")
    make_event(folder / "source", 196)
    workspace, pack = make_workspace(folder, folder / "source")
    sort_in_threads(workspace, pack)
    return workspace


@pytest.fixture
def private(tmp_path: Path) -> Workspace:
    """Ada, Ben and Cleo."""
    return sorted_event(tmp_path)[0]


@pytest.fixture(scope="session")
def rclone_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("rclone")


@pytest.fixture(scope="session")
def rclone_endpoint(rclone_folder: Path) -> Iterator[str]:
    with rclone(rclone_folder) as endpoint:
        yield endpoint


@pytest.fixture(scope="session")
def moto_endpoint() -> Iterator[str]:
    with moto() as endpoint:
        yield endpoint


@pytest.fixture
def bucket(rclone_endpoint: str) -> str:
    """A new bucket of rclone."""
    return _new_bucket(rclone_endpoint)


@pytest.fixture
def moto_bucket(moto_endpoint: str) -> str:
    return _new_bucket(moto_endpoint)


@pytest.fixture(params=["rclone", "moto"])
def server(request: pytest.FixtureRequest) -> tuple[str, str]:
    """The endpoint of each server in turn, and a new bucket of it."""
    endpoint: str = request.getfixturevalue(f"{request.param}_endpoint")
    return endpoint, _new_bucket(endpoint)


def _new_bucket(endpoint: str) -> str:
    name = f"bucket-{uuid4().hex[:12]}"
    client(endpoint).create_bucket(Bucket=name)
    return name
