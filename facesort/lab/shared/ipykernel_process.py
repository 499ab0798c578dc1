"""What the process of an unattended notebook runs: ipykernel, with less than it would load for somebody who types."""

import gc
import sys

# What is imported stays: to look for what does not takes a tenth of the time of imports, and again and again later.
gc.disable()
# Nobody can attach a debugger here, and it takes a fifth of the start.
sys.modules["debugpy"] = None  # type: ignore[assignment]  # documented: nothing of that name is found

from ipykernel.kernelapp import IPKernelApp  # noqa: E402


def main() -> None:
    """Start, with the arguments of the command line, and serve until asked to end."""
    app = IPKernelApp.instance()
    app.initialize()  # type: ignore[no-untyped-call]
    gc.freeze()
    gc.enable()
    app.start()  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    main()
