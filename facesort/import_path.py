"""Keeps the current folder off the paths on which code is looked for: it may be a stranger's memory card.

Imports only what Python itself has loaded at its start: another import could already be answered by the current folder.
"""

import os
import sys

# Folders, files, or lists of them, from which Python, Jupyter, Matplotlib or the system take programs or settings.
_VARIABLES = (
    "PATH PYTHONPATH PYTHONHOME PYTHONSTARTUP PYTHONUSERBASE PYTHONPYCACHEPREFIX IPYTHONDIR JUPYTER_PATH "
    "JUPYTER_CONFIG_DIR JUPYTER_CONFIG_PATH JUPYTER_DATA_DIR JUPYTER_RUNTIME_DIR MATPLOTLIBRC MPLCONFIGDIR "
    "XDG_CONFIG_HOME XDG_DATA_HOME LD_LIBRARY_PATH DYLD_LIBRARY_PATH DYLD_FALLBACK_LIBRARY_PATH DYLD_FRAMEWORK_PATH"
).split()
_INSTALLED_IN = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def runs_the_command() -> bool:
    """Whether this process is `facesort` or `python -m facesort`, not somebody's own program that imports facesort."""
    program = os.path.splitext(os.path.basename(sys.argv[0] if sys.argv else ""))[0]
    return program in {"facesort", "facesort-script"} or (
        program == "-m" and bool({"facesort", "-mfacesort"} & {*sys.orig_argv})
    )


IS_THE_COMMAND = runs_the_command()  # asked at once: `python -m` changes its arguments later


def leave_out_current_folder() -> None:
    """Clean this process, which must be facesort's own, and with it all that it will start."""
    sys.path[:] = safe_import_path(sys.path)
    become(safe_environment())


def safe_import_path(entries: list[str]) -> list[str]:
    """Leave out the current folder and relative entries, but not the folder in which facesort is installed."""
    own = [_same(entry or os.curdir, _INSTALLED_IN) for entry in entries]
    return [
        _INSTALLED_IN if installed else entry
        for entry, installed in zip(entries, own, strict=True)
        if installed or _elsewhere(entry)
    ]


def safe_environment() -> dict[str, str]:
    """Copy of the environment for a process that finds no code in the current folder.

    What names another folder in full is the user's own choice, and stays.
    """
    environment = dict(os.environ)
    for name in environment.keys() & set(_VARIABLES):
        clean = safe_import_path if name == "PYTHONPATH" else _all_elsewhere
        kept = clean(environment.pop(name).split(os.pathsep))
        if kept:
            environment[name] = os.pathsep.join(kept)
    environment["PYTHONSAFEPATH"] = "1"
    environment["NoDefaultCurrentDirectoryInExePath"] = "1"  # programs, on Windows
    return environment


def become(environment: dict[str, str]) -> None:
    """Make this process's environment equal to another one."""
    for name in os.environ.keys() - environment.keys():
        del os.environ[name]
    for name, value in environment.items():
        if os.environ.get(name) != value:
            os.environ[name] = value


def _all_elsewhere(entries: list[str]) -> list[str]:
    return [entry for entry in entries if _elsewhere(entry)]


def _elsewhere(entry: str) -> bool:
    return os.path.isabs(entry) and not _same(entry, os.curdir)


def _same(one: str, other: str) -> bool:
    try:
        return os.path.samefile(one, other)
    except (OSError, ValueError):  # nothing is there, or it is no possible path
        return False
