"""`rematch`, `export`, `derive`: bring the output up to date, write a new delivery, or make smaller versions."""

from __future__ import annotations

import shlex
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from facesort.cli.terminal import (
    EXIT_SOME_FAILED,
    json_option,
    say,
    say_json,
    say_next,
    workspace_option,
)
from facesort.core.text.words import several

if TYPE_CHECKING:  # a third of the start of a command that needs no settings
    from facesort.settings import NearDuplicates


@click.command()
@workspace_option
@json_option
@click.pass_context
def rematch(context: click.Context, root: Path, as_json: bool) -> None:
    """Match all stored faces again and add the missing copies.

    Runs no model; needs the source only for photos that are in no folder yet.
    """
    from facesort.engine.delivery.corrections import listed
    from facesort.engine.job.sort import run_rematch
    from facesort.engine.setup import open_with_pack
    from facesort.lab.shared.event import event_sentences
    from facesort.lab.shared.remarks import wrong_files_remark
    from facesort.store.queries.reports import run_record

    workspace, pack = open_with_pack(root)
    run_id, report = run_rematch(workspace, pack)
    with workspace.open_store(read_only=True) as store:
        wrong = len(listed(workspace, store))
        groups = run_record(store, run_id).groups
    if as_json:
        say_json(asdict(report) | {"corrections": wrong, "groups": groups})
    else:
        say(*event_sentences(groups))
        say(
            f"{several(report.photos, 'photo')} changed: {several(report.named, 'face')} got a name, "
            f"{report.renamed:,} got another name, {report.unnamed:,} now unknown, "
            f"{report.regraded:,} changed between STRICT and LOOSE"
        )
        say(f"{several(report.files, 'file')} added to {workspace.settings.output}")
        if wrong:
            say(wrong_files_remark(wrong, workspace.corrections))
        if not (report.not_rendered or report.failed):
            say_next(root, *(("export", "DIR") if wrong else ("audit",)))
    if report.not_rendered:
        say(
            f"{report.not_rendered} photos cannot be rendered without the source: plug in "
            f"{', '.join(map(str, workspace.settings.sources.values()))} and run `facesort rematch` again",
            err=True,
        )
    if report.failed:
        say(f"{report.failed} files could not be written: see `facesort status`", err=True)
    if report.not_rendered or report.failed:
        context.exit(EXIT_SOME_FAILED)


@click.command()
@workspace_option
@json_option
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option(
    "--hard-links",
    is_flag=True,
    help="Hard-link to the files of the output where possible, instead of copying.",
)
@click.option(
    "--xmp",
    is_flag=True,
    help="Write an XMP sidecar with face regions (MWG and MP) beside each file.",
)
@click.option(
    "--results",
    type=click.Choice(["parquet", "csv"]),
    help="Also write a table of all photos in this format.",
)
@click.option(
    "--near-duplicates",
    type=click.Choice(["keep", "best"]),
    help="All photos of a burst, or only the sharpest that is not damaged, in place of photos.near_duplicates.",
)
@click.option(
    "--best-of-burst",
    "near_duplicates",
    flag_value="best",
    help="The same as --near-duplicates best.",
)
@click.option(
    "--with-location",
    "--positions",
    "with_location",
    is_flag=True,
    help="Where each photo was taken goes into the index and the table of results.",
)
@click.option(
    "--gallery",
    is_flag=True,
    help="Also write web pages: one of the event, one of each person. Open index.html.",
)
@click.pass_context
def export(
    context: click.Context,
    root: Path,
    as_json: bool,
    folder: Path,
    hard_links: bool,
    xmp: bool,
    results: Literal["parquet", "csv"] | None,
    near_duplicates: NearDuplicates | None,
    with_location: bool,
    gallery: bool,
) -> None:
    """Write a corrected delivery into the new folder DIR.

    If it was interrupted, the same command goes on where it stopped.
    The SHA-256 of every file is in _SHA256SUMS.
    """
    from facesort.engine.delivery.export import export as export_to
    from facesort.engine.delivery.export_files import ExportOptions
    from facesort.engine.setup import open_with_pack

    workspace, pack = open_with_pack(root)
    options = ExportOptions(hard_links, xmp, results, near_duplicates, with_location, gallery)
    report = export_to(workspace, pack, folder.absolute(), options)
    if as_json:
        say_json(asdict(report))
    else:
        say(f"{report.files} files in {folder}, {report.linked} of them hard links")
        for why, count in report.left_out.items():
            say(f"{count:>6} left out  {why}")
        if report.gallery:
            say(f"open {folder / report.gallery} in a browser")
        say(f"check it with: cd {shlex.quote(str(folder))} && sha256sum -c --quiet _SHA256SUMS")
    if report.no_links:
        say(f"hard links are not possible there: {report.no_links}; copied instead", err=True)
    if report.not_rendered:
        photos = several(report.not_rendered, "photo")
        absent = [f"{name} ({workspace.settings.sources.get(name)})" for name in report.unplugged]
        say(
            f"{photos} could not be rendered: plug in {' and '.join(absent)}, and export again into a new folder"
            if absent
            else f"{photos} could not be rendered: {folder / '_left_out.csv'} says which and why",
            err=True,
        )
        context.exit(EXIT_SOME_FAILED)


@click.command()
@workspace_option
@json_option
@click.pass_context
def derive(context: click.Context, root: Path, as_json: bool) -> None:
    """Make small WebP and JPEG versions of all delivered photos.

    Makes what is missing, from the copies in the output; which sizes and formats says [derivatives] in facesort.toml.
    They lie in the workspace.
    """
    from tqdm import tqdm

    from facesort.engine.delivery.derivatives import derive_all
    from facesort.engine.setup import open_with_pack

    workspace, pack = open_with_pack(root)
    watch = partial(tqdm, unit="photo", disable=True if as_json else None)
    report = derive_all(workspace, pack, watch=watch)
    if as_json:
        say_json(asdict(report))
    else:
        say(
            f"{several(report.photos, 'photo')} delivered: {several(report.made, 'file')} made, {report.kept:,} were "
            f"there, {report.removed:,} removed that nothing needs"
        )
        say(f"{several(report.pictures, 'picture')} of persons made")
        say(f"in {workspace.derivatives}")
    for path, why in report.failed.items() if not as_json else ():
        say(f"nothing was made of {path}  {why}", err=True)
    if report.failed:
        context.exit(EXIT_SOME_FAILED)
