"""A folder in which everything that somebody may import or read as settings is a stranger's."""

from __future__ import annotations

import importlib.metadata
import os
import py_compile
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

STARTUP = ("sitecustomize", "usercustomize", "start")
CONFIGS = (
    "ipython_config",
    "ipython_kernel_config",
    "jupyter_config",
    "jupyter_server_config",
    "jupyter_lab_config",
    "jupyter_notebook_config",
    "jupyter_nbconvert_config",
)
OWN_VARIABLES = {
    "IPYTHONDIR": "ipython",
    "JUPYTER_CONFIG_DIR": ".",
    "JUPYTER_CONFIG_PATH": ".",
    "JUPYTER_PATH": ".",
    "MATPLOTLIBRC": ".",
    "MPLCONFIGDIR": "",
    "PYTHONSTARTUP": "start.py",
    "PYTHONUSERBASE": ".",
}
KINDS = ("module", "package", "bytecode", "extension", "namespace")


def module_names() -> set[str]:
    """Every name that the standard library or an installed package has at the top, and some that look like it."""
    names = set(sys.stdlib_module_names) | {"evil_engine", "evil_backend"}
    for distribution in importlib.metadata.distributions():
        tops = {file.parts[0].removesuffix(".py") for file in distribution.files or ()}
        names |= {top for top in tops if top.isidentifier()}
    return names | {"facesort"}


def loaded_by_python(*arguments: str) -> set[str]:
    """Top names that an interpreter has loaded before the first line of any program."""
    code = "import sys; print(*{name.partition('.')[0] for name in sys.modules})"
    if arguments:
        code = f"import {', '.join(arguments)}; {code}"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd="/"
    )
    return set(done.stdout.split())


def write_module(folder: Path, name: str, mark: Path, kind: str = "module") -> None:
    """One that writes its name into a file when it runs, or that cannot be loaded at all."""
    code = (
        f"import os\nwith open({str(mark)!r}, 'a') as mark:\n    mark.write('{kind} {name}\\n')\n"
    )
    if kind == "module":
        (folder / f"{name}.py").write_text(code)
    elif kind == "package":
        (folder / name).mkdir(exist_ok=True)
        (folder / name / "__init__.py").write_text(code)
    elif kind == "bytecode":
        source = folder / f"{name}.txt"
        source.write_text(code)
        py_compile.compile(str(source), cfile=str(folder / f"{name}.pyc"))
    elif kind == "extension":
        (folder / f"{name}.abi3.so").write_bytes(b"not a library")
    else:
        (folder / name).mkdir(exist_ok=True)


def make_hostile(folder: Path, mark: Path, names: Iterable[str]) -> None:
    """Modules, start-up files, settings of Jupyter, IPython and Matplotlib, templates, entry points and a program."""
    for name in {*names, *STARTUP, *CONFIGS}:
        write_module(folder, name, mark)
    for profile in (folder / "ipython", folder / ".ipython", folder):
        start = profile / "profile_default" / "startup"
        start.mkdir(parents=True)
        write_module(start, "first", mark)
        write_module(profile / "profile_default", "ipython_config", mark)
    (folder / "matplotlibrc").write_text("backend: module://evil_backend\n")
    template = f"{{{{ cycler.__init__.__globals__.__builtins__.open({str(mark)!r}, 'a').write('template') }}}}"
    for templates in (folder / "basic", folder / "nbconvert" / "templates"):
        (templates / "basic").mkdir(parents=True)
        (templates / "basic" / "index.html.j2").write_text(template)
        (templates / "conf.json").write_text('{"base_template": "base"}')
    evil = folder / "evil-1.0.dist-info"
    evil.mkdir()
    (evil / "METADATA").write_text("Metadata-Version: 2.1\nName: evil\nVersion: 1.0\n")
    (evil / "entry_points.txt").write_text("[papermill.engine]\nevil = evil_engine:Engine\n")
    for program in ("uname", "python", "jupyter"):
        path = folder / program
        path.write_text(f"#!/bin/sh\necho program {program} >> '{mark}'\n")
        path.chmod(0o755)


def environment(home: Path, **more: str) -> dict[str, str]:
    """That of somebody whose variables lead to the current folder, and who has IPython start-up files."""
    start = home / ".ipython" / "profile_default" / "startup"
    if not start.exists():
        start.mkdir(parents=True)
        write_module(start, "at_home", home / "mark")
    path = os.pathsep.join(["", ".", os.environ["PATH"]])
    # Matplotlib's list of fonts, which takes long to make, may stay where it is.
    cache = os.environ.get("XDG_CACHE_HOME", str(Path.home() / ".cache"))
    own = {"HOME": str(home), "PATH": path, "XDG_CACHE_HOME": cache}
    return {**os.environ, **OWN_VARIABLES, **own, **more}
