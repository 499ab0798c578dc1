from __future__ import annotations

import io
import re

import numpy as np
import pytest
from hypothesis import given, strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from facesort.core.records import PhotoRef
from facesort.core.stored import StoredFace
from facesort.core.text.foreign_text import printable
from facesort.core.text.meanings import explain
from facesort.core.text.words import duration
from facesort.lab.shared.colours import BLUE, DARK, GREEN, GREY, ORANGE, PAPER, RED
from facesort.lab.shared.face_pictures import plot_contact_sheet
from facesort.lab.shared.plots import chart, picture
from facesort.lab.shared.tables import Table, percent
from facesort.lab.shared.words import decimals, shorten
from facesort.reasons import Reason


def pixels_of(figure: Figure) -> NDArray[np.uint8]:
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3]


def jpeg(shade: int, size: tuple[int, int] = (60, 80)) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", size, (shade, 0, 0)).save(stream, "JPEG")
    return stream.getvalue()


def doubtful(**changes: object) -> StoredFace:
    values: dict[str, object] = {
        "face_id": 1,
        "photo": PhotoRef(1, "card/DSC1.JPG"),
        "person": "Ada",
        "runner_up": "Bo",
        "outcome": "loose",
        "reason": "above_strict",
        "distance": 0.934,
        "runner_up_distance": 1.2,
        "quality": 0.5,
        "crop": jpeg(250),
        "reference_crop": jpeg(90),
    }
    return StoredFace(**(values | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize("count", [1, 4, 5, 24])
def test_every_doubtful_face_stands_beside_its_reference(count: int) -> None:
    figure = plot_contact_sheet([doubtful(person=f"P{i}") for i in range(count)])

    pictures = [axes.images[0].get_array() for axes in figure.axes]
    assert [int(np.max(p[..., 0][p[..., 1] < 50])) // 10 for p in pictures] == [25, 9] * count
    captions = [text.get_text() for cell in figure.subfigs for text in cell.texts]
    assert captions[::3] == [f"P{i} 0.93" for i in range(count)]
    assert captions[1::3] == ["next: Bo 1.20"] * count
    assert captions[2::3] == ["DSC1.JPG"] * count


@pytest.mark.parametrize(
    ("changes", "caption"),
    [
        ({"runner_up": None, "runner_up_distance": None}, "nobody else to compare with"),
        ({"reference_crop": b""}, "next: Bo 1.20"),
        ({"runner_up": "$\\frac"}, "next: $\\frac 1.20"),
    ],
)
def test_a_contact_sheet_takes_what_there_is(changes: dict[str, object], caption: str) -> None:
    figure = plot_contact_sheet([doubtful(**changes)])

    assert figure.subfigs[0].texts[1].get_text() == caption
    assert pixels_of(figure).std() > 0


def test_a_picture_says_what_it_shows() -> None:
    shown = picture(Figure((2, 1)), 'what "it" shows')

    assert 'alt="what &quot;it&quot; shows"' in shown._repr_html_()
    assert "width:192px" in shown._repr_html_()
    assert repr(shown) == 'what "it" shows'


def test_sentences_stand_above_a_picture_where_they_can_break() -> None:
    html = picture(Figure((2, 1)), "3 < 4", above="3 < 4:\nrun `facesort sort`.")._repr_html_()

    above, _, plot = html.partition('<div class="facesort-plot"')
    assert ">3 &lt; 4:\nrun <code>facesort sort</code>.</p>" in above
    assert "overflow-x:auto" in plot
    assert "max-width:max(100%,620px)" in plot, "never cut, and never too small to read"


def luminance(colour: str) -> float:
    """Relative luminance (WCAG 2.2)."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_a_plot_can_be_read_in_both_themes() -> None:
    """Text has a contrast of 4.5:1, lines and surfaces of 3:1, on the plot's own background."""
    figure = chart(lambda ax: ax.plot([0, 1], [0, 1], color=BLUE, label="x"))
    svg = picture(figure, "a line").svg
    rules = svg[svg.index("<style>") : svg.index("</style>")]
    light, dark = (
        dict(re.findall(r"(--c\d+):(#[0-9a-f]{6})", part.lower())) for part in rules.split("@media")
    )
    drawn = svg[svg.index("</style>") :]

    def contrast(theme: dict[str, str], colour: str) -> float:
        name = next(name for name, value in light.items() if value == colour.lower())
        paper = next(name for name, value in light.items() if value == PAPER.lower())
        low, high = sorted((luminance(theme[name]), luminance(theme[paper])))
        return (high + 0.05) / (low + 0.05)

    assert not re.findall(r"(?:fill|stroke): #", drawn), "every colour follows the theme"
    for theme in (light, dark):
        assert contrast(theme, DARK) >= 4.5
        for colour in (BLUE, ORANGE, GREY, GREEN, RED):
            assert contrast(theme, colour) >= 3.0, colour


@given(st.text(), st.integers(min_value=3, max_value=40))
def test_a_short_text_is_one_line_of_at_most_that_length(text: str, length: int) -> None:
    short = shorten(text, length)

    assert len(short) <= length
    assert "\n" not in short
    line = printable(" ".join(text.split()))
    assert short == line if len(line) <= length else (short[0], short[-1]) == (line[0], line[-1])


def test_a_table_shows_text_as_text() -> None:
    table = Table(("Name", "Files"), [("<script>", 12345), ("b", 1)], ("all", 12346), "a & b")

    html = table._repr_html_()
    assert "<script>" not in html
    assert "&lt;script&gt;" in html
    assert "12,345" in html
    assert "a &amp; b" in html
    assert repr(table).splitlines() == [
        "Name       Files",
        "<script>  12,345",
        "b              1",
        "all       12,346",
        "a & b",
    ]


def test_a_table_shows_commands_as_code_and_names_as_they_are() -> None:
    table = Table(("Photo", "Detail"), [("`a`.jpg", "`facesort retry` <b>")], note="`matching.x`")

    html = table._repr_html_()
    assert ">`a`.jpg<" in html
    assert "<code>facesort retry</code> &lt;b&gt;" in html
    assert "<code>matching.x</code>" in html
    assert "`facesort retry`" in repr(table)


def test_an_empty_table_has_its_headings() -> None:
    table = Table(("Name", "Files"), [])

    assert repr(table) == "Name  Files"
    assert table._repr_html_().count("<th ") == 2


@pytest.mark.parametrize(
    ("part", "whole", "expected"),
    [(0, 0, ""), (0, 5, "0.0 %"), (1, 3, "33.3 %"), (2, 2, "100.0 %")],
)
def test_shares(part: int, whole: int, expected: str) -> None:
    assert percent(part, whole) == expected


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0, "0.0 s"),
        (9.94, "9.9 s"),
        (59.4, "59 s"),
        (59.6, "1 min 00 s"),
        (3599.4, "59 min 59 s"),
        (3600, "1 h 00 min"),
        (90061, "25 h 01 min"),
    ],
)
def test_durations(seconds: float, expected: str) -> None:
    assert duration(seconds) == expected


@pytest.mark.parametrize(
    ("distance", "expected"),
    [(0, "0.00"), (1, "1.00"), (0.8, "0.80"), (0.934, "0.93"), (0.80004, "0.80")],
)
def test_distances_have_two_decimals(distance: float, expected: str) -> None:
    assert decimals(distance) == expected


def test_codes_are_explained_and_unknown_ones_left_alone() -> None:
    assert explain(Reason.NO_FACE) == "no face was found"
    assert explain("from a newer facesort") == ""
