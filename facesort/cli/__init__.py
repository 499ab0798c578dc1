"""The command line: one thin function per command.  Data goes to stdout, the log to stderr.

Exit codes: 0 done; 1 an error it explains; 2 wrong usage; 3 finished, but some photos failed.
"""

from __future__ import annotations

import logging
import sys
from collections import UserDict
from importlib import import_module
from typing import Any

import click

from facesort.cli.terminal import ExplainingGroup, any_workspace_option, encode_everything
from facesort.import_path import leave_out_current_folder
from facesort.lab.shared.log_lines import LogLines
from facesort.version import __version__

_ROOMS = {
    "setup": "demo init packs doctor",
    "sources": "source rescan",
    "gallery": "seed persons",
    "calibrate": "calibrate",
    "job": "sort status verify retry",
    "delivery": "rematch export derive",
    "audit": "audit",
    "review": "undo redo history",
    "privacy": "forget deliver backup restore",
    "publishing": "publish unpublish",
    "serve": "serve",
    "collections": "collections",
    "cluster": "cluster worker",
}


class _Verbs(UserDict[str, Any]):
    """Commands by name; the module of one is imported when it is asked for, since one of them runs at a time."""

    def __getitem__(self, name: str) -> click.Command:
        found: click.Command = getattr(import_module(f"{__name__}.{self.data[name]}"), name)
        return found


@click.group(
    cls=ExplainingGroup,
    commands=_Verbs({name: room for room, names in _ROOMS.items() for name in names.split()}),
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="facesort")
@any_workspace_option
@click.option("-v", "--verbose", is_flag=True, help="Log every step to stderr.")
def cli(verbose: bool) -> None:
    """Sort an event's photos by face into one folder per known person, offline."""
    # Hide asyncio's messages about tasks of a kernel that was stopped.
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    log = logging.StreamHandler(sys.stderr)
    log.setFormatter(LogLines("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.DEBUG if verbose else logging.WARNING, handlers=[log])
    if verbose:
        # botocore's would show what requests are signed with.
        for chatty in ("PIL", "matplotlib", "asyncio", "traitlets", "boto3", "botocore", "urllib3"):
            logging.getLogger(chatty).setLevel(logging.INFO)


def main() -> None:
    """Entry point of the `facesort` command."""
    leave_out_current_folder()
    encode_everything()
    cli()
