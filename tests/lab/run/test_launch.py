from __future__ import annotations

import io
import json
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path, PurePosixPath

import nbformat
import papermill.engines
import pytest
from disks import file_handles, mounted, needs_mount
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.provisioning import LocalProvisioner
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from papermill.iorw import write_ipynb

from facesort.errors import NotebookError, ResourceError
from facesort.lab.run.launch import launch
from facesort.lab.run.page import save_page
from facesort.lab.shared.kernel import started_kernel

NASTY = {
    "empty": "",
    "quotes": '\'"""\'\\',
    "code": '"; raise SystemExit(3); "',
    "lines": "one\ntwo\r\nthree\t\x00",
    "scripts": "Ünï 名前 \U0001f600",
    "braces": "{workspace} {{}} %s $x$",
    "number": 0.1,
    "whole": -3,
    "yes": True,
    "nothing": None,
    "many": [1, "a'b", [None]],
}


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    return tmp_path / "runs {of} %s"


def write_notebook(folder: Path, *cells: str, parameters: str = "x = 1", tags: int = 1) -> Path:
    tagged = [new_code_cell(parameters, metadata={"tags": ["parameters"]}) for _ in range(tags)]
    path = folder / "a {note} book.ipynb"
    nbformat.write(new_notebook(cells=[*tagged, *map(new_code_cell, cells)]), path)
    return path


def summary_of(saved: Path) -> dict[str, object]:
    found = json.loads((saved.parent / "summary.json").read_text(encoding="utf-8"))
    assert isinstance(found, dict)
    return found


def only_run(runs: Path) -> Path:
    (folder,) = runs.iterdir()
    (saved,) = folder.glob("*.ipynb")
    return saved


@pytest.mark.parametrize(
    ("parameters", "tags", "given", "message"),
    [
        ("", 1, {"strict": 1}, "has no parameter 'strict'. It has: none"),
        ("strict = None", 1, {"srtict": 1}, "'srtict'. Did you mean 'strict'? It has: strict"),
        ("a = 1\nb: int = 2  # 0 = all", 1, {"c": 1}, "It has: a, b"),
        ("a = 1", 0, {}, "must have one cell tagged 'parameters', but has 0"),
        ("a = 1", 2, {}, "but has 2"),
        ("a = ", 1, {}, "the parameters cell is not Python"),
        ("a = 1", 1, {"a": object()}, "parameters must be numbers, texts"),
        ("a = 1", 1, {"a": float("nan")}, "parameters must be numbers, texts"),
        ("a = 1", 1, {"a": "caf\udce9"}, "parameters must be numbers, texts"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_anything_runs(
    tmp_path: Path, runs: Path, parameters: str, tags: int, given: dict[str, object], message: str
) -> None:
    notebook = write_notebook(tmp_path, parameters=parameters, tags=tags)

    with pytest.raises(NotebookError, match=re.escape(message)):
        launch(notebook, given, runs=runs, job="x")

    assert not runs.exists()


def test_what_is_no_notebook_is_refused(tmp_path: Path, runs: Path) -> None:
    (tmp_path / "x.ipynb").write_text("{", encoding="utf-8")

    with pytest.raises(NotebookError, match=r"x\.ipynb cannot be read as a notebook"):
        launch(tmp_path / "x.ipynb", {}, runs=runs, job="x")
    with pytest.raises(NotebookError, match="99_nothing"):
        launch("99_nothing", {}, runs=runs, job="x")


def test_runs_that_cannot_be_kept_are_not_started(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(NotebookError, match="runs cannot be saved in"):
        launch(write_notebook(tmp_path), {}, runs=tmp_path / "file", job="x")


@needs_mount
def test_a_full_disk_of_runs_is_one_sentence(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    runs.mkdir()
    with mounted(runs, "size=64k"):
        (runs / "filler").write_bytes(bytes(shutil.disk_usage(runs).free))
        with pytest.raises(NotebookError, match=r"No space left .*another folder with --runs"):
            launch(write_notebook(tmp_path), {}, runs=runs, job="x", echo=io.StringIO())


def rogue_kernel(folder: Path) -> None:
    """A kernel spec under the name that every notebook asks for, which cannot start."""
    spec = folder / "kernels" / "python3"
    spec.mkdir(parents=True)
    spec.joinpath("kernel.json").write_text(
        json.dumps({"argv": ["/bin/false"], "display_name": "rogue", "language": "python"})
    )


def test_a_notebook_gets_its_values_and_this_python_and_is_kept_with_a_summary(
    tmp_path: Path, runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    rogue_kernel(tmp_path / "jupyter")
    assert KernelSpecManager().get_kernel_spec("python3").display_name == "rogue"
    notebook = write_notebook(
        tmp_path,
        "import sys\nprint('10%', end='\\r'); print('100%')\nprint('careful', file=sys.stderr)",
        "from facesort.lab.shared.summary import Summary\n"
        "seen = {name: value for name, value in globals().items() if name in names}\n"
        "Summary({'seen': seen, 'python': sys.executable, 'state': 'finished'}, 'all **well**')",
        parameters="\n".join(f"{name} = None" for name in [*NASTY, "path", "names"]),
    )
    before = notebook.read_bytes()
    given = {**NASTY, "path": PurePosixPath('a/"b'), "names": [*NASTY, "path"]}
    echo = io.StringIO()

    saved = launch(notebook, given, runs=runs, job="my/job", echo=echo)

    summary = summary_of(saved)
    assert summary["seen"] == {**NASTY, "path": 'a/"b'}
    assert summary["python"] == sys.executable
    assert (summary["state"], summary["error"]) == ("finished", None)
    assert re.fullmatch(r"\d{8}T\d{6}Z-myjob", saved.parent.name)
    assert stat.S_IMODE(saved.parent.stat().st_mode) == 0o700
    assert echo.getvalue().count("10%\r100%") == 1
    assert "careful" in echo.getvalue()
    streams = [o.text for o in nbformat.read(saved, 4).cells[2].outputs if o.name == "stdout"]
    assert streams == ["100%\n"]
    assert notebook.read_bytes() == before


def test_a_failed_run_is_kept_and_says_why(tmp_path: Path, runs: Path) -> None:
    notebook = write_notebook(
        tmp_path,
        "from facesort.lab.shared.summary import Summary\nSummary({'photos': 3, 'state': 'running'}, 'so far')",
        "raise ValueError('the disk\\nis gone')",
        "print('never')",
    )

    with pytest.raises(NotebookError, match=r"ValueError: the disk\nis gone") as caught:
        launch(notebook, {"x": 2}, runs=runs, job="", echo=io.StringIO())

    saved = only_run(runs)
    assert str(saved) in str(caught.value)
    assert saved.parent.name.endswith("Z-run")
    summary = summary_of(saved)
    assert summary["state"] == "failed"
    assert summary["error"] == "ValueError: the disk\nis gone"
    assert summary["photos"] == 3
    assert summary["parameters"] == {"x": 2}
    outputs = [
        o.output_type for cell in nbformat.read(saved, 4).cells for o in cell.get("outputs", ())
    ]
    assert outputs == ["execute_result", "error"]


@pytest.mark.skipif(os.name == "nt", reason="a umask of POSIX")
def test_a_umask_that_closes_files_to_their_owner_stops_no_kernel(
    tmp_path: Path, runs: Path
) -> None:
    notebook = write_notebook(tmp_path, "import os", "print(oct(os.umask(0)))")
    before = os.umask(0o777)
    try:
        saved = launch(notebook, {}, runs=runs, job="closed", echo=io.StringIO())
        assert os.umask(0o777) == 0o777
    finally:
        os.umask(before)
    assert r'"0o77\n"' in saved.read_text(encoding="utf-8")


def test_a_notebook_whose_process_dies_is_kept(tmp_path: Path, runs: Path) -> None:
    notebook = write_notebook(tmp_path, "print('here')", "import os; os._exit(9)")

    with pytest.raises(
        NotebookError, match=r"could not be finished: Kernel died.*its memory was short"
    ):
        launch(notebook, {}, runs=runs, job="x", echo=io.StringIO())

    saved = only_run(runs)
    assert summary_of(saved)["state"] == "failed"
    assert nbformat.read(saved, 4).cells[1].outputs[0].text == "here\n"


@pytest.mark.skipif(os.name == "nt", reason="limits of POSIX")
def test_without_file_handles_nothing_is_started(tmp_path: Path, runs: Path) -> None:
    """The kernel's libraries end its process without a word when there are none left."""
    notebook = write_notebook(tmp_path)
    with pytest.raises(ResourceError, match=r"Too many open files.*ulimit -n"), file_handles(60):
        launch(notebook, {}, runs=runs, job="x", echo=io.StringIO())
    assert not runs.exists()


def test_an_interrupted_run_is_kept_and_leaves_no_process(tmp_path: Path, runs: Path) -> None:
    notebook = write_notebook(
        tmp_path,
        "import os, pathlib, time\npathlib.Path(x).write_text(str(os.getpid()))\ntime.sleep(600)",
        parameters="x = ''",
    )
    script = (
        "import signal, sys; from pathlib import Path; from facesort.lab.run.launch import launch; "
        # Who starts the tests in the background of a shell hands down that interrupts are ignored.
        "signal.signal(signal.SIGINT, signal.default_int_handler); "
        "launch(Path(sys.argv[1]), {'x': sys.argv[2]}, runs=Path(sys.argv[3]), job='x')"
    )
    started = tmp_path / "started"
    command = [sys.executable, "-c", script, str(notebook), str(started), str(runs)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            wait_until(lambda: started.exists() and started.read_text() != "")
            process.send_signal(signal.SIGINT)
            assert process.wait(180) != 0
        finally:
            process.kill()

    assert summary_of(only_run(runs))["state"] == "interrupted"
    wait_until(lambda: not alive(int(started.read_text())))


def wait_until(condition: Callable[[], bool], timeout_s: float = 180) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_two_runs_of_one_second_are_kept_apart(tmp_path: Path, runs: Path) -> None:
    notebook = write_notebook(tmp_path, "1 / 0")
    for _ in range(2):
        with pytest.raises(NotebookError, match="ZeroDivisionError"):
            launch(notebook, {}, runs=runs, job="x", echo=io.StringIO())

    assert len(list(runs.glob("*/summary.json"))) == 2


SURROUNDINGS = """
import os, sys, matplotlib
from facesort.lab.shared.summary import Summary
names = [name for name in globals() if name.startswith('started_by')]
Summary({
    'path': sys.path, 'folder': os.getcwd(), 'names': names, 'startup': os.environ.get('PYTHONSTARTUP'),
    'drawing': matplotlib.matplotlib_fname(), 'lib': os.environ['PYTHONPATH'], 'state': 'finished',
}, '')
"""


def test_a_kernel_is_started_without_what_its_surroundings_would_add(
    tmp_path: Path, runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = tmp_path / "home" / ".ipython" / "profile_default" / "startup"
    start.mkdir(parents=True)
    (start / "first.py").write_text("started_by_profile = 1")
    (tmp_path / "start.py").write_text("started_by_python = 1")
    for folder in ("card", "card/lib", "lib"):
        (tmp_path / folder).mkdir()
    (tmp_path / "card" / "matplotlibrc").write_text("backend: module://evil")
    monkeypatch.chdir(tmp_path / "card")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PYTHONSTARTUP", str(tmp_path / "start.py"))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(["", "lib", str(tmp_path / "lib")]))
    temporary = tmp_path / "temporary"  # of its own: other tests run beside it
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))

    saved = launch(
        write_notebook(tmp_path, SURROUNDINGS), {}, runs=runs, job="x", echo=io.StringIO()
    )

    found = summary_of(saved)
    here = {"", str(tmp_path / "card"), str(tmp_path / "card" / "lib"), str(saved.parent)}
    assert not here & set(found["path"])
    assert found["lib"] == str(tmp_path / "lib")  # what is named in full is meant
    assert Path(str(found["folder"])).parent == temporary
    assert (found["names"], found["startup"]) == ([], None)
    assert "card" not in Path(str(found["drawing"])).parts
    assert not list(temporary.glob("facesort-*"))


def test_a_kernel_started_before_has_imported_what_it_was_told(tmp_path: Path, runs: Path) -> None:
    code = (
        "import os, sys\nfrom facesort.lab.shared.summary import Summary\n"
        "import gc\nseen = {'loaded': 'facesort.lab.sort' in sys.modules, 'named': 'facesort' in globals()}\n"
        "seen |= {'pid': os.getpid(), 'collects': gc.isenabled(), 'kept': gc.get_freeze_count() > 100_000}\n"
        "seen |= {'debugger': any(name.startswith('pydevd') for name in sys.modules)}\n"
        "Summary(seen | {'state': 'finished'}, '')"
    )

    with started_kernel("facesort.lab.sort") as kernel:
        notebook = write_notebook(tmp_path, code)
        saved = launch(notebook, {}, runs=runs, job="x", echo=io.StringIO(), kernel=kernel)

    found = summary_of(saved)
    assert (found["loaded"], found["named"], found["debugger"]) == (True, False, False)
    assert (found["collects"], found["kept"]) == (True, True)
    assert not alive(int(str(found["pid"])))


def test_a_kernel_that_is_not_needed_is_ended_with_what_it_was_importing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "slow_module.py").write_text(
        f"import os, pathlib, time\n"
        f"pathlib.Path({str(tmp_path / 'started')!r}).write_text(str(os.getpid()))\n"
        "while True:\n    try: time.sleep(600)\n    except BaseException: pass\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    started = tmp_path / "started"

    with pytest.raises(NotebookError, match="refused"), started_kernel("slow_module"):
        wait_until(lambda: started.exists() and started.read_text() != "")
        raise NotebookError("refused")

    assert not alive(int(started.read_text()))
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("code", ["1", "1 / 0"])
def test_a_kernel_that_does_nothing_is_not_interrupted(
    tmp_path: Path, runs: Path, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    """jupyter_client interrupts whatever it ends, and on a busy machine an idle kernel wrote an ERROR about it."""
    sent, send = [], LocalProvisioner.send_signal
    monkeypatch.setattr(
        LocalProvisioner,
        "send_signal",
        lambda self, number: (sent.append(number), send(self, number))[1],
    )

    with suppress(NotebookError):
        launch(write_notebook(tmp_path, code), {}, runs=runs, job="x", echo=io.StringIO())

    assert sent
    assert signal.SIGINT not in sent


def test_a_template_in_the_current_folder_is_not_used_for_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "basic" / "basic").mkdir(parents=True)
    (tmp_path / "basic" / "basic" / "index.html.j2").write_text("evil")
    monkeypatch.chdir(tmp_path)

    page = save_page(write_notebook(tmp_path, "print('cell')"), faces=False)

    text = page.read_text(encoding="utf-8")
    assert "evil" not in text
    assert "cell" in text


def test_it_is_saved_before_each_cell_that_runs_and_at_its_end_but_not_for_every_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is done when a cell starts, also one that takes hours or is killed, is in the saved notebook."""
    look = (
        "import pathlib\n(saved,) = pathlib.Path(runs).glob('*/*.ipynb')\n"
        "print('it has' if '{0}' + '{1}' in saved.read_text() else 'it lacks')"
    )
    cells = [
        new_code_cell("runs = ''", metadata={"tags": ["parameters"]}),
        *(new_markdown_cell("text") for _ in range(20)),
        new_code_cell("print('so' + 'me output')"),
        *(new_markdown_cell("text") for _ in range(20)),
        new_code_cell(look.format("so", "me output")),
    ]
    path, runs = tmp_path / "book.ipynb", tmp_path / "runs"
    nbformat.write(new_notebook(cells=cells), path)
    saves = []
    monkeypatch.setattr(
        papermill.engines, "write_ipynb", lambda *to: (saves.append(to), write_ipynb(*to))
    )

    saved = launch(path, {"runs": str(runs)}, runs=runs, job="x", echo=io.StringIO())

    outputs = nbformat.read(saved, 4).cells[-1].outputs
    assert [output.text for output in outputs] == ["it has\n"]
    assert len(saves) == 6  # as it begins and ends, and before four cells: papermill adds one
