"""A progress bar."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tqdm import tqdm


@contextmanager
def progress_bar() -> Iterator[Callable[[int, int], None]]:
    """Show a text bar: unlike a widget, it also shows in a saved notebook and on the terminal that launched it.

    Yields
    ------
    callable of (done, total)
        Call it after every photo.
    """
    bar: tqdm | None = None

    def show(done: int, total: int) -> None:
        nonlocal bar
        if bar is None:  # work of an earlier run counts as done, but not for the speed
            bar = tqdm(
                total=total,
                initial=done - 1,
                unit=" photos",
                ncols=54,  # one line on a narrow page
                mininterval=1.0,
                miniters=1,
                file=sys.stdout,
            )
        bar.update(done - bar.n)

    try:
        yield show
    finally:
        if bar is not None:
            bar.close()
