"""A folder on a disk that may be a source: its files, as far as recognising it needs them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from stat import S_ISREG

from facesort.core.records import in_64_bits
from facesort.core.sources.recognition import Stamp
from facesort.core.text.paths import from_text, is_of_the_system, to_text
from facesort.engine.analysis.reading import read_photo
from facesort.errors import ImageError, short_of
from facesort.files import file_sha256
from facesort.images import look_at
from facesort.settings import PhotoSettings


@dataclass(frozen=True, slots=True)
class SourceFolder:
    """A folder that may be a source; what cannot be read is not there."""

    path: Path
    limits: PhotoSettings

    def at(self, path: str) -> Stamp | None:
        """Size and time of a file."""
        try:
            found = os.stat(self.path / from_text(path))
        except (OSError, ValueError) as error:
            _raise_if_short(error)
            return None
        if not S_ISREG(found.st_mode):
            return None
        return Stamp(found.st_size, in_64_bits(found.st_mtime_ns))

    def some(self, limit: int) -> list[tuple[str, Stamp]]:
        """The first files of a walk, without those that systems put there."""
        return list(islice(self._files(), limit))

    def _files(self) -> Iterator[tuple[str, Stamp]]:
        folders = [""]
        while folders:
            folder = folders.pop()
            for name, is_folder in self._entries(folder):
                path = f"{folder}{name}"
                if is_folder:
                    folders.append(f"{path}/")
                elif (stamp := self.at(path)) is not None:
                    yield path, stamp

    def _entries(self, folder: str) -> list[tuple[str, bool]]:
        """Names in a folder, in a fixed order, and whether they are folders."""
        try:
            with os.scandir(self.path / from_text(folder)) as entries:
                found = [(to_text(e.name), e.is_dir(follow_symlinks=False)) for e in entries]
        except OSError as error:
            _raise_if_short(error)
            return []
        return sorted(entry for entry in found if not is_of_the_system(entry[0]))

    def sha256(self, path: str) -> str:
        """SHA-256 of a file's content."""
        try:
            return file_sha256(self.path / from_text(path))
        except OSError as error:
            _raise_if_short(error)
            return ""

    def taken_at(self, path: str) -> datetime | None:
        """Capture time in a file's metadata."""
        try:
            data = read_photo(self.path / from_text(path), self.limits.max_file_mb)
            return look_at(data, path, max_megapixels=self.limits.max_megapixels).captured_at
        except ImageError:
            return None


def _raise_if_short(error: Exception) -> None:
    """Let errors through that are about the process, not about the folder."""
    if short_of(error):
        raise error
