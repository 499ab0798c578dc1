"""Runs a notebook through papermill and saves the result, even if it fails."""

from __future__ import annotations

import ast
import difflib
import json
import logging
import math
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path, PurePath
from typing import Any, TextIO

import nbformat
import papermill
import zmq
from ipykernel.kernelspec import get_kernel_dict
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from papermill.exceptions import PapermillExecutionError
from pathvalidate import sanitize_filename
from traitlets import default

from facesort.clock import utc_text
from facesort.errors import NotebookError, because, short_of
from facesort.files import replace_json
from facesort.lab.run.page import save_page
from facesort.lab.shared.log_lines import Echo
from facesort.lab.shared.notebooks import notebook_path
from facesort.lab.shared.summary import find_summary

log = logging.getLogger(__name__)

_START_TIMEOUT_S = 180  # cold disk, virus scanner
_WORDS = {"true": True, "false": False, "none": None, "null": None}


class _ThisPython(AsyncKernelManager):
    """Starts kernels with the current interpreter.

    A kernel spec called ``python3`` in the user's home or on ``JUPYTER_PATH`` takes precedence over the environment's,
    and may start an interpreter without facesort.
    """

    @property
    def kernel_spec(self) -> KernelSpec:
        return KernelSpec(**get_kernel_dict())

    @default("transport_encryption")
    def _encrypt_where_possible(self) -> str:
        """The messages between the processes contain faces."""
        return "auto" if zmq.has("curve") else "disabled"


def parse_parameters(pairs: Sequence[tuple[str, str]]) -> dict[str, object]:
    """Turn ``-p NAME VALUE`` into values.

    Parameters
    ----------
    pairs : sequence of (name, value)
        If a name occurs twice, the last one wins.

    Returns
    -------
    dict
        Finite numbers, ``true``, ``false`` and ``none`` (in any case) become those values; a text in double quotes
        loses the quotes; everything else stays text.
    """
    return {name: _value(text) for name, text in pairs}


def _value(text: str) -> object:
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    for kind in (int, float):
        try:
            number = kind(text)
        except ValueError:
            continue
        return number if math.isfinite(number) else text
    if len(text) > 1 and text[0] == text[-1] == '"':
        return text[1:-1]
    return text


def launch(
    notebook: str | Path,
    parameters: Mapping[str, object],
    *,
    runs: Path,
    job: str,
    echo: TextIO | None = None,
) -> Path:
    """Execute a notebook into ``runs/<UTC time>-<job>/``, with ``summary.json`` and a web page beside it.

    The page shows faces only if the parameters request a ``contact_sheet``.  The notebook is saved after every cell,
    and kept if it fails.  This process must not hold the database open: the notebook's process needs it.

    Parameters
    ----------
    notebook : str or Path
        The name of one of facesort's notebooks (``03_sort``), or the path of any notebook.
    parameters : mapping of str to plain values
        Replace values in the cell tagged ``parameters``; data, never code.
    runs : Path
        Created if missing.
    job : str
        Part of the folder's name.
    echo : text stream, optional
        Where to print the notebook's output while it runs, such as its progress bar; default: standard error.

    Returns
    -------
    Path
        The executed notebook.

    Raises
    ------
    NotebookError
        If there is no such notebook, it has no ``parameters`` cell or no such parameter, or a cell fails.
    """
    path = notebook if isinstance(notebook, Path) else notebook_path(notebook)
    values = _plain(parameters)
    _refuse_unknown(path, values)
    saved = _new_folder(runs, job) / path.name
    record: dict[str, Any] = {"notebook": path.stem, "job": job, "parameters": values}
    record |= {"state": "interrupted", "error": None, "started_at": utc_text()}
    try:
        _execute(path, saved, values, Echo(echo or sys.stderr))
        record["state"] = "finished"
    except PapermillExecutionError as error:
        record |= {"state": "failed", "error": f"{error.ename}: {error.evalue}"}
        raise NotebookError(_failure(path, saved, record["error"])) from error
    except (OSError, RuntimeError) as error:  # a full disk; nbclient's DeadKernelError
        why = (
            f" {because(error)}" if isinstance(error, OSError) else f": {short_of(error) or error}"
        )
        record |= {"state": "failed", "error": f"it could not be finished{why}"}
        raise NotebookError(_failure(path, saved, record["error"])) from error
    finally:
        _write_summary(saved, record)
        _write_page(saved, faces=bool(values.get("contact_sheet")))
    return saved


def _plain(parameters: Mapping[str, object]) -> dict[str, Any]:
    """Allow JSON types, and paths as text: papermill would paste anything else into the code unescaped."""
    plain = {name: str(v) if isinstance(v, PurePath) else v for name, v in parameters.items()}
    try:
        text = json.dumps(plain, allow_nan=False, ensure_ascii=False)
        return dict(json.loads(text.encode("utf-8")))  # a notebook cannot hold what is not UTF-8
    except (TypeError, ValueError) as error:
        raise NotebookError(
            f"parameters must be numbers, texts or lists of them: {error}"
        ) from error


def _failure(path: Path, saved: Path, error: str) -> str:
    return f"{path.stem} failed: {error}\nThe unfinished notebook is saved: {saved}"


def _refuse_unknown(path: Path, values: Mapping[str, object]) -> None:
    """Refuse parameters that the notebook does not have; papermill only warns and uses the default."""
    known = _parameter_names(path)
    for name in values:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise NotebookError(
                f"{path.name} has no parameter {name!r}.{hint} It has: {', '.join(known) or 'none'}"
            )


def _parameter_names(path: Path) -> list[str]:
    """List the names that the cell tagged ``parameters`` assigns.

    They are read from the syntax tree: papermill's parser silently drops a line with a second equals sign in a comment
    or a text.
    """
    try:
        cells = nbformat.read(path, as_version=4).cells
    except (OSError, ValueError, nbformat.validator.NotebookValidationError) as error:
        raise NotebookError(f"{path} cannot be read as a notebook: {error}") from error
    tagged = [cell for cell in cells if "parameters" in cell.metadata.get("tags", ())]
    if len(tagged) != 1:
        raise NotebookError(
            f"{path.name} must have one cell tagged 'parameters', but has {len(tagged)}: its parameters cannot be set"
        )
    try:
        statements = ast.parse(tagged[0].source).body
    except SyntaxError as error:
        raise NotebookError(f"{path.name}: the parameters cell is not Python: {error}") from error
    targets = [t for s in statements if isinstance(s, ast.Assign) for t in s.targets]
    targets += [s.target for s in statements if isinstance(s, ast.AnnAssign)]
    return [target.id for target in targets if isinstance(target, ast.Name)]


def _new_folder(runs: Path, job: str) -> Path:
    """Create the run's folder, readable only by its owner because the notebook may show faces."""
    stem = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ") + "-" + (sanitize_filename(job) or "run")
    try:
        runs.mkdir(parents=True, exist_ok=True)
        for attempt in range(1, 100):
            folder = runs / (stem if attempt == 1 else f"{stem}-{attempt}")
            try:
                folder.mkdir(mode=0o700)
            except FileExistsError:
                continue
            return folder.absolute()
    except OSError as error:
        raise NotebookError(
            f"runs cannot be saved in {runs} {because(error)}, or choose another folder with --runs"
        ) from error
    raise NotebookError(
        f"{runs / stem} and 99 folders like it exist already: choose another folder"
    )


def _execute(path: Path, saved: Path, values: dict[str, Any], echo: Echo) -> None:
    log.info("%s is being saved to %s", path.stem, saved)
    papermill.execute_notebook(
        _literal(path),
        _literal(saved),
        parameters=values,
        kernel_name="python3",
        language="python",
        progress_bar=False,
        stdout_file=echo,
        stderr_file=echo,
        start_timeout=_START_TIMEOUT_S,
        iopub_timeout=60,
        kernel_manager_class=_ThisPython,
        coalesce_streams=True,  # saves only the last state of a progress bar
        store_widget_state=False,  # useless without the kernel, but contains faces
    )


def _literal(path: Path) -> str:
    """Escape a path for papermill, which treats paths as format strings."""
    return str(path).replace("{", "{{").replace("}", "}}")


def _write_summary(saved: Path, record: Mapping[str, Any]) -> None:
    """Write ``summary.json``: the notebook's summary, and how its execution ended."""
    try:
        reported = find_summary(nbformat.read(saved, as_version=4))
    except (OSError, ValueError) as error:  # nothing, or only part of it, was saved
        log.warning("%s cannot be read: %s", saved, error)
        reported = {}
    ended = {} if record["state"] == "finished" else {"state": record["state"]}
    summary = {**record, **reported, **ended, "finished_at": utc_text()}
    try:
        replace_json(saved.with_name("summary.json"), summary)
    except OSError as error:
        raise NotebookError(
            f"{saved.parent} cannot be written {because(error)}, or choose another folder with --runs, and run the "
            "command again; committed photos stay committed"
        ) from error


def _write_page(saved: Path, *, faces: bool) -> None:
    """Write the web page; a failure is only logged, because the notebook matters more."""
    try:
        save_page(saved, faces=faces)
    except (OSError, ValueError) as error:
        log.warning("%s has no page: %s", saved, error)
