"""Staged copies: the JPEGs of a batch on the workspace's disk, until they are in the output."""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from facesort.core.delivery.routing import Jpeg
from facesort.files import (
    NotOursError,
    at_once,
    make_own_folder,
    read_own,
    remove_own_folder,
    sync_folder,
    write_anew,
)
from facesort.workspace import Workspace, leave_alone, unwritable

log = logging.getLogger(__name__)

_BATCH = re.compile(r"[0-9]{6}|[1-9][0-9]{6,}")
_JPEG = re.compile(r"[0-9a-f]{64}\.jpg")


@dataclass(frozen=True, slots=True)
class Staging:
    """The staging folder of one batch.

    Parameters
    ----------
    below : Path
        The workspace: no link in it is followed.
    """

    folder: Path
    below: Path

    @classmethod
    def of(cls, workspace: Workspace, batch_id: int) -> Staging:
        """Of a batch, whether it is there or not."""
        return cls(workspace.staging / f"{batch_id:06d}", workspace.root)

    def write(self, jpegs: Collection[Jpeg]) -> None:
        """Write a batch's output JPEGs durably, before the transaction that plans them.

        Raises
        ------
        WorkspaceError
            If the disk is full or fails, or something that is not facesort's has one of the names.
        """
        try:
            make_own_folder(self.folder, below=self.below)
            at_once(self._write, dict(jpegs).items())  # two photos may give one JPEG
            sync_folder(self.folder)
        except OSError as error:
            raise unwritable(self.folder, error) from error

    def read(self, sha256: str) -> bytes | None:
        """Read a staged JPEG; None if it is lost, damaged, or not facesort's."""
        path = self._path(sha256)
        try:
            data = read_own(path, below=self.below)
        except FileNotFoundError:
            return None
        except NotOursError as error:
            leave_alone(error)
            return None
        return data if hashlib.sha256(data).hexdigest() == sha256 else None

    def remove(self) -> None:
        """Remove what `write` made; it is not needed once the batch is COMMITTED."""
        try:
            left = remove_own_folder(self.folder, _JPEG, below=self.below)
        except NotOursError as error:
            leave_alone(error)
        except OSError as error:
            log.warning("%s cannot be removed (%s)", self.folder, error.strerror)
        else:
            leave_alone(left)

    def _write(self, jpeg: tuple[str, bytes]) -> None:
        sha256, data = jpeg
        write_anew(self._path(sha256), data, below=self.below, private=True)

    def _path(self, sha256: str) -> Path:
        return self.folder / f"{sha256}.jpg"


def remove_abandoned(workspace: Workspace, committing: Collection[int]) -> None:
    """Remove what an interrupted sort staged and never planned; leave alone what has another name.

    Parameters
    ----------
    committing : collection of int
        Batches that still need theirs.
    """
    needed = {Staging.of(workspace, batch_id).folder for batch_id in committing}
    for path in sorted(workspace.staging.iterdir()):
        if not _BATCH.fullmatch(path.name):
            leave_alone([path])
        elif path not in needed:
            Staging(path, workspace.root).remove()
