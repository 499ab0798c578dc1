"""The pages of the service in a real browser: from an empty machine to a sorted event, and a sort that is killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import Browser, Page, expect
from synthetic_event import make_event, write_photo

pytestmark = pytest.mark.browser
PEOPLE = ("Ada", "Ben", "Cleo", "Dora")


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """A service as the command line starts it, on a machine with photos and nothing else."""
    make_event(tmp_path / "disk/gala/card", photos=400)
    for identity, name in enumerate(PEOPLE, start=1):
        write_photo(tmp_path / f"{name}.png", [identity], variation=30)
    write_photo(tmp_path / "both.png", [1, 2])
    command = [
        *(sys.executable, "-m", "facesort", "serve", "--port", "0", "--workers", "1"),
        *("-w", str(tmp_path / "workspace"), "--data", str(tmp_path / "data")),
        *("--runs", str(tmp_path / "runs"), "--root", str(tmp_path / "disk")),
        *("--pack", "synthetic"),
    ]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as service:
        assert service.stdout is not None
        first = service.stdout.readline()
        assert "http://127.0.0.1:" in first, first
        yield first.split(" at ")[1].split("/,")[0]
        service.send_signal(signal.SIGINT)


@pytest.fixture
def page(browser: Browser, url: str, tmp_path: Path) -> Iterator[Page]:
    """A page of somebody who has logged in."""
    context = browser.new_context(viewport={"width": 1360, "height": 900})
    page = context.new_page()
    page.goto(url)
    page.get_by_label("Token").fill(
        json.loads((tmp_path / "data/credentials.json").read_text())["secret"]
    )
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", name="Set up a job")).to_be_visible()
    yield page
    context.close()


def choose_folders(page: Page) -> None:
    page.get_by_role("link", name="Choose a folder of photos").click()
    for name in ("disk", "gala", "Use disk/gala"):
        page.get_by_role("link", name=name, exact=True).click()
    page.get_by_role("link", name="Choose a folder for the copies").click()
    page.get_by_role("link", name="disk", exact=True).click()
    page.get_by_label("Or a new folder in it").fill("sorted")
    page.get_by_role("button", name="Use the new folder").click()
    page.get_by_label("Model pack").select_option("synthetic")
    page.get_by_role("button", name="Make the job").click()
    expect(page.get_by_text("Saved.")).to_be_visible()


def seed(page: Page, name: str, *photos: Path) -> None:
    page.get_by_label("Name").fill(name)
    page.get_by_label("Photos of this person alone").set_input_files(photos)
    page.get_by_role("button", name="Add").click()
    expect(page.get_by_text(f"accepted for {name}.")).to_be_visible()


def files_done(page: Page) -> int:
    bar = page.get_by_role("progressbar")
    return int(bar.get_attribute("value") or 0) if bar.count() else 0


def wait_for_files(page: Page, number: int) -> None:
    """The page is not loaded again: its script follows the sort."""
    end = time.monotonic() + 120
    while files_done(page) < number:
        assert time.monotonic() < end, page.locator("main").inner_text()
        page.wait_for_timeout(100)


def figures(page: Page) -> dict[str, int]:
    names = page.locator("dl.figures dt").all_inner_texts()
    return dict(zip(names, map(int, page.locator("dl.figures dd").all_inner_texts()), strict=True))


def test_from_an_empty_machine_to_a_sorted_event_with_a_kill_on_the_way(
    page: Page, tmp_path: Path
) -> None:
    choose_folders(page)
    for name in PEOPLE:
        seed(page, name, tmp_path / f"{name}.png")
    seed(page, "Ada", tmp_path / "both.png")
    expect(page.locator(".trouble")).to_contain_text("2 faces were found")

    page.get_by_role("button", name="Start to sort").click()
    expect(page.get_by_role("status")).to_contain_text("Sorting.")
    wait_for_files(page, 1)
    progress = json.loads((tmp_path / "workspace/state/progress.json").read_text())
    assert psutil.pid_exists(progress["pid"])
    os.kill(progress["pid"], signal.SIGKILL)
    expect(page.get_by_role("status")).to_contain_text("The sort was interrupted")
    expect(page.get_by_role("alert")).to_contain_text("the sort was killed")
    before = files_done(page)
    assert 0 < before < 401

    page.get_by_role("button", name="Go on").click()
    wait_for_files(page, before + 1)
    expect(page.get_by_role("status")).to_have_text("Sorted.")
    wait_for_files(page, 401)
    shown = figures(page)
    assert shown.pop("together") == sum(shown.values()) == 401
    rows = page.get_by_role("row").all_inner_texts()
    for name in PEOPLE:
        delivered = len(list((tmp_path / "disk/sorted" / name).iterdir()))
        assert f"{name}\t{delivered}" in rows
    assert str(tmp_path) not in page.content()
