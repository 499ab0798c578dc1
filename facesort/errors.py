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
    ├── PackError               a model pack is missing, incomplete or changed
    │   └── PackMismatchError   embeddings of another pack are in the workspace
    ├── GalleryError            a person or face is missing, or a name or folder is taken
    ├── InsufficientTrialsError too few comparisons to estimate an error rate
    ├── RefusedReferenceError   a reference photo was refused (carries the reason)
    ├── ImageError              one file could not be turned into pixels (carries the reason)
    └── NotebookError           a run notebook could not be started, or failed
"""

from __future__ import annotations

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


class SettingsError(FacesortError, ValueError):
    """A setting is unknown or out of range."""


class WorkspaceError(FacesortError):
    """The workspace cannot be opened, created or written."""


class WorkspaceBusyError(WorkspaceError):
    """Another process is sorting in this workspace."""


class StoreError(FacesortError):
    """The database cannot be used."""


class StoreLockedError(StoreError):
    """Another process holds the database."""


class OldSchemaError(StoreError):
    """The database was written by an older facesort, and may not be changed."""


class SchemaVersionError(StoreError):
    """The database was written by a newer facesort."""


class SourceGoneError(FacesortError):
    """The source root disappeared, or is not the one that was scanned."""


class OutputError(FacesortError):
    """The output root cannot be written."""


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
