"""How fast the review page answers, seen from the browser: JupyterLab and Chromium on drawn photos.

python benchmarks/review_in_browser.py --faces 5000
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from figures import run_benchmark
from PIL import Image
from playwright.sync_api import Locator, Page, sync_playwright

from facesort.engine.gallery.seed import Candidate, seed
from facesort.engine.job.sort import run_sort
from facesort.engine.setup import set_up
from facesort.faces.engines.synthetic import draw_synthetic_face

PEOPLE = 40
STRANGERS = 400
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
TOKEN = "facesort-benchmark"
LEFT = r"([\d,]+) match(?:es)? to check"
LOOKED_AT = r"([\d,]+) of [\d,]+ looked at"

# Times in ms from a key to the frame that shows the first tile grey, and to the frame that shows another count.
WATCH = """([label, pattern]) => {
  const sheet = document.querySelector(`[aria-label="${label}"]`);
  const count = () => document.body.textContent.match(new RegExp(pattern))?.[1];
  window.seen = [];
  sheet.addEventListener("keydown", (event) => {
    if (event.key !== "y") return;
    const [from, before] = [performance.now(), count()];
    const entry = { grey: null, count: null };
    window.seen.push(entry);
    const look = () => {
      const at = performance.now() - from;
      if (entry.grey === null && sheet.querySelector(".facesort-handled")) entry.grey = at;
      if (count() !== before) return (entry.count = at);
      requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
  }, true);
}"""


def draw(path: Path, drawn: list[tuple[int, int]], shade: int) -> None:
    pixels = np.full((420, 620, 3), shade, dtype=np.uint8)
    for position, (identity, variation) in enumerate(drawn):
        left, top = 10 + 150 * (position % 4), 20 + 190 * (position // 4)
        box = (left, top, left + 128, top + 128)
        draw_synthetic_face(pixels, box, identity, variation=variation)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, quality=90)


def make_event(root: Path, faces: int) -> None:
    """Three faces in a photo, two of them of people who are seeded, many far from their reference."""
    rng = np.random.default_rng(3)
    for number in range(-(-faces // 3)):
        pool = [*rng.choice(PEOPLE, 2, replace=False), PEOPLE + rng.integers(STRANGERS)]
        drawn = [(int(i), int(v)) for i, v in zip(pool, rng.integers(60, 240, 3), strict=True)]
        draw(root / "source" / f"DSC{number:05d}.JPG", drawn, int(rng.integers(60, 240)))
    candidates = []
    for identity in range(PEOPLE):
        draw(path := root / "seeds" / f"{identity}.png", [(identity, 30)], 200)
        candidates.append(Candidate(f"Person {identity}", path))
    workspace, pack = set_up(root / "hot_storage", [root / "source"], root / "out", "synthetic", [])
    assert not [report for report in seed(workspace, pack, candidates) if report.refused]
    run_sort(workspace, pack)


@contextmanager
def jupyterlab(root: Path) -> Iterator[str]:
    """Address of a server whose folder is the event, with the notebooks beside the workspace."""
    for notebook in (Path(__file__).parents[1] / "notebooks").glob("*.ipynb"):
        shutil.copy(notebook, root)
    private = {
        f"JUPYTER_{name}_DIR": str(root / "jupyter" / name.lower())
        for name in ("CONFIG", "DATA", "RUNTIME")
    }
    shutil.rmtree(root / "jupyter", ignore_errors=True)
    command = [
        *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--port=0"),
        *(f"--IdentityProvider.token={TOKEN}", "--ServerApp.ip=127.0.0.1", str(root)),
    ]
    server = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ | private
    )
    try:
        while True:
            for file in (root / "jupyter" / "runtime").glob("jpserver-*.html"):
                if port := re.search(r"127\.0\.0\.1:(\d+)/", file.read_text()):
                    yield f"http://127.0.0.1:{port[1]}"
                    return
            time.sleep(0.1)
    finally:
        server.terminate()
        server.wait()


def open_review(page: Page, url: str) -> tuple[Locator, float]:
    """The sheet of doubtful matches, and the seconds from running the cells until all of them have run."""
    page.set_default_timeout(180_000)
    page.goto(f"{url}/lab/tree/04_review.ipynb?token={TOKEN}&reset")
    page.get_by_role("button", name=re.compile(r"Python 3.*\| Idle")).wait_for()
    page.get_by_text("Run", exact=True).first.click()
    started = time.perf_counter()
    page.get_by_text("Run All Cells", exact=True).click()
    page.get_by_text(re.compile(r"[\d,]+ files in the output\.")).first.wait_for(state="attached")
    return page.get_by_role("listbox", name="doubtful matches"), time.perf_counter() - started


def left(page: Page) -> int:
    found = re.search(LEFT, page.get_by_text(re.compile(LEFT)).first.inner_text())
    return int(found[1].replace(",", "")) if found else 0


def spread(values: list[float]) -> str:
    low, high = np.percentile(values, [5, 95])
    return f"median {statistics.median(values):.0f} ms, 5 to 95 % {low:.0f} to {high:.0f} ms"


def single_answers(page: Page, number: int) -> None:
    for _ in range(number):
        page.keyboard.press("y")
        page.wait_for_function("window.seen.at(-1).count !== null")
        page.wait_for_timeout(1500)  # the other panels follow when changes pause
    seen = page.evaluate("window.seen")
    print(f"key to grey:  {spread([entry['grey'] or 0 for entry in seen])}  (n = {number})")
    print(f"key to count: {spread([entry['count'] for entry in seen])}  (n = {number})")


def in_a_row(page: Page, number: int, pause_ms: float) -> None:
    page.wait_for_timeout(4000)
    before = left(page)
    for _ in range(number):
        page.keyboard.press("y")
        page.wait_for_timeout(pause_ms)
    pressed = time.perf_counter()
    while left(page) > before - number and time.perf_counter() - pressed < 120:
        page.wait_for_timeout(10)
    behind = time.perf_counter() - pressed
    print(
        f"{number} answers, one every {pause_ms:.0f} ms: the count is right {behind * 1000:.0f} ms after the last; "
        f"{before - left(page)} stored"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--faces", type=int, default=5000)
    parser.add_argument("--answers", type=int, default=20)
    parser.add_argument("--event", type=Path, help="keep the event in this folder")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="facesort-review-") as folder:
        root = options.event or Path(folder)
        if not (root / "hot_storage").exists():
            make_event(root, options.faces)
        with jupyterlab(root) as url, sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=shutil.which("chromium"), args=FLAGS
            )
            page = browser.new_page(viewport={"width": 1360, "height": 1000})
            sheet, seconds = open_review(page, url)
            print(f"{options.faces} faces: all cells have run after {seconds:.1f} s")
            sheet.focus()
            page.evaluate(WATCH, ["doubtful matches", LOOKED_AT])
            single_answers(page, options.answers)
            for pause in (150, 33):
                in_a_row(page, options.answers, pause)
            browser.close()


if __name__ == "__main__":
    run_benchmark(main, ["facesort/lab/review", "facesort/store/queries/review/shown.py"])
