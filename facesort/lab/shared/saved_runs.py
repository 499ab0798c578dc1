"""The folders of saved runs.

Anybody may have put something there: of each folder only ``summary.json`` is read, and one that is not as facesort
writes it is named, with what is wrong; it never ends anything.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from facesort.files import Kind, kind_of, read_own
from facesort.settings import problems

SUMMARY = "summary.json"
_NAME = re.compile(r"\d{8}T\d{6}Z-.+", re.DOTALL)  # of the folder of a run
_LIMIT = 1 << 23  # bytes; one with 10,000 persons has less than 1 MB


class _Parameters(BaseModel):
    model_config = ConfigDict(strict=True)

    workspace: str


class _Run(BaseModel):
    model_config = ConfigDict(strict=True)

    run_id: int


class _Summary(BaseModel):
    """What is read of a summary; it may say anything else besides."""

    model_config = ConfigDict(strict=True)

    notebook: str
    parameters: _Parameters
    state: str = ""
    error: str | None = None
    run: _Run | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class SavedRun:
    """A saved run, as its ``summary.json`` tells.

    Parameters
    ----------
    folder : Path
    notebook, state : str
        Such as ``03_sort`` and ``finished``.
    run_id : int or None
        Of the run in the database; None if it failed before it had one.
    started_at, finished_at : datetime or None
        Of its notebook; UTC, without time zone.
    """

    folder: Path
    notebook: str
    state: str
    error: str | None
    run_id: int | None
    started_at: datetime | None
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class UnreadableRun:
    """A folder of runs whose summary cannot be read.

    Parameters
    ----------
    problem : str
        What is wrong with its ``summary.json``.
    """

    folder: Path
    problem: str


@dataclass(frozen=True, slots=True)
class SavedRuns:
    """What is in a folder of runs.

    Parameters
    ----------
    mine : tuple of SavedRun
        Of the workspace; oldest first.
    unreadable : tuple of UnreadableRun
        Nobody knows of which workspace.
    others : int
        How many are of other workspaces, or of one that was moved since.
    unfinished : tuple of Path
        Without a summary: they were killed, or are still at work.
    """

    mine: tuple[SavedRun, ...] = ()
    unreadable: tuple[UnreadableRun, ...] = ()
    others: int = 0
    unfinished: tuple[Path, ...] = ()


def saved_runs(runs: Path, workspace: Path) -> SavedRuns:
    """Read the summaries of all saved runs, and choose those of a workspace, by whatever path it was reached then.

    Parameters
    ----------
    runs : Path
        Folder with one folder per run; may be missing.
    workspace : Path
        Root of the workspace.
    """
    mine, unreadable, others = [], [], 0
    try:
        there = sorted(runs.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return SavedRuns()
    except OSError as error:
        return SavedRuns(unreadable=(UnreadableRun(runs, _reason(error)),))
    unfinished = []
    for folder in there:
        if not _has_summary(folder):
            if _NAME.fullmatch(folder.name) and kind_of(folder) is Kind.FOLDER:
                unfinished.append(folder)
            continue
        try:
            summary = _Summary.model_validate_json(
                read_own(folder / SUMMARY, below=runs, limit=_LIMIT)
            )
            is_mine = _is_same(summary.parameters.workspace, workspace)
        except ValidationError as error:
            unreadable.append(UnreadableRun(folder, problems(error)[0]))
        except (OSError, ValueError) as error:
            unreadable.append(UnreadableRun(folder, _reason(error)))
        else:
            if is_mine:
                mine.append(_saved_run(folder, summary))
            others += not is_mine
    return SavedRuns(tuple(mine), tuple(unreadable), others, tuple(unfinished))


def _has_summary(folder: Path) -> bool:
    try:
        (folder / SUMMARY).lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False  # not a run, or one that was killed
    except OSError:
        return True  # reading it will say why it cannot be read
    return True


def _is_same(place: str, workspace: Path) -> bool:
    try:
        return workspace.samefile(place)
    except OSError:
        return False  # it is gone, or on another machine


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)


def _saved_run(folder: Path, summary: _Summary) -> SavedRun:
    return SavedRun(
        folder,
        summary.notebook,
        summary.state,
        summary.error,
        summary.run.run_id if summary.run else None,
        summary.started_at and summary.started_at.replace(tzinfo=None),
        summary.finished_at and summary.finished_at.replace(tzinfo=None),
    )
