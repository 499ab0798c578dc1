"""What all verbs share: the group that explains errors, and the options that mean the same everywhere."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from facesort.errors import FacesortError

EXIT_SOME_FAILED = 3


class ExplainingGroup(click.Group):
    """Shows a `FacesortError` as a sentence; anything else is a surprise and keeps its traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the verb."""
        try:
            return super().invoke(ctx)
        except FacesortError as error:
            raise click.ClickException(str(error)) from error
        except KeyboardInterrupt:
            raise click.ClickException(
                "stopped; what is committed stays, and the same command goes on from there"
            ) from None


workspace_option = click.option(
    "-w",
    "--workspace",
    "root",
    type=click.Path(path_type=Path, file_okay=False),
    default="hot_storage",
    envvar="FACESORT_WORKSPACE",
    show_default=True,
    show_envvar=True,
    help="Folder on the internal disk with settings, database and progress.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")

runs_option = click.option(
    "--runs",
    type=click.Path(path_type=Path, file_okay=False),
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
    help="A parameter of the notebook, as `-p contact_sheet 0`.",
)


def refuse_options_among(pairs: Sequence[tuple[str, str]], options: Mapping[str, str]) -> None:
    """Refuse parameters of a notebook that the command line has options of its own for.

    Parameters
    ----------
    pairs : sequence of (name, value)
        From `parameter_option`.
    options : mapping of str to str
        The option, by the name of the parameter.

    Raises
    ------
    click.UsageError
        With the option to use instead.
    """
    for name, _ in pairs:
        if name in options:
            raise click.UsageError(f"{name} is given with {options[name]}, not with -p")


def pack_places(workspace: Path | None) -> list[Path]:
    """Folders in which model packs are looked for."""
    from facesort.faces.packs.find import pack_roots

    return pack_roots(workspace, os.environ, Path.home())
