"""Every sink, with the same nasty texts, read back with a real parser."""

from __future__ import annotations

import csv
import io
import re
import shutil
import subprocess
import unicodedata
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, strategies as st
from nasty import INNOCENT, MARKDOWN, MARKUP, NASTY, STORABLE
from nbconvert.filters.markdown_mistune import markdown2html_mistune

from facesort.core.delivery.regions import Region
from facesort.core.delivery.xmp import sidecar
from facesort.core.text.foreign_text import (
    checksum_line,
    csv_text,
    html_text,
    markdown_text,
    printable,
    xml_text,
)

FORMULA = re.compile(r"""[\s"]*[=+\-@\uff1d\uff0b\uff0d\uff20]|[ "]*[\t\r\n]""")
MARKER = re.compile(
    r"""(^|[;\t\r\n])'(?=[\s"']*[=+\-@\uff1d\uff0b\uff0d\uff20])|\A'(?=[ "']*[\t\r\n])"""
)
HIDDEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}


class Parsed(HTMLParser):
    """The tags with their attributes, and the text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, tuple[str, ...]]] = []
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, tuple(name for name, _ in attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment: {data}")

    handle_decl = handle_pi = unknown_decl = handle_comment


@pytest.mark.parametrize("text", NASTY)
def test_a_terminal_gets_one_line_that_controls_nothing(text: str) -> None:
    shown = printable(text)
    assert not [c for c in shown if unicodedata.category(c) in HIDDEN or c == "\u3164"]
    assert shown.splitlines() in ([], [shown])
    shown.encode("utf-8")
    assert printable(shown) == shown


@pytest.mark.parametrize("text", INNOCENT)
def test_ordinary_names_are_left_as_they_are(text: str) -> None:
    assert printable(text) == text
    assert xml_text(text) == text
    assert next(csv.reader([csv_text([[text]])])) == [text]
    assert Parsed(html_text(text)).text == text
    assert Parsed(markdown2html_mistune(markdown_text(text))).text.strip() == text


def test_bytes_that_are_not_utf_8_are_shown_as_bytes() -> None:
    assert printable("a\udcffb") == "a\\xffb"
    assert printable("a\uefffb") == "a\\xffb"  # as the database stores it


@pytest.mark.parametrize("text", NASTY)
def test_no_cell_of_a_spreadsheet_begins_a_formula(text: str) -> None:
    written = csv_text([["name", "file"], [text, f"a{text}"], [1, None]])
    rows = list(csv.reader(io.StringIO(written, newline="")))
    assert [len(row) for row in rows] == [2, 2, 2]
    assert not FORMULA.match(rows[1][0])
    assert [MARKER.sub(r"\1", cell) for cell in rows[1]] == [text, f"a{text}"]
    assert rows[2] == ["1", ""]


@pytest.mark.parametrize("text", NASTY)
def test_no_cell_begins_a_formula_where_the_separator_is_a_semicolon(text: str) -> None:
    written = csv_text([["a", text, f"x;{text}"]])
    # Such a spreadsheet sees quotes at the beginning of a cell alone, so whatever follows a semicolon may begin one.
    cells = re.split(r"[;\t\r\n]", written)
    assert not [c for c in cells if re.match(r"""[ "]*[=+\-@\uff1d\uff0b\uff0d\uff20]""", c)]


@given(st.text(alphabet="=+-@'\" ;,\t\r\nab\uff1d", max_size=12))
def test_what_a_program_reads_can_be_restored(text: str) -> None:
    ((cell,),) = csv.reader(io.StringIO(csv_text([[text]]), newline=""))
    assert not FORMULA.match(cell)
    assert MARKER.sub(r"\1", cell) == text


@pytest.mark.parametrize("text", NASTY)
def test_html_gets_no_tag_and_no_attribute(text: str) -> None:
    page = Parsed(f'<p title="{html_text(text)}">{html_text(text)}</p>')
    assert page.tags == [("p", ("title",))]
    assert page.text == "\n".join(map(printable, text.split("\n")))


@pytest.mark.parametrize("text", NASTY)
@pytest.mark.parametrize(
    ("before", "after"),
    [("", ""), ("read from ", ": plug in"), ("1. ", ""), ("a `x` ", " `y`")],
)
def test_markdown_gets_no_markup(text: str, before: str, after: str) -> None:
    page = Parsed(markdown2html_mistune(f"{before}{markdown_text(text)}{after}"))
    plain = Parsed(markdown2html_mistune(f"{before}{markdown_text('plain')}{after}"))
    assert page.tags == plain.tags
    assert page.text.strip() == plain.text.replace("plain", printable(text)).strip()
    assert not re.search(
        r"\$|\\[(\[]", markdown_text(text)
    )  # nothing that JupyterLab takes for a formula


@pytest.mark.parametrize("text", NASTY)
def test_xml_stays_well_formed(text: str) -> None:
    written = sidecar([Region(text, 0.1, 0.1, 0.2, 0.2)], (100, 50))
    names = [
        e.text for e in ET.fromstring(written).iter() if e.tag.endswith(("}Name", "DisplayName"))
    ]
    assert names == [xml_text(text)] * 2
    assert len(xml_text(text)) == len(text)


def test_xml_keeps_what_it_can_hold() -> None:
    assert xml_text("a\x1bb\ud800c\ufffed\re\tf\n") == "a\ufffdb\ufffdc\ufffdd\ufffde\tf\n"
    for text in (*MARKUP, *MARKDOWN):
        assert xml_text(text) == text


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="sha256sum is not installed")
def test_the_manifest_names_every_file(tmp_path: Path) -> None:
    names = [t for t in STORABLE if "/" not in t and "\0" not in t and len(t) < 200]
    for name in names:
        (tmp_path / name).write_text(name)
    lines = [checksum_line(sha256(name.encode()).hexdigest(), name) for name in names]
    assert all(line.count("\n") == 1 for line in lines)
    found = subprocess.run(
        ["sha256sum", "-c", "--strict"],
        input="".join(lines).encode(),
        cwd=tmp_path,
        capture_output=True,
        check=False,
    )
    assert found.returncode == 0, found.stderr
    assert found.stdout.count(b": OK") == len(names)


@pytest.mark.parametrize(
    ("what", "where"),
    [
        (r"\bimport csv\b|csv\.writer|write_csv", "core/text/foreign_text.py"),
        (r"\bhtml\.escape|from html import", "core/text/foreign_text.py"),
        (r"click\.s?echo|tqdm\.write", "cli/terminal.py"),
        # The service's log is JSON, whose encoder escapes.
        (r"logging\.Formatter", "lab/shared/log_lines.py serve/watch/logs.py"),
        (r"ElementTree", "core/delivery/xmp.py"),
    ],
)
def test_no_text_goes_past_its_function(checkout: Path, what: str, where: str) -> None:
    package = checkout / "facesort"
    found = {
        path.relative_to(package).as_posix()
        for path in package.rglob("*.py")
        if re.search(what, path.read_text(encoding="utf-8"))
    }
    assert found == set(where.split())
