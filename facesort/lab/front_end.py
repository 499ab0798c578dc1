"""What the kernel knows of who looks at the notebook, and how it hears them."""

from __future__ import annotations

from typing import Any

import comm
from ipykernel.comm.comm import BaseComm
from IPython import get_ipython

__all__ = ["hear_in_order", "somebody_watches"]


def somebody_watches() -> bool:
    """Whether a front end is there that can show widgets; a notebook that papermill runs has none.

    Such a front end says that it could also be asked for input (``allow_stdin`` in Jupyter's messages), which who
    runs a notebook unattended denies.
    """
    kernel = getattr(get_ipython(), "kernel", None)
    return kernel is not None and bool(kernel.get_parent().get("content", {}).get("allow_stdin"))


def hear_in_order() -> None:
    """Let the kernel hear all widgets made from now on in one thread, in the order in which they were touched.

    JupyterLab addresses what widgets send to a second thread of the kernel (a *subshell*), and ipykernel hands it to
    the thread that last wrote to the same widget.  So a name that somebody types and the button they press after it
    can end in two threads, and the button is heard first.  Outside a Jupyter kernel nothing is changed.
    """
    if getattr(get_ipython(), "kernel", None) is not None:
        comm.create_comm = _HeardByMainThread  # ipykernel puts its own there


class _HeardByMainThread(BaseComm):
    """A widget's line to the browser; the kernel's main thread hears it, whatever the browser asks for."""

    def _reply_subshell_for(self, data: Any, default: str | None) -> None:
        """Ask for no subshell, that is for the main thread; ipykernel asks this for each message that comes."""
