"""`audit`: what happened to every photo, as a notebook and a web page."""

from __future__ import annotations

import json
from pathlib import Path

import click

from facesort.cli.terminal import (
    parameter_option,
    refuse_options_among,
    runs_option,
    say,
    workspace_option,
)
from facesort.core.text.words import several


@click.command()
@workspace_option
@parameter_option
@runs_option
def audit(root: Path, pairs: tuple[tuple[str, str], ...], runs: Path) -> None:
    """Report drops, runs, changes and coverage.

    Runs the notebook 05_audit, and changes nothing.
    """
    from facesort.lab.audit.comparison import refuse_unknown_runs
    from facesort.lab.run.launch import launch
    from facesort.lab.run.parameters import check_parameters, parse_parameters
    from facesort.store.queries.reports import run_records
    from facesort.workspace import open_workspace, refuse_inside

    workspace = open_workspace(root)
    refuse_inside(runs, workspace.settings)
    refuse_options_among(pairs, {"workspace": "-w", "runs": "--runs"})
    asked = check_parameters("05_audit", parse_parameters(pairs))
    with workspace.open_store(read_only=True) as store:
        refuse_unknown_runs(run_records(store), asked.get("before"), asked.get("after"))
    places = {"workspace": str(workspace.root), "runs": str(runs.absolute())}
    notebook = launch("05_audit", asked | places, runs=runs.absolute(), job="audit")
    summary = json.loads(notebook.with_name("summary.json").read_text(encoding="utf-8"))
    photos, drops = summary["photos"], summary["drops"]
    say(f"photos        {photos['total']}, {drops['of']} decided, {drops['photos']} dropped")
    for reason, number in sorted(drops["reasons"].items(), key=lambda item: -item[1]):
        say(f"{number:>12}  {reason}")
    alike = summary["near_duplicates"]
    if alike["copies"]:
        done = "delivered all the same" if alike["kept"] else "left out of exports"
        say(
            f"{alike['copies']:>12}  near duplicates in {several(alike['bursts'], 'burst')}, {done}"
        )
    say(f"page          {notebook.with_suffix('.html')}")
    say(f"run notebook  {notebook}")
