"""What is read on a server of git repositories: short, and its links lead to files that are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PAGES = ["README.md", "ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"]


def test_the_readme_is_short(checkout: Path) -> None:
    assert len((checkout / "README.md").read_text(encoding="utf-8").splitlines()) <= 150


@pytest.mark.parametrize("name", [*PAGES, "THIRD_PARTY.md", "benchmarks/README.md"])
def test_its_links_lead_to_files(checkout: Path, name: str) -> None:
    page = checkout / name
    text = re.sub(r"```.*?```|`[^`\n]*`", "", page.read_text(encoding="utf-8"), flags=re.S)
    links = set(re.findall(r"\]\(([^)\s#]+)", text))
    astray = {to for to in links if "://" not in to and not (page.parent / to).exists()}
    assert astray == set()
