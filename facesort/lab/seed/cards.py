"""Persons, references and offered photos as HTML."""

from __future__ import annotations

import base64
import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageOps

from facesort.core.text.foreign_text import html_text
from facesort.core.text.words import several
from facesort.engine.gallery.reference_check import from_left
from facesort.engine.gallery.seed import SeedReport
from facesort.engine.gallery.view import PersonCard
from facesort.lab.shared.colours import GREEN, RED
from facesort.lab.shared.front_end import is_unattended
from facesort.lab.shared.html import TEXT_STYLE
from facesort.lab.shared.remarks import damage_remark
from facesort.lab.shared.words import shorten
from facesort.store.queries.gallery import StoredReference

_LONG_EDGE = 520  # px of a shown photo: twice its size on the page, for high-resolution screens
_PAPER = "var(--jp-layout-color2,#EEE)"
_EDGE = "1px solid var(--jp-border-color1,#BBB)"
_SMALL = (
    "color:var(--jp-ui-font-color2,#555);font-size:12px;line-height:1.35;overflow-wrap:anywhere"
)


def _picture(jpeg: bytes, height: int, alt: str, fit: str = "cover") -> str:
    style = f"width:100%;height:{height}px;object-fit:{fit};background:{_PAPER};display:block"
    # Papermill saves the state of widgets, and nobody asked it for faces.
    if not jpeg or is_unattended():
        return f'<div style="{style}"></div>'
    data = base64.b64encode(jpeg).decode()
    return f'<img alt="{html_text(alt)}" style="{style}" src="data:image/jpeg;base64,{data}">'


def boxed_photo(report: SeedReport) -> bytes:
    """Shrink the photo and draw a box around every detected face, or around the chosen one.

    Returns
    -------
    bytes
        JPEG; empty if the photo could not be decoded.
    """
    analysis, number = report.analysis, report.candidate.face
    if not analysis.jpeg or analysis.info is None:
        return b""
    small = _shrunk(analysis.jpeg, _LONG_EDGE)
    faces = from_left(analysis) if number is None else from_left(analysis)[number - 1 : number]
    for face in faces:
        box = face.box * np.float32(small.width / analysis.info.width)
        _draw_box(ImageDraw.Draw(small), box, GREEN if report.refused is None else RED)
    return _encoded(small)


def small_photo(jpeg: bytes, long_edge: int) -> bytes:
    """Shrink a photo; `long_edge` in px."""
    return _encoded(_shrunk(jpeg, long_edge))


def _shrunk(jpeg: bytes, long_edge: int) -> Image.Image:
    with Image.open(io.BytesIO(jpeg)) as image:
        image.draft("RGB", (long_edge, long_edge))
        return ImageOps.contain(image.convert("RGB"), (long_edge, long_edge))


def _encoded(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=85)
    return buffer.getvalue()


def _draw_box(draw: ImageDraw.ImageDraw, box: NDArray[np.float32], colour: str) -> None:
    edges = [float(edge) for edge in box]
    for grown, ink, width in ((2, "white", 8), (0, colour, 4)):  # visible on any background
        x_min, y_min, x_max, y_max = edges
        draw.rectangle(
            (x_min - grown, y_min - grown, x_max + grown, y_max + grown), None, ink, width
        )


def report_html(report: SeedReport, file_name: str, *, pictured: bool = True) -> str:
    """The result for one offered photo: the photo with its boxes, added or refused, and why."""
    refused = report.refused
    colour = GREEN if refused is None else RED
    result = "✓ added" if refused is None else "✗ refused"
    code = "" if refused is None else f" <code>{html_text(refused.reason.value)}</code>"
    detail = _accepted(report) if refused is None else refused.detail
    photo = _picture(boxed_photo(report), 190, file_name, "contain") if pictured else ""
    return (
        f'<div class="facesort-report" style="border:{_EDGE};border-top:5px solid {colour};'
        f'border-radius:4px;overflow:hidden">{photo}<div style="padding:8px 10px;{TEXT_STYLE}">'
        f"<b>{result}</b>{code}<br>{html_text(shorten(file_name, 40))}"
        f'<div style="{_SMALL};margin-top:4px">{html_text(detail)}</div></div></div>'
    )


def _accepted(report: SeedReport) -> str:
    """What is to be said of a photo that was added."""
    return "; ".join(filter(None, [_distances(report), damage_remark(report.analysis)]))


def _distances(report: SeedReport) -> str:
    """The distances of an accepted face to its person and to the nearest other."""
    found = report.likeness
    if found is None:
        return ""
    parts = []
    if found.own is not None:
        parts.append(f"{found.own:.2f} from {report.candidate.name}")
    if found.other is not None and found.other_distance is not None:
        parts.append(f"{found.other_distance:.2f} from the nearest other, {found.other.name}")
    return "; ".join(parts) or "the first person in the gallery"


def person_html(card: PersonCard, *, chosen: bool = False) -> str:
    """A person: picture, name, folder, references and what is missing."""
    spread = "" if card.spread is None else f" · spread {card.spread:.2f}"
    missing = "".join(_badge(a.gap.value.replace("_", " "), a.text) for a in card.advice)
    border = "2px solid #0072B2" if chosen else _EDGE
    return (
        f'<div class="facesort-person" style="border:{border};border-radius:4px;overflow:hidden;{TEXT_STYLE}">'
        f"{_picture(card.picture, 150, card.person.name)}"
        f'<div style="padding:8px 10px;min-height:96px"><b>{html_text(shorten(card.person.name, 40))}</b>'
        f'<div style="{_SMALL}">{html_text(shorten(card.person.folder, 40))}/</div>'
        f'<div style="{_SMALL}">{several(len(card.references), "reference")} · {card.learned:,} learned'
        f"{spread}</div>{missing}</div></div>"
    )


def _badge(text: str, explanation: str) -> str:
    return (
        f'<span title="{html_text(explanation)}" style="display:inline-block;margin:4px 4px 0 0;padding:0 6px;'
        f'border-radius:8px;background:#FBE3C2;color:#6B3F00;font-size:11px">{html_text(text)}</span>'
    )


def reference_html(reference: StoredReference, to_rest: float | None) -> str:
    """One reference and its distance to the person's others."""
    lines = [shorten(reference.file_name, 30), f"quality {reference.quality:.2f}"]
    if to_rest is not None:
        lines.append(f"{to_rest:.2f} from the others")
    if reference.captured_at is not None:
        lines.append(f"{reference.captured_at:%Y-%m-%d}")
    text = "<br>".join(html_text(line) for line in lines)
    return (
        f'<div style="border:{_EDGE};border-radius:4px;overflow:hidden">'
        f'{_picture(reference.crop, 110, reference.file_name)}<div style="padding:6px 8px;{_SMALL}">{text}'
        "</div></div>"
    )
