"""`publish`, `unpublish`: the way to an object store, and back."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from facesort.cli.terminal import (
    EXIT_SOME_FAILED,
    FOLDER,
    json_option,
    say,
    say_json,
    workspace_option,
)
from facesort.core.text.words import several
from facesort.extras import need_extra

if TYPE_CHECKING:
    from facesort.core.delivery.objects import Destination
    from facesort.engine.publishing.publish import Planning, PublishReport
    from facesort.engine.publishing.unpublish import UnpublishReport

endpoint_option = click.option(
    "--endpoint", default="", metavar="URL", help="Server of the object store.  [default: AWS]"
)
plain_http_option = click.option(
    "--plain-http", is_flag=True, help="Allow a server without encryption on another machine."
)


@click.command()
@workspace_option
@json_option
@click.argument("url", metavar="s3://BUCKET/PREFIX")
@endpoint_option
@click.option(
    "--from",
    "folder",
    type=FOLDER,
    metavar="EXPORT",
    help="Send the files of a finished export instead, by its _SHA256SUMS.",
)
@click.option(
    "--originals", is_flag=True, help="Send the source files of the delivered photos instead."
)
@click.option(
    "--derivatives", is_flag=True, help="Send what `facesort derive` made of them instead."
)
@click.option("--dry-run", is_flag=True, help="Say what would be sent; no server is asked.")
@click.option("--retry-dead", is_flag=True, help="Try again what was given up.")
@click.option(
    "--verify",
    is_flag=True,
    help="Ask the server also for what was sent before, and send what is missing.",
)
@click.option(
    "--with-location", is_flag=True, help="Where each photo was taken goes into the index."
)
@plain_http_option
@click.pass_context
def publish(
    context: click.Context,
    root: Path,
    as_json: bool,
    url: str,
    endpoint: str,
    folder: Path | None,
    originals: bool,
    derivatives: bool,
    dry_run: bool,
    retry_dead: bool,
    verify: bool,
    with_location: bool,
    plain_http: bool,
) -> None:
    """Send the delivered copies to an object store; only add, never replace.

    If it was interrupted, the same command goes on where it stopped. Credentials come from the environment or from
    ~/.aws, as for the AWS command line; facesort keeps none.
    """
    from tqdm import tqdm

    from facesort.core.delivery.objects import Destination
    from facesort.workspace import open_workspace

    if (folder is not None) + originals + derivatives > 1:
        raise click.UsageError("give one of --from, --originals and --derivatives")
    need_extra("publish")
    from facesort.engine.publishing import plan
    from facesort.engine.publishing.publish import (
        PublishOptions,
        dry_run as look,
        publish as send,
    )
    from facesort.engine.publishing.publisher import Progress

    workspace, destination = open_workspace(root), Destination.parse(url, endpoint)
    planning: Planning = plan.delivered
    if originals or derivatives:
        planning = plan.originals if originals else plan.derivatives
    if folder is not None:
        planning = plan.exported(folder.absolute())
    options = PublishOptions(retry_dead, verify, plain_http, with_location)
    if dry_run:
        report = look(workspace, destination, planning, options)
    else:
        with tqdm(unit="B", unit_scale=True, disable=True if as_json else None) as bar:

            def on_progress(progress: Progress) -> None:
                bar.total = progress.all_bytes
                bar.set_postfix_str(f"{progress.files:,} of {several(progress.all_files, 'file')}")
                bar.update(progress.bytes - bar.n)

            report = send(workspace, destination, planning, options, on_progress)
    if as_json:
        say_json(asdict(report))
    else:
        _say_report(destination, report)
    if report.dead or report.left_out or report.index_troubles:
        context.exit(EXIT_SOME_FAILED)


def _say_report(destination: Destination, report: PublishReport) -> None:
    if report.waiting:
        say(
            f"{several(report.waiting, 'file')}, {report.waiting_bytes:,} bytes, would be sent to {destination}"
        )
    else:
        say(f"{several(report.sent, 'file')}, {report.sent_bytes:,} bytes, sent to {destination}")
    for count, what in (
        (report.known, "sent before"),
        (report.found, "there already"),
        *((count, f"not sent  {why}") for why, count in sorted(report.dead.items())),
        *((count, f"left out  {why}") for why, count in sorted(report.left_out.items())),
        (
            len(report.no_longer),
            "sent before, and not delivered any more: they are still there (--json names them)",
        ),
    ):
        if count:
            say(f"{count:>6} {what}")
    for file, why in report.index_troubles.items():
        say(f"{file} is not written  {why}")
    if report.refuses_to_replace is False:
        say(
            "this server cannot refuse to replace an object: each is looked for before it is sent. Let nobody else "
            "write there at the same moment"
        )


@click.command()
@workspace_option
@json_option
@click.argument("name", metavar="PERSON")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@click.option(
    "--gone",
    multiple=True,
    metavar="s3://BUCKET/PREFIX",
    help="This destination does not exist any more: forget what was put there, and do not ask its server.",
)
@plain_http_option
@click.pass_context
def unpublish(
    context: click.Context,
    root: Path,
    as_json: bool,
    name: str,
    yes: bool,
    gone: tuple[str, ...],
    plain_http: bool,
) -> None:
    """Remove from the object stores what the folder of PERSON put there; asks first.

    Also of somebody who was forgotten. Only objects that are still what was put there are removed.
    """
    from facesort.core.delivery.objects import Destination
    from facesort.workspace import open_workspace

    need_extra("publish")
    from facesort.engine.publishing.unpublish import unpublish as remove, what_is_published

    workspace = open_workspace(root)
    known = what_is_published(workspace, name)
    named = {Destination.parse(url) for url in gone}
    lost = [d for d in known if replace(d, endpoint="") in named]
    if known and not yes:
        for destination, entries in known.items():
            size = sum(entry.planned.size for entry in entries)
            say(f"{several(len(entries), 'object')}, {size:,} bytes, in {destination}", err=True)
        click.confirm(f"Remove what the folder of {name} put there?", abort=True, err=True)
    report = remove(workspace, name, plain_http=plain_http, gone=lost)
    if as_json:
        say_json(asdict(report) | {"versions": [str(each) for each in report.versions]})
    elif known:
        _say_removed(name, report)
    else:
        say(f"nothing of {name} was published")
    if report.left or report.failed or report.still_named:
        context.exit(EXIT_SOME_FAILED)


def _say_removed(name: str, report: UnpublishReport) -> None:
    say(f"{several(report.removed, 'object')} removed, {report.gone:,} were not there")
    for key in report.left:
        say(f"left, as it is not what was published  {key}")
    for key in report.still_named:
        say(
            f"{key} may still show {name}: remove it there. Pages of a gallery are not changed: export anew, and "
            "publish that under another prefix"
        )
    for why in report.failed.values():
        say(f"not done: {why}", err=True)
    if report.failed:
        say(
            "run the same command again when it can be used; if it exists no more, add --gone and its address",
            err=True,
        )
    for destination in report.versions:
        say(
            f"{destination} keeps what is removed as versions: remove those with the tools of your provider"
        )
    say(
        f"links that were given to others may be served from a cache for some time. If {name} is still delivered, the "
        "next `facesort publish` sends their photos again"
    )
