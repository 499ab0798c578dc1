"""COMMITTING: carry out planned writes so that nothing is lost, written twice or replaced.

Every step can be repeated: a finished write is verified, a partial one is done again.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from facesort.core.copies import PlannedWrite
from facesort.core.delivery.routing import folder_key, is_target, partial_name
from facesort.core.records import PhotoRef
from facesort.engine.job.staging import Staging
from facesort.engine.sources.root_folder import RootFolder
from facesort.errors import ImageError, OutputError, because
from facesort.files import (
    NotOursError,
    at_fault,
    at_once,
    file_sha256,
    publish,
    remove_own,
    stream_synced,
    sync_folder,
    write_anew,
)
from facesort.reasons import Reason
from facesort.store.queries.delivery.commit_log import LoggedWrite

log = logging.getLogger(__name__)

_AT_ONCE = 64  # copies of which none has its name yet; their JPEGs are in memory


class _Shown(Protocol):
    """What is delivered, of a sort or of a re-match."""

    @property
    def photo(self) -> PhotoRef:
        """With the frame, of a clip."""

    @property
    def is_whole_clip(self) -> bool:
        """Whether the source file itself is what is delivered."""


def logged(
    ids: Iterable[int], plans: Iterable[PlannedWrite], shown: Iterable[_Shown]
) -> list[LoggedWrite]:
    """The writes of a batch as `planned_writes` would read them."""
    by_key = {(one.photo.photo_id, one.photo.at_ms): one for one in shown}
    writes = []
    for write_id, plan in zip(ids, plans, strict=True):
        one = by_key[plan.photo_id, plan.at_ms]
        writes.append(LoggedWrite(write_id, plan, one.photo, one.is_whole_clip))
    return writes


@dataclass(frozen=True, slots=True)
class _Copy:
    """A copy that is being made, under the name that it has until it is complete.

    Parameters
    ----------
    jpeg : bytes or None
        Of a whole clip None: its copy is written already.
    """

    write: LoggedWrite
    target: Path
    partial: Path
    jpeg: bytes | None


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
    stream : callable of LoggedWrite to iterator of bytes
        Reads a whole clip from its source, in parts.
    at : callable of str
        Called with the name of each point as it is passed; tests kill the process there.
    mark : str
        Of the workspace.
    held : mapping of str to bytes
        JPEGs that are in memory still, by SHA-256, and need not be read from the staging.
    """

    output: RootFolder
    staging: Staging | None
    render: Callable[[LoggedWrite], bytes | None]
    stream: Callable[[LoggedWrite], Iterator[bytes]]
    at: Callable[[str], None]
    mark: str = ""
    held: Mapping[str, bytes] = field(default_factory=dict)

    def carry_out(self, writes: Sequence[LoggedWrite]) -> dict[int, Reason]:
        """Carry out the writes that are not done yet.

        Returns
        -------
        dict of write_id to Reason
            Writes that failed, because another file has the name, the photo cannot be rendered again, the clip cannot
            be read, or the target is not ``<folder>/<name>``.

        Raises
        ------
        OutputError
            If the output is gone or cannot be written, or something else has the name of a temporary copy: the batch
            stays COMMITTING, and the next sort completes it.
        """
        folders: dict[Path, str | None] = {}
        ended = {write.write_id: self._refused(write, folders) for write in writes}
        for some in self._apart([w for w in writes if ended[w.write_id] is None], folders):
            copies = []
            for write in some:
                begun = self._begin(write)
                if not isinstance(begun, _Copy):
                    ended[write.write_id] = begun
                elif begun.jpeg is None:  # took minutes, which no kill takes away any more
                    ended[write.write_id] = self._publish(begun)
                else:
                    copies.append(begun)
            at_once(_write, copies)
            ended |= {copy.write.write_id: self._publish(copy) for copy in copies}
        # The output folder too: the process may have been killed between a mkdir and its fsync.
        at_once(_sync, [self.output.path, *(f for f, real in folders.items() if real)])
        self._refuse_gone()
        for write in writes:
            if (reason := ended[write.write_id]) is not None:
                log.warning("%r: %s", write.plan.target, reason.value)
        return {key: reason for key, reason in ended.items() if reason is not None}

    def _refused(self, write: LoggedWrite, folders: dict[Path, str | None]) -> Reason | None:
        """Why a copy has no place in the output.

        Parameters
        ----------
        folders : dict of Path to str or None
            Where the folders of persons really are, None if something else has the name of one; added to.
        """
        if not is_target(write.plan.target):
            return Reason.BAD_TARGET
        target = self.output.path / write.plan.target
        if target.parent not in folders:
            with _explained(target):
                folders[target.parent] = self._make(target.parent)
        return Reason.NAME_TAKEN if folders[target.parent] is None else None

    def _apart(
        self, writes: Sequence[LoggedWrite], folders: Mapping[Path, str | None]
    ) -> Iterator[list[LoggedWrite]]:
        """Some at a time, of which no two have one place on the disk, as where a folder is a link to another."""
        some: dict[str, LoggedWrite] = {}
        for write in writes:
            target = self.output.path / write.plan.target
            key = folder_key(f"{folders[target.parent]}/{target.name}")
            if key in some or len(some) == _AT_ONCE:
                yield list(some.values())
                some = {}
            some[key] = write
        yield list(some.values())

    def _begin(self, write: LoggedWrite) -> _Copy | Reason | None:
        """Find out what is to be copied; if that is nothing, how the write ended."""
        target = self.output.path / write.plan.target
        partial = target.with_name(partial_name(target.name, self.mark))
        with _explained(target):
            is_there = os.path.lexists(target)
            jpeg = None if is_there or write.is_whole_clip else self._jpeg(write)
            if is_there or (jpeg is None and not write.is_whole_clip):
                with suppress(NotOursError):  # it does not stand in the way
                    remove_own(partial, below=partial.parent)
                return _name_taken(target, write.plan) if is_there else Reason.RENDER_CHANGED
            self.at("before_copy")
            if write.is_whole_clip and (reason := self._stream(write, partial)) is not None:
                return reason
            return _Copy(write, target, partial, jpeg)

    def _publish(self, copy: _Copy) -> Reason | None:
        """Give a copy its name, and look whether it has the content that was planned."""
        self.at("after_copy")
        with _explained(copy.target):
            try:
                publish(copy.partial, copy.target)
            except FileExistsError:  # another program was faster
                remove_own(copy.partial, below=copy.partial.parent)
            self.at("after_rename")
            return _name_taken(copy.target, copy.write.plan)

    def _refuse_gone(self) -> None:
        """Raise if the disk is gone: its mount point would be a folder like any other."""
        if not self.output.is_there():
            raise OutputError(
                f"output {self.output.path} is gone: plug in the disk and run `facesort sort` again; nothing is lost"
            )

    def _make(self, folder: Path) -> str | None:
        """Create a person's folder, and say where it really is; refuse one that leads out of the output folder."""
        self._refuse_gone()
        if not os.path.lexists(folder):
            with suppress(FileExistsError):  # another workspace with this output was faster
                folder.mkdir()
        inside, root = (os.path.realpath(path) for path in (folder, self.output.path))
        if not Path(inside).is_relative_to(root):
            raise OutputError(
                f"{folder} leads out of the output folder (it is a link): remove the link and run `facesort sort` again"
            )
        return inside if folder.is_dir() else None

    def _stream(self, write: LoggedWrite, partial: Path) -> Reason | None:
        """Copy a whole clip; it may be larger than memory, and than the workspace's disk."""
        remove_own(partial, below=partial.parent)
        try:
            same = stream_synced(partial, self.stream(write)) == write.plan.sha256
        except ImageError as error:
            reason: Reason | None = error.reason
        else:
            reason = None if same else Reason.RENDER_CHANGED
        if reason is not None:
            remove_own(partial, below=partial.parent)
        return reason

    def _jpeg(self, write: LoggedWrite) -> bytes | None:
        """The staged bytes, or the same bytes rendered again; None if that is not possible."""
        plan = write.plan
        if (held := self.held.get(plan.sha256)) is not None:
            return held
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


def _write(copy: _Copy) -> None:
    if copy.jpeg is not None:
        with _explained(copy.target):
            write_anew(copy.partial, copy.jpeg, below=copy.partial.parent)


def _sync(folder: Path) -> None:
    with _explained(folder):
        sync_folder(folder)


def _name_taken(target: Path, plan: PlannedWrite) -> Reason | None:
    """Check a target that exists: None if it is a file with the planned content."""
    if (
        target.is_file()
        and target.stat().st_size == plan.size
        and file_sha256(target) == plan.sha256
    ):
        return None
    return Reason.NAME_TAKEN


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(
            f"{at_fault(path, error)} cannot be written {because(error)}, and run the command again; nothing is lost "
            "and nothing will be written twice"
        ) from error
