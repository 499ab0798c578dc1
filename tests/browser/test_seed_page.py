"""01_seed in a real browser: a person is added by upload, and a photo of two is refused and says why."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from synthetic_event import write_photo

from facesort.engine.setup import set_up
from facesort.store.queries.gallery import reference_crops
from facesort.workspace import Workspace

pytestmark = pytest.mark.browser


@pytest.fixture
def workspace(notebooks: Path, tmp_path: Path) -> Workspace:
    """An empty gallery, where the notebook looks for it."""
    (tmp_path / "source").mkdir()
    root = notebooks / "hot_storage"
    return set_up(root, [tmp_path / "source"], tmp_path / "out", "synthetic", [])[0]


def references(workspace: Workspace) -> list[tuple[str, str]]:
    with workspace.open_store(read_only=True) as store:
        return [(name, file) for _, name, file, _ in reference_crops(store)]


def add(page: Page, name: str, *photos: Path) -> None:
    page.get_by_placeholder("new or existing person").fill(name)
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Choose photos").click()
    chooser.value.set_files(photos)
    page.get_by_role("button", name=re.compile("Choose photos")).get_by_text(
        f"({len(photos)})"
    ).wait_for()
    page.get_by_role("button", name="Add references").click()


def test_a_person_is_added_by_upload_and_a_photo_of_two_is_refused(
    workspace: Workspace, open_notebook: Callable[[str], Page], tmp_path: Path
) -> None:
    write_photo(tmp_path / "ada.png", [1], variation=90)
    write_photo(tmp_path / "group.png", [1, 2])

    page = open_notebook("01_seed")
    expect(page.get_by_text("Nobody is in the gallery yet.")).to_be_visible()
    add(page, "Ada", tmp_path / "ada.png", tmp_path / "group.png")

    tiles = page.locator(".facesort-report")
    expect(tiles).to_have_count(2)
    expect(tiles.nth(0)).to_contain_text("added")
    expect(tiles.nth(1)).to_contain_text("several_faces")
    expect(tiles.nth(1)).to_contain_text("2 faces were found")
    expect(page.locator(".facesort-person")).to_have_count(1)
    expect(page.locator(".facesort-person")).to_contain_text("1 reference")
    expect(page.get_by_text("one_reference")).to_be_visible()  # the coach follows
    assert references(workspace) == [("Ada", "ada.png")]
