"""The command line: one thin function per verb.  Data goes to stdout, the log to stderr.

Exit codes: 0 done; 1 an error it explains; 2 wrong usage; 3 finished, but some photos failed.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
from tqdm import tqdm

from facesort import __version__
from facesort.errors import FacesortError

__all__ = ["cli", "main"]

EXIT_SOME_FAILED = 3


class _ExplainingGroup(click.Group):
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


@click.group(
    cls=_ExplainingGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="facesort")
@click.option("-v", "--verbose", is_flag=True, help="Log every step to stderr.")
def cli(verbose: bool) -> None:
    """Sort an event's photos by who is in them: offline, resumable, nothing lost."""
    # What is left of a kernel that was stopped is no news.
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    logging.basicConfig(
        level=logging.DEBUG if verbose else logging.WARNING,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        stream=sys.stderr,
    )
    if verbose:
        for chatty in ("PIL", "matplotlib", "asyncio", "traitlets"):
            logging.getLogger(chatty).setLevel(logging.INFO)


_workspace_option = click.option(
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
_json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def _pack_roots(workspace: Path | None) -> list[Path]:
    from facesort.faces.packs import pack_roots

    return pack_roots(workspace, os.environ, Path.home())


@cli.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), default="facesort-demo")
@click.option("--pack", help="Model pack: a name or a folder.")
def demo(folder: Path, pack: str | None) -> None:
    """Build a sample event in FOLDER from real faces, sort it, and say where to look."""
    from facesort.lab.demo import run_demo

    result = run_demo(folder.absolute(), pack, _pack_roots(None), say=click.echo)
    click.echo(result.report())


@cli.command()
@_workspace_option
@click.option(
    "--source", type=click.Path(path_type=Path), required=True, help="The photos; never written to."
)
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    required=True,
    help="Where sorted copies are added.",
)
@click.option(
    "--pack",
    help="Model pack: a name or a folder.  [default: an InsightFace pack that is here, else dlib]",
)
def init(root: Path, source: Path, output: Path, pack: str | None) -> None:
    """Make a workspace for one source and one output."""
    from facesort.engine.setup import set_up

    _, chosen = set_up(root, source.absolute(), output.absolute(), pack, _pack_roots(root))
    click.echo(f"workspace {root.absolute()}")
    click.echo(f"model pack {chosen.name}: {chosen.licence}")
    origin = "recommended for this pack" if chosen.calibrated else "uncalibrated, using 0.80 / 1.00"
    click.echo(f"STRICT {chosen.strict:g}, LOOSE {chosen.loose:g}: {origin}")
    click.echo("next: facesort seed NAME PHOTO...")


@cli.command()
@_workspace_option
@click.argument("name", required=False)
@click.argument("photos", nargs=-1, type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--folder", help="Output folder of this person.  [default: after the name]")
@click.option(
    "--from",
    "root_folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="One sub-folder per person.",
)
@click.option(
    "--reembed",
    is_flag=True,
    help="Embed the stored reference crops again with the workspace's pack.",
)
@click.option(
    "--force",
    is_flag=True,
    help="Add photos although they look like somebody else; never mends a bad photo.",
)
def seed(
    root: Path,
    name: str | None,
    photos: tuple[Path, ...],
    folder: str | None,
    root_folder: Path | None,
    reembed: bool,
    force: bool,
) -> None:
    """Enrol persons: NAME from one or more PHOTOs with exactly one face each, or a whole folder."""
    from facesort.engine.seed import Candidate, candidates_in, person_name
    from facesort.engine.setup import open_with_pack

    workspace, pack = open_with_pack(root)
    if reembed:
        _reembed(workspace, pack)
        return
    if root_folder is not None and (name or photos or folder):
        raise click.UsageError("--from takes neither NAME, PHOTO nor --folder")
    if root_folder is None and not (name and photos):
        raise click.UsageError("give NAME and at least one PHOTO, or --from DIR")
    if name and Path(name).is_file():
        raise click.UsageError(f"NAME comes first, but {name} is a file")
    candidates = (
        candidates_in(root_folder)
        if root_folder is not None
        else [Candidate(person_name(str(name)), photo, folder) for photo in photos]
    )
    _seed_all(workspace, pack, [replace(c, force=force) for c in candidates])


def _seed_all(workspace: Any, pack: Any, candidates: Any) -> None:
    from facesort.engine.seed import seed as seed_photos

    refused = 0
    reports = seed_photos(workspace, pack, candidates)
    for report in tqdm(reports, total=len(candidates), unit="photo", disable=len(candidates) < 5):
        who = f"{report.candidate.name}: {report.candidate.path.name}"
        if report.refused is None:
            click.echo(f"added    {who}")
        else:
            refused += 1
            click.echo(f"refused  {who}: {report.refused}")
    click.echo(f"{len(candidates) - refused} added, {refused} refused", err=True)
    if refused == len(candidates):
        raise click.ClickException("no reference was added; the reasons are above")


def _reembed(workspace: Any, pack: Any) -> None:
    from facesort.engine.seed import reembed
    from facesort.faces.load import load_engine

    lost = reembed(workspace, load_engine(pack, threads=os.cpu_count() or 1))
    if lost:
        names = ", ".join(f"{person} ({file})" for person, file in lost)
        raise click.ClickException(
            f"{pack.name} finds no face in the reference of {names}; nothing was changed. "
            "Seed these persons in a new workspace, or use another pack"
        )
    click.echo(f"all references are embedded with {pack.name} now")


@cli.command()
@_workspace_option
@_json_option
def persons(root: Path, as_json: bool) -> None:
    """Show who is in the gallery."""
    from facesort.store.people import person_summaries
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
            }
            for s in summaries
        ]
        click.echo(json.dumps(rows, indent=1, ensure_ascii=False))
        return
    for s in summaries:
        click.echo(
            f"{s.person.name}  ->  {s.person.folder}/  ({s.references} references, {s.learned} learned)"
        )
    if not summaries:
        click.echo("nobody yet: facesort seed NAME PHOTO...", err=True)


@cli.command()
@_workspace_option
@click.option(
    "-p",
    "--parameter",
    "pairs",
    nargs=2,
    multiple=True,
    metavar="NAME VALUE",
    help="A parameter of the notebook.",
)
@click.option(
    "--workers", type=click.IntRange(min=0), help="Worker processes; 0 takes one per core."
)
@click.option(
    "--runs", type=click.Path(path_type=Path, file_okay=False), default="runs", show_default=True
)
@click.pass_context
def sort(
    context: click.Context,
    root: Path,
    pairs: tuple[tuple[str, str], ...],
    workers: int | None,
    runs: Path,
) -> None:
    """Sort what is not sorted yet, through the notebook 03_sort; resumes by itself."""
    from facesort.engine.status import current_status
    from facesort.lab.launch import launch, parse_parameters
    from facesort.workspace import open_workspace, refuse_inside

    workspace = open_workspace(root)
    refuse_inside(runs, workspace.settings)
    if any(parameter == "workspace" for parameter, _ in pairs):
        raise click.UsageError("the workspace is given with -w, not with -p")
    parameters = parse_parameters(pairs) | {"workspace": str(workspace.root)}
    if workers is not None:
        parameters["workers"] = workers
    notebook = launch(
        "03_sort", parameters, runs=runs.absolute(), job=workspace.settings.source.name or "sort"
    )
    status = current_status(workspace)
    click.echo(_status_text(status))
    click.echo(f"output        {workspace.settings.output}")
    click.echo(f"run notebook  {notebook}")
    if status["photos"]["failed"]:
        context.exit(EXIT_SOME_FAILED)


@cli.command()
@_workspace_option
@_json_option
@click.option("--watch", is_flag=True, help="Follow a running sort.")
def status(root: Path, as_json: bool, watch: bool) -> None:
    """Show progress, rate, ETA and counts; works while a sort is running."""
    from facesort.engine.status import current_status
    from facesort.workspace import open_workspace

    workspace = open_workspace(root)
    report = current_status(workspace)
    if watch:
        with tqdm(total=report["photos"]["total"], unit="photo") as bar:
            while report["state"] == "running":
                bar.total = report["photos"]["total"]
                bar.n = bar.total - report["photos"]["pending"]
                bar.refresh()
                time.sleep(1)
                report = current_status(workspace)
    click.echo(
        json.dumps(report, indent=1, ensure_ascii=False) if as_json else _status_text(report)
    )


def _status_text(report: Mapping[str, Any]) -> str:
    """Counts that visibly add up."""
    photos = report["photos"]
    parts = " + ".join(f"{n} {name}" for name, n in photos.items() if name != "total")
    lines = [f"{report['state']}: {photos['total']} photos = {parts}"]
    if report["images_per_second"]:
        lines.append(
            f"rate          {report['images_per_second']:g} images/s, {report['eta_seconds']} s left"
        )
    faces = ", ".join(f"{n} {name}" for name, n in report["faces"].items())
    lines.append(f"faces         {faces}")
    lines += [f"{files:>6} files  {name}/" for name, files in report["persons"].items()]
    return "\n".join(lines)


@cli.command()
@_workspace_option
@_json_option
def verify(root: Path, as_json: bool) -> None:
    """Re-hash every output file against the commit log."""
    from facesort.engine.verify import verify_output
    from facesort.store.commits import verified_writes
    from facesort.workspace import open_workspace

    workspace = open_workspace(root)
    with workspace.open_store(read_only=True) as store:
        writes = verified_writes(store)
    bar = tqdm(writes, unit="file", disable=as_json or not writes)
    result = verify_output(workspace.settings.output, bar)
    if as_json:
        report = {"verified": result.verified, "missing": result.missing, "changed": result.changed}
        click.echo(json.dumps(report, indent=1, ensure_ascii=False))
    else:
        click.echo(
            f"{result.verified} files verified, {len(result.missing)} missing, {len(result.changed)} changed"
        )
        for verdict, targets in (("missing", result.missing), ("changed", result.changed)):
            for target in targets:
                click.echo(f"{verdict}  {target}")
    if not result.passed:
        raise click.ClickException("the output is not what was written to it")


@cli.command()
@_workspace_option
def retry(root: Path) -> None:
    """Put failed photos into new batches; `facesort sort` takes them up."""
    from facesort.engine.retry import retry_failed
    from facesort.workspace import open_workspace

    count = retry_failed(open_workspace(root))
    click.echo(
        f"{count} photos wait for the next `facesort sort`" if count else "no photo has failed"
    )


@cli.group()
def packs() -> None:
    """Model packs: who finds and recognises the faces."""


@packs.command("list")
@_workspace_option
def packs_list(root: Path) -> None:
    """Show the model packs that are here."""
    from facesort.faces.packs import find_packs

    for pack in find_packs(_pack_roots(root)):
        note = "" if pack.calibrated else " (uncalibrated)"
        click.echo(
            f"{pack.name:20} STRICT {pack.strict:g} LOOSE {pack.loose:g}{note}  {pack.path or 'built in'}"
        )
        click.echo(f"{'':20} {pack.licence}")


@packs.command("fetch")
@click.argument("name")
@click.option("--yes", is_flag=True, help="Accept the licence without being asked.")
def packs_fetch(name: str, yes: bool) -> None:
    """Download a pack through insightface's own downloader; the only thing that ever downloads."""
    from facesort.faces.fetch import fetch_pack
    from facesort.faces.known import INSIGHTFACE_LICENCE

    click.echo(INSIGHTFACE_LICENCE)
    if not yes:
        click.confirm("Download it under these terms?", abort=True)
    pack = fetch_pack(name, Path.home() / ".insightface")
    click.echo(f"{pack.name} is in {pack.path}")
    for file, digest in pack.files:
        click.echo(f"{digest}  {file}")


@cli.command()
@_workspace_option
@click.pass_context
def doctor(context: click.Context, root: Path) -> None:
    """Say what is installed, what is missing, and how to get it."""
    from facesort.doctor import State, examine

    findings = examine(root, _pack_roots(root))
    for finding in findings:
        click.echo(f"{finding.state.value:8} {finding.subject}: {finding.detail}")
        if finding.remedy:
            click.echo(f"{'':8} {finding.remedy}")
    if any(finding.state is State.MISSING for finding in findings):
        context.exit(1)


def main() -> None:
    """Entry point of the `facesort` command."""
    cli()


if __name__ == "__main__":
    main()
