"""`source`: the cards and folders that photos come from."""

from __future__ import annotations

import re
from dataclasses import asdict
from pathlib import Path

import click

from facesort.cli.terminal import (
    FOLDER,
    ExplainingGroup,
    json_option,
    say,
    say_json,
    say_next,
    workspace_option,
)


class _OffsetCommand(click.Command):
    """Takes ``-1h3m`` for an offset, where Click sees the options ``-1``, ``-h``, ``-3`` and ``-m``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        minus = "\N{MINUS SIGN}"
        return super().parse_args(ctx, [re.sub(r"^-(?=\d)", minus, word) for word in args])


@click.group(cls=ExplainingGroup)
def source() -> None:
    """Add, list or remove sources: the cards and folders that photos come from."""


@source.command("add")
@click.argument("folder", metavar="DIR", type=FOLDER)
@click.option("--name", help="Name of the source.  [default: card-2, card-3 ...]")
@workspace_option
def add(root: Path, folder: Path, name: str | None) -> None:
    """Add DIR as a source.

    A card that is known already is recognised by its photos: then DIR is its new place.
    """
    from facesort.engine.sources.changes import add_source
    from facesort.workspace import open_workspace

    added = add_source(open_workspace(root), folder.absolute(), name)
    if added.was_at is None:
        say(f"{added.name} is {folder.absolute()}: the next `facesort sort` reads its photos")
    else:
        say(f"this is {added.name}: its path is now {folder.absolute()} (it was {added.was_at})")


@source.command("list")
@json_option
@workspace_option
def list_sources(root: Path, as_json: bool) -> None:
    """List the sources: where they are, their files at the last sort, and the offsets of their clocks."""
    from facesort.core.moments.offsets import offset_text
    from facesort.engine.sources.changes import sources_there
    from facesort.store.queries.sources import SourceRecord, source_records
    from facesort.workspace import open_workspace

    workspace = open_workspace(root)
    with workspace.open_store(read_only=True) as store:
        known = source_records(store)
        there = sources_there(workspace, store)
    rows = [
        (name, place, there[name], known.get(name, SourceRecord(name)))
        for name, place in workspace.settings.sources.items()
    ]
    if as_json:
        say_json(
            [
                {"name": name, "path": str(place), "there": is_there, "files": record.files}
                | {"cameras": record.cameras, "clocks": record.clocks}
                for name, place, is_there, record in rows
            ]
        )
        return
    for name, place, is_there, record in rows:
        say(f"{name:12} {record.files:>7} files  {place}{'' if is_there else '  (not there)'}")
        for camera, seconds in record.clocks.items():
            say(f"{'':12} clock {offset_text(seconds)}  {camera or 'every other camera'}")


@source.command("remove")
@click.argument("name")
@workspace_option
def remove(root: Path, name: str) -> None:
    """Remove the source NAME: its files stop counting, and its copies in the output stay."""
    from facesort.engine.sources.changes import remove_source
    from facesort.workspace import open_workspace

    files = remove_source(open_workspace(root), name)
    say(f"{name} is removed: its {files} files are no longer counted; what was delivered stays")


@source.command("clock", cls=_OffsetCommand)
@click.argument("name")
@click.argument("offset")
@click.option("--camera", default="", help="Only photos of this camera, as `source list` names it.")
@workspace_option
def clock(root: Path, name: str, offset: str, camera: str) -> None:
    """Add OFFSET, such as +1h3m or -45s, to the capture times of the source NAME; 0 takes it back."""
    from facesort.core.moments.offsets import offset_text, parse_offset
    from facesort.engine.sources.changes import set_clock
    from facesort.workspace import open_workspace

    seconds = parse_offset(offset)
    set_clock(open_workspace(root), name, seconds, camera)
    say(
        f"{offset_text(seconds)} is added to the capture times of {camera or 'the cameras'} in {name}"
    )


@click.command()
@workspace_option
@json_option
@click.option(
    "--hash",
    "everything",
    is_flag=True,
    help="Compare the content of every file with what was read of it.",
)
def rescan(root: Path, as_json: bool, everything: bool) -> None:
    """Look for new, changed and missing files in the sources, without sorting.

    Files whose path, size and time are the same count as unchanged; with --hash they are read and compared, too.
    """
    from tqdm import tqdm

    from facesort.engine.scan.rescan import rescan as look
    from facesort.workspace import open_workspace

    with tqdm(unit="file", disable=None if everything and not as_json else True) as bar:

        def on_checked(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        found = look(open_workspace(root), everything=everything, on_checked=on_checked)
    if as_json:
        say_json(asdict(found))
        return
    say(
        f"{found.new} files to read, {found.replaced} of them in the place of another version; {found.gone} gone, "
        f"{found.back} back"
    )
    if found.shifted:
        say(f"{found.shifted} files are the same although their clock was shifted")
    if everything:
        say(f"{found.checked} files compared with what was read of them")
    if found.new:
        say_next(root, "sort")
