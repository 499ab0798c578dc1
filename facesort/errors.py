"""The exceptions of facesort, as one tree.

Expected failures of single photos are rows with a `Reason`, never exceptions that leave the engine; these exceptions
end the command.  A message says what happened, to which item, and what to do next::

    FacesortError
    ├── SettingsError           facesort.toml or an option is not valid
    ├── WorkspaceError          the workspace is missing, exists already, or cannot be written
    │   └── WorkspaceBusyError  another process is sorting in it
    ├── StoreError              the database cannot be used
    │   ├── StoreLockedError    another process holds it
    │   ├── OldSchemaError      it was written by an older facesort, and is open for reading only
    │   └── SchemaVersionError  it was written by a newer facesort
    ├── SourceGoneError         the source root disappeared, or is not what was scanned
    ├── OutputError             the output cannot be written
    ├── PublishError            an object store cannot be used
    ├── CollectionError         a service's collections of faces cannot be used
    │   ├── MissingItemError    there is no such collection, user or face
    │   ├── ItemExistsError     there is such a collection already
    │   ├── ItemConflictError   there is such a user already, or their faces are being changed
    │   ├── QuotaError          there would be more than a collection or a user takes
    │   └── OnceError           a request's token was used for another request
    ├── ServiceError            the service cannot be started, or not as asked
    ├── BusyError               more is waiting already than the service takes
    ├── ClusterError            a cluster cannot be reached, or its certificates cannot be used
    ├── PackError               a model pack is missing, incomplete or changed
    │   └── PackMismatchError   embeddings of another pack are in the workspace
    ├── GalleryError            a person or face is missing, or a name or folder is taken
    ├── InsufficientTrialsError too few comparisons to estimate an error rate
    ├── RefusedReferenceError   a reference photo was refused (carries the reason)
    ├── ImageError              one file could not be turned into pixels (carries the reason)
    ├── ResourceError           the system gives no more memory, file handles or processes
    └── NotebookError           a run notebook could not be started, or failed

`because` says why a file or folder cannot be used and what to do, for every sentence that ends in "cannot be written".
"""

from __future__ import annotations

import errno
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from facesort.reasons import Reason


class FacesortError(Exception):
    """Base of everything facesort raises on purpose.

    Examples
    --------
    >>> try:
    ...     facesort.open("nowhere")
    ... except facesort.FacesortError as error:
    ...     print(error)
    /...nowhere is not a workspace: make one with `facesort init ...`
    """

    def _render_traceback_(self) -> list[str]:
        """What notebooks show instead of frames: the sentence, on one line whatever a name in it holds."""
        return ["".join(char if char.isprintable() else ascii(char)[1:-1] for char in str(self))]


class SettingsError(FacesortError, ValueError):
    """A setting is unknown or out of range."""


class WorkspaceError(FacesortError):
    """The workspace cannot be opened, created or written."""


class WorkspaceBusyError(WorkspaceError):
    """Another process is sorting in this workspace."""


class StoreError(FacesortError):
    """The database cannot be used."""


class StoreLockedError(StoreError):
    """Another process holds the database.

    Parameters
    ----------
    by_another : bool
        False: this process itself has it open in another way.
    """

    def __init__(self, message: str, *, by_another: bool = True) -> None:
        super().__init__(message)
        self.by_another = by_another


class OldSchemaError(StoreError):
    """The database was written by an older facesort, and may not be changed."""


class SchemaVersionError(StoreError):
    """The database was written by a newer facesort."""


class SourceGoneError(FacesortError):
    """The source root disappeared, or is not the one that was scanned."""


class OutputError(FacesortError):
    """The output root cannot be written."""


class PublishError(FacesortError):
    """An object store cannot be used, or a destination is not valid."""


class CollectionError(FacesortError):
    """A service's collections of faces cannot be used."""


class MissingItemError(CollectionError):
    """There is no such collection, user or face."""


class ItemExistsError(CollectionError):
    """There is such a collection already."""


class ItemConflictError(CollectionError):
    """There is such a user already, or their faces are being changed."""


class QuotaError(CollectionError):
    """There would be more than a collection or a user takes."""


class OnceError(CollectionError):
    """A request's token was used for another request."""


class ServiceError(FacesortError):
    """The service cannot be started, or not as asked."""


class BusyError(FacesortError):
    """More is waiting already than the service takes."""


class ClusterError(FacesortError):
    """A cluster cannot be reached or joined, or its certificates cannot be used."""


class PackError(FacesortError):
    """A model pack is missing, incomplete, or changed on disk."""


class PackMismatchError(PackError):
    """The workspace holds embeddings of another model pack."""


class GalleryError(FacesortError, ValueError):
    """A person or face is missing, or a name or folder is taken."""


class InsufficientTrialsError(FacesortError, ValueError):
    """There are too few comparisons to estimate an error rate."""


class _WithReason(FacesortError):
    """An error about one file, with the reason code that is stored for it.

    Parameters
    ----------
    reason : Reason
        The code that goes into the store.
    detail : str
        What was found, in words; of the user's photos, only file names, never full paths.
    """

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason.value}: {detail}")
        self.reason = reason
        self.detail = detail

    def __reduce__(self) -> tuple[type, tuple[Reason, str]]:
        return type(self), (self.reason, self.detail)  # so that it can be pickled


class RefusedReferenceError(_WithReason):
    """A reference photo was refused."""


class ImageError(_WithReason):
    """One file could not be turned into pixels."""


class NotebookError(FacesortError):
    """A run notebook could not be started, or failed."""


class ResourceError(FacesortError):
    """The system gives no more memory, file handles or processes."""


FREE_MEMORY = "close other programs, or use fewer processes (`run.workers` in facesort.toml) if photos are being read"
"""What to do about a lack of memory, whatever the command."""
_GONE = "plug in the disk, and check the path"
_IN_THE_WAY = "move away what is in its place"
_IN_USE = "close it in other programs"
_RESOURCES = {
    "EMFILE": "close other programs, or allow more open files (`ulimit -n 4096`)",
    "ENFILE": "close other programs",
    "ENOMEM": FREE_MEMORY,
    "ENOBUFS": FREE_MEMORY,
    "EAGAIN": "close other programs, or allow more processes (`ulimit -u`)",
}
_ADVICE = {
    "ENOSPC": "free some space on its disk",
    "EDQUOT": "free some space on its disk, where your quota is used up",
    "EFBIG": "its disk cannot hold such a large file: use another one",
    "EROFS": "mount its disk writable, or use another one",
    "EACCES": "give this user access to it"
    + (f", and {_IN_USE}" if sys.platform == "win32" else ""),
    "EPERM": "give this user access to it",
    "ENOENT": _GONE,
    "ENODEV": _GONE,
    "ENXIO": _GONE,
    "ENOTCONN": _GONE,
    "ENETDOWN": _GONE,
    "EHOSTDOWN": _GONE,
    "ESTALE": _GONE,
    "ESHUTDOWN": _GONE,
    "ETIMEDOUT": _GONE,
    "EIO": "plug its disk in again; if that does not help, the disk is failing: save what is on it",
    "EUCLEAN": "its file system is damaged: check the disk",
    "EEXIST": _IN_THE_WAY,
    "ENOTDIR": _IN_THE_WAY,
    "EISDIR": _IN_THE_WAY,
    "ELOOP": _IN_THE_WAY,
    "ENOTEMPTY": _IN_THE_WAY,
    "EINVAL": f"{_IN_THE_WAY}, or use another name",
    "EBUSY": _IN_USE,
    "ETXTBSY": _IN_USE,
    "ENAMETOOLONG": "use a shorter path",
    "EILSEQ": "its disk does not allow this name: use another folder or disk",
} | _RESOURCES
# Not every system has every number, and two names may share one.
_BY_NUMBER = {getattr(errno, name): text for name, text in _ADVICE.items() if hasattr(errno, name)}
_RESOURCE_NUMBERS = {getattr(errno, name) for name in _RESOURCES if hasattr(errno, name)}
_NO_THREAD = "can't start new thread"  # all that Python says


def because(error: OSError | MemoryError) -> str:
    """Why something cannot be read or written, and what to do about it.

    Returns
    -------
    str
        To follow "cannot be written": ``(No space left on device): free some space on its disk``.
    """
    if isinstance(error, MemoryError):
        return f"(out of memory): {FREE_MEMORY}"
    words = error.strerror or str(error) or type(error).__name__
    advice = _BY_NUMBER.get(error.errno or 0, "check its disk and its permissions")
    return f"({words}): {advice}"


def short_of(error: BaseException) -> ResourceError | None:
    """Explain an error that is about the process or the system, and not about the file at hand; None for any other."""
    if str(error) == _NO_THREAD:
        error = OSError(errno.EAGAIN, _NO_THREAD)
    if isinstance(error, MemoryError) or (
        isinstance(error, OSError) and error.errno in _RESOURCE_NUMBERS
    ):
        return ResourceError(
            f"facesort cannot go on {because(error)}, and run the same command again; what is committed stays"
        )
    return None


@contextmanager
def resources_explained() -> Iterator[None]:
    """Turn a lack of memory, file handles, processes or threads into a sentence.

    Raises
    ------
    ResourceError
        Instead of the system's own error.
    """
    try:
        yield
    except (MemoryError, OSError, RuntimeError) as error:
        if (short := short_of(error)) is None:
            raise
        raise short from error
