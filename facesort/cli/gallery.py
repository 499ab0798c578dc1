"""`seed`, `persons`: the gallery."""

from __future__ import annotations

import os
from collections.abc import Set as AbstractSet
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from facesort.cli.terminal import json_option, say, say_json, say_next, workspace_option


@click.command()
@workspace_option
@click.argument("name", required=False)
@click.argument("photos", nargs=-1, type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--folder", help="Output folder of this person.  [default: the name]")
@click.option(
    "--from",
    "root_folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Seed everybody in a folder with one sub-folder per person, named after them.",
)
@click.option(
    "--reembed",
    is_flag=True,
    help="Embed the stored reference crops again, with the workspace's current model pack.",
)
@click.option(
    "--force",
    is_flag=True,
    help="Add photos that look like another person; photos of poor quality stay refused.",
)
@click.option(
    "--face",
    type=click.IntRange(min=1),
    help="Which face of a PHOTO with several, counted from the left.",
)
def seed(
    root: Path,
    name: str | None,
    photos: tuple[Path, ...],
    folder: str | None,
    root_folder: Path | None,
    reembed: bool,
    force: bool,
    face: int | None,
) -> None:
    """Enrol persons from reference photos.

    Either NAME from one or more PHOTOS with exactly one face each (or --face), or a whole folder with --from.
    """
    from facesort.engine.gallery.person_folders import person_folders
    from facesort.engine.gallery.seed import Candidate, person_name
    from facesort.engine.setup import open_with_pack

    workspace, pack = open_with_pack(root)
    if reembed:
        _reembed(workspace, pack)
        return
    if root_folder is not None and (name or photos or folder):
        raise click.UsageError("--from cannot be combined with NAME, PHOTOS or --folder")
    if root_folder is None and not (name and photos):
        raise click.UsageError("give NAME and at least one photo, or --from DIR")
    if face is not None and len(photos) != 1:
        raise click.UsageError(
            "--face is the number of a face in one PHOTO: give NAME and one photo"
        )
    if name and os.path.isfile(name):  # unlike Path's, it says no where a name is too long
        raise click.UsageError(f"NAME comes first, but {name} is a file")
    if root_folder is None:
        candidates = [Candidate(person_name(str(name)), photo, folder) for photo in photos]
    else:
        found = person_folders(root_folder)
        candidates = list(found.candidates)
        say(*map(str, found.left_out), err=True)
    _seed_all(workspace, pack, [replace(c, force=force, face=face) for c in candidates])
    say_next(root, "sort")


def _seed_all(workspace: Any, pack: Any, candidates: Any) -> None:
    from tqdm import tqdm

    from facesort.engine.gallery.seed import seed as seed_photos
    from facesort.lab.shared.remarks import damage_remark

    refused, without = 0, {candidate.name for candidate in candidates}
    reports = seed_photos(workspace, pack, candidates)
    for report in tqdm(reports, total=len(candidates), unit="photo", disable=len(candidates) < 5):
        who = f"{report.candidate.name}: {report.candidate.path.name}"
        if report.refused is None:
            without.discard(report.candidate.name)
            say(f"added    {who}")
            if damage := damage_remark(report.analysis):
                say(f"damaged  {who}: {damage}")
        else:
            refused += 1
            say(f"refused  {who}: {report.refused}")
    say(f"{len(candidates) - refused} added, {refused} refused", err=True)
    if without:
        say(f"nothing was added for {', '.join(sorted(without))}", err=True)
    _say_alike(workspace, pack, {candidate.name for candidate in candidates} - without)
    if refused == len(candidates):
        raise click.ClickException("no reference was added; the reasons are above")


def _say_alike(workspace: Any, pack: Any, names: AbstractSet[str] | None = None) -> None:
    """Say who looks like one person, of everybody or of some."""
    from facesort.engine.gallery.alike import find_alike
    from facesort.lab.shared.event import alike_sentences

    with workspace.open_store(read_only=True) as store:
        found = find_alike(workspace, pack, store)
    said = [pair for pair in found if names is None or not names.isdisjoint(pair.names)]
    say(*alike_sentences(said), err=True)


def _reembed(workspace: Any, pack: Any) -> None:
    from facesort.engine.gallery.reembed import reembed
    from facesort.faces.engines.load import load_engine
    from facesort.store.queries.gallery import faces_of_other_packs

    lost = reembed(workspace, load_engine(pack, threads=os.cpu_count() or 1))
    if lost:
        names = ", ".join(f"{person} ({file})" for person, file in lost)
        raise click.ClickException(
            f"{pack.name} finds no face in the reference of {names}; nothing was changed. "
            "Use another pack, or seed these persons in a new workspace"
        )
    say(f"all references are now embedded with {pack.name}")
    with workspace.open_store(read_only=True) as store:
        faces, photos = faces_of_other_packs(store, pack.pack_id)
    if faces:
        say(
            f"{faces:,} faces in {photos:,} photos that were sorted before keep their old embeddings: they stay as "
            "decided, and are neither matched again nor learned from",
            err=True,
        )


@click.command()
@workspace_option
@json_option
def persons(root: Path, as_json: bool) -> None:
    """Show who is in the gallery."""
    from facesort.core.text.words import several
    from facesort.store.queries.gallery import person_summaries
    from facesort.workspace import open_workspace

    with open_workspace(root).open_store(read_only=True) as store:
        summaries = person_summaries(store)
    if as_json:
        rows = [
            {
                "name": s.person.name,
                "folder": s.person.folder,
                "references": s.references,
                "learned": s.learned,
                "deliver": s.person.deliver,
            }
            for s in summaries
        ]
        say_json(rows)
        return
    for s in summaries:
        note = "" if s.person.deliver else "  WITHHELD: photos with this person go to nobody"
        faces = f"{several(s.references, 'reference')}, {s.learned} learned"
        say(f"{s.person.name}  ->  {s.person.folder}/  ({faces}){note}")
    if not summaries:
        say("nobody yet: facesort seed NAME PHOTO...", err=True)
    from facesort.engine.setup import open_with_pack  # loads what compares people
    from facesort.errors import PackError

    with suppress(PackError):  # who is there is told without the model pack too
        _say_alike(*open_with_pack(root))
