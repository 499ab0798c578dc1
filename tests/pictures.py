"""The pictures in the documentation: made by the browser tests, and compared with the pages that they show.

Beside each picture in `docs/images` lies a text file with what the page said when it was made. A test fails when a page
says something else now, or looks different at a glance. Pixels are not compared: fonts differ between machines.
"""

from __future__ import annotations

import base64
import difflib
import io
import os
import re
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageChops, ImageStat
from playwright.sync_api import Locator, Page

SCALE = 1.6
LARGEST = 200_000  # bytes of a file
GLANCE = (64, 64)  # px, to which pictures are shrunk before they are compared
ALIKE = (
    7.0  # grey levels, mean; other fonts make about 2, another theme 200, a missing row of faces 10
)
_GAP = 6  # px between two sections

# What differs from run to run: moments, and how long something took.
_CHANGING = [
    (re.compile(r"\d{4}-\d\d-\d\d( \d\d:\d\d(:\d\d)?)?( \+00:00)?"), "(time)"),
    (re.compile(r"\d+(\.\d+)? (s|ms|images per second)\b"), r"(so many) \2"),
]
_QUIET = """
.jp-cell-toolbar, .jp-Collapser, .jp-cellPlaceholder, .Toastify, .jp-Notebook-footer { visibility: hidden !important }
.jp-Cell { border-color: transparent !important; box-shadow: none !important }
* { caret-color: transparent !important; transition: none !important }
"""
_SAID = """element => {
  const alts = [...element.querySelectorAll("img[alt]")].map(image => image.alt).filter(text => text);
  const shown = [...element.querySelectorAll("img")].filter(image => image.offsetWidth > 0).length;
  return [element.innerText, ...alts, `${shown} pictures`].join("\\n");
}"""


def picture(page: Page, folder: Path, name: str, parts: Sequence[Locator]) -> str | None:
    """Compare parts of a page, below each other, with the picture of this name, or make it again if that is asked for.

    Returns what has changed, or nothing.
    """
    if page.locator(".jp-Notebook").count():  # other pages let nobody add a style
        page.add_style_tag(content=_QUIET)
    said = _lines("\n".join(part.evaluate(_SAID) for part in parts))
    now = _below_each_other([_shot(page, part) for part in parts])
    if os.environ.get("FACESORT_PICTURES") == "write":
        write(folder, name, now, said)
    return difference(folder, name, now, said)


def write(folder: Path, name: str, image: Image.Image, said: Sequence[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    small = image.convert("RGB").quantize(128, dither=Image.Dither.NONE)
    small.save(folder / f"{name}.png", optimize=True)
    (folder / f"{name}.txt").write_text("\n".join(said) + "\n", encoding="utf-8")


def difference(folder: Path, name: str, image: Image.Image, said: Sequence[str]) -> str | None:
    """What differs between a page and the picture that is kept of it."""
    kept = (folder / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    told = "\n".join(difflib.unified_diff(kept, list(said), "kept", "page", lineterm="", n=0))
    if told:
        return f"{name}: the page says something else than its picture (`make pictures`)\n{told}"
    with Image.open(folder / f"{name}.png") as file:
        old = file.convert("L")
    taller = abs(image.width / image.height / (old.width / old.height) - 1)
    glances = [one.convert("L").resize(GLANCE, Image.Resampling.BOX) for one in (old, image)]
    apart = ImageStat.Stat(ImageChops.difference(*glances)).mean[0]
    if taller > 0.15 or apart > ALIKE:
        return (
            f"{name}: the page looks different from its picture (`make pictures`): {apart:.1f} grey levels apart, "
            f"{100 * taller:.0f} % of its shape"
        )
    return None


def _lines(text: str) -> list[str]:
    for pattern, word in _CHANGING:
        text = pattern.sub(word, text)
    return [line for line in (" ".join(line.split()) for line in text.splitlines()) if line]


def _shot(page: Page, part: Locator) -> Image.Image:
    box = part.bounding_box()
    window = page.viewport_size
    assert box is not None
    assert window is not None
    box["height"] = min(box["height"], window["height"] - box["y"])
    session = page.context.new_cdp_session(page)
    clip = box | {"scale": SCALE}
    data = session.send("Page.captureScreenshot", {"format": "png", "clip": clip})["data"]
    session.detach()
    return Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB")


def _below_each_other(images: Sequence[Image.Image]) -> Image.Image:
    gap = round(_GAP * SCALE) if len(images) > 1 else 0
    width = max(image.width for image in images)
    whole = Image.new(
        "RGB",
        (width, sum(image.height + gap for image in images) - gap),
        images[0].getpixel((1, 1)),
    )
    top = 0
    for image in images:
        whole.paste(image, (0, top))
        top += image.height + gap
    return whole
