"""Runs a notebook through papermill and saves the result, even if it fails."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

import nbformat
import papermill
from papermill.exceptions import PapermillExecutionError
from pathvalidate import sanitize_filename

from facesort.clock import utc_text
from facesort.errors import FREE_MEMORY, NotebookError, because, resources_explained, short_of
from facesort.files import create_own, replace_json
from facesort.lab.run.engine import ENGINE
from facesort.lab.run.parameters import check_parameters
from facesort.lab.shared.kernel import Kernel, started_kernel
from facesort.lab.shared.log_lines import Echo
from facesort.lab.shared.notebooks import notebook_path
from facesort.lab.shared.summary import find_summary

log = logging.getLogger(__name__)

_START_TIMEOUT_S = 180  # cold disk, virus scanner


def launch(
    notebook: str | Path,
    parameters: Mapping[str, object],
    *,
    runs: Path,
    job: str,
    echo: TextIO | None = None,
    kernel: Kernel | None = None,
) -> Path:
    """Execute a notebook into ``runs/<UTC time>-<job>/``, with ``summary.json`` and a web page beside it.

    The page shows faces only if the parameters request a ``contact_sheet``.  The notebook is saved before every cell
    of code and at its end, and kept if it fails.  This process must not hold the database open: the notebook's process
    needs it.

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
    kernel : Kernel, optional
        Started already, and ended by the caller; default: one is started.

    Returns
    -------
    Path
        The executed notebook.

    Raises
    ------
    NotebookError
        If there is no such notebook, it has no ``parameters`` cell or no such parameter or value, or a cell fails.
    ResourceError
        If hardly any file can be opened any more.
    """
    path = notebook if isinstance(notebook, Path) else notebook_path(notebook)
    values = check_parameters(notebook, parameters)
    if kernel is not None:
        return _run(path, values, runs, job, echo or sys.stderr, kernel)
    with started_kernel() as own:
        return _run(path, values, runs, job, echo or sys.stderr, own)


def _run(
    path: Path, values: dict[str, Any], runs: Path, job: str, echo: TextIO, kernel: Kernel
) -> Path:
    """Execute in a new folder, and write what became of it, however it ends."""
    with ThreadPoolExecutor(1) as beside:
        saved = _new_folder(runs, job) / path.name
        with resources_explained():
            maker = beside.submit(_page_maker)  # loads for 0.3 s what is needed only at the end
        record: dict[str, Any] = {"notebook": path.stem, "job": job, "parameters": values}
        record |= {"state": "interrupted", "error": None, "started_at": utc_text()}
        try:
            _execute(path, saved, values, Echo(echo), kernel)
            record["state"] = "finished"
        except PapermillExecutionError as error:
            record |= {"state": "failed", "error": f"{error.ename}: {error.evalue}"}
            raise NotebookError(_failure(path, saved, record["error"])) from error
        except (OSError, RuntimeError) as error:  # a full disk; nbclient's DeadKernelError
            record |= {"state": "failed", "error": f"it could not be finished{_why(error)}"}
            raise NotebookError(_failure(path, saved, record["error"])) from error
        finally:
            _write_summary(saved, record)
            _write_page(saved, bool(values.get("contact_sheet")), maker)
    return saved


def _page_maker() -> Any:
    from facesort.lab.run.page import page_maker  # and nbconvert

    return page_maker()


def _why(error: OSError | RuntimeError) -> str:
    if isinstance(error, OSError):
        return f" {because(error)}"
    if (short := short_of(error)) is not None:
        return f": {short}"
    return (
        f": {error}. Messages above may say why; if not, its memory was short: {FREE_MEMORY}, and run the same command "
        "again"
    )


def _failure(path: Path, saved: Path, error: str) -> str:
    return f"{path.stem} failed: {error}; the unfinished notebook is saved: {saved}"


def _new_folder(runs: Path, job: str) -> Path:
    """Create the run's folder, readable only by its owner because the notebook may show faces."""
    stem = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ") + "-" + (sanitize_filename(job) or "run")
    try:
        runs.mkdir(mode=0o700, parents=True, exist_ok=True)
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


def _execute(path: Path, saved: Path, values: dict[str, Any], echo: Echo, kernel: Kernel) -> None:
    log.info("%s is being saved to %s", path.stem, saved)
    create_own(saved, private=True).close()  # papermill keeps its permissions
    cells_have_ended = False
    try:
        papermill.execute_notebook(
            _literal(path),
            _literal(saved),
            parameters=values,
            engine_name=ENGINE,
            kernel_name="python3",
            language="python",
            progress_bar=False,
            stdout_file=echo,
            stderr_file=echo,
            start_timeout=_START_TIMEOUT_S,
            iopub_timeout=60,
            km=kernel,
            coalesce_streams=True,  # saves only the last state of a progress bar
            store_widget_state=False,  # useless without the kernel, but contains faces
        )
        cells_have_ended = True
    except PapermillExecutionError:
        cells_have_ended = True
        raise
    finally:
        kernel.kill() if cells_have_ended else kernel.end()


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


def _write_page(saved: Path, faces: bool, maker: Future[Any]) -> None:
    """Write the web page; a failure is only logged, because the notebook matters more."""
    from facesort.lab.run.page import save_page

    try:
        save_page(saved, faces=faces, maker=maker.result())
    except (OSError, ValueError) as error:
        log.warning("%s has no page: %s", saved, error)
