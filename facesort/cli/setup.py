"""`demo`, `init`, `packs`, `doctor`: everything before the first photo."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import click

from facesort.cli.measuring import packs_measure, packs_quantise
from facesort.cli.terminal import (
    ExplainingGroup,
    command,
    pack_places,
    progress_of_files,
    say,
    say_next,
    say_next_notebook,
    workspace_option,
)

if TYPE_CHECKING:
    from facesort.faces.protocol import ModelPack


@click.command()
@click.argument(
    "folder",
    metavar="[DIR]",
    type=click.Path(path_type=Path, file_okay=False),
    default="facesort-demo",
)
@click.option("--pack", help="Model pack: a name or a folder.  [default: as for init]")
def demo(folder: Path, pack: str | None) -> None:
    """Build and sort a sample event from real faces.

    It is made in DIR, by default ./facesort-demo.
    """
    from facesort.demo.run import run_demo

    result = run_demo(folder.absolute(), pack, pack_places(None), say=say)
    say(*result.report().splitlines())
    say_next_notebook(folder / "hot_storage", "04_review")
    own = command(Path("hot_storage"), "init", "--source", "PHOTOS", "--output", "SORTED")
    say(f"your own photos: {own}")


@click.command()
@workspace_option
@click.option(
    "--source",
    "sources",
    type=click.Path(path_type=Path),
    required=True,
    multiple=True,
    help="Folder of photos, such as a card; never written to; can be repeated.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    required=True,
    help="Folder to which sorted copies are added.",
)
@click.option(
    "--pack",
    help="Model pack: a name or a folder.  [default: an InsightFace pack if one is installed, else one "
    "with a pack.toml, else dlib]",
)
def init(root: Path, sources: tuple[Path, ...], output: Path, pack: str | None) -> None:
    """Make a workspace for one output and one or more sources, which are named card-1, card-2 ..."""
    from facesort.engine.setup import set_up
    from facesort.faces.packs.measured import vouched_by

    places = [source.absolute() for source in sources]
    _, chosen = set_up(root, places, output.absolute(), pack, pack_places(root))
    say(f"workspace {root.absolute()}")
    say(f"model pack {chosen.name}: {chosen.licence}")
    say(f"STRICT {chosen.strict:.2f}, LOOSE {chosen.loose:.2f}: {vouched_by(chosen)}")
    say_next(root, "seed", "NAME", "PHOTO...", why="or --from DIR: a folder per person")


@click.group(cls=ExplainingGroup)
def packs() -> None:
    """List, download, measure or quantise model packs, which detect and recognise faces."""


packs.add_command(packs_measure)
packs.add_command(packs_quantise)


@packs.command("list")
@workspace_option
def packs_list(root: Path) -> None:
    """List the model packs on this machine.

    With each pack: whether its publishers let one earn money with it, the size of the files in use, and STRICT and
    LOOSE with where they come from; its speed, if `packs measure` has found it.
    """
    from facesort.faces.packs.find import find_packs
    from facesort.faces.packs.measured import read_measurement, vouched_by

    say(_ROW.format("pack", "paid work", "MB", "STRICT", "LOOSE", "thresholds"))
    for pack in find_packs(pack_places(root)):
        paid = {True: "yes", False: "no", None: "unknown"}[pack.paid_work]
        numbers = f"{pack.strict:.2f}", f"{pack.loose:.2f}"
        told, by = read_measurement(pack.pack_id), vouched_by(pack)
        say(_ROW.format(pack.name, paid, f"{_bytes_of(pack) / 1e6:,.1f}", *numbers, by))
        says = "" if by != "says its pack.toml" else f", {by}"
        on = f"Thresholds measured on {pack.measured_on}{says}." if pack.measured_on else ""
        speed = ""
        if told:
            speed = f"{told.photos_per_cpu_second:.1f} photos per CPU second, {told.peak_mb:.0f} MB of memory."
        for text in filter(None, (pack.licence, on, speed)):
            say(*textwrap.wrap(text, 78, initial_indent="  ", subsequent_indent="  "))
        say(f"  {pack.path or 'built in'}")


_ROW = "{:24} {:9} {:>8} {:>7} {:>6}  {}"


def _bytes_of(pack: ModelPack) -> int:
    return sum((pack.path / name).stat().st_size for name, _ in pack.files if pack.path)


@packs.command("fetch")
@click.argument("name")
@click.option("--yes", is_flag=True, help="Accept the licences without asking.")
@click.option(
    "--from",
    "origin",
    metavar="DIR|URL",
    help="Take the files from a folder, or from the address of one, instead of from their publishers; the same SHA-256 "
    "are expected.",
)
def packs_fetch(name: str, yes: bool, origin: str | None) -> None:
    """Download the model pack NAME from its publishers.

    NAME is auraface, sface, or one of InsightFace's: antelopev2, buffalo_l, buffalo_m, buffalo_s, buffalo_sc. No other
    command for packs uses the network; proxies are taken from HTTPS_PROXY. An interrupted download goes on where it
    stopped.
    """
    from facesort.faces.packs.fetch import fetch_pack
    from facesort.faces.packs.find import own_packs
    from facesort.faces.packs.published import published

    wanted = published(name)
    for file, licence in wanted.licences:
        say(f"{file.name} ({file.size / 1e6:,.1f} MB): {licence}.")
        say(f"  {licence.source}")
        if licence.trained_on:
            say(f"  Trained on, as far as its publisher says: {licence.trained_on}.")
    if not yes:
        click.confirm("Download it under these terms?", abort=True)
    with progress_of_files(wanted.size) as progress:
        pack = fetch_pack(wanted, own_packs(Path.home()), origin=origin, progress=progress)
    _say_where(pack)


@packs.command("add")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
def packs_add(folder: Path) -> None:
    """Add the model packs in DIR, such as one on a stick.

    DIR holds a pack.toml with its files, or models as InsightFace lays them out, or the files that `packs fetch` knows,
    whatever they are called. They are copied.
    """
    from facesort.faces.packs.add import add_packs
    from facesort.faces.packs.find import own_packs, resolve_pack

    for added in add_packs(folder, own_packs(Path.home())):
        if added.was_there:
            say(f"{added.pack.name} was there before")
        _say_where(added.pack)
        say(added.pack.licence)
        used = resolve_pack(added.pack.name, pack_places(None)).path
        if used != added.pack.path:
            say(f"but {added.pack.name} means {used}, which is looked at first")


def _say_where(pack: ModelPack) -> None:
    say(f"{pack.name} is in {pack.path}")
    for file, digest in pack.files:
        say(f"{digest}  {file}")


@click.command()
@workspace_option
@click.pass_context
def doctor(context: click.Context, root: Path) -> None:
    """Check what is installed, what is missing, and how to get it."""
    from facesort.doctor import State, examine

    findings = examine(root, pack_places(root))
    for finding in findings:
        say(f"{finding.state.value:8} {finding.subject}: {finding.detail}")
        if finding.remedy:
            say(f"{'':8} {finding.remedy}")
    if any(finding.state is State.MISSING for finding in findings):
        context.exit(1)
