"""How papermill runs a notebook for facesort: it is saved before each cell that runs code, and at its end.

papermill's own engine saves before and after every cell, text included, and checks and writes the whole notebook each
time: most of what this process did while a notebook ran.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from nbformat import NotebookNode
from papermill.engines import NBClientEngine, NotebookExecutionManager, papermill_engines

ENGINE = "facesort"
"""Its name for papermill."""


class _Manager(NotebookExecutionManager):  # type: ignore[misc]  # papermill has no types
    """Leaves out what the next cell that runs code saves too, before it starts."""

    _is_left_out = False

    def save(self, **more: Any) -> None:
        if not self._is_left_out:
            super().save(**more)

    def cell_start(self, cell: NotebookNode, cell_index: int | None = None, **more: Any) -> None:
        with self._left_out(cell.cell_type != "code"):
            super().cell_start(cell, cell_index, **more)

    def cell_complete(self, cell: NotebookNode, cell_index: int | None = None, **more: Any) -> None:
        with self._left_out(True):
            super().cell_complete(cell, cell_index, **more)

    @contextmanager
    def _left_out(self, is_left_out: bool) -> Iterator[None]:
        self._is_left_out = is_left_out
        try:
            yield
        finally:
            self._is_left_out = False


class _Engine(NBClientEngine):  # type: ignore[misc]
    @classmethod
    def execute_notebook(
        cls, nb: NotebookNode, kernel_name: str, output_path: str | None = None, **options: Any
    ) -> Any:
        """As papermill's, with another manager."""
        options.pop("progress_bar", None)
        manager = _Manager(nb, output_path, progress_bar=False)
        manager.notebook_start()
        try:
            cls.execute_managed_notebook(manager, kernel_name, **options)
        finally:
            manager.notebook_complete()
        return manager.nb


papermill_engines.register(ENGINE, _Engine)
