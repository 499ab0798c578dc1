"""The saved page of a run on a phone, and in a dark theme."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output
from playwright.sync_api import Browser, expect

from facesort.lab.run.page import save_page
from facesort.lab.shared.tables import Table

pytestmark = pytest.mark.browser

SENTENCES = Table(
    ("Setting", "Value", "Comes from"), [("Workspace", "/a/long/path" * 9, "parameter of the run")]
)
NUMBERS = Table(
    ("Folder", *(f"column {i}" for i in range(9))), [("DCIM/100", *range(10**7, 10**7 + 9))]
)


def test_tables_fold_or_scroll_on_a_phone_and_the_page_is_dark(
    browser: Browser, tmp_path: Path
) -> None:
    cells = [
        new_code_cell("x", outputs=[new_output("display_data", {"text/html": table._repr_html_()})])
        for table in (SENTENCES, NUMBERS)
    ]
    nbformat.write(new_notebook(cells=cells), tmp_path / "run.ipynb")
    phone = {"width": 390, "height": 844}
    page = browser.new_page(viewport=phone, color_scheme="dark")  # type: ignore[arg-type]
    page.goto(save_page(tmp_path / "run.ipynb", faces=False).as_uri())

    assert page.evaluate("document.documentElement.scrollWidth") == phone["width"]
    row = page.get_by_text("parameter of the run")
    assert row.evaluate("cell => getComputedStyle(cell, '::before').content") == '"Comes from"'
    expect(row).to_be_in_viewport(ratio=0.9)
    folder = page.get_by_text("DCIM/100")
    last = page.get_by_text("10,000,008")
    last.scroll_into_view_if_needed()
    expect(last).to_be_in_viewport(ratio=0.9)
    expect(folder).to_be_in_viewport(ratio=0.9)
    colours = page.evaluate(
        "[getComputedStyle(document.body)].map(s => [s.color, s.backgroundColor])"
    )
    assert colours == [["rgb(230, 230, 230)", "rgb(17, 17, 17)"]]
    page.close()
