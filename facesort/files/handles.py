"""File handles that are still to be had."""

from __future__ import annotations

import os
from contextlib import ExitStack


def need_handles(count: int) -> None:
    """Raise if not so many more files can be opened: libraries that run out of them end the process, or hang.

    Raises
    ------
    OSError
        The system's own: this process (``EMFILE``) or the system (``ENFILE``) has too many open.
    """
    with ExitStack() as held:
        for _ in range(count):
            held.enter_context(open(os.devnull, "rb"))
