"""The project's files agree with each other."""

from __future__ import annotations

import ast
import json
import re
import shutil
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from sbom import IN_PLACE_OF

import facesort
from facesort.errors import NotebookError
from facesort.lab.shared.notebooks import notebook_path

# Put together here, so that this file holds none of them itself.
REGISTRIES = [
    ".".join(parts)
    for parts in [
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("pypi", "python", "org"),
        ("conda", "anaconda", "org"),
        ("repo", "anaconda", "com"),
        ("npmjs", "org"),
        ("npmjs", "com"),
        ("yarnpkg", "com"),
    ]
]
HEAVY = {
    "PIL",
    "click",
    "cv2",
    "dlib",
    "duckdb",
    "insightface",
    "matplotlib",
    "numpy",
    "onnxruntime",
    "papermill",
    "pydantic",
    "scipy",
    "sklearn",
}


def committed_files(checkout: Path) -> list[Path]:
    if not (checkout / ".git").exists():
        pytest.skip("not a git checkout")
    # safe.directory: the checkout may belong to another user, as in a container
    git = ["git", "-c", f"safe.directory={checkout}", "-C", str(checkout), "ls-files", "-z"]
    listed = subprocess.run(
        [*git, "--cached", "--others", "--exclude-standard"], capture_output=True, check=True
    )
    paths = [checkout / name for name in listed.stdout.decode().split("\0") if name]
    return [path for path in paths if path.is_file()]


def test_the_changelog_is_about_this_version(checkout: Path) -> None:
    changelog = (checkout / "CHANGELOG.md").read_text(encoding="utf-8")

    headings = re.findall(r"^## \[(.+?)\]", changelog, re.M)

    assert next(each for each in headings if each != "Unreleased") == facesort.__version__


def test_no_file_names_a_package_registry(checkout: Path) -> None:
    files = committed_files(checkout)
    assert checkout / "pyproject.toml" in files

    found = {
        (path.relative_to(checkout).as_posix(), host)
        for path in files
        for host in REGISTRIES
        if host.encode() in path.read_bytes().lower()
    }

    assert found == set()


def test_no_file_is_large(checkout: Path) -> None:
    # Weights and photos never belong into the repository.
    large = [path for path in committed_files(checkout) if path.stat().st_size > 1_000_000]

    assert large == []


def test_importing_facesort_loads_no_library() -> None:
    code = "import json, sys, facesort; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in json.loads(done.stdout)}

    assert "facesort" in loaded
    assert loaded & HEAVY == set()


def test_every_make_target_says_what_it_does(checkout: Path) -> None:
    makefile = (checkout / "Makefile").read_text(encoding="utf-8")
    targets = set(re.search(r"^\.PHONY: (.+)$", makefile, re.M)[1].split())

    helped = set(re.findall(r"^([a-z-]+):.*## \S", makefile, re.M))

    assert {"help", "demo", "test", "lab", "check", "clean"} <= targets
    assert helped == targets


def test_make_alone_shows_every_target(checkout: Path) -> None:
    if shutil.which("make") is None:
        pytest.skip("make is not installed")
    done = subprocess.run(
        ["make", "-C", str(checkout), "--no-print-directory"],
        capture_output=True,
        text=True,
        check=True,
    )

    assert {"demo", "test", "lab"} <= set(re.findall(r"^  make (\S+) +\S", done.stdout, re.M))


def imported_libraries(package: Path) -> set[str]:
    """Top-level modules that the package's files import, without its own and Python's."""
    found = set()
    for path in package.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            if isinstance(node, ast.ImportFrom) and node.module:
                found.add(node.module)
    return {name.partition(".")[0] for name in found} - {"facesort"} - sys.stdlib_module_names


def test_every_library_that_is_imported_is_declared(checkout: Path) -> None:
    pyproject = tomllib.loads((checkout / "pyproject.toml").read_text(encoding="utf-8"))
    names = [Requirement(text).name for text in pyproject["project"]["dependencies"]]
    extras = pyproject["project"]["optional-dependencies"]
    # Of extras, which need not be installed here: named like their module, or this fails.
    optional = {
        Requirement(text).name for extra in extras.keys() - {"dev"} for text in extras[extra]
    }
    # From the lists of files: dlib-bin's own list of modules leaves out `dlib`.
    provided = {
        file.parts[0].partition(".")[0]
        for name in names
        for file in metadata.files(IN_PLACE_OF.get(name, name)) or []
    }

    imported = imported_libraries(checkout / "facesort")

    assert "numpy" in imported
    assert imported - provided - optional == set()


def test_an_unknown_notebook_is_named_in_the_error() -> None:
    with pytest.raises(NotebookError, match="no notebook '99_none'"):
        notebook_path("99_none")


def test_an_installed_wheel_carries_its_notebooks(checkout: Path, tmp_path: Path) -> None:
    source = tmp_path / "source"
    for folder in ("facesort", "notebooks"):
        shutil.copytree(
            checkout / folder, source / folder, ignore=shutil.ignore_patterns("__pycache__")
        )
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(checkout / name, source)
    (source / "notebooks" / "99_probe.ipynb").write_text("{}", encoding="utf-8")
    pip = [sys.executable, "-m", "pip"]
    build = [*pip, "wheel", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*build, "-w", str(tmp_path), str(source)], check=True)
    [wheel] = tmp_path.glob("*.whl")

    venv = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(venv)], check=True)
    python = venv / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    install = [*pip, "--python", str(python), "install", "--no-deps", "--no-index"]
    subprocess.run([*install, str(wheel)], check=True)
    code = "from facesort.lab.shared.notebooks import notebook_path as p; print(p('99_probe'))"
    found = subprocess.run(
        [str(python), "-I", "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path
    )

    path = Path(found.stdout.strip())
    assert path.is_relative_to(venv.resolve())
    assert path.read_text(encoding="utf-8") == "{}"
    assert (path.parents[1] / "py.typed").is_file()
    assert list((path.parents[1] / "store" / "migrations").glob("*.sql")) != []
    assert (path.parents[1] / "engine" / "delivery" / "index.schema.json").is_file()
