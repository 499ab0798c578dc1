"""`cluster`, `worker`: more than one machine."""

from __future__ import annotations

import os
import shlex
import signal
from collections.abc import Sequence
from pathlib import Path

import click

from facesort.cli.terminal import (
    FOLDER,
    PROCESSES,
    ExplainingGroup,
    certificates_option,
    cluster_address,
    pack_places,
    say,
)


@click.group(cls=ExplainingGroup)
def cluster() -> None:
    """Let several machines look for faces."""


@cluster.command()
@click.argument("folder", metavar="DIR", type=FOLDER)
@click.option(
    "--days",
    type=click.IntRange(1, 3650),
    default=365,
    show_default=True,
    help="How long they are valid.",
)
def certificates(folder: Path, days: int) -> None:
    """Make certificates for the machines of a cluster, in the new folder DIR.

    With them the machines trust each other. None can be added or renewed later: make all of them again.
    """
    from facesort.extras import need_extra

    need_extra("dask")
    from facesort.engine.cluster.certificates import AUTHORITY, Role, make_certificates

    end = make_certificates(folder, days)
    files = [AUTHORITY, *(role.file for role in Role)]
    say(f"{folder} has {', '.join(files[:-1])} and {files[-1]}, valid until {end:%Y-%m-%d}")
    say(
        f"copy {AUTHORITY} and {Role.WORKER.file}, and nothing else, to each machine that lends its processors; "
        "all four stay on the one with the workspace"
    )
    say(
        f"whoever has a file other than {AUTHORITY} can run programs on all these machines: show them to nobody"
    )


@cluster.command()
@click.option(
    "--bind",
    metavar="ADDRESS",
    default="127.0.0.1",
    show_default=True,
    help="Address to listen at, 0.0.0.0 for all of this machine; one that others can reach needs --certificates.",
)
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    default=8786,
    show_default=True,
    help="Port to listen at.",
)
@certificates_option
def start(bind: str, port: int, certificates: Path | None) -> None:
    """Be the place where workers and sorts meet, until it is stopped with Ctrl-C.

    It needs no photos, no model pack and hardly any memory; with --send-files, that of the photos on their way.
    """
    from facesort.extras import need_extra

    need_extra("dask")
    from facesort.engine.cluster.scheduler import run_scheduler

    option = () if certificates is None else ("--certificates", "DIR")

    def greet(address: str) -> None:
        say(f"listening at {address}; on each machine that lends its processors:")
        say(
            f"    {shlex.join(['facesort', 'worker', address, '--source', 'DIR', '--pack', 'DIR', *option])}"
        )
        say("on the one with the workspace:")
        say(f"    {shlex.join(['facesort', 'sort', '--cluster', address, *option])}")

    try:
        run_scheduler(bind, port, certificates, greet)
    except KeyboardInterrupt:
        say(
            "stopped; a sort that used it is interrupted, and goes on with the next `facesort sort`"
        )


@click.command()
@click.argument("address", callback=lambda _context, _option, given: cluster_address(given))
@click.option(
    "--source",
    "sources",
    metavar="[NAME=]DIR",
    multiple=True,
    callback=lambda _context, _option, given: _sources(given),
    help="Where a source of the workspace is on this machine; can be repeated; NAME is card-1, card-2 ... by default. "
    "Without any, a sort with --send-files sends the photos.",
)
@click.option(
    "--pack", required=True, help="This machine's copy of the model pack: a name or a folder."
)
@click.option(
    "--workers",
    metavar="N|MIN-MAX",
    default="0",
    show_default=True,
    callback=lambda context, option, given: _processes(context, option, given),
    help="Processes that look for faces; 0 is one per core. MIN-MAX: more while photos wait, MIN when none do.",
)
@certificates_option
def worker(
    address: str,
    sources: dict[str, Path],
    pack: str,
    workers: tuple[int, int],
    certificates: Path | None,
) -> None:
    """Lend this machine's processors to the cluster at ADDRESS, until it is stopped with Ctrl-C.

    It reads photos and keeps nothing. If the scheduler goes, it waits and joins again.
    """
    from facesort.extras import need_extra

    need_extra("dask")
    from facesort.engine.cluster.machine import Machine, run_worker
    from facesort.faces.packs.find import resolve_pack

    found = resolve_pack(pack, pack_places(None))
    least, most = workers
    machine = Machine(sources, found, most, least=least)
    # `systemctl stop`, or a terminal that is closed: nothing that was sent stays behind.
    for number in {signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)}:
        if signal.getsignal(number) is signal.SIG_DFL:  # it is not started by `nohup`
            signal.signal(number, signal.default_int_handler)
    try:
        run_worker(address, machine, certificates, say)
    except KeyboardInterrupt:
        say("stopped; if it had photos, they go to other workers")


def _processes(context: click.Context, option: click.Parameter, given: str) -> tuple[int, int]:
    """How many processes there are at least and at most."""
    fewest, sign, _ = given.rpartition("-")
    most = PROCESSES(given[len(fewest + sign) :], option, context) or os.cpu_count() or 1
    least = PROCESSES(fewest, option, context) if sign else most
    if not 1 <= least <= most:
        raise click.BadParameter(f"{given}: MIN is from 1 to MAX, which is {most}")
    return least, most


def _sources(given: Sequence[str]) -> dict[str, Path]:
    """Folders by the names that the workspace has for them."""
    from facesort.settings import checked_name

    sources: dict[str, Path] = {}
    for number, text in enumerate(given, 1):
        name, sign, folder = text.partition("=")
        if not sign or Path(text).is_dir():
            name, folder = f"card-{number}", text
        try:
            checked_name(name)
        except ValueError as error:
            raise click.BadParameter(str(error)) from error
        if name in sources:
            raise click.BadParameter(f"{name} is given twice")
        if not Path(folder).is_dir():
            raise click.BadParameter(f"{folder} is no folder")
        sources[name] = Path(folder).absolute()
    return sources
