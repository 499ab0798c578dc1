"""Notebooks that are opened while a sort holds the workspace wait for it, and fill; in a real browser."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from synthetic_event import make_gallery, sort_in_threads, write_photo

from facesort.engine.job.progress import Progress
from facesort.store.queries import reports
from facesort.workspace import Workspace

pytestmark = pytest.mark.browser

SHOWN_BELOW = {
    "01_seed": "Something is missing for everybody.",
    "04_review": "2 files in the output.",
}


@pytest.fixture
def workspace(notebooks: Path, tmp_path: Path) -> Workspace:
    """Persons 1 and 2, each in one sorted photo."""
    workspace, pack = make_gallery(tmp_path, {1: [30], 2: [30]})
    for number in (1, 2):
        write_photo(tmp_path / "source" / f"{number}.png", [number], variation=90)
    sort_in_threads(workspace, pack)
    (notebooks / "hot_storage").symlink_to(workspace.root)
    return workspace


def test_a_page_waits_for_a_sort_and_a_lost_disk_is_one_sentence(
    workspace: Workspace, open_notebook: Callable[[str], Page], tmp_path: Path
) -> None:
    with workspace.open_store() as store:  # as a running sort does
        Progress(workspace.state, reports.counts(store), run_id=2).write("running")
        pages = {name: open_notebook(name) for name in SHOWN_BELOW}
        for page in pages.values():
            expect(page.get_by_text("A sort is running in this workspace: 2 of 2")).to_be_visible()
            expect(page.get_by_text("Waits for the workspace").last).to_be_attached()
            page.get_by_role("button", name="Try again").click()
            expect(page.get_by_text("Tried at")).to_be_visible()
            expect(page.get_by_text("Traceback")).to_have_count(0)
    for name, page in pages.items():
        page.get_by_role("button", name="Try again").click()
        expect(page.get_by_role("cell", name="Model pack")).to_be_visible()
        expect(page.get_by_text("Waits for the workspace")).to_have_count(0)
        expect(page.get_by_text(SHOWN_BELOW[name])).to_be_attached()
        page.close()

    shutil.rmtree(tmp_path / "source")
    (tmp_path / "source").mkdir()  # the mount point of a disk that is away
    page = open_notebook("03_sort")
    failed = page.locator("[data-mime-type='application/vnd.jupyter.stderr']")
    expect(failed).to_have_text(re.compile(r"^source card-1 \(.*\) holds none of its files.*$"))
