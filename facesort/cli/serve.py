"""`serve`: the HTTP service."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from facesort.cli.terminal import (
    command,
    data_option,
    pack_places,
    postgres_option,
    runs_option,
    say,
    workers_option,
    workspace_option,
)
from facesort.extras import need_extra

if TYPE_CHECKING:
    from facesort.serve.service import Service

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command()
@workspace_option
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8765,
    show_default=True,
    help="Port to listen at; 0 is any that is free.",
)
@click.option(
    "--bind",
    metavar="ADDRESS",
    default="127.0.0.1",
    show_default=True,
    help="Address to listen at; one that others can reach needs TLS or --behind-proxy.",
)
@click.option(
    "--host",
    "hosts",
    metavar="NAME",
    multiple=True,
    help="A name that clients call this service by; can be repeated.  [default: localhost]",
)
@click.option("--pack", help="Model pack: a name or a folder.  [default: the workspace's]")
@data_option
@click.option(
    "--root",
    "roots",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    metavar="DIR",
    multiple=True,
    help="The pages may choose sources and outputs in DIR; can be repeated.  [default: your home, if only this machine "
    "can reach the service]",
)
@click.option(
    "--bucket",
    "buckets",
    callback=lambda _context, _option, given: _buckets(given),
    metavar="NAME=DIR",
    multiple=True,
    help="Clients of AWS may name the files in DIR as objects of bucket NAME; can be repeated.",
)
@click.option(
    "--most-video-mb",
    type=click.IntRange(1, 100_000),
    default=1000,
    show_default=True,
    help="Size of a video that is sent.",
)
@runs_option
@click.option("--tls-cert", "certificate", type=_FILE, metavar="FILE", help="Certificate (PEM).")
@click.option("--tls-key", "key", type=_FILE, metavar="FILE", help="Its key (PEM).")
@click.option("--behind-proxy", is_flag=True, help="A proxy in front speaks TLS with the clients.")
@postgres_option
@workers_option
@click.option(
    "--most-waiting",
    type=click.IntRange(1, 256),
    default=64,
    show_default=True,
    help="Requests that are accepted at a time; more are told to come back.",
)
@click.option("--new-token", is_flag=True, help="Make new credentials; the old ones end.")
def serve(
    root: Path,
    port: int,
    bind: str,
    hosts: tuple[str, ...],
    pack: str | None,
    data: Path,
    roots: tuple[Path, ...],
    buckets: dict[str, Path],
    most_video_mb: int,
    runs: Path,
    certificate: Path | None,
    key: Path | None,
    behind_proxy: bool,
    postgres: str | None,
    workers: int,
    most_waiting: int,
    new_token: bool,
) -> None:
    """Answer clients of Amazon Rekognition, and show pages to set up, start and watch a sort.

    Only programs on this machine can reach it, unless it is told otherwise. The token is shown at the first start.
    """
    need_extra("serve")
    if postgres:
        need_extra("postgres")
    from facesort.engine.collections.folder import state_folder
    from facesort.serve.server import Address, listen, opened, run
    from facesort.serve.service import ServiceOptions
    from facesort.serve.watch.logs import log_as_json

    address = Address(bind, port, hosts, certificate, key, behind_proxy)
    if not roots and address.is_local:
        roots = (Path.home(),)
    with ExitStack() as stack:
        listener = stack.enter_context(listen(address))
        options = ServiceOptions(
            data=state_folder(data.absolute()),
            workspace=root.absolute(),
            roots=_named(roots),
            runs=runs.absolute(),
            hosts=address.names,
            tls=address.tls,
            most_waiting=most_waiting,
            buckets=buckets,
            most_video_bytes=most_video_mb * 1_000_000,
        )
        service, is_new = stack.enter_context(
            opened(
                options,
                pack,
                pack_places(root),
                postgres=postgres,
                workers=workers,
                new_token=new_token,
            )
        )
        say(*_greeting(service, address.url(listener.getsockname()[1]), is_new))
        log_as_json()
        run(service, address, listener)
    say("stopped; what was answered is kept")


def _buckets(given: Sequence[str]) -> dict[str, Path]:
    """Folders by the names that clients call them as buckets."""
    buckets: dict[str, Path] = {}
    for text in given:
        name, _, folder = text.partition("=")
        if re.fullmatch(r"[A-Za-z0-9._-]{3,255}", name) is None or name in buckets:
            raise click.BadParameter(
                f"{text!r} gives no new name: NAME=DIR, with 3 to 255 letters, digits, dots, hyphens or underscores"
            )
        if not Path(folder).is_dir():
            raise click.BadParameter(f"{folder!r} is no folder")
        buckets[name] = Path(folder).absolute()
    return buckets


def _greeting(service: Service, url: str, is_new: bool) -> list[str]:
    """Where the service is; its token, if that is new and a person sees it."""
    from facesort.serve.access.credentials import FILE

    lines = [
        f"pages and plain REST at {url}/, and the endpoint for clients of Rekognition is {url}",
        f"model pack {service.pack.name}, on {service.finder.backend}",
    ]
    if not is_new:
        again = command(service.options.workspace, "serve", "--new-token")
        return [*lines, f"the token was shown at the first start; another one: {again}"]
    if not _is_shown():
        return [*lines, f"the new token is in {service.options.data / FILE}"]
    known = service.credentials
    return [
        *lines,
        "the token, for the login and for plain REST; it is not shown again:",
        f"    {known.secret}",
        "settings of AWS' clients; the token is the secret key:",
        f"    export AWS_ACCESS_KEY_ID={known.access_key_id}",
        f"    export AWS_SECRET_ACCESS_KEY={known.secret}",
        "    export AWS_DEFAULT_REGION=us-east-1",
        f"    export AWS_ENDPOINT_URL_REKOGNITION={url}",
    ]


def _is_shown() -> bool:
    """Whether a person reads what is printed; else it may go into a log."""
    return sys.stdout.isatty()


def _named(roots: Sequence[Path]) -> dict[str, Path]:
    """Roots by the names that answers show: a path of this machine is in none."""
    named: dict[str, Path] = {}
    for root in roots:
        base = name = root.absolute().name or "disk"
        number = 2
        while name in named:
            name, number = f"{base}-{number}", number + 1
        named[name] = root.absolute()
    return named
