"""02_calibrate in a real browser: a slider and a dragged line move the rates, and *Apply* stores the thresholds."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import FloatRect, Locator, Page, expect
from synthetic_event import add_references, write_photo

from facesort.engine.setup import set_up
from facesort.settings import load_settings
from facesort.workspace import Workspace

pytestmark = pytest.mark.browser

# Whether all of the histogram's width can be seen.
IS_WHOLE = """() => {
  const chart = [...document.querySelectorAll(".jp-OutputArea canvas")].at(-1);
  const right = (node) => node.getBoundingClientRect().right;
  return right(chart) <= right(chart.closest(".jp-OutputArea-output")) + 1;
}"""


@pytest.fixture
def workspace(notebooks: Path, tmp_path: Path) -> Workspace:
    """Four persons with three references each, where the notebook looks for them."""
    for number in range(8):
        people = [1 + number % 6, 1 + (number + 3) % 6]
        write_photo(tmp_path / "source" / f"{number}.jpg", people, variation=90, shade=90 + number)
    made, pack = set_up(
        notebooks / "hot_storage", [tmp_path / "source"], tmp_path / "out", "synthetic", []
    )
    add_references(made, pack, tmp_path, {identity: [30, 60, 120] for identity in range(1, 5)})
    return made


def counted(page: Page, meaning: str) -> Locator:
    """How many errors of how many trials the table says."""
    return page.locator("tr", has_text=meaning).locator("td").nth(3)


def test_thresholds_are_moved_and_applied(
    workspace: Workspace, open_notebook: Callable[[str], Page]
) -> None:
    page = open_notebook("02_calibrate")
    apply = page.get_by_role("button", name=re.compile("Apply STRICT"))
    expect(apply).to_have_text(re.compile("LOOSE of the event"))
    missed = counted(page, "known people's faces not given theirs")
    named = counted(page, "strangers' faces given anybody's name")
    expect(missed).to_have_text("0 of 12")
    expect(named).to_have_text("0 of 12")

    page.get_by_label("LOOSE, as a number").fill("1.4")
    page.get_by_label("LOOSE, as a number").press("Enter")
    slider = page.get_by_role("slider", name="LOOSE")
    expect(slider).to_have_value("1.4")
    slider.press("ArrowRight")
    expect(apply).to_have_text(re.compile("LOOSE 1.41"))
    slider.press("ArrowLeft")

    expect(named).to_have_text("12 of 12")
    expect(apply).to_have_text(re.compile("STRICT 0.80, LOOSE 1.40"))

    page.set_viewport_size({"width": 900, "height": 1000})
    page.wait_for_function(IS_WHOLE)  # as narrow as the page
    drag_strict(page, -100)

    strict = page.get_by_label("STRICT, as a number")
    expect(strict).not_to_have_value("0.80")
    expect(apply).not_to_have_text(re.compile("STRICT 0.80,"))
    moved = float(strict.input_value())
    assert 0.3 < moved < 0.75

    page.evaluate("document.body.dataset.jpThemeLight = 'false'")  # as JupyterLab's dark theme does
    expect(page.locator(".facesort-plot").first).to_have_css("color-scheme", "dark")
    expect(chart(page)).to_have_css("filter", re.compile("invert"))
    page.evaluate("document.body.dataset.jpThemeLight = 'true'")
    expect(page.locator(".facesort-plot").first).not_to_have_css("color-scheme", "dark")

    apply.click()

    expect(page.get_by_text(re.compile("the next sort uses them"))).to_be_visible()
    gained = page.locator("tr", has_text="all persons").locator("td")
    expect(gained.last).to_have_text("0")
    settings = load_settings(workspace.root / "facesort.toml")
    assert (settings.matching.strict, settings.matching.loose) == (moved, 1.4)
    assert settings.calibration is not None
    assert settings.calibration.by_hand

    sheet = page.get_by_alt_text(re.compile("faces of the sample between STRICT and LOOSE"))
    expect(sheet).to_be_visible()
    written = (
        time.time()
    )  # JupyterLab saves by itself, too: before the thresholds were moved, perhaps
    page.keyboard.press("Control+s")
    saved = kept_outputs(workspace.root.parent / "02_calibrate.ipynb", after=written)
    assert "data:image/svg+xml" in saved["calibrate.show_curves"]
    assert "application/vnd.jupyter.widget-view+json" in saved["calibrate.show_between"]
    assert "data:image/" not in saved["calibrate.show_between"], "faces are seen, but not saved"


def kept_outputs(notebook: Path, *, after: float) -> dict[str, str]:
    """What each cell's outputs are in the file, once they are there and it was saved after a time."""
    while True:
        if notebook.stat().st_mtime < after:
            time.sleep(0.5)
            continue
        cells = nbformat.read(notebook, as_version=4).cells
        found = {
            c.source.partition("(")[0]: json.dumps(c.outputs) for c in cells if c.get("outputs")
        }
        if "calibrate.show_between" in found:
            return found
        time.sleep(0.5)


def settled(part: Locator) -> FloatRect:
    """Where it is once it stays there: what is drawn above and below it moves it."""
    before, box = None, part.bounding_box()
    while box is None or box != before:
        part.page.wait_for_timeout(1000)
        before, box = box, part.bounding_box()
    return box


def chart(page: Page) -> Locator:
    """The histogram of distances."""
    return page.locator(".jp-OutputArea canvas").last


def drag_strict(page: Page, by: int) -> None:
    """Take the line of STRICT, at 46 % of the chart's width, and pull it by so many px."""
    chart(page).scroll_into_view_if_needed()
    box = settled(chart(page))
    x, y = box["x"] + 0.457 * box["width"], box["y"] + 0.5 * box["height"]
    page.mouse.move(x, y)
    page.mouse.down()
    for step in range(1, 11):
        page.mouse.move(x + by * step / 10, y)
    page.mouse.up()
