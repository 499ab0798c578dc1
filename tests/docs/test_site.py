"""The site is built without a warning, its links lead somewhere, and it loads nothing from elsewhere."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from bs4 import BeautifulSoup

from facesort.cli import cli
from facesort.reasons import Reason
from facesort.settings import Settings

# What a browser loads by itself; an `a` is followed only by whoever presses it.
LOADED = {
    "script": "src",
    "link": "href",
    "img": "src",
    "iframe": "src",
    "source": "src",
    "video": "src",
}


@pytest.fixture(scope="module")
def site(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    options = ["--fail-on-warning", "--keep-going", "--quiet", "--builder", "html"]
    command = [sys.executable, "-m", "sphinx", *options, "-d", str(folder / "doctrees")]
    done = subprocess.run(
        [*command, str(checkout / "docs"), str(folder / "html")], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return folder / "html"


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, BeautifulSoup]:
    found = {
        path: BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")
        for path in site.rglob("*.html")
    }
    assert site / "tutorial.html" in found
    return found


def test_every_link_within_the_site_leads_somewhere(
    site: Path, pages: dict[Path, BeautifulSoup]
) -> None:
    ids = {path: {tag["id"] for tag in page.find_all(id=True)} for path, page in pages.items()}
    astray = []
    for path, page in pages.items():
        for tag in page.find_all(["a", *LOADED]):
            link = urlsplit(tag.get(LOADED.get(tag.name, "href")) or "")
            if link.scheme or link.netloc or not (link.path or link.fragment):
                continue
            to = (path.parent / unquote(link.path)).resolve() if link.path else path
            anchor = unquote(link.fragment)
            if not to.is_file() or (anchor and to in ids and anchor not in ids[to]):
                astray.append((path.relative_to(site).as_posix(), link.geturl()))
    assert astray == []


def test_nothing_is_loaded_from_another_place(pages: dict[Path, BeautifulSoup], site: Path) -> None:
    loaded = {
        tag.get(LOADED[tag.name])
        for page in pages.values()
        for tag in page.find_all(list(LOADED))
        if tag.get(LOADED[tag.name])
    }
    assert any("furo" in place for place in loaded)
    assert {place for place in loaded if not place.startswith("data:") and "//" in place} == set()
    for sheet in site.rglob("*.css"):
        places = re.findall(r"url\(([^)]*)\)|@import\s+([^;]*)", sheet.read_text(encoding="utf-8"))
        assert not [p for each in places for p in each if re.match(r"""["']?(https?:)?//""", p)]


def test_every_table_is_one(pages: dict[Path, BeautifulSoup], site: Path) -> None:
    broken = [
        (path.relative_to(site).as_posix(), text)
        for path, page in pages.items()
        for paragraph in page.select(".content p, article p")
        if (text := paragraph.get_text().strip()).startswith("|")
    ]
    assert broken == []


def test_the_reference_is_written_from_the_code(
    pages: dict[Path, BeautifulSoup], site: Path
) -> None:
    def text(name: str) -> str:
        return pages[site / "reference" / f"{name}.html"].get_text()

    commands = text("commands")
    assert all(f"facesort {name}" in commands for name in cli.commands)
    settings = text("settings")
    for name, field in Settings.model_fields.items():
        assert name in settings
        assert all(inner in settings for inner in getattr(field.annotation, "model_fields", {}))
    reasons = text("reasons")
    assert all(reason.value in reasons for reason in Reason)
    codes = pages[site / "reference" / "reasons.html"].select("#all-codes tr td:last-child")
    assert [cell for cell in codes if not cell.get_text().strip()] == []
    assert "/api/v1/collections/{collection_id}/search-faces" in text("http")
    assert "jpeg_sha256" in text("database")
    assert "WorkspaceView" in text("python")
