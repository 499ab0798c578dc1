"""What all commands share: the group that reports errors, and the common options."""

from __future__ import annotations

import io
import json
import os
import shlex
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from facesort.core.text.foreign_text import printable
from facesort.errors import FacesortError, resources_explained

EXIT_SOME_FAILED = 3
_USUAL, _VARIABLE = "hot_storage", "FACESORT_WORKSPACE"


def say(*lines: str, err: bool = False) -> None:
    """Print each argument as exactly one line, whatever names of persons and files are in it."""
    for line in lines:
        click.echo(printable(line), err=err)


def say_next(root: Path, *words: str, why: str = "") -> None:
    """Print the command that comes next, as it can be copied."""
    say(f"next: {command(root, *words)}" + (f"  # {why}" if why else ""))


def say_next_notebook(root: Path, name: str) -> None:
    """Print how to open the notebook that comes next."""
    from facesort.lab.shared.notebooks import notebook_path

    path = notebook_path(name)
    checkout = path.parent.parent
    lab = ["jupyter", "lab", str(path)]
    if (checkout / "Makefile").is_file():
        lab = ["make", *(() if checkout == Path.cwd() else ("-C", str(checkout))), "lab"]
    # Notebooks find a workspace of the usual name beside them or one folder above.
    is_found = not _option(root) and checkout == Path.cwd()
    there = "" if is_found else f'workspace = "{root.absolute()}" in '
    say(f"next: {shlex.join(lab)}  # {there}{name}")


def command(root: Path, *words: str) -> str:
    """A command of facesort, with its workspace unless that is the usual one."""
    program = (
        "facesort" if shutil.which("facesort") else str(Path(sys.executable).with_name("facesort"))
    )
    return shlex.join([program, *words, *_option(root)])


def _option(root: Path) -> tuple[str, ...]:
    usual = Path(os.environ.get(_VARIABLE) or _USUAL)
    return () if root == usual else ("-w", str(root))


def say_json(value: object) -> None:
    """Print JSON in ASCII, so that it is complete on every terminal and controls none."""
    click.echo(json.dumps(value, indent=1).replace("\x7f", "\\u007f"))


def encode_everything() -> None:
    """Print a character that the terminal's encoding lacks as an escape, instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


@contextmanager
def _errors_on_one_line() -> Iterator[None]:
    """Make the message of every error of the command line printable; click prints it."""
    try:
        yield
    except click.ClickException as error:
        error.message = printable(" ".join(error.message.split()))  # type: ignore[misc]
        raise


class ExplainingGroup(click.Group):
    """Reports a `FacesortError` as one sentence; any other error is a bug and keeps its traceback."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, and refuse a workspace given to one that uses none."""
        name, command, rest = super().resolve_command(ctx, args)
        options = [] if command is None else command.params
        uses_one = isinstance(command, click.Group) or any(p.name == "root" for p in options)
        if ctx.find_root().obj is not None and not uses_one:
            raise click.UsageError(f"{name} uses no workspace: leave out -w/--workspace", ctx)
        return name, command, rest

    def make_context(self, *args: Any, **extra: Any) -> click.Context:
        """Read the options."""
        with _errors_on_one_line():
            return super().make_context(*args, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        with _errors_on_one_line():
            try:
                with resources_explained():
                    return super().invoke(ctx)
            except FacesortError as error:
                raise click.ClickException(str(error)) from error
            except KeyboardInterrupt:
                raise click.ClickException(
                    "stopped; what is committed stays, and the same command goes on from there"
                ) from None


def _choose_workspace(context: click.Context, option: click.Parameter, path: Path) -> Path:
    """Take the workspace from before the command, from after it, or from both if they agree."""
    before: Path | None = context.find_root().obj
    if before is None:
        return path
    given = context.get_parameter_source("root") is click.core.ParameterSource.COMMANDLINE
    if given and path.absolute() != before.absolute():
        raise click.BadParameter(
            f"{before} is given before the command and {path} after it: give one workspace",
            context,
            option,
        )
    return before


FOLDER = click.Path(path_type=Path, file_okay=False)
PROCESSES = click.IntRange(0, 256)  # as `run.workers` in facesort.toml

workspace_option = click.option(
    "-w",
    "--workspace",
    "root",
    type=FOLDER,
    default=_USUAL,
    envvar=_VARIABLE,
    show_default=True,
    show_envvar=True,
    callback=_choose_workspace,
    help="Folder on the internal disk with settings, database and progress; may also stand before the command.",
)
data_option = click.option(
    "--data",
    type=FOLDER,
    default=lambda: Path.home() / ".facesort" / "service",
    envvar="FACESORT_SERVICE",
    show_default="~/.facesort/service",
    show_envvar=True,
    help="Folder of the service: collections, credentials and audit log.",
)
postgres_option = click.option(
    "--postgres",
    metavar="URL",
    envvar="FACESORT_POSTGRES",
    show_envvar=True,
    help="Keep collections in PostgreSQL with pgvector, for several servers; a URL with a password belongs into the "
    "environment, as everybody here can see a command line.",
)
certificates_option = click.option(
    "--certificates",
    type=FOLDER,
    metavar="DIR",
    help="Folder of `facesort cluster certificates`, or what of it belongs on this machine.",
)
workers_option = click.option(
    "--workers",
    type=PROCESSES,
    default=0,
    show_default=True,
    help="Processes that look for faces; 0 is one per core.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def _remember_workspace(context: click.Context, _: click.Parameter, path: Path | None) -> None:
    context.obj = path


any_workspace_option = click.option(
    "-w",
    "--workspace",
    "root",
    type=FOLDER,
    expose_value=False,
    callback=_remember_workspace,
    help="Workspace of the command; may also stand after it.",
)

runs_option = click.option(
    "--runs",
    type=FOLDER,
    default="runs",
    show_default=True,
    help="Folder in which the executed notebook is saved.",
)

parameter_option = click.option(
    "-p",
    "--parameter",
    "pairs",
    nargs=2,
    multiple=True,
    metavar="NAME VALUE",
    help="Set a parameter of the notebook, for example `-p contact_sheet 24`; can be repeated.",
)


def refuse_options_among(pairs: Sequence[tuple[str, str]], options: Mapping[str, str]) -> None:
    """Refuse notebook parameters that are set by an option of their own.

    Parameters
    ----------
    pairs : sequence of (name, value)
        From `parameter_option`.
    options : mapping of str to str
        Parameter name to the option that sets it.

    Raises
    ------
    click.UsageError
        With the option to use instead.
    """
    for name, _ in pairs:
        if name in options:
            raise click.UsageError(f"{name} is given with {options[name]}, not with -p")


def cluster_address(text: str) -> str:
    """Check the address of a cluster.

    Raises
    ------
    click.BadParameter
        With what to write instead.
    """
    from facesort.settings import checked_address

    try:
        return checked_address(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


@contextmanager
def progress_of_files(size: int) -> Iterator[Callable[[str, int, int], None]]:
    """Show on stderr how much of some files has arrived; only on a terminal.

    Parameters
    ----------
    size : int
        Bytes of all of them.
    """
    here: dict[str, int] = {}
    with click.progressbar(length=size, file=sys.stderr, hidden=not sys.stderr.isatty()) as bar:

        def tell(name: str, bytes_here: int, _: int) -> None:
            bar.update(bytes_here - here.get(name, 0))
            here[name] = bytes_here

        yield tell


def pack_places(workspace: Path | None) -> list[Path]:
    """Folders that are searched for model packs."""
    from facesort.faces.packs.find import pack_roots

    return pack_roots(workspace, os.environ, Path.home())
