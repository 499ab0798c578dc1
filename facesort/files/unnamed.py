"""Arrays on a disk instead of in memory, in files without a name: nothing of them is left when nobody uses them."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_AT_ONCE = 1 << 24  # bytes


def array_on_disk(folder: Path, rows: int, columns: int) -> NDArray[np.float32]:
    """A float32 array of zeros that takes its room on a disk at once, and gives it back by itself, also when killed.

    Raises
    ------
    OSError
        If the disk has no room for it, or the folder cannot be written to.
    """
    from tempfile import TemporaryFile

    import numpy as np

    size = rows * columns * 4
    try:
        with TemporaryFile(dir=folder) as file:
            # An array that met the end of the disk later would end the process.
            if sys.platform == "linux":
                os.posix_fallocate(file.fileno(), 0, size)
            else:
                for start in range(0, size, _AT_ONCE):
                    file.write(bytes(min(_AT_ONCE, size - start)))
                file.flush()
            return np.memmap(file, np.float32, "r+", shape=(rows, columns))
    except OSError as error:
        raise OSError(error.errno, os.strerror(error.errno or 0), str(folder)) from error
