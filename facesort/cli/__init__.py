"""The command line: one thin function per command.  Data goes to stdout, the log to stderr.

Exit codes: 0 done; 1 an error it explains; 2 wrong usage; 3 finished, but some photos failed.
"""

from __future__ import annotations

import logging
import sys

import click

from facesort.cli import (
    audit,
    calibrate,
    cluster,
    collections,
    delivery,
    gallery,
    job,
    privacy,
    publishing,
    review,
    serve,
    setup,
    sources,
)
from facesort.cli.terminal import ExplainingGroup, any_workspace_option, encode_everything
from facesort.import_path import leave_out_current_folder
from facesort.lab.shared.log_lines import LogLines
from facesort.version import __version__


@click.group(
    cls=ExplainingGroup,
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


_COMMANDS: tuple[click.Command, ...] = (
    setup.demo,
    setup.init,
    setup.packs,
    setup.doctor,
    sources.source,
    sources.rescan,
    gallery.seed,
    gallery.persons,
    calibrate.calibrate,
    job.sort,
    job.status,
    job.verify,
    job.retry,
    delivery.rematch,
    delivery.export,
    delivery.derive,
    audit.audit,
    review.undo,
    review.redo,
    review.history,
    privacy.forget,
    privacy.deliver,
    privacy.backup,
    privacy.restore,
    publishing.publish,
    publishing.unpublish,
    serve.serve,
    collections.collections,
    cluster.cluster,
    cluster.worker,
)
for _command in _COMMANDS:
    cli.add_command(_command)


def main() -> None:
    """Entry point of the `facesort` command."""
    leave_out_current_folder()
    encode_everything()
    cli()
