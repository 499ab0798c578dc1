"""Nothing in the folder one stands in is run: by no command, no kernel and no worker."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from hostile_folder import (
    KINDS,
    environment,
    loaded_by_python,
    make_hostile,
    module_names,
    write_module,
)
from hypothesis import given, settings, strategies as st
from synthetic_event import write_photo

import facesort
from facesort.cli import cli

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="links, programs without suffix")

# Every command, with the exit code that shows that it did its work.
VERBS: dict[str, tuple[str, int]] = {
    "demo": ("demo {new} --pack synthetic", 1),  # it finds none of the demo's faces
    "init": ("init -w {new} --source {source} --output {out} --pack synthetic", 0),
    "packs list": ("packs list -w {hot}", 0),
    "packs measure": (
        "packs measure synthetic --labelled {labelled} --workers 1",
        1,
    ),  # too few people
    "packs quantise": ("packs quantise synthetic --calibrate-with {labelled} --to {new}", 1),
    "packs fetch": ("packs fetch nothing --yes", 1),
    "packs add": ("packs add {labelled}", 1),  # photos are no pack
    "doctor": ("doctor -w {hot}", 0),
    "source add": ("source add {labelled} -w {hot}", 0),
    "source list": ("source list -w {hot}", 0),
    "source clock": ("source clock card-1 +1h3m -w {hot}", 0),
    "source remove": ("source remove card-1 -w {hot}", 1),  # there is no other
    "rescan": ("rescan --hash -w {hot}", 0),
    "seed": ("seed -w {hot} Cyd {third}", 0),
    "persons": ("persons -w {hot}", 0),
    "calibrate": ("calibrate -w {hot} --labelled {labelled} -p sample 0", 0),
    "sort": ("sort -w {hot} --workers 1", 0),
    "status": ("status -w {hot}", 0),
    "verify": ("verify -w {hot}", 0),
    "retry": ("retry -w {hot}", 0),
    "rematch": ("rematch -w {hot}", 0),
    "export": ("export -w {hot} {new} --xmp", 0),
    "derive": ("derive -w {hot}", 0),
    "publish": ("publish -w {hot} s3://bucket/x --dry-run", 0),
    "unpublish": ("unpublish -w {hot} Ada", 0),  # nothing was published
    "audit": ("audit -w {hot}", 0),
    "undo": ("undo -w {hot}", 0),
    "redo": ("redo -w {hot}", 0),
    "history": ("history -w {hot}", 0),
    "forget": ("forget -w {hot} Ada --yes", 0),
    "deliver": ("deliver -w {hot} Ada --no", 0),
    "backup": ("backup -w {hot} {new}", 0),
    "restore": ("restore -w {new} {archive}", 0),
    # It ends, since no machine here has this address.
    "serve": ("serve -w {hot} --data {new} --bind 192.0.2.7 --behind-proxy --host here", 1),
    "cluster start": ("cluster start --bind 192.0.2.7", 1),  # others could reach it
    "worker": ("worker tls://nowhere --source {source} --pack synthetic --certificates {new}", 1),
    "cluster certificates": ("cluster certificates {new}", 0),
    "collections import": ("collections import {hot} --data {new}", 0),
    "collections list": ("collections list --data {new}", 0),
    "collections delete": ("collections delete nothing --yes --data {new}", 1),
}


def names_of(group: click.Group, prefix: str = "") -> Iterator[str]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from names_of(command, f"{name} ")
        else:
            yield f"{prefix}{name}"


def test_every_command_is_tried() -> None:
    assert set(VERBS) == set(names_of(cli))


@pytest.fixture(scope="module")
def event(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sorted and an unsorted workspace, a backup, and photos to seed and to label."""
    root = tmp_path_factory.mktemp("event")
    write_photo(root / "source" / "a.jpg", [1])
    write_photo(root / "source" / "b.jpg", [1, 2], shade=90)
    write_photo(root / "ada.png", [1], variation=30)
    write_photo(root / "bob.png", [2], variation=30)
    write_photo(root / "cyd.png", [3], variation=30)
    for person, identity in (("Ada", 1), ("Bob", 2), ("Eve", 7), ("Ian", 8), ("Una", 9)):
        for number in range(3):
            write_photo(
                root / "labelled" / person / f"{number}.png", [identity], variation=40 + number
            )
    for name in ("unsorted", "sorted"):
        hot = root / name
        for command in (
            f"init -w {hot} --source {root}/source --output {root}/out-{name} --pack synthetic",
            f"seed -w {hot} Ada {root}/ada.png",
            f"seed -w {hot} Bob {root}/bob.png",
            f"backup -w {hot} {root}/{name}.zip",
        ):
            done = CliRunner().invoke(cli, command.split())
            assert done.exit_code == 0, done.output
    with ThreadPoolExecutor(1) as executor:
        facesort.sort(root / "sorted", executor=executor)
    return root


@pytest.fixture(scope="module")
def command(event: Path) -> list[str]:
    """`facesort`, as an installer writes it."""
    program = event / "bin" / "facesort"
    program.parent.mkdir()
    program.write_text("import sys\nfrom facesort.cli import main\nsys.exit(main())\n")
    return [sys.executable, str(program)]


@pytest.fixture(scope="module")
def all_names() -> set[str]:
    return module_names()


Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def run(event: Path, tmp_path: Path, command: list[str]) -> Run:
    """Run one command, or a program of one's own, in the folder `card`."""
    (tmp_path / "home").mkdir()
    (tmp_path / "card").mkdir()

    def call(
        verb: str, *, program: list[str] = command, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        hot = tmp_path / "hot"
        shutil.copytree(event / ("unsorted" if verb in ("sort", "api") else "sorted"), hot)
        places = {
            "new": tmp_path / "new",
            "hot": hot,
            "source": event / "source",
            "out": tmp_path / "out",
            "third": event / "cyd.png",
            "labelled": event / "labelled",
            "archive": event / "sorted.zip",
        }
        words = VERBS[verb][0].format(**places).split() if verb in VERBS else [str(hot)]
        if verb in ("sort", "calibrate", "audit"):
            words += ["--runs", str(tmp_path / "runs")]
        return subprocess.run(
            [*program, *words],
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path / "card",
            env=environment(tmp_path / "home", **variables),
        )

    return call


def nothing_ran(folder: Path) -> None:
    for mark in (folder / "mark", folder / "home" / "mark"):
        assert not mark.exists(), mark.read_text()


@pytest.mark.parametrize("verb", VERBS)
def test_no_command_runs_what_is_in_the_current_folder(
    verb: str, run: Run, tmp_path: Path, all_names: set[str]
) -> None:
    make_hostile(tmp_path / "card", tmp_path / "mark", all_names)

    done = run(verb)

    nothing_ran(tmp_path)
    assert done.returncode == VERBS[verb][1], done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    if verb in ("sort", "calibrate", "audit"):
        assert len(list((tmp_path / "runs").glob("*/*.html"))) == 1


@pytest.mark.parametrize("verb", ["seed", "sort"])
def test_an_import_path_that_leads_to_the_current_folder_is_not_followed(
    verb: str, run: Run, tmp_path: Path, all_names: set[str]
) -> None:
    """Python itself looks there as it starts, before any line of a program: that cannot be helped."""
    names = all_names - loaded_by_python() - {"facesort", "sitecustomize", "usercustomize"}
    for name in names:
        write_module(tmp_path / "card", name, tmp_path / "mark")
    (tmp_path / "here").symlink_to(tmp_path / "card")

    done = run(verb, PYTHONPATH=f":.:../card:{tmp_path / 'card'}:{tmp_path / 'here'}")

    nothing_ran(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


def test_python_runs_the_package_without_the_current_folder(
    run: Run, tmp_path: Path, all_names: set[str]
) -> None:
    """What Python loads to run a package at all comes from the current folder, except with -P."""
    names = all_names - loaded_by_python("runpy", "pkgutil") - {"facesort"}
    make_hostile(tmp_path / "card", tmp_path / "mark", names)

    done = run("seed", program=[sys.executable, "-m", "facesort"])

    nothing_ran(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


def test_python_runs_the_package_safely(run: Run, tmp_path: Path, all_names: set[str]) -> None:
    make_hostile(tmp_path / "card", tmp_path / "mark", all_names)

    done = run("status", program=[sys.executable, "-P", "-m", "facesort"])

    nothing_ran(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


# A program that has loaded all it needs, and has the current folder on its path, as notebooks have; it sorts without
# `if __name__ == "__main__"`, and a worker that ran it again would fail.
OWN_PROGRAM = """
import os, sys
sys.path = [entry for entry in sys.path if entry]
import facesort, facesort.api, facesort.engine.analysis.pool, facesort.faces.engines.synthetic
import multiprocessing.popen_spawn_posix, multiprocessing.resource_tracker, multiprocessing.synchronize
sys.path.insert(0, "")
before = sys.path, list(sys.path), dict(os.environ), sys.modules["__main__"]
print(facesort.sort(sys.argv[1], workers=2).photos)
assert before == (sys.path, list(sys.path), dict(os.environ), sys.modules["__main__"])
"""


@pytest.mark.parametrize("started", ["-c", "script"])
def test_workers_of_somebody_elses_program_find_no_module_in_its_folder(
    started: str, run: Run, tmp_path: Path, all_names: set[str]
) -> None:
    names = all_names - {"facesort"}
    make_hostile(tmp_path / "card", tmp_path / "mark", names)
    script = tmp_path / "script.py"
    script.write_text(OWN_PROGRAM)
    program = [sys.executable, *(["-c", OWN_PROGRAM] if started == "-c" else [str(script)])]
    if started == "-c":  # these the program itself imports first
        for name in ("os", "sys"):
            (tmp_path / "card" / f"{name}.py").unlink()

    done = run("api", program=program)

    nothing_ran(tmp_path)
    assert done.returncode == 0, done.stderr
    assert "'matched': 2" in done.stdout


@settings(max_examples=5)
@given(data=st.data())
def test_modules_of_any_kind_do_nothing(
    data: st.DataObject, event: Path, command: list[str], all_names: set[str]
) -> None:
    found = data.draw(
        st.dictionaries(st.sampled_from(sorted(all_names)), st.sampled_from(KINDS), min_size=40)
    )
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "card").mkdir()
        (folder / "home").mkdir()
        for name, kind in found.items():
            write_module(folder / "card", name, folder / "mark", kind)
        (folder / "card" / "x.pth").write_text(f"import {next(iter(found))}\n")

        done = subprocess.run(
            [*command, "persons", "-w", str(event / "sorted")],
            capture_output=True,
            text=True,
            check=False,
            cwd=folder / "card",
            env=environment(folder / "home"),
        )

        nothing_ran(folder)
        assert (done.returncode, done.stderr) == (0, "")
