"""The folder of a workspace with smaller versions of what is delivered: each file is named by its content."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from facesort.core.derivatives import SUFFIXES, Derivative, DerivedFile
from facesort.errors import short_of
from facesort.files import (
    Kind,
    file_sha256,
    kind_of,
    make_own_folder,
    read_own,
    replace_file,
    sync_folder,
)
from facesort.workspace import Workspace, leave_alone, unwritable

_PART = re.compile(r"[0-9a-f]{2}")
_NAME = re.compile(rf"[0-9a-f]{{64}}\.({'|'.join(SUFFIXES.values())})")
_HALF = re.compile(rf"\.{_NAME.pattern}\.new")  # of a process that was killed


@dataclass(frozen=True, slots=True)
class DerivativeFolder:
    """Files named ``<first 2 hex>/<sha256>.<suffix>``.

    Parameters
    ----------
    below : Path
        The workspace: no link in it is followed.
    """

    path: Path
    below: Path

    @classmethod
    def of(cls, workspace: Workspace) -> DerivativeFolder:
        """Of a workspace, whether it is there or not."""
        return cls(workspace.derivatives, workspace.root)

    def path_of(self, file: DerivedFile) -> Path:
        """Where a file is, if it is there."""
        return self.path / file.key

    def holds(self, file: DerivedFile) -> bool:
        """Whether a file is there and has the content it is named by."""
        try:
            return file_sha256(self.path_of(file), below=self.below) == file.sha256
        except OSError as error:
            if short_of(error):
                raise
            return False

    def read(self, file: DerivedFile) -> bytes | None:
        """Bytes of a file; None if it is not there as it was made."""
        try:
            data = read_own(self.path_of(file), below=self.below, limit=file.size)
        except OSError as error:
            if short_of(error):
                raise
            return None
        return data if hashlib.sha256(data).hexdigest() == file.sha256 else None

    def write(self, derivatives: Iterable[Derivative]) -> None:
        """Write files durably, before the transaction that records them; one that is there already stays.

        Raises
        ------
        WorkspaceError
            If the disk is full or fails, or something that is not facesort's has one of the names.
        """
        folders = set()
        for derivative in derivatives:
            path = self.path_of(derivative)
            if self.holds(derivative):
                continue
            try:
                make_own_folder(self.path, below=self.below)
                make_own_folder(path.parent, below=self.below)
                replace_file(path, derivative.data, durable=False)
            except OSError as error:
                raise unwritable(path, error) from error
            folders |= {self.below, self.path, path.parent}
        for folder in folders:
            sync_folder(folder)

    def others(self, wanted: Collection[str]) -> Iterator[Path]:
        """Files of ours but those that have some names; what is not ours is left alone."""
        if kind_of(self.path) is not Kind.FOLDER:
            return
        for part in sorted(self.path.iterdir()):
            if not _PART.fullmatch(part.name) or kind_of(part) is not Kind.FOLDER:
                continue
            foreign = []
            for path in sorted(part.iterdir()):
                name = path.name
                if not (_NAME.fullmatch(name) or _HALF.fullmatch(name)):
                    foreign.append(path)
                elif name not in wanted and kind_of(path) is Kind.FILE:
                    yield path
            leave_alone(foreign)
