"""What ``03_sort`` shows: the job, its progress and its results."""

from __future__ import annotations

from concurrent.futures import Executor
from functools import partial
from types import MappingProxyType
from typing import Any

from IPython.display import Markdown, display
from ipywidgets import Widget

from facesort.core.delivery.routing import UNKNOWN_FOLDER
from facesort.core.text.meanings import explain
from facesort.core.text.words import several
from facesort.engine.job.batches import SortOptions
from facesort.engine.job.progress import read_progress
from facesort.engine.job.sort import run_sort
from facesort.lab.shared.event import alike_sentences, event_sentences
from facesort.lab.shared.face_pictures import (
    NOT_REQUESTED,
    face_limit,
    faces_picture,
    plot_contact_sheet,
)
from facesort.lab.shared.members import member_sentences
from facesort.lab.shared.plots import Plot, chart, picture
from facesort.lab.shared.progress_bar import progress_bar
from facesort.lab.shared.remarks import remarks, shifted_remark
from facesort.lab.shared.summary import Summary
from facesort.lab.shared.tables import Table, percent
from facesort.lab.shared.words import decimals
from facesort.lab.sort.filling import filling
from facesort.lab.sort.job import SortJob
from facesort.lab.sort.plots import plot_distances, plot_person_files, plot_rate
from facesort.lab.sort.report import SortReport, read_report
from facesort.reasons import PhotoStatus

_STATUS_WORDS = MappingProxyType(
    {
        PhotoStatus.MATCHED: "copied to the folder of everyone recognised in it",
        PhotoStatus.UNKNOWN: "faces, but of nobody in the gallery",
        PhotoStatus.NO_FACE: "no face was found",
        PhotoStatus.DUPLICATE: "a copy of a sorted file, or another file of its shot",
        PhotoStatus.FAILED: "could not be read or written; `facesort retry` tries again",
        PhotoStatus.PENDING: "not analysed yet; the next sort continues with them",
    }
)
_MAX_PERSONS = 40  # bars that fit on one page


class SortStopped(KeyboardInterrupt):
    """Somebody stopped the sort: an interrupt that notebooks show as one sentence."""

    def _render_traceback_(self) -> list[str]:
        return [str(self)]


def run(
    job: SortJob, *, contact_sheet: int | None = None, executor: Executor | None = None
) -> SortReport:
    """Sort what is not sorted yet, showing progress and how folders fill, and read the results.

    Parameters
    ----------
    contact_sheet : int or None
        How many doubtful faces to load for `show_doubtful` (`face_limit`).
    executor : Executor, optional
        Where to analyse; default: processes on this machine.

    Raises
    ------
    FacesortError
        As `facesort.engine.job.sort.run_sort`; the counts so far are displayed first.
    SortStopped
        If the kernel is interrupted.
    """
    faces = face_limit(contact_sheet)
    try:
        with progress_bar() as show, filling(job.workspace) as fill:

            def on_photo(done: int, total: int) -> None:
                show(done, total)
                fill()

            run_id = run_sort(job.workspace, job.pack, SortOptions(executor, on_photo))
    except BaseException as error:
        display(_unfinished(job))
        if isinstance(error, KeyboardInterrupt):
            raise SortStopped("Stopped. Run this cell again to go on.") from error
        raise
    return read_report(job.workspace, job.pack, run_id, contact_sheet=faces)


def _unfinished(job: SortJob) -> Summary:
    """Summarise a run that ended early from its progress files: the database may be in use."""
    progress = read_progress(job.workspace.state) or {}
    counts: dict[str, Any] = {
        k: progress[k] for k in ("photos", "clips", "faces", "batches", "persons") if k in progress
    }
    if not counts:
        return Summary({}, "The run ended before anything was sorted.")
    photos = counts["photos"]
    done = photos["total"] - photos["pending"]
    return Summary(
        counts,
        f"The run ended early, with {done:,} of {photos['total']:,} photos done. Committed photos stay committed; "
        "the next sort continues from here.",
    )


def show_counts(report: SortReport) -> Table:
    """Photos by status; the rows add up to the total."""
    counts, faces, batches = report.counts, report.counts.faces, report.counts.batches
    equation = " + ".join(f"{counts.photos[status]:,}" for status in _STATUS_WORDS)
    outcomes = " + ".join(f"{number:,} {outcome}" for outcome, number in faces.items())
    said = [
        *event_sentences(report.run.groups),
        *remarks(report.summary()),
        *alike_sentences(report.alike),
        shifted_remark(report.run.shifted),
        report.wrong,
    ]
    return Table(
        ("Files", "Number", "Share", "What it means"),
        [
            (
                status.value,
                counts.photos[status],
                percent(counts.photos[status], counts.total),
                _STATUS_WORDS[status],
            )
            for status in _STATUS_WORDS
        ],
        ("total", counts.total, percent(counts.total, counts.total), f"= {equation}"),
        "\n".join(
            [
                f"{sum(faces.values()):,} faces = {outcomes}. {sum(counts.persons.values()):,} files in the output, "
                f"each verified by its SHA-256. {batches['COMMITTED']:,} of {sum(batches.values()):,} batches "
                "committed.",
                *(f"{sentence}." for sentence in said if sentence),
            ]
        ),
    )


def show_drops(report: SortReport) -> Table | Markdown:
    """How many photos reached no person's folder, and why."""
    drop = report.drop_rate
    if drop.interval is None:
        return Markdown("No photo has been decided yet.")
    low, high = drop.interval
    reasons = sum(report.drops.values())
    check = (
        ""
        if reasons == drop.dropped
        else f" THE REASONS ADD UP TO {reasons:,}: please report this."
    )
    skipped = ", ".join(f"{n:,} {reason}" for reason, n in report.skipped.items())
    aside = f" Not counted, because they are not photos: {skipped}." if skipped else ""
    if linked := report.counts.same_shot:
        aside += f" Nor counted, because their shot is: {linked:,} same_shot."
    return Table(
        ("Reason", "Photos", "Share of decided", "What it means"),
        [(code, n, percent(n, drop.decided), explain(code)) for code, n in report.drops.items()],
        (
            "dropped",
            drop.dropped,
            percent(drop.dropped, drop.decided),
            f"of {drop.decided:,} decided photos",
        ),
        f"Drop rate {percent(drop.dropped, drop.decided)}; for photos like these, between {100 * low:.1f} % and "
        f"{100 * high:.1f} % (exact, 95 %).{aside}{check}",
    )


def show_speed(report: SortReport) -> Plot | Markdown:
    """Images per second during the run."""
    speed = report.images_per_second
    if speed is None:
        return Markdown("This run analysed no photo: everything was already sorted.")
    photos = [batch[1] for batch in report.batches]
    figure = chart(lambda ax: plot_rate(ax, report.batch_edges, photos), height=3.2)
    waiting = percent(report.waiting_share, 1)
    text = f"{speed:.2f} images per second; {waiting} of the time spent waiting for the workers"
    return picture(figure, text, above="\n".join([f"{text}.", *member_sentences(report.workers)]))


def show_files(report: SortReport) -> Plot | Markdown:
    """Files per person, most first."""
    people = {name: n for name, n in report.counts.persons.items() if name != UNKNOWN_FOLDER}
    if not people:
        return Markdown("Nobody is in the gallery.")
    ranked = sorted(people.items(), key=lambda item: -item[1])
    shown = dict(ranked[:_MAX_PERSONS])
    lines = [
        f"{several(sum(people.values()), 'file')} for {several(len(people), 'person', 'people')}"
    ]
    if len(ranked) > len(shown):
        lines.append(f"only the {len(shown)} people with the most files are shown")
    if UNKNOWN_FOLDER in report.counts.persons:
        lines.append(
            f"{report.counts.persons[UNKNOWN_FOLDER]:,} more files are in {UNKNOWN_FOLDER}"
        )
    figure = chart(partial(plot_person_files, files=shown), height=1.2 + 0.26 * len(shown))
    figure.axes[0].set_title("\n".join(lines), loc="left")
    numbers = ", ".join(f"{name} {number:,}" for name, number in shown.items())
    return picture(figure, f"{'; '.join(lines)}: {numbers}.")


def show_distances(report: SortReport) -> Plot | Markdown:
    """Distance of every face to its person, and the thresholds."""
    faces = sum(len(values) for values in report.distances.values())
    if not faces:
        return Markdown("No face was compared with anybody.")
    draw = partial(plot_distances, distances=report.distances, thresholds=report.thresholds)
    each = ", ".join(f"{len(values):,} {outcome}" for outcome, values in report.distances.items())
    strict, loose = decimals(report.thresholds.strict), decimals(report.thresholds.loose)
    text = f"Best distances of {faces:,} faces: {each}; STRICT {strict}, LOOSE {loose}."
    return picture(chart(draw, height=4.0), text)


def show_doubtful(report: SortReport) -> Plot | Widget | Markdown:
    """The matches to check first."""
    if report.doubtful is None:
        return Markdown(NOT_REQUESTED)
    if not report.doubtful:
        return Markdown("There is no doubtful match: every matched face is within STRICT.")
    text = (
        f"The {len(report.doubtful)} most doubtful matches, each beside the person's best reference"
    )
    return faces_picture(plot_contact_sheet(report.doubtful), text)


def show_failed(report: SortReport) -> Table | Markdown:
    """At most 100 photos and files that failed."""
    failed = report.counts.photos[PhotoStatus.FAILED]
    if not failed:
        return Markdown("No photo failed.")
    note = (
        f"{failed - len(report.failed):,} more are not shown."
        if failed > len(report.failed)
        else ""
    )
    rows = [(path, reason, detail or explain(reason)) for path, reason, detail in report.failed]
    return Table(("Photo", "Reason", "Detail"), rows, note=note)
