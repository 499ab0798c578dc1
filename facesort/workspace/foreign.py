"""What facesort did not put into a workspace: left alone where it is in nobody's way, else refused."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from facesort.errors import WorkspaceError, because
from facesort.files import NotOursError, at_fault

log = logging.getLogger(__name__)

_left_alone: set[str] = set()


def leave_alone(what: NotOursError | Sequence[Path]) -> None:
    """Log what is in nobody's way, once in the life of this process; of several in one folder only the first."""
    if not isinstance(what, NotOursError):
        if not what:
            return
        beside = f" (nor {len(what) - 1} others beside it)" if what[1:] else ""
        what = NotOursError(what[0], f"was not made by facesort{beside}")
    if what.filename not in _left_alone:
        _left_alone.add(what.filename)
        log.warning("%s %s: it is left alone", what.filename, what.strerror)


def unwritable(path: Path, error: OSError) -> WorkspaceError:
    """The error of a workspace that cannot be written, or in which something else has a name of facesort's."""
    return WorkspaceError(
        f"{at_fault(path, error)} cannot be written {because(error)}, and run the command again; nothing is lost"
    )
