from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def checkout() -> Path:
    """The root of the repository."""
    return ROOT


@pytest.fixture(scope="session")
def assets() -> Path:
    """The test assets: real models and photos, which are never part of the repository."""
    folder = (ROOT / os.environ.get("FACESORT_ASSETS", "../shared")).resolve()
    if (folder / "models").is_dir():
        return folder
    message = f"no test assets in {folder}: set FACESORT_ASSETS to the folder that has models/"
    if os.environ.get("CI") == "true":
        pytest.fail(message)
    pytest.skip(message)


@pytest.fixture(scope="session")
def whole_campaign() -> bool:
    """Whether slow tests run in full; CI asks for a bounded share of them."""
    return os.environ.get("FACESORT_SLOW_SHARE") != "ci"
