"""The folder of an export: files are added, never replaced, and an interrupted export is taken up again."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from facesort.core.delivery.routing import PARTIAL
from facesort.core.text.foreign_text import checksum_line
from facesort.errors import ImageError, OutputError
from facesort.files import (
    Kind,
    file_sha256,
    kind_of,
    publish,
    remove_own,
    replace_json,
    stream_synced,
    sync_folder,
    write_synced,
)
from facesort.reasons import Reason

MANIFEST = "_SHA256SUMS"
UNFINISHED = "_unfinished.json"  # there from the first moment until all is on the disk
# What file managers put into any folder, besides hidden files.
_OF_THE_SYSTEM = {"Thumbs.db", "desktop.ini"}


@dataclass(slots=True)
class ExportFolder:
    """Writes into the folder of one export.

    Parameters
    ----------
    sums : list of (SHA-256, file)
        Of what was added, for the manifest.
    """

    path: Path
    sums: list[tuple[str, str]] = field(default_factory=list)

    def refuse_other(self) -> None:
        """Refuse a folder that is neither new or empty nor an export that was interrupted.

        Raises
        ------
        OutputError
            Says what to do.
        """
        if not os.path.lexists(self.path):
            return
        if kind_of(self.path / UNFINISHED) is Kind.FILE:
            return
        begun = f".{UNFINISHED}.new"  # it was interrupted in its first moment
        if not self.path.is_dir() or any(name != begun for name in self._files()):
            raise OutputError(
                f"{self.path} is not an empty folder, and not an export that was interrupted: give a new one, nothing "
                "is ever overwritten"
            )

    def begin(self, files: Collection[str]) -> None:
        """Create the folder, or take up what an interrupted export left in it.

        Parameters
        ----------
        files : collection of str
            All that this export may write.

        Raises
        ------
        OutputError
            If another file is in it.
        """
        self.refuse_other()
        self.path.mkdir(parents=True, exist_ok=True)
        known = {UNFINISHED, f".{UNFINISHED}.new", *files, *map(_partial, files)}
        for name in self._files():
            if name not in known:
                raise OutputError(
                    f"{self.path} holds {name}, which this export does not write: it is of another one, or answers "
                    "have changed since. Give a new folder"
                )
        replace_json(self.path / UNFINISHED, {"unfinished": "run the same export again"})

    def add(self, file: str, data: bytes) -> None:
        """Write a file, unless it is there with the same content.

        Raises
        ------
        OutputError
            If something else is there.
        """
        target, digest = self._place(file), hashlib.sha256(data).hexdigest()
        if not self.holds(file, digest):
            partial = self.path / _partial(file)
            write_synced(partial, data)
            publish(partial, target)
        self.sums.append((digest, file))

    def stream(self, file: str, digest: str, parts: Iterable[bytes]) -> None:
        """As `add`, for content that is larger than memory.

        Parameters
        ----------
        digest : str
            Its SHA-256.

        Raises
        ------
        ImageError
            If the parts are of another content; nothing is left of them.
        """
        target = self._place(file)
        if not self.holds(file, digest):
            partial = self.path / _partial(file)
            if stream_synced(partial, parts) != digest:
                remove_own(partial, below=self.path)
                raise ImageError(Reason.RENDER_CHANGED, "another file has this name now")
            publish(partial, target)
        self.sums.append((digest, file))

    def link(self, original: Path, file: str, digest: str) -> bool:
        """Link to a file instead of copying it; returns whether it is a link now.

        Raises
        ------
        OSError
            If that is not possible.
        """
        target = self._place(file)
        if not self.holds(file, digest):
            os.link(original, target)
        linked = target.samefile(original)
        self.sums.append((digest, file))
        return linked

    def holds(self, file: str, digest: str | None = None) -> bool:
        """Whether a file is there already, with the content that has this SHA-256 if it is given.

        Raises
        ------
        OutputError
            If it is there with other content.
        """
        if kind_of(self.path / file) is None:
            return False
        if digest is not None and file_sha256(self.path / file, below=self.path) != digest:
            raise OutputError(
                f"{self.path / file} is not what this export writes: it is of another one, or was changed. Give a "
                "new folder, nothing is ever overwritten"
            )
        return True

    def finish(self) -> None:
        """Write the manifest, after all other names are on the disk; then the export is finished."""
        for folder in sorted({(self.path / file).parent for _, file in self.sums}):
            sync_folder(folder)
        lines = (checksum_line(*entry) for entry in sorted(self.sums, key=lambda entry: entry[1]))
        self.add(MANIFEST, "".join(lines).encode("utf-8"))
        sync_folder(self.path)
        remove_own(self.path / UNFINISHED, below=self.path)
        sync_folder(self.path)

    def _place(self, file: str) -> Path:
        """Path of a file that is to be written, after its folder is made and half a file is removed."""
        target = self.path / file
        target.parent.mkdir(parents=True, exist_ok=True)
        remove_own(self.path / _partial(file), below=self.path)
        return target

    def _files(self) -> Iterator[str]:
        """Whatever is in it and is no folder, relative to it, but for what file managers put there."""
        for folder, folders, files in os.walk(self.path, onerror=_raise):
            links = [name for name in folders if kind_of(Path(folder, name)) is not Kind.FOLDER]
            for name in (*files, *links):
                hidden = name.startswith(".") and PARTIAL not in name and not name.endswith(".new")
                if not hidden and name not in _OF_THE_SYSTEM:
                    yield (Path(folder, name)).relative_to(self.path).as_posix()


def _raise(error: OSError) -> None:
    raise error


def _partial(file: str) -> str:
    """Name of a file until it is complete."""
    folder, slash, name = file.rpartition("/")
    return f"{folder}{slash}.{name}{PARTIAL}"
