"""`calibrate`: suggest the two thresholds from the user's own photos."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from facesort.cli.terminal import (
    parameter_option,
    refuse_options_among,
    runs_option,
    say,
    say_next,
    workspace_option,
)
from facesort.core.text.words import share


@click.command()
@workspace_option
@click.option(
    "--labelled",
    type=click.Path(path_type=Path, file_okay=False),
    help="Labelled photos: one sub-folder per person, named as in the gallery; other names are strangers.",
)
@click.option("--apply", is_flag=True, help="Store the suggested thresholds for the next sorts.")
@parameter_option
@runs_option
def calibrate(
    root: Path,
    labelled: Path | None,
    apply: bool,
    pairs: tuple[tuple[str, str], ...],
    runs: Path,
) -> None:
    """Suggest STRICT and LOOSE from your own photos.

    Runs the notebook 02_calibrate.
    """
    from facesort.engine.calibration.calibrate import check_calibration
    from facesort.engine.rules import rules_of
    from facesort.engine.setup import open_with_pack
    from facesort.lab.calibrate.written import write_calibration
    from facesort.lab.run.launch import launch
    from facesort.lab.run.parameters import check_parameters, parse_parameters
    from facesort.workspace import refuse_inside

    workspace, pack = open_with_pack(root)
    refuse_inside(runs, workspace.settings)
    refuse_options_among(pairs, {"workspace": "-w", "labelled": "--labelled", "apply": "--apply"})
    asked = check_parameters("02_calibrate", parse_parameters(pairs))
    workspace.open_store().close()  # brings an older database up to date
    say(*map(str, check_calibration(workspace, pack, labelled)), err=True)
    parameters = asked | {"workspace": str(workspace.root), "apply": apply}
    if labelled is not None:
        parameters["labelled"] = str(labelled.absolute())
    notebook = launch("02_calibrate", parameters, runs=runs.absolute(), job="calibrate")
    found = write_calibration(notebook)
    groups = rules_of(workspace.settings, pack).groups
    say(*_lines(found), *_stored(found["chosen"], groups, workspace.root / "facesort.toml"))
    say(f"run notebook  {notebook}")
    say(f"calibration   {notebook.with_name('calibration.json')}")
    if found["chosen"]["applied"]:
        say_next(root, "sort", why="or rematch, for photos that are sorted")
    else:
        given = [] if labelled is None else ["--labelled", str(labelled)]
        given += [word for name, value in pairs for word in ("-p", name, value)]
        say_next(root, "calibrate", *given, "--apply", why="stores it for the next sorts")


def _lines(found: Mapping[str, Any]) -> list[str]:
    """Suggestion, expected rates and warnings."""
    chosen = found["chosen"]
    lines = [found["data"]]
    lines += [found["suggestion"][name]["sentence"] for name in ("loose", "strict")]
    for name, meaning in (("fpir", "strangers named"), ("fnir", "known faces missed")):
        rate = chosen["rates"][name]
        if rate is None:
            lines.append(found["not_known"])
            continue
        lines.append(
            f"{name.upper()}  {share(rate['value'])} ({rate['errors']} of {rate['trials']}; "
            f"95 %: {share(rate['low'])} to {share(rate['high'])})  {meaning} at LOOSE {chosen['loose']:.2f}"
        )
    drops = (found["forecast"] or {}).get("drops")
    if drops:
        lines.append(
            f"drop  {share(drops['value'])} of {drops['photos']} photos expected "
            f"(95 %: {share(drops['low'])} to {share(drops['high'])})"
        )
    if event := found["event"]:
        drops, loose = event["drops"], event["loose"]
        few = event["decided_by"] == "too_few"
        source = "the pack's: the sample has too few faces" if few else "by this sample"
        more = ""
        if drops["sampled"] < drops["photos"]:
            more = f", fewer in all {drops['photos']:,} photos: groups of faces grow"
        lines.append(
            f"drop  {share(drops['value'])} with LOOSE left to the event ({loose:.2f}, {source}){more} "
            "(`matching.groups`)"
        )
    if crowd := found["crowd"]:
        lines.append(crowd["sentence"])
    if found["look_alikes"]:
        lines.append(
            f"Names that look like one person (pairs: {found['look_alikes']}) make this too low; the run notebook says "
            "which."
        )
    return lines


def _stored(chosen: Mapping[str, Any], groups: bool, file: Path) -> list[str]:
    """What was stored."""
    strict, loose = chosen["strict"], chosen["loose_stored"]
    if not chosen["applied"]:
        return ["nothing was stored"]
    if loose is None:
        whose = "the event" if groups else "the model pack"
        lines = [
            f"applied: STRICT {strict:.2f}; LOOSE stays that of {whose}: too few people to measure it"
        ]
    else:
        lines = [f"applied: STRICT {strict:.2f}, LOOSE {loose:.2f}"]
        if groups:
            lines.append(
                "This LOOSE replaces the one that a sort finds from the event's own faces: to have that back, remove "
                f"`loose` from {file}"
            )
    return lines
