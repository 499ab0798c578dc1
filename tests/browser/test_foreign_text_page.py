"""Nasty text in JupyterLab itself: its Markdown, its sanitiser and MathJax make no markup of it, and nothing runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from nasty import NASTY
from nbformat.v4 import new_code_cell, new_notebook
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser

CODE = """
import sys
sys.path.insert(0, {tests!r})
import ipywidgets
from IPython.display import HTML, Markdown, display
from nasty import NASTY
from facesort.core.text.foreign_text import html_text, markdown_text
from facesort.lab.audit.tables import Sections
from facesort.lab.review.sheet import FaceSheet, Tile
from facesort.lab.shared.html import notice
from facesort.lab.shared.tables import Table

attack = "<img src=x onerror='window.attacked = 1'> $x$ \\\\(y\\\\)"
texts = [attack, *NASTY]
display(Markdown("".join(f"read from {{markdown_text(text)}}: plug in\\n\\n" for text in texts)))
display(Table(("Name",), [(text,) for text in texts], note=attack))
display(Sections([(text, text) for text in texts]))
display(ipywidgets.HTML("".join(map(notice, texts)) + html_text(attack)), HTML(notice(attack)))
sheet = FaceSheet("nasty faces")
sheet.show([Tile(i, [b""], t, [t], [t], [t], tooltip=t) for i, t in enumerate(map(repr, texts))])
display(sheet, ipywidgets.Dropdown(options=[(t, t) for t in texts if t.isprintable()], description="Dropdown"))
display(Markdown("the only formula: $z$"))
"""


def test_jupyterlab_shows_the_text_and_nothing_else(
    notebooks: Path, checkout: Path, open_notebook: Callable[[str], Page]
) -> None:
    cell = new_code_cell(CODE.format(tests=str(checkout / "tests")))
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3 (ipykernel)"}}
    nbformat.write(new_notebook(cells=[cell], metadata=kernel), notebooks / "09_nasty.ipynb")

    page = open_notebook("09_nasty")

    expect(page.locator("mjx-container")).not_to_have_count(
        0
    )  # MathJax has come, and looked at everything
    shown = page.locator(".jp-OutputArea-output")
    expect(page.get_by_role("listbox", name="nasty faces").get_by_role("option")).to_have_count(
        len(NASTY) + 1
    )
    assert page.evaluate("window.attacked") is None
    for markup in "a img h1 h2 hr blockquote li em strong del script".split():
        assert shown.locator(markup).count() == 0, markup
    assert page.locator("mjx-container").count() == 1
    assert shown.locator("h4").count() == len(NASTY) + 1
    assert page.locator(".jp-RenderedMarkdown.jp-OutputArea-output p").count() == len(NASTY) + 2
    assert "[x](javascript:alert(1))" in shown.first.inner_text()
