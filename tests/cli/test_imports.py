"""What a command loads: no library that it has no use for, as that is most of the time of a short one."""

from __future__ import annotations

import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from click.testing import CliRunner
from synthetic_event import write_photo

import facesort
from facesort.cli import cli

ANALYSIS = set(
    "cv2 dlib imagehash insightface onnxruntime pebble pi_heif PIL pywt rawpy scipy simplejpeg skimage sklearn".split()
)
LAB = set(
    "ipykernel IPython ipywidgets jsonschema matplotlib nbconvert nbformat papermill zmq".split()
)
OTHERS = set("asyncio boto3 fastapi multiprocessing pandas pyarrow tqdm unittest".split())
DATA = set("duckdb filelock numpy psutil pydantic tomlkit".split())
UNUSED = set("filelock numpy pathvalidate psutil tomlkit".split())  # by what only looks things up
PARSERS = {"lark"}  # what `rfc3987_syntax` is made with


@pytest.fixture(scope="module")
def hot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sorted workspace."""
    root = tmp_path_factory.mktemp("event")
    write_photo(root / "source" / "a.jpg", [1])
    write_photo(root / "ada.png", [1], variation=30)
    hot = root / "hot"
    for command in (
        f"init -w {hot} --source {root}/source --output {root}/out --pack synthetic",
        f"seed -w {hot} Ada {root}/ada.png",
    ):
        done = CliRunner().invoke(cli, command.split())
        assert done.exit_code == 0, done.output
    with ThreadPoolExecutor(1) as executor:
        facesort.sort(hot, executor=executor)
    return hot


def loaded(command: str, hot: Path) -> set[str]:
    """Names of all modules that the process of a command imports."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "facesort", *command.format(hot=hot).split()],
        cwd=hot.parent,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout
    return set(re.findall(r"^import time:.*\| +(\S+)$", done.stderr, re.MULTILINE))


def printed(code: str) -> str:
    """What a new process prints that runs some code."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.mark.parametrize("command", ["--version", "--help", "sort --help", "source --help"])
def test_help_loads_only_what_reads_a_command_line(command: str, hot: Path) -> None:
    assert loaded(command, hot) & (ANALYSIS | LAB | OTHERS | DATA | PARSERS) == set()


@pytest.mark.parametrize(
    "command",
    [
        "status -w {hot}",
        "status --json -w {hot}",
        "history -w {hot}",
        "history --json -w {hot}",
        "persons -w {hot}",
        "persons --json -w {hot}",
        "packs list -w {hot}",
    ],
)
def test_what_only_looks_things_up_loads_nothing_that_computes_or_draws(
    command: str, hot: Path
) -> None:
    assert loaded(command, hot) & (ANALYSIS | LAB | OTHERS | PARSERS) == set()


@pytest.mark.parametrize(
    "command",
    ["status -w {hot}", "status --json -w {hot}", "history -w {hot}", "history --json -w {hot}"],
)
def test_what_is_only_told_loads_neither_arrays_nor_what_writes(command: str, hot: Path) -> None:
    modules = loaded(command, hot)

    assert modules & (ANALYSIS | LAB | OTHERS | PARSERS | UNUSED) == set()
    rooms = {name for name in modules if name.startswith("facesort.cli.")}
    assert rooms == {"facesort.cli.terminal"}, "beside its own, which `importlib` does not list"


def test_the_status_of_a_job_that_was_counted_needs_no_database(hot: Path) -> None:
    assert "duckdb" not in loaded("status -w {hot}", hot)


def test_what_starts_a_notebook_analyses_nothing_itself(hot: Path) -> None:
    modules = loaded("sort -w {hot}", hot)

    assert {"jsonschema", "papermill"} <= modules
    assert modules & (ANALYSIS | PARSERS) == set()
    assert not {name for name in modules if name.partition(".")[0] in {"arrow", "botocore"}}


def test_a_kernel_is_started_before_anything_is_loaded_that_it_can_do_without() -> None:
    """Both processes load most of what they need at the same time."""
    code = "import sys; from facesort.lab.shared import kernel; print(*sys.modules)"
    started = {name.partition(".")[0] for name in printed(code).split()}

    assert started & (DATA | ANALYSIS | LAB) == {"ipykernel", "zmq"}


def test_a_sort_loads_of_scipy_what_it_shows_a_rate_with() -> None:
    code = (
        "import sys; from facesort.lab import sort;"
        "print({name.split('.')[1] for name in sys.modules if name.startswith('scipy.')}"
        " & {'cluster', 'ndimage', 'optimize', 'sparse', 'spatial', 'stats'})"
    )
    assert printed(code) == "set()"


def test_a_worker_that_finds_drawn_faces_loads_no_scipy() -> None:
    """It was a quarter of the start of each of the many workers that the tests start."""
    code = (
        "import sys; from facesort.engine.analysis import analyse, pool;"
        "from facesort.faces.engines import load; from facesort.faces.packs.files import synthetic_pack;"
        "load.load_engine(synthetic_pack(), threads=1); print('scipy' in sys.modules)"
    )
    assert printed(code) == "False"
