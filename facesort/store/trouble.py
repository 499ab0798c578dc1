"""DuckDB's errors, as sentences that say what to do."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from facesort.errors import FREE_MEMORY, StoreError, StoreLockedError
from facesort.files import need_handles

# What DuckDB says on POSIX and on Windows; the word "lock" alone is also in every path and in "block".
_HELD_BY_ANOTHER = "Could not set lock|Conflicting lock|already open in|used by another process"
_HELD_BY_OURSELVES = "different configuration than existing connections"

# What it says of a file that lacks a part, holds something else, or cannot be read.
_DAMAGED = (
    "Could not read|Corrupt(ed)? (?!temporary)|[Cc]hecksum|not a valid DuckDB|[Ss]erializ|Extension .* not found|"
    "WAL was created for"  # a log that was copied at another moment than its database
)
_NOT_WRITTEN = "Could not (write|fsync|truncate)|[Ff]ailed to (write|sync|truncate)|IO Error"
_TEMPORARY_FILES = "temp_directory|offload|temporary"

_NO_HANDLES = "Too many open files"
_HANDLES = 8  # with none left DuckDB ends the process; one that is open needs five

_RESTORE = (
    "It is damaged, or its disk is failing. Put your last backup into a new folder with "
    "`facesort restore BACKUP -w NEW`; the photos and the output are not affected"
)
_CLOSE_FILES = (
    "Close other programs, or allow more open files (`ulimit -n 4096` in this terminal), and run the command again; "
    "nothing is wrong with the database"
)
_SHORT_OF_MEMORY = (
    f"It is the memory that is short: {FREE_MEMORY}, and run the command again; if it says so again, please report it. "
    "What was committed is not affected"
)
# Of Ctrl-C: within a query, or while it reads Python's values.
_INTERRUPTED = r"^Query interrupted|^INTERRUPT Error|\bKeyboardInterrupt: "


def refuse_without_handles() -> None:
    """Refuse to open a database when hardly any file can be opened any more.

    Raises
    ------
    StoreError
        Saying so.
    """
    try:
        need_handles(_HANDLES)
    except OSError as error:
        raise StoreError(
            f"the workspace's database cannot be opened: {os.strerror(error.errno or 0)}. {_CLOSE_FILES}"
        ) from error


def is_damage(error: duckdb.Error) -> bool:
    """Whether an error tells of a damaged file."""
    return re.search(_DAMAGED, str(error)) is not None


@contextmanager
def trouble_explained() -> Iterator[None]:
    """Turn what is wrong with disk, memory or database into a sentence; errors in our own SQL stay what they are.

    Ctrl-C within a query is a KeyboardInterrupt, as anywhere else.
    """
    try:
        yield
    except duckdb.ConstraintException as error:  # facesort gives no id twice
        raise StoreError(
            f"the rows of the workspace's database do not fit together: {first_line(error)} Another program changed "
            "it; nothing was stored. Put your last backup into a new folder with `facesort restore BACKUP -w NEW`"
        ) from error
    except (duckdb.IOException, duckdb.FatalException, duckdb.OutOfMemoryException) as error:
        raise _trouble(error) from error
    except duckdb.TransactionException as error:
        # A COMMIT that could not write its log says so in this way; so does what is our own fault.
        if not re.search(_NOT_WRITTEN, str(error)):
            raise
        raise _trouble(error) from error
    except (duckdb.Error, RuntimeError) as error:
        if re.search(_INTERRUPTED, str(error)):
            raise KeyboardInterrupt from error
        # A wrong checksum has no class of its own.
        if not isinstance(error, duckdb.Error) or not is_damage(error):
            raise
        raise _trouble(error) from error


def _trouble(error: duckdb.Error) -> StoreError:
    if is_damage(error):
        return StoreError(
            f"the workspace's database cannot be read: {first_line(error)} {_RESTORE}"
        )
    lacking = _lacking(error)
    if lacking:
        return StoreError(f"the workspace's database cannot be used: {first_line(error)} {lacking}")
    return StoreError(
        f"the workspace's database cannot be written: {first_line(error)} "
        "Free some space on the workspace's disk and run the command again; what was committed is not affected"
    )


def explained(error: duckdb.Error, path: Path | None) -> StoreError:
    """Turn what DuckDB says of a database that it cannot open into what the user can do."""
    text = str(error)
    if re.search(_HELD_BY_ANOTHER, text):
        pid = re.search(r"PID (\d+)", text)
        who = f"process {pid.group(1)}" if pid else "another process"
        return StoreLockedError(
            f"{path} is in use by {who}. A notebook that has the workspace open, or a running sort, holds it; "
            "close it and try again (`facesort status` works meanwhile)."
        )
    if re.search(_HELD_BY_OURSELVES, text):
        return StoreLockedError(
            f"{path} is open in this process: leave the `with facesort.open(...)` block, or close what was opened, "
            "and try again",
            by_another=False,
        )
    if is_damage(error):
        return StoreError(f"{path} cannot be opened as a database: {first_line(error)} {_RESTORE}")
    advice = _lacking(error) or (
        "Check the workspace's disk and its permissions. If the file is gone, put your last backup into a new folder "
        "with `facesort restore BACKUP -w NEW`"
    )
    return StoreError(f"{path} cannot be opened: {first_line(error)} {advice}")


def _lacking(error: duckdb.Error) -> str | None:
    """What to do if the machine is short of something, other than space on the disk."""
    if _NO_HANDLES in str(error):
        return _CLOSE_FILES
    if isinstance(error, duckdb.OutOfMemoryException) and not re.search(
        _TEMPORARY_FILES, str(error)
    ):
        return _SHORT_OF_MEMORY
    return None


def first_line(error: duckdb.Error) -> str:
    """What DuckDB says, as a sentence, without its stack."""
    return str(error).splitlines()[0].rstrip(" .:!") + "."
