"""What the kernel knows about the front end, and how it handles widget events."""

from __future__ import annotations

from functools import cache
from typing import Any

import comm
from ipykernel.comm.comm import BaseComm
from IPython import get_ipython


def is_interactive() -> bool:
    """Whether a front end can show widgets; in a notebook that papermill runs, none can.

    An interactive front end accepts requests for input (``allow_stdin`` in Jupyter's messages), an unattended run does
    not; and a widget event can only come from a user.
    """
    kernel = getattr(get_ipython(), "kernel", None)
    if kernel is None:
        return False
    message = kernel.get_parent()
    widget_event = message.get("header", {}).get("msg_type") == "comm_msg"
    return widget_event or bool(message.get("content", {}).get("allow_stdin"))


@cache
def is_unattended() -> bool:
    """Whether this kernel runs a notebook for nobody: what a widget shows would only be saved, with the notebook.

    First asked in a cell; a kernel stays what it is.
    """
    return getattr(get_ipython(), "kernel", None) is not None and not is_interactive()


def serialize_widget_events() -> None:
    """Handle the events of all widgets created from now on in the kernel's main thread, in their order.

    JupyterLab sends widget events to a second thread of the kernel (a *subshell*), and ipykernel passes them to the
    thread that last wrote to the same widget.  So a typed name and the button pressed after it can end up in two
    threads, and the button is handled first.  Outside a Jupyter kernel this does nothing.
    """
    if getattr(get_ipython(), "kernel", None) is not None:
        comm.create_comm = _MainThreadComm  # replaces ipykernel's


class _MainThreadComm(BaseComm):
    """A widget's channel to the browser; the kernel's main thread handles its messages."""

    def _reply_subshell_for(self, data: Any, default: str | None) -> None:
        """Choose no subshell, that is the main thread; ipykernel calls this for each message."""
