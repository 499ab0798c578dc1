"""JupyterLab and Debian's Chromium, started by the tests themselves."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

CHROMIUM = shutil.which("chromium")
# No sandbox: CI and containers run as root. The rest keeps Chromium from calling home.
FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --disable-dev-shm-usage"
).split()
TOKEN = "facesort-test"

OpenNotebook = Callable[[str], Page]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("no chromium here: apt-get install chromium")
    expect.set_options(timeout=120_000)  # two busy cores
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield started
        started.close()


@pytest.fixture
def notebooks(tmp_path: Path, checkout: Path) -> Path:
    """The notebooks as a fresh checkout has them."""
    folder = tmp_path / "notebooks"
    shutil.copytree(
        checkout / "notebooks", folder, ignore=shutil.ignore_patterns(".ipynb_checkpoints", "*_*/")
    )
    return folder


@pytest.fixture
def lab_url(notebooks: Path, tmp_path: Path) -> Iterator[str]:
    """A JupyterLab server that knows nothing of the user's own settings."""
    private = {
        f"JUPYTER_{name}_DIR": str(tmp_path / name.lower())
        for name in ("CONFIG", "DATA", "RUNTIME")
    }
    theme = f"JupyterLab {os.environ.get('FACESORT_THEME', 'Light').title()}"
    chosen = tmp_path / "config" / "lab/user-settings/@jupyterlab/apputils-extension"
    chosen.mkdir(parents=True)
    (chosen / "themes.jupyterlab-settings").write_text(json.dumps({"theme": theme}))
    command = [
        *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--port=0"),
        *(f"--IdentityProvider.token={TOKEN}", "--ServerApp.ip=127.0.0.1"),
        *("--LabApp.news_url=", "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"),
        str(notebooks),
    ]
    with ExitStack() as stack:
        log = stack.enter_context((tmp_path / "jupyter.log").open("wb"))
        server = stack.enter_context(
            subprocess.Popen(
                command,
                stdout=log,
                stderr=log,
                env=os.environ | private | {"IPYTHONDIR": str(tmp_path / "ipython")},
            )
        )
        stack.callback(server.terminate)
        yield _address(server, tmp_path)


def _address(server: subprocess.Popen[bytes], folder: Path) -> str:
    """Wait until the server says where it is."""
    for _ in range(1800):
        for file in (folder / "runtime").glob("jpserver-*.html"):
            port = file.read_text().partition("127.0.0.1:")[2].partition("/")[0]
            if port:  # else the file is being written
                return f"http://127.0.0.1:{port}"
        if server.poll() is not None:
            break
        time.sleep(0.1)
    pytest.fail((folder / "jupyter.log").read_text())


@pytest.fixture
def open_notebook(browser: Browser, lab_url: str) -> Iterator[OpenNotebook]:
    """Open a notebook alone on its page, and run all its cells."""
    width = int(os.environ.get("FACESORT_WIDTH", "1280"))
    context = browser.new_context(viewport={"width": width, "height": 1000})

    def open_and_run(name: str) -> Page:
        page = context.new_page()
        page.set_default_timeout(180_000)
        page.goto(f"{lab_url}/lab/tree/{name}.ipynb?token={TOKEN}&reset")
        page.get_by_role("button", name=re.compile(r"Python 3.*\| Idle")).wait_for()
        page.get_by_text("Run", exact=True).first.click()
        page.locator("#jp-mainmenu-run").get_by_text("Run All Cells", exact=True).click()
        return page

    yield open_and_run
    context.close()
