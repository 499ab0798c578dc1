"""Whether somebody looks at the notebook while it runs."""

from __future__ import annotations

from IPython import get_ipython

__all__ = ["somebody_watches"]


def somebody_watches() -> bool:
    """Whether a front end is there that can show widgets; a notebook that papermill runs has none.

    Such a front end says that it could also be asked for input (``allow_stdin`` in Jupyter's messages), which who
    runs a notebook unattended denies.
    """
    kernel = getattr(get_ipython(), "kernel", None)
    return kernel is not None and bool(kernel.get_parent().get("content", {}).get("allow_stdin"))
