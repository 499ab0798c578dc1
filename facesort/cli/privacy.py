"""`forget`, `deliver`, `backup`, `restore`: what is kept of people, and where."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click

from facesort.cli.terminal import json_option, say, say_json, workspace_option

if TYPE_CHECKING:
    from facesort.engine.privacy.forget import Forgotten
    from facesort.lab.shared.saved_runs import SavedRuns
    from facesort.workspace import Workspace


@click.command()
@workspace_option
@click.argument("name", required=False)
@click.option("--strangers", is_flag=True, help="Erase all unknown faces instead of one person.")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@json_option
@click.option(
    "--runs",
    type=click.Path(path_type=Path, file_okay=False),
    default="runs",
    show_default=True,
    help="Folder of saved runs; those of this workspace are listed, never changed.",
)
def forget(
    root: Path, name: str | None, strangers: bool, yes: bool, as_json: bool, runs: Path
) -> None:
    """Erase NAME, or all unknown faces, for good.

    Asks first, and erases from the workspace only: what is left elsewhere is listed.
    """
    from facesort.core.text.words import several
    from facesort.engine.gallery.seed import person_name
    from facesort.engine.privacy.forget import forget as erase, what_is_known
    from facesort.lab.shared.saved_runs import saved_runs
    from facesort.workspace import open_workspace

    if (name is None) != strangers:
        raise click.UsageError("give either NAME or --strangers")
    workspace, who = open_workspace(root), None if name is None else person_name(name)
    known = what_is_known(workspace, who)
    if not yes:
        say(
            f"{who or 'all unknown faces'}: {several(known.references, 'reference')}, {known.learned} learned and "
            f"{several(known.faces, 'found face')} in {several(known.photos, 'photo')} will be erased from "
            f"{workspace.root}, with {len(known.delivered)} delivered files left in the output",
            err=True,
        )
        click.confirm("This cannot be undone. Erase them?", abort=True, err=True)
    done, saved = erase(workspace, who), saved_runs(runs, workspace.root)
    if as_json:
        say_json(_report(done, saved))
    else:
        say(*_told(workspace, done, saved))


def _report(done: Forgotten, saved: SavedRuns) -> dict[str, object]:
    return {
        "rows": done.rows,
        "files": [str(path) for path in done.files],
        "no_longer_delivered": done.deleted,
        "left": {
            "delivered": done.delivered,
            "elsewhere": done.traces.elsewhere,
            "published": done.traces.published,
            "workspace": [str(path) for path in done.left],
            "runs": [str(run.folder) for run in saved.mine],
            "unreadable_runs": [str(run.folder) for run in saved.unreadable],
            "unfinished_runs": [str(folder) for folder in saved.unfinished],
            "runs_of_other_workspaces": saved.others,
            "backups": [{"path": str(b.path), "what": b.what} for b in done.backups],
        },
    }


def _told(workspace: Workspace, done: Forgotten, saved: SavedRuns) -> list[str]:
    """What was erased, and what is left for the user to remove."""
    gone = ", ".join(f"{rows} {table}" for table, rows in done.rows.items() if rows)
    lines = [
        f"erased from the database: {gone or 'nothing'}; it was rewritten, the old file is gone",
        f"erased files of the workspace: {len(done.files)}",
        "",
        "Not touched; remove these yourself if they are to go too:",
    ]
    output = workspace.settings.output
    for files, what in (
        (done.delivered, "delivered for them"),
        (done.traces.elsewhere, "of photos they are in, delivered for others"),
    ):
        folders = Counter(file.split("/")[0] for file in files)
        lines += [
            f"{count:>6} files  {output / folder}  {what}" for folder, count in folders.items()
        ]
    lines += [
        f"{count:>6} objects  {where}  published for them: `facesort unpublish` removes them"
        for where, count in done.traces.published.items()
    ]
    lines += [f"  saved run   {run.folder}" for run in saved.mine]
    lines += [f"  {run.folder}  perhaps a run: {run.problem}" for run in saved.unreadable]
    lines += [
        f"  {folder}  a run that was interrupted, or is still at work, perhaps of this workspace"
        for folder in saved.unfinished
    ]
    if saved.others:
        lines += [
            f"{saved.others:>6} saved runs of other workspaces, or of this one before it was moved"
        ]
    lines += [f"  {path}  not made by facesort" for path in done.left]
    lines += [f"  {backup.path}  {backup.what}" for backup in done.backups]
    lines += [
        "  saved runs in other folders: --runs says which folder is looked at",
        "  other copies of backups, and deliveries made with `facesort export`, if there are any",
        "  notebooks that you saved in JupyterLab, and its copies in .ipynb_checkpoints: they may show faces",
        *(f"  the photos themselves in {place}" for place in workspace.settings.sources.values()),
    ]
    if done.delivered:
        lines += [
            "The workspace keeps the paths of delivered files, folder included: `facesort verify` needs them.",
            "Once you have deleted the files, run the same command again: it erases their paths, too.",
        ]
    return lines


@click.command()
@workspace_option
@click.argument("name")
@click.option(
    "--no", "refused", is_flag=True, help="Withhold: photos with this person go to nobody."
)
def deliver(root: Path, name: str, refused: bool) -> None:
    """Deliver photos with NAME again, or withhold them with --no."""
    from facesort.engine.gallery.persons import set_delivery
    from facesort.engine.gallery.seed import person_name
    from facesort.workspace import open_workspace

    set_delivery(open_workspace(root), person_name(name), not refused)
    say(
        f"from now on, photos with {name} go {'to nobody' if refused else 'to everyone in them'}; "
        "what is in the output stays there"
    )


@click.command()
@workspace_option
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
def backup(root: Path, file: Path) -> None:
    """Copy database and settings into the new archive FILE."""
    from facesort.engine.privacy import known_backups
    from facesort.engine.privacy.backup import backup as write
    from facesort.workspace import open_workspace

    made = write(workspace := open_workspace(root), file)
    say(f"{made.path}: {sum(made.sizes.values()):,} bytes of database and settings")
    say(
        "It contains biometric data: faces, embeddings and names. Only you can read it; keep it that way, and delete "
        "it when somebody in it is to be forgotten. Model packs are not in it."
    )
    for other in known_backups.remaining(workspace.root):
        if not other.is_whole:
            say(f"{other.path}: {other.what}", err=True)


@click.command()
@workspace_option
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
def restore(root: Path, file: Path) -> None:
    """Make a new workspace from the backup FILE; -w says where."""
    from facesort.engine.privacy.restore import restore as unpack
    from facesort.workspace import open_workspace

    found = unpack(file, root)
    settings = open_workspace(root).settings
    say(f"{root.absolute()} is the workspace as it was on {found.created_at}")
    for name, place in settings.sources.items():
        say(f"source {name} {place}")
    say(f"output {settings.output}, model pack {settings.pack}")
    say(
        "It contains biometric data, also of those who were forgotten since then: forget them again. Do not use a "
        "second workspace with the same output. Next: `facesort verify`."
    )
