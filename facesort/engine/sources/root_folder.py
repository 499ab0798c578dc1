"""A folder as it was when the run started, told from another disk at the same mount point."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class RootFolder:
    """A source or output folder as it was when the run started.

    Parameters
    ----------
    device, inode : int
        Another pair later means that a disk was unplugged, or another one mounted.
    """

    path: Path
    device: int
    inode: int

    @classmethod
    def of(cls, path: Path) -> RootFolder:
        """Identify a folder that exists."""
        stat = path.stat()
        return cls(path, stat.st_dev, stat.st_ino)

    @classmethod
    def maybe_missing(cls, path: Path) -> RootFolder:
        """Identify a folder that need not exist; if it does not, `is_there` is always False."""
        try:
            return cls.of(path)
        except OSError:
            return cls(path, -1, -1)

    def is_same(self, other: RootFolder) -> bool:
        """Whether both are one folder, under whatever names; not every file system numbers its folders."""
        if self.inode > 0:
            return (self.device, self.inode) == (other.device, other.inode)
        return self.path == other.path

    def is_there(self) -> bool:
        """Whether the path is still the same folder on the same disk."""
        try:
            return self.path.is_dir() and RootFolder.of(self.path) == self
        except OSError:
            return False
