"""What the cells of ``05_audit`` show beside the drop rates: runs, faces, files, changes and coverage."""

from __future__ import annotations

from functools import partial

import numpy as np
from IPython.display import Markdown
from ipywidgets import Widget
from PIL import Image as Pillow

from facesort.core.records import PhotoRef, Pixels
from facesort.core.text.foreign_text import markdown_text
from facesort.core.text.meanings import explain
from facesort.core.text.words import duration, several
from facesort.errors import ImageError
from facesort.images import load_photo
from facesort.lab.audit.changes import comparison_sections
from facesort.lab.audit.plots import plot_coverage, plot_photos
from facesort.lab.audit.report import AuditReport
from facesort.lab.audit.runs import runs_sections
from facesort.lab.audit.tables import MAX_ROWS, Sections
from facesort.lab.shared.face_pictures import NOT_REQUESTED, faces_picture, plot_contact_sheet
from facesort.lab.shared.plots import Plot, chart, picture
from facesort.lab.shared.tables import Table
from facesort.reasons import PhotoStatus

_THUMBNAIL = 360  # px


def show_runs(report: AuditReport) -> Sections | Markdown:
    """Every run of the workspace, and where its notebook was saved."""
    if not report.runs and not report.saved.mine and not report.saved.unreadable:
        return Markdown("Nothing was sorted in this workspace yet: `facesort sort` starts.")
    return runs_sections(report.runs, report.drops_by_run, report.groups_by_run, report.saved)


def show_dropped_faces(report: AuditReport) -> Plot | Widget | Markdown:
    """Dropped faces nearest to somebody in the gallery, each beside that person's best reference."""
    faces = report.dropped_faces
    if faces is None:
        return Markdown(NOT_REQUESTED)
    if not faces:
        return Markdown("No photo was dropped for having only unknown faces.")
    text = f"The {len(faces)} dropped photos with the faces nearest to somebody in the gallery"
    return faces_picture(plot_contact_sheet(faces), text)


def show_faceless(report: AuditReport) -> Plot | Widget | Markdown:
    """Photos in which no face was found, read from the source again."""
    if report.dropped_faces is None:
        return Markdown(NOT_REQUESTED)
    if not report.faceless:
        return Markdown("Every photo that could be read has a face in it.")
    sources = report.workspace.settings.sources
    found = [(photo, _thumbnail(photo, report)) for photo in report.faceless]
    photos = [(photo, pixels) for photo, pixels in found if pixels is not None]
    if not photos:
        places = ", ".join(markdown_text(place) for place in sources.values())
        return Markdown(
            f"The photos cannot be read from {places}: plug in the disk and run this cell again."
        )
    text = f"{len(photos)} photos in which no face was found"
    return faces_picture(plot_photos(photos), text)


def _thumbnail(photo: PhotoRef, report: AuditReport) -> Pixels | None:
    """A small copy of a photo; None if it can no longer be read, or its source was removed."""
    settings = report.workspace.settings
    try:
        path = settings.sources[photo.source] / photo.path
        limit = settings.photos.max_megapixels
        loaded = load_photo(path.read_bytes(), path.name, max_megapixels=limit, accept_damaged=True)
    except (KeyError, OSError, ImageError):
        return None
    image = Pillow.fromarray(loaded.pixels)
    image.thumbnail((_THUMBNAIL, _THUMBNAIL))
    return np.asarray(image)


def show_unusable(report: AuditReport) -> Sections:
    """Photos that failed or have remarks, files that the scan skipped, and photos that took longest."""
    failed, skipped = report.counts.photos[PhotoStatus.FAILED], sum(report.counts.skipped.values())
    by_reason = ", ".join(f"{n:,} {reason}" for reason, n in report.counts.skipped.items())
    return Sections(
        (
            ("Photos that failed", _failed(report, failed) if failed else "No photo failed."),
            ("Photos that were read, with a remark", _remarked(report)),
            (
                "Files and folders that are not photos, or could not be opened",
                Table(
                    ("Path", "Reason"),
                    report.skipped_files,
                    note=f"{skipped:,} in all: {by_reason}. An unreadable folder may hide photos.",
                )
                if skipped
                else "None.",
            ),
            ("Photos whose analysis took longest", _slowest(report)),
        )
    )


def _failed(report: AuditReport, failed: int) -> Table:
    rest = failed - len(report.failed)
    return Table(
        ("Photo", "Reason", "Detail"),
        [(path, reason, detail or explain(reason)) for path, reason, detail in report.failed],
        note=f"{failed:,} in all" + (f"; {rest:,} more are not shown." if rest else "."),
    )


def _remarked(report: AuditReport) -> Table | str:
    number, photos = report.remarked
    rest = number - len(photos)
    if not number:
        return "None."
    return Table(
        ("Photo", "Remarks", "Detail", "What it means"),
        [
            (path, ", ".join(codes), detail, "; ".join(filter(None, map(explain, codes))))
            for path, codes, detail in photos
        ],
        note=f"{number:,} in all"
        + (
            f"; {rest:,} more are in the table that `facesort export DIR --results csv` writes."
            if rest
            else "."
        ),
    )


def _slowest(report: AuditReport) -> Table | str:
    number, median, late, total = report.seconds
    if not number:
        return "No photo was analysed yet."
    return Table(
        ("Photo", "Seconds", "Run", "State", "Format", "Megapixels", "MB"),
        [
            (
                path,
                f"{seconds:.2f}",
                run_id,
                status,
                form or "",
                f"{pixels:.1f}" if pixels else "",
                f"{size:.1f}",
            )
            for path, seconds, run_id, status, form, pixels, size in report.slowest
        ],
        note=f"Of {number:,} analyses: half took less than {median:.2f} s, one in a hundred more than {late:.2f} s; "
        f"{duration(total)} of work in all.",
    )


def show_left_out(report: AuditReport) -> Sections | Markdown:
    """Photos that are not delivered although they could be: with whom, and in place of which."""
    alike = report.near_duplicates.number
    if not report.withheld and not alike:
        return Markdown("Nobody is withheld, and nobody is in two photos of one burst.")
    withheld = _withheld(report) if report.withheld else "Nobody is withheld."
    again = _near_duplicates(report) if alike else "Nobody is in two photos of one burst."
    return Sections((("Withheld people", withheld), ("Near duplicates", again)))


def _withheld(report: AuditReport) -> Table:
    return Table(
        ("Person", "Photos withheld", "Copies already in the output"),
        report.withheld,
        note="A photo with two withheld persons counts for both. Copies made earlier stay, because the output is "
        "append-only; corrections.csv lists them.",
    )


def _near_duplicates(report: AuditReport) -> Table:
    found = report.near_duplicates
    rest = found.number - len(found.copies)
    said = (
        f"{several(found.number, 'copy', 'copies')} of {several(found.bursts, 'burst')}. "
        + (
            'All are delivered: near_duplicates = "best" under [photos] in facesort.toml, or `facesort export DIR '
            "--near-duplicates best` for once, leaves these out."
            if found.kept
            else 'Exports and what is published leave them out; near_duplicates = "keep" under [photos] in '
            "facesort.toml takes them in."
        )
        + (
            f" {rest:,} more are not shown: an export lists all in _left_out.csv."
            if rest > 0
            else ""
        )
    )
    return Table(("Photo", "Folder", "Delivered instead"), found.copies, note=said)


def show_changes(report: AuditReport) -> Sections | Markdown:
    """Which photos changed since an earlier run, and why."""
    if report.comparison is None:
        return Markdown("There is no run to compare yet.")
    return comparison_sections(report, report.comparison)


def show_coverage(report: AuditReport) -> Plot | Markdown:
    """Photos per person and hour, or day of a long event."""
    people = [(name, photos) for name, photos, *_ in report.coverage if photos]
    if not people:
        return Markdown("Nobody is in a photo yet.")
    shown = people[:MAX_ROWS]
    title = "Photos per person and time"
    if len(people) > len(shown):
        title += f"; of {len(people):,} people, the {len(shown)} in fewest"
    height = 1.4 + 0.28 * len(shown)
    draw = partial(plot_coverage, people=dict(shown), rows=report.coverage_by_hour)
    figure = chart(draw, height=height)
    figure.axes[0].set_title(title, loc="left")
    return picture(figure, f"{title}: {', '.join(f'{name} {photos:,}' for name, photos in shown)}.")


def show_short(report: AuditReport) -> Table | Markdown:
    """Photos per person, fewest first."""
    if not report.coverage:
        return Markdown("Nobody is in the gallery.")
    good = report.workspace.settings.matching.learn_quality
    shown = report.coverage[: max(MAX_ROWS, len(report.short))]
    short = f"{len(report.short):,} of {len(report.coverage):,} people are in fewer than {report.minimum:,} photos."
    return Table(
        ("Person", "Photos", "Good", "Solo", "Group", "What is missing"),
        [
            (name, photos, good, solo, photos - solo, _missing(report, name, photos))
            for name, photos, good, solo in shown
        ],
        note=f"{short} Good: the quality of the face is {good:g} or more. Solo: nobody else's face in the photo.",
    )


def _missing(report: AuditReport, name: str, photos: int) -> str:
    if name in {withheld for withheld, *_ in report.withheld}:
        return "withheld"
    gap = report.minimum - photos
    return f"{gap:,} more" if gap > 0 else ""
