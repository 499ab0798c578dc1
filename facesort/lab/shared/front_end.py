"""What the kernel knows of who looks at the notebook, and how it hears them."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import Any

import comm
import ipywidgets as widgets
from ipykernel.comm.comm import BaseComm
from IPython import get_ipython

_DOUBLE_CLICK_S = 0.4


def is_interactive() -> bool:
    """Whether a front end is there that can show widgets; a notebook that papermill runs has none.

    Such a front end says that it could also be asked for input (``allow_stdin`` in Jupyter's messages), which who
    runs a notebook unattended denies; or somebody has touched a widget.
    """
    kernel = getattr(get_ipython(), "kernel", None)
    if kernel is None:
        return False
    asked = kernel.get_parent()
    touched = asked.get("header", {}).get("msg_type") == "comm_msg"
    return touched or bool(asked.get("content", {}).get("allow_stdin"))


def serialize_widget_events() -> None:
    """Let the kernel hear all widgets made from now on in one thread, in the order in which they were touched.

    JupyterLab addresses what widgets send to a second thread of the kernel (a *subshell*), and ipykernel hands it to
    the thread that last wrote to the same widget.  So a name that somebody types and the button they press after it
    can end in two threads, and the button is heard first.  Outside a Jupyter kernel nothing is changed.
    """
    if getattr(get_ipython(), "kernel", None) is not None:
        comm.create_comm = _MainThreadComm  # ipykernel puts its own there


def on_press(
    button: widgets.Button, action: Callable[[], object], clock: Callable[[], float] = monotonic
) -> None:
    """Let a button do something, and do it once for a double click.

    The second click is heard when the first is done, however long that took: what comes right after that was pressed
    before anybody saw what the first one did.

    Parameters
    ----------
    clock : callable
        Seconds.
    """
    done = float("-inf")

    def press(_: widgets.Button) -> None:
        nonlocal done
        if clock() - done < _DOUBLE_CLICK_S:
            return
        try:
            action()
        finally:
            done = clock()

    button.on_click(press)


class _MainThreadComm(BaseComm):
    """A widget's line to the browser; the kernel's main thread hears it, whatever the browser asks for."""

    def _reply_subshell_for(self, data: Any, default: str | None) -> None:
        """Ask for no subshell, that is for the main thread; ipykernel asks this for each message that comes."""
