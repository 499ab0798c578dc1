"""`sort`, `status`, `verify`, `retry`: run the job and look at its result."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
from tqdm import tqdm

from facesort.cli.terminal import (
    EXIT_SOME_FAILED,
    json_option,
    parameter_option,
    refuse_options_among,
    runs_option,
    say,
    say_json,
    workspace_option,
)


@click.command()
@workspace_option
@parameter_option
@click.option(
    "--workers", type=click.IntRange(min=0), help="Number of worker processes; 0 is one per core."
)
@runs_option
@click.pass_context
def sort(
    context: click.Context,
    root: Path,
    pairs: tuple[tuple[str, str], ...],
    workers: int | None,
    runs: Path,
) -> None:
    """Sort all photos that are not sorted yet.

    Runs the notebook 03_sort; an interrupted sort resumes where it stopped.
    """
    from facesort.engine.job.progress import current_status
    from facesort.engine.job.sort import check_gallery
    from facesort.engine.setup import open_with_pack
    from facesort.lab.run.launch import launch, parse_parameters
    from facesort.workspace import refuse_inside

    workspace, pack = open_with_pack(root)
    refuse_inside(runs, workspace.settings)
    options = {"workspace": "-w"} | ({} if workers is None else {"workers": "--workers"})
    refuse_options_among(pairs, options)
    check_gallery(workspace, pack)
    parameters = parse_parameters(pairs) | {"workspace": str(workspace.root)}
    if workers is not None:
        parameters["workers"] = workers
    notebook = launch(
        "03_sort", parameters, runs=runs.absolute(), job=workspace.settings.source.name or "sort"
    )
    status = current_status(workspace)
    summary = json.loads(notebook.with_name("summary.json").read_text(encoding="utf-8"))
    say(*_status_lines(status))
    say(f"ran on        {summary['backend']}")
    say(f"output        {workspace.settings.output}")
    say(f"run notebook  {notebook}")
    if failed := status["photos"]["failed"]:
        say(
            f"{failed} failed: the run notebook says which and why; `facesort retry` lets the next sort try them again"
        )
    if failed or _unreadable(status):
        context.exit(EXIT_SOME_FAILED)


@click.command()
@workspace_option
@json_option
@click.option("--watch", is_flag=True, help="Follow a running sort with a progress bar.")
def status(root: Path, as_json: bool, watch: bool) -> None:
    """Show progress, counts and time left, also during a sort."""
    from facesort.engine.job.progress import current_status
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
    if as_json:
        say_json(report)
    else:
        say(*_status_lines(report))


def _status_lines(report: Mapping[str, Any]) -> list[str]:
    """Counts as a sum, rate, faces, files per person, and what the scan left out."""
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
    if skipped := report.get("skipped"):
        parts = ", ".join(f"{n} {reason}" for reason, n in skipped.items())
        lines.append(f"left out      {parts}")
    if unreadable := _unreadable(report):
        lines.append(
            f"{unreadable} folders or files of the source could not be read, and may contain photos: give this user "
            "access (`facesort audit` lists them), then run `facesort sort` again"
        )
    return lines


def _unreadable(report: Mapping[str, Any]) -> int:
    """Number of folders and files that the scan could not read; older progress files lack it."""
    return int(report.get("skipped", {}).get("unreadable", 0))


@click.command()
@workspace_option
@json_option
def verify(root: Path, as_json: bool) -> None:
    """Compare the SHA-256 of every output file with the commit log."""
    from facesort.engine.delivery.verify import verify_output
    from facesort.store.queries.commit_log import verified_writes
    from facesort.workspace import open_workspace

    workspace = open_workspace(root)
    with workspace.open_store(read_only=True) as store:
        writes = verified_writes(store)
    bar = tqdm(writes, unit="file", disable=as_json or not writes)
    result = verify_output(workspace.settings.output, bar)
    if as_json:
        report = {"verified": result.verified, "missing": result.missing, "changed": result.changed}
        say_json(report)
    else:
        say(
            f"{result.verified} files verified, {len(result.missing)} missing, {len(result.changed)} changed"
        )
        for problem, targets in (("missing", result.missing), ("changed", result.changed)):
            for target in targets:
                say(f"{problem}  {target}")
    if not result.passed:
        raise click.ClickException("files in the output are missing or changed: the list is above")


@click.command()
@workspace_option
def retry(root: Path) -> None:
    """Queue failed photos again for the next `facesort sort`."""
    from facesort.engine.job.sort import retry_failed
    from facesort.workspace import open_workspace

    count = retry_failed(open_workspace(root))
    say(f"{count} photos wait for the next `facesort sort`" if count else "no photo has failed")
