"""`sort`, `status`, `verify`, `retry`: run the job and look at its result."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from facesort.cli.terminal import (
    EXIT_SOME_FAILED,
    FOLDER,
    PROCESSES,
    certificates_option,
    cluster_address,
    json_option,
    parameter_option,
    refuse_options_among,
    runs_option,
    say,
    say_json,
    say_next,
    say_next_notebook,
    workspace_option,
)
from facesort.core.text.foreign_text import printable
from facesort.core.text.words import several

if TYPE_CHECKING:
    from facesort.lab.shared.kernel import Kernel
    from facesort.settings import RunSettings
    from facesort.workspace import Workspace

_PROBLEMS = ("missing", "changed", "unreadable")
_NAME = 24  # columns
_OPTIONS = {
    "workers": "--workers",
    "cluster": "--cluster",
    "cluster_certificates": "--certificates",
    "send_files": "--send-files",
}
_LISTED = 20  # missing files, where none is there; `--json` lists all


@click.command()
@workspace_option
@parameter_option
@click.option("--workers", type=PROCESSES, help="Number of worker processes; 0 is one per core.")
@click.option(
    "--cluster",
    metavar="ADDRESS",
    callback=lambda _context, _option, given: given and cluster_address(given),
    help="Let the workers of a cluster look for faces: tls://HOST:8786, as `facesort cluster start` printed it.",
)
@certificates_option
@click.option(
    "--send-files",
    is_flag=True,
    default=None,
    help="Send the photos to workers that were started without --source.",
)
@runs_option
@click.pass_context
def sort(
    context: click.Context,
    root: Path,
    pairs: tuple[tuple[str, str], ...],
    workers: int | None,
    cluster: str | None,
    certificates: Path | None,
    send_files: bool | None,
    runs: Path,
) -> None:
    """Sort all photos that are not sorted yet.

    Runs the notebook 03_sort; an interrupted sort resumes where it stopped.
    """
    from facesort.lab.shared.kernel import started_kernel

    given = {
        "workers": workers,
        "cluster": cluster,
        "cluster_certificates": None if certificates is None else str(certificates.absolute()),
        "send_files": send_files,
    }
    given = {name: value for name, value in given.items() if value is not None}
    refuse_options_among(pairs, {"workspace": "-w"} | {name: _OPTIONS[name] for name in given})
    # What it imports takes as long as all that is done here before its first cell.
    with started_kernel("facesort.lab.sort") as kernel:
        workspace, notebook = _sorted(root, pairs, given, runs, kernel)
    from facesort.engine.gallery.alike import Alike
    from facesort.engine.job.progress import current_status
    from facesort.lab.shared.event import alike_sentences, event_sentences
    from facesort.lab.shared.remarks import shifted_remark

    status = current_status(workspace)
    summary = json.loads(notebook.with_name("summary.json").read_text(encoding="utf-8"))
    say(*_status_lines(status | {"workers": summary["workers"]}))
    say(*event_sentences(summary["groups"]))
    say(*alike_sentences([Alike(**pair) for pair in summary["alike"]]))
    said = (shifted_remark(summary["shifted"]), summary["wrong"])
    say(*(sentence for sentence in said if sentence))
    say(f"ran on        {summary['backend']}")
    say(f"output        {workspace.settings.output}")
    say(f"run notebook  {notebook}")
    if unknown := status["photos"]["unknown"]:
        say(
            f"{unknown} unknown: faces, but of nobody in the gallery; 04_review shows them, to be named"
        )
    if failed := status["photos"]["failed"]:
        say(f"{failed} failed: the run notebook says which and why")
    if pending := status["photos"]["pending"]:
        say(f"{pending} wait for a source that is not there: put its card in")
    if pending:
        say_next(root, "sort")
    elif failed:
        say_next(root, "retry", why="the next sort tries them again")
    else:
        say_next_notebook(root, "04_review")
    if failed or pending or _unreadable(status):
        context.exit(EXIT_SOME_FAILED)


def _sorted(
    root: Path,
    pairs: tuple[tuple[str, str], ...],
    given: Mapping[str, object],
    runs: Path,
    kernel: Kernel,
) -> tuple[Workspace, Path]:
    """Check what can be checked beforehand, and run the notebook."""
    from facesort.engine.rules import rules_of
    from facesort.engine.setup import check_gallery, open_with_pack
    from facesort.lab.run.launch import launch
    from facesort.lab.run.parameters import check_parameters, parse_parameters
    from facesort.settings import given_for_run, override
    from facesort.workspace import refuse_inside

    workspace, pack = open_with_pack(root)
    refuse_inside(runs, workspace.settings)
    asked = check_parameters("03_sort", parse_parameters(pairs) | dict(given))
    decisive = {name: value for name, value in asked.items() if name != "contact_sheet"}
    settings = override(workspace.settings, given_for_run(decisive))
    rules_of(settings, pack)
    check_gallery(workspace, pack)
    if settings.run.cluster is not None:
        _check_cluster(settings.run)
    notebook = launch(
        "03_sort",
        asked | {"workspace": str(workspace.root)},
        runs=runs.absolute(),
        job=next(iter(workspace.settings.sources.values())).name or "sort",
        kernel=kernel,
    )
    return workspace, notebook


def _check_cluster(run: RunSettings) -> None:
    """Raise if no sort could begin on the cluster, before a notebook is started."""
    from facesort.extras import need_extra

    need_extra("dask")
    from facesort.engine.cluster.reach import check_scheduler

    check_scheduler(str(run.cluster), run.cluster_certificates)


@click.command()
@workspace_option
@json_option
@click.option(
    "--watch",
    is_flag=True,
    help="Follow a running sort: a bar for all files, and one for each person's.",
)
@click.option(
    "--prometheus",
    "textfile",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Also write FILE with metrics, for node-exporter's textfile collector; with --watch every second.",
)
def status(root: Path, as_json: bool, watch: bool, textfile: Path | None) -> None:
    """Show progress, counts, files per person and time left, also during a sort."""
    from facesort.engine.job.progress import current_status
    from facesort.workspace import open_workspace

    workspace = open_workspace(root)

    def read() -> Mapping[str, Any]:
        report = current_status(workspace)
        if textfile is not None:
            from facesort.engine.job.metrics import write_metrics  # takes a third of a second

            write_metrics(textfile.absolute(), report)
        return report

    report = read()
    if watch:
        report = _watch(report, read)
    if as_json:
        say_json(report)
    else:
        say(*_status_lines(report))


def _watch(report: Mapping[str, Any], read: Callable[[], Mapping[str, Any]]) -> Mapping[str, Any]:
    """Follow a running sort: a bar of all files, and on a terminal the workers of a cluster and a bar of each person's.

    Returns the last status.
    """
    from tqdm import tqdm

    from facesort.lab.shared.members import member_sentences

    rows: dict[str, tqdm] = {}
    with ExitStack() as stack:

        def row(key: str, form: str) -> tqdm:
            if key not in rows:
                bar = tqdm(
                    bar_format=form,
                    position=len(rows) + 1,
                    leave=False,  # the status below has the numbers
                    disable=None,
                )
                rows[key] = stack.enter_context(bar)
            return rows[key]

        files = stack.enter_context(tqdm(total=report["photos"]["total"], unit="file"))
        while report["state"] == "running":
            files.total = report["photos"]["total"]
            files.n = files.total - report["photos"]["pending"]
            files.refresh()
            for number, said in enumerate(member_sentences(report.get("workers", ()))):
                row(f"/{number}", "{desc}").set_description_str(printable(said))
            most = max(report["persons"].values(), default=0)
            for name, number in report["persons"].items():
                bar = row(name, "{desc} {bar} {n_fmt:>6}")
                bar.total, bar.n = max(most, 1), number
                bar.set_description_str(f"{printable(name)[:_NAME]:{_NAME}}")
            time.sleep(1)
            report = read()
    return report


def _status_lines(report: Mapping[str, Any]) -> list[str]:
    """Counts as a sum, rate, files per source, faces, files per person, and what the sums do not say."""
    from facesort.lab.shared.members import member_sentences
    from facesort.lab.shared.remarks import remarks

    photos = report["photos"]
    parts = " + ".join(f"{n} {name}" for name, n in photos.items() if name != "total")
    lines = [f"{report['state']}: {photos['total']} files = {parts}"]
    if report["images_per_second"]:
        lines.append(
            f"rate          {report['images_per_second']:g} images/s, {report['eta_seconds']} s left"
        )
    lines += [f"worker        {said}" for said in member_sentences(report.get("workers", ()))]
    if len(sources := report.get("sources", {})) > 1:
        lines += [
            f"{of['files']:>6} files  of source {name}, {of['pending']} pending"
            for name, of in sources.items()
        ]
    faces = ", ".join(f"{n} {name}" for name, n in report["faces"].items())
    lines.append(f"faces         {faces}")
    lines += [f"{files:>6} files  {name}/" for name, files in report["persons"].items()]
    if skipped := report.get("skipped"):
        parts = ", ".join(f"{n} {reason}" for reason, n in skipped.items())
        lines.append(f"left out      {parts}")
    return [*lines, *remarks(report)]


def _unreadable(report: Mapping[str, Any]) -> int:
    """Number of folders and files that the scan could not read; older progress files lack it."""
    return int(report.get("skipped", {}).get("unreadable", 0))


@click.command()
@workspace_option
@json_option
@click.option(
    "--repair", is_flag=True, help="Write what is missing again, from other copies or the source."
)
@click.option(
    "--accept-output",
    "folder",
    metavar="DIR",
    type=FOLDER,
    help="Make DIR the output: the old one in another place, or an empty folder instead of it.",
)
@click.pass_context
def verify(
    context: click.Context, root: Path, as_json: bool, repair: bool, folder: Path | None
) -> None:
    """Compare the SHA-256 of every output file with the commit log, and of derivatives with their names.

    Changes nothing that is in the output. Exit code 1 if a file is missing, changed or unreadable; with --repair or
    --accept-output 3, if it still is at the end.
    """
    from tqdm import tqdm

    from facesort.engine.delivery.derivative_folder import DerivativeFolder
    from facesort.engine.delivery.verify import verify_derivatives, verify_output
    from facesort.engine.job.output import accept_output, written
    from facesort.engine.job.repair import Watch, repair_output
    from facesort.engine.job.roots import another_output
    from facesort.engine.setup import open_with_pack
    from facesort.store.queries.delivery.derivatives import needed_files
    from facesort.workspace import open_workspace

    watch = partial(tqdm, unit="file", disable=True if as_json else None)
    report: dict[str, Any] = {}
    if folder is not None:
        result = accept_output(open_workspace(root), folder, watch)
        report["output"] = str(folder.resolve())
    if repair:
        done = repair_output(*open_with_pack(root), watch=Watch(watch))
        result = done.result
        report |= {"repaired": done.repaired, "failed": done.failed}
    elif folder is None:
        workspace = open_workspace(root)
        with workspace.open_store(read_only=True) as store:
            writes, unneeded = written(store)
        result = verify_output(workspace.settings.output, watch(writes)).excusing(unneeded)
    workspace = open_workspace(root)
    with workspace.open_store(read_only=True) as store:
        derived = needed_files(store)
    checked = verify_derivatives(DerivativeFolder.of(workspace), derived)
    report = asdict(result) | report | {"derivatives": asdict(checked)}
    if as_json:
        say_json(report)
    else:
        say(*_verify_text(report))
    if result.passed:
        return
    if report.keys() & {"output", "repaired"}:
        say(_what_next(report), err=True)
        context.exit(EXIT_SOME_FAILED)
    if result.found_nothing:
        raise click.ClickException(another_output(workspace.settings.output))
    raise click.ClickException(_what_next(report))


def _verify_text(report: Mapping[str, Any]) -> list[str]:
    """Counts, and every file that is not right."""
    counts = ", ".join(f"{len(report[name])} {name}" for name in _PROBLEMS)
    lines = [f"{report['verified']} files verified, {counts}"]
    if report.get("repaired"):
        lines.append(f"{len(report['repaired'])} were missing and have been written again")
    if report["removed"]:
        lines.append(
            f"{len(report['removed'])} are gone that nobody needs: in corrections.csv, or of somebody who was removed"
        )
    derivatives = report["derivatives"]
    if derivatives["verified"]:
        lines.append(f"{several(derivatives['verified'], 'derivative')} verified")
    if derivatives["wrong"]:
        wrong = several(len(derivatives["wrong"]), "derivative")
        lines.append(f"{wrong} missing or changed: `facesort derive` makes them again")
    if "output" in report:
        lines.append(f"the output is now {report['output']}")
    why = report["unreadable"] | report.get("failed", {})
    if report["verified"] or len(report["missing"]) <= _LISTED:  # else it is another folder
        lines += [
            f"{problem}  {target}" + (f"  ({why[target]})" if target in why else "")
            for problem in _PROBLEMS
            for target in report[problem]
        ]
    return lines


def _what_next(report: Mapping[str, Any]) -> str:
    """What to do about files that are not as they should be."""
    what = ["files in the output are not as they were written: the list is above"]
    if "failed" not in report and report["missing"]:
        what.append("`facesort verify --repair` writes again what is missing")
    elif report["missing"]:
        what.append(
            "what is still missing cannot be rendered as it was: plug in the source, put back the photos, and run "
            "`facesort verify --repair` again, or deliver all that there is with `facesort export DIR`"
        )
    if report["changed"] or report["unreadable"]:
        what.append(
            "a file that is changed or unreadable is never replaced: look at it, move it out of the output, and "
            "`facesort verify --repair` writes the right one"
        )
    return "; ".join(what)


@click.command()
@workspace_option
def retry(root: Path) -> None:
    """Queue failed photos again for the next `facesort sort`."""
    from facesort.engine.job.sort import retry_failed
    from facesort.workspace import open_workspace

    count = retry_failed(open_workspace(root))
    say(f"{count} photos wait for the next `facesort sort`" if count else "no photo has failed")
