"""COMMITTING: carry out planned writes so that nothing is lost, written twice or replaced.

Every step can be repeated: a finished write is verified, a partial one is done again.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from facesort.core.routing import PARTIAL, PlannedWrite, is_target
from facesort.engine.job.staging import Staging
from facesort.engine.sources.root_folder import RootFolder
from facesort.errors import OutputError, because
from facesort.files import (
    NotOursError,
    at_fault,
    file_sha256,
    publish,
    remove_own,
    sync_folder,
    write_synced,
)
from facesort.reasons import Reason
from facesort.store.queries.commit_log import LoggedWrite
from facesort.workspace import Workspace

log = logging.getLogger(__name__)


def mark_of(workspace: Workspace) -> str:
    """Part of the temporary names of a workspace, so that two with the same output do not share them."""
    return "." + hashlib.sha256(os.fsencode(workspace.root)).hexdigest()[:8]


@dataclass(frozen=True, slots=True)
class Committer:
    """Carries out the planned writes of one batch.

    Parameters
    ----------
    output : RootFolder
        As it was when the run started; files are only ever added.
    staging : Staging or None
        None if nothing is staged.
    render : callable of LoggedWrite to bytes or None
        Renders a photo again if its staged JPEG is lost; returns None if it cannot.
    at : callable of str
        Called with the name of each point as it is passed; tests kill the process there.
    mark : str
        From `mark_of`.
    """

    output: RootFolder
    staging: Staging | None
    render: Callable[[LoggedWrite], bytes | None]
    at: Callable[[str], None]
    mark: str = ""

    def carry_out(self, writes: Sequence[LoggedWrite]) -> dict[int, Reason]:
        """Carry out the writes that are not done yet.

        Returns
        -------
        dict of write_id to Reason
            Writes that failed, because another file has the name, the photo cannot be rendered again, or the target
            is not ``<folder>/<name>``.

        Raises
        ------
        OutputError
            If the output is gone or cannot be written, or something else has the name of a temporary copy: the batch
            stays COMMITTING, and the next sort completes it.
        """
        failures = {w.write_id: Reason.BAD_TARGET for w in writes if not is_target(w.plan.target)}
        # The output folder too: the process may have been killed between a mkdir and its fsync.
        folders = {self.output.path}
        for write in writes:
            if write.write_id in failures:
                log.warning("%r is not a file in a folder of the output", write.plan.target)
                continue
            target = self.output.path / write.plan.target
            try:
                folder = self._folder(target.parent)
                if folder.is_dir():
                    folders.add(folder)
                    reason = self._write(write, target)
                else:
                    reason = Reason.NAME_TAKEN  # something else has the name of the person's folder
            except OSError as error:
                raise _unwritable(target, error) from error
            if reason is not None:
                log.warning("%s: %s", write.plan.target, reason.value)
                failures[write.write_id] = reason
        for folder in folders:
            try:
                sync_folder(folder)
            except OSError as error:
                raise _unwritable(folder, error) from error
        self._refuse_gone()
        return failures

    def _refuse_gone(self) -> None:
        """Raise if the disk is gone: its mount point would be a folder like any other."""
        if not self.output.is_there():
            raise OutputError(
                f"output {self.output.path} is gone: plug in the disk and run `facesort sort` again; nothing is lost"
            )

    def _folder(self, folder: Path) -> Path:
        """Create a person's folder; refuse one that leads out of the output folder."""
        self._refuse_gone()
        if not os.path.lexists(folder):
            with suppress(FileExistsError):  # another workspace with this output was faster
                folder.mkdir()
        inside, root = (os.path.realpath(path) for path in (folder, self.output.path))
        if not Path(inside).is_relative_to(root):
            raise OutputError(
                f"{folder} leads out of the output folder (it is a link): remove the link and run `facesort sort` again"
            )
        return folder

    def _write(self, write: LoggedWrite, target: Path) -> Reason | None:
        plan = write.plan
        partial = target.with_name(f".{target.name}{self.mark}{PARTIAL}")
        if os.path.lexists(target):
            with suppress(NotOursError):  # it does not stand in the way
                remove_own(partial, below=partial.parent)
            return _name_taken(target, plan)
        data = self._jpeg(write)
        if data is None:
            return Reason.RENDER_CHANGED
        self.at("before_copy")
        remove_own(partial, below=partial.parent)
        write_synced(partial, data)
        self.at("after_copy")
        try:
            publish(partial, target)
        except FileExistsError:  # another program was faster
            remove_own(partial, below=partial.parent)
        self.at("after_rename")
        return _name_taken(target, plan)

    def _jpeg(self, write: LoggedWrite) -> bytes | None:
        """The staged bytes, or the same bytes rendered again; None if that is not possible."""
        plan = write.plan
        if self.staging is None:
            return self._rendered(write)
        staged = self.staging.read(plan.sha256)
        if staged is not None:
            return staged
        log.warning("the staged copy of %s is lost: rendering it again", plan.target)
        return self._rendered(write)

    def _rendered(self, write: LoggedWrite) -> bytes | None:
        rendered = self.render(write)
        if rendered is not None and hashlib.sha256(rendered).hexdigest() == write.plan.sha256:
            return rendered
        return None


def _name_taken(target: Path, plan: PlannedWrite) -> Reason | None:
    """Check a target that exists: None if it is a file with the planned content."""
    if (
        target.is_file()
        and target.stat().st_size == plan.size
        and file_sha256(target) == plan.sha256
    ):
        return None
    return Reason.NAME_TAKEN


def _unwritable(path: Path, error: OSError) -> OutputError:
    return OutputError(
        f"{at_fault(path, error)} cannot be written {because(error)}, and run the command again; nothing is lost and "
        "nothing will be written twice"
    )
