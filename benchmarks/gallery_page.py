"""How the page of a large gallery behaves in Chromium, opened as a file: 40 drawn pictures, linked to 5,000 names.

flock /tmp/browser.lock python benchmarks/gallery_page.py --photos 5000
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import tempfile
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from figures import run_benchmark
from PIL import Image
from playwright.sync_api import Page, sync_playwright

from facesort.core.derivatives import SUFFIXES, Variant
from facesort.faces.engines.synthetic import draw_synthetic_face
from facesort.images import derive, encode_output, jpeg_size
from facesort.pages import Gallery, Person, Photo, event_page, person_page

DISTINCT = 40
PEOPLE = 60
VARIANTS = [Variant(f, edge, 85) for edge in (256, 512, 1024) for f in ("webp", "jpeg")]
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--enable-precise-memory-info"]
FIRST_NAMES = "Ada Ben Cora Émile Dana Finn Greta Hugo Ines Jan Kaya Leo Mira Noah Ola Paul".split()
LAST_NAMES = "Berg Ode Karimi Lindqvist Okafor Sørensen Weiß Yilmaz".split()

# The first picture that is there, and what moves after that.
WATCH = """
document.addEventListener("load", (event) => {
  if (event.target.tagName === "IMG") window.firstPicture ??= performance.now();
}, true);
window.moved = 0;
new PerformanceObserver((list) => { for (const one of list.getEntries()) window.moved += one.value; })
  .observe({ type: "layout-shift", buffered: true });
"""
# Down the page, a part of the window with each frame, to its end or for some frames; the times between frames.
SCROLL = """([part, frames]) => new Promise((done) => {
  const times = [];
  let last = performance.now();
  const step = (now) => {
    times.push(now - last);
    last = now;
    const before = scrollY;
    scrollBy(0, part * innerHeight);
    if (scrollY === before || times.length > frames) done(times.slice(1)); else requestAnimationFrame(step);
  };
  requestAnimationFrame(step);
})"""
SEARCH = """(typed) => new Promise((done) => {
  const field = document.getElementById("name"), from = performance.now();
  field.value = typed;
  field.dispatchEvent(new Event("input"));
  requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now() - from)));
})"""


def drawn(number: int) -> bytes:
    """A colourful picture, upright or across, with one to three faces."""
    rng = np.random.default_rng(number)
    size = (1365, 2048) if number % 4 == 3 else (2048, 1365)
    coarse = Image.fromarray(rng.integers(60, 230, (4, 5, 3), dtype=np.uint8))
    pixels = np.array(coarse.resize(size, Image.Resampling.BICUBIC))
    for position in range(1 + number % 3):
        left, side = 100 + 430 * position, 360
        draw_synthetic_face(pixels, (left, 420, left + side, 420 + side), number + position)
    noise = rng.integers(-6, 7, (*pixels.shape[:2], 1))
    return encode_output((pixels.astype(np.int16) + noise).clip(0, 255).astype(np.uint8))


def write_gallery(folder: Path, photos: int) -> Path:
    """The pages, and links to the files of a few pictures under all names."""
    pictures = [_write_picture(folder, number) for number in range(DISTINCT)]
    names = [f"{FIRST_NAMES[n % 16]} {LAST_NAMES[(n // 16 + n) % 8]}" for n in range(PEOPLE)]
    people = [
        Person(f"{name} {n}", f"_gallery/{n}.html", "face.jpg") for n, name in enumerate(names)
    ]
    start, rng = datetime(2026, 6, 13, 11, 0), np.random.default_rng(1)
    shown = []
    for number in range(photos):
        jpeg, made = pictures[number % DISTINCT]
        key = f"{number:06x}"
        who = [int(n) for n in rng.choice(PEOPLE, 1 + number % 3, replace=False)]
        smaller = [
            (_linked(folder, file, f"_gallery/{number % 256:02x}/{key}-{file.name}"), one)
            for file, one in made
        ]
        full = _linked(folder, jpeg, f"{who[0]}/{key}.jpg")
        at = start + timedelta(seconds=number * 12)
        shown.append(
            Photo(key, *jpeg_size(jpeg.read_bytes()), at, dict.fromkeys(who, full), smaller)
        )
    gallery = Gallery("Anna & Ben", "index.html", people, shown)
    shutil.copy(folder / "_pictures" / "0" / "256.jpg", folder / "face.jpg")
    (folder / "index.html").write_bytes(event_page(gallery))
    (folder / "_gallery" / "0.html").write_bytes(person_page(gallery, 0))
    return folder / "index.html"


def _write_picture(folder: Path, number: int) -> tuple[Path, list[tuple[Path, Any]]]:
    place = folder / "_pictures" / str(number)
    place.mkdir(parents=True)
    jpeg = drawn(number)
    (place / "full.jpg").write_bytes(jpeg)
    made = []
    for one in derive(jpeg, VARIANTS):
        file = place / f"{one.variant.edge}.{SUFFIXES[one.variant.format]}"
        file.write_bytes(one.data)
        made.append((file, one))
    return place / "full.jpg", made


def _linked(folder: Path, file: Path, name: str) -> str:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    os.link(file, folder / name)
    return name


def memory_mb(pid: int) -> float:
    """Proportional memory of the browser's processes: pages that they share count once."""
    parts = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    return sum(part.memory_full_info().pss for part in parts) / 1e6


def _is_browser(process: psutil.Process) -> bool:
    """Whether it is Chromium's own process, and none of those that it started."""
    return "chromium" in process.name() and not any("--type=" in word for word in process.cmdline())


def measure(page: Page, address: str, browser_pid: int) -> dict[str, float]:
    page.goto(address, wait_until="domcontentloaded")
    while (
        page.evaluate("window.firstPicture") is None
    ):  # the page's policy forbids Playwright's own way to wait
        page.wait_for_timeout(50)
    found = {"first_picture_ms": page.evaluate("window.firstPicture")}
    (paint,) = page.evaluate(
        "performance.getEntriesByName('first-contentful-paint').map((p) => p.startTime)"
    )
    found["first_paint_ms"] = paint
    page.wait_for_timeout(1500)
    found["memory_opened_mb"] = memory_mb(browser_pid)
    for name, part, frames in (("read", 0.05, 400), ("rush", 0.5, 100_000)):
        page.evaluate("scrollTo(0, 0)")
        page.wait_for_timeout(500)
        times = page.evaluate(SCROLL, [part, frames])
        found[f"{name}_median_ms"] = statistics.median(times)
        found[f"{name}_95_ms"] = statistics.quantiles(times, n=20)[-1]
    found["moved"] = page.evaluate("window.moved")
    found["memory_scrolled_mb"] = memory_mb(browser_pid)
    found["heap_mb"] = page.evaluate("performance.memory.usedJSHeapSize") / 1e6
    found["search_ms"] = page.evaluate(SEARCH, "ada berg")
    found["clear_ms"] = page.evaluate(SEARCH, "")
    found["elements"] = page.evaluate("document.getElementsByTagName('*').length")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=int, default=5000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--width", type=int, default=1360)
    parser.add_argument(
        "--keep", type=Path, help="write the gallery to this new folder and leave it there"
    )
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary, sync_playwright() as playwright:
        folder = asked.keep or Path(temporary) / "gallery"
        index = (
            folder / "index.html"
            if (folder / "index.html").exists()
            else write_gallery(folder, asked.photos)
        )
        print(f"{asked.photos} photos, page of {index.stat().st_size / 1e6:.1f} MB")
        runs = []
        for _ in range(asked.runs):
            browser = playwright.chromium.launch(
                executable_path=shutil.which("chromium"), args=FLAGS
            )
            page = browser.new_page(viewport={"width": asked.width, "height": 850})
            page.add_init_script(WATCH)
            (pid,) = [p.pid for p in psutil.Process().children(recursive=True) if _is_browser(p)]
            runs.append(measure(page, index.as_uri(), pid))
            browser.close()
    for name in runs[0]:
        values = [run[name] for run in runs]
        print(
            f"{name:20} {statistics.median(values):10,.3g}   {min(values):,.3g} to {max(values):,.3g}"
        )


if __name__ == "__main__":
    run_benchmark(main, ["facesort/pages"])
