"""Which entries of a path may name code, and which process is facesort's own."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from facesort.import_path import become, runs_the_command, safe_environment, safe_import_path

INSTALLED_IN = str(Path(__file__).resolve().parents[1])


@pytest.fixture(scope="module")
def card() -> Iterator[Path]:
    """A folder one stands in, with a link to it and a folder beside it."""
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as place:
        card = Path(place) / "card"
        (card / "lib").mkdir(parents=True)
        (card.parent / "beside").mkdir()
        (card.parent / "link").symlink_to(card)
        os.chdir(card)
        yield card
        os.chdir(before)


def leading_here(card: Path) -> list[str]:
    back = f"{card}/lib/.."
    return [
        "",
        ".",
        "./",
        "lib",
        "../card",
        "../beside",
        back,
        str(card),
        f"{card}/",
        f"{card.parent}/link",
    ]


def leading_elsewhere(card: Path) -> list[str]:
    return [f"{card}/lib", f"{card.parent}/beside", "/", "/nowhere/at all", "/usr/lib/x.zip"]


@given(data=st.data())
def test_only_what_leads_here_is_left_out(data: st.DataObject, card: Path) -> None:
    here, elsewhere = leading_here(card), leading_elsewhere(card)
    entries = data.draw(st.lists(st.sampled_from([*here, *elsewhere, INSTALLED_IN, "a\0b"])))

    kept = safe_import_path(entries)

    assert kept == [e for e in entries if e in elsewhere or e == INSTALLED_IN]
    assert safe_import_path(kept) == kept


@given(st.lists(st.text()))
def test_no_entry_that_is_kept_depends_on_where_one_stands(entries: list[str]) -> None:
    for entry in safe_import_path(entries):
        assert os.path.isabs(entry)
        assert (
            entry == INSTALLED_IN
            or not os.path.exists(entry)
            or Path(entry).resolve() != Path.cwd()
        )


@pytest.mark.parametrize("entry", ["", ".", INSTALLED_IN])
def test_the_folder_of_the_package_itself_stays(
    entry: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody works in a checkout."""
    monkeypatch.chdir(INSTALLED_IN)

    assert safe_import_path([entry, "tests", "/usr"]) == [INSTALLED_IN, "/usr"]


def test_the_environment_of_a_new_process_leads_nowhere_near(
    card: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(card)  # a test before may have changed it
    monkeypatch.setenv("PATH", os.pathsep.join(["/usr/bin", "", ".", str(card)]))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(["", f"{card.parent}/beside"]))
    monkeypatch.setenv("PYTHONSTARTUP", "start.py")
    monkeypatch.setenv("PYTHONPYCACHEPREFIX", "cache")
    monkeypatch.setenv("LD_LIBRARY_PATH", ":")
    monkeypatch.setenv("ANYTHING", ".")
    before = dict(os.environ)

    safe = safe_environment()

    assert dict(os.environ) == before
    assert safe["PATH"] == "/usr/bin"
    assert safe["PYTHONPATH"] == f"{card.parent}/beside"
    assert not {"PYTHONSTARTUP", "PYTHONPYCACHEPREFIX", "LD_LIBRARY_PATH"} & safe.keys()
    assert (safe["PYTHONSAFEPATH"], safe["ANYTHING"]) == ("1", ".")

    become(safe)
    assert dict(os.environ) == safe
    become(before)
    assert dict(os.environ) == before


@pytest.mark.parametrize(
    ("program", "original", "expected"),
    [
        ("/opt/bin/facesort", ["python", "/opt/bin/facesort"], True),
        ("facesort.exe", ["facesort.exe"], True),
        ("facesort-script.py", ["python"], True),
        ("-m", ["python", "-m", "facesort", "sort"], True),
        ("-m", ["python", "-mfacesort"], True),
        ("-m", ["python", "-m", "own.program"], False),
        ("own.py", ["python", "own.py", "facesort"], False),
        ("-c", ["python", "-c", "import facesort"], False),
        ("", ["python"], False),
    ],
)
def test_the_command_is_told_from_other_programs(
    program: str, original: list[str], expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", [program])
    monkeypatch.setattr("sys.orig_argv", original)

    assert runs_the_command() is expected


def test_importing_facesort_changes_nothing_for_other_programs(tmp_path: Path) -> None:
    code = (
        "import sys, os; sys.path.insert(0, ''); before = list(sys.path)\n"
        "import facesort; assert sys.path == before; assert 'PYTHONSAFEPATH' not in os.environ\n"
        "import facesort.import_path; import local; print(local.x)"
    )
    (tmp_path / "local.py").write_text("x = 7")
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONSAFEPATH"}

    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.stdout, done.returncode) == ("7\n", 0), done.stderr
