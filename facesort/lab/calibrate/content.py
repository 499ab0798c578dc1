"""What ``02_calibrate`` says and draws, at the thresholds as they are."""

from __future__ import annotations

from functools import partial

from IPython.display import Image, Markdown
from ipywidgets import Widget

from facesort.core.calibration import Rate
from facesort.lab.calibrate.calibrating import Calibrating
from facesort.lab.calibrate.faces import faces_between
from facesort.lab.calibrate.forecast_plots import plot_forecast
from facesort.lab.calibrate.plots import Group, plot_curves, plot_groups
from facesort.lab.shared.contact_sheet import plot_contact_sheet
from facesort.lab.shared.face_pictures import NOT_REQUESTED, faces_picture
from facesort.lab.shared.plots import DARK, GREY, ORANGE, chart, picture
from facesort.lab.shared.summary import Summary
from facesort.lab.shared.tables import Table
from facesort.lab.shared.words import decimals, share

_MAX_NAMED = 5


def data_table(desk: Calibrating) -> Table:
    """What there is to calibrate with."""
    found, counts = desk.calibration, desk.calibration.counts
    used = desk.workspace.settings.calibration
    refused = ", ".join(f"{n:,} {reason.value}" for reason, n in desk.run.labelled.refused.items())
    return Table(
        ("What", "Number", "What it is good for"),
        (
            ("Persons in the gallery", counts.persons, "FPIR grows with this number"),
            ("Their references", counts.references, "each is compared with the person's others"),
            (
                "Labelled faces of them",
                counts.labelled_faces,
                f"of {counts.labelled_persons:,} persons: how often a known face is missed",
            ),
            (
                "Faces of strangers",
                counts.stranger_faces,
                f"of {counts.strangers:,} people: how often a stranger is given a name",
            ),
            ("Comparisons of the same person", counts.genuine, "FNMR"),
            ("Comparisons of different people", counts.impostor, "FMR"),
        ),
        note=(
            f"Calibration {found.calibration_id} of {found.date[:10]}, model pack {found.pack_name}. "
            + (f"Labelled photos that could not be used: {refused}. " if refused else "")
            + (f"In force: calibration {used.id} of {used.date[:10]}." if used else "")
        ),
    )


def _look_alikes(desk: Calibrating) -> str:
    """Which names to look at before any number is believed."""
    found = desk.look_alikes
    if not found:
        return ""
    pairs = "; ".join(f"{a.name} and {a.person} ({a.distance:.2f})" for a in found[:_MAX_NAMED])
    more = f"; and {len(found) - _MAX_NAMED:,} more" if len(found) > _MAX_NAMED else ""
    return (
        f"Look at these names first, each two within the pack's STRICT of each other: {pairs}{more}. If they are one "
        "person, who then counts as a stranger, the suggestion is too low: give them one name (merge them in 01_seed, "
        "or name the labelled folder after the person) and calibrate again. "
    )


def suggestion_table(desk: Calibrating) -> Table:
    """Both thresholds: those in force, those suggested, and why."""
    found = desk.calibration
    sides = (("STRICT", found.suggestion.strict), ("LOOSE", found.suggestion.loose))
    there = desk.comparisons.fpir().independent
    missing = [
        f"{name} at {share(side.target)} takes {side.persons_needed:,} people, and there are {there:,}"
        for name, side in sides
        if side.persons_needed > there
    ]
    return Table(
        ("Threshold", "In force", "Suggested", "Why"),
        [
            (
                name,
                decimals(getattr(found.current.thresholds, name.lower())),
                decimals(side.threshold),
                side.sentence.partition(": ")[2],
            )
            for name, side in sides
        ],
        note=_look_alikes(desk)
        + (
            f"What is missing: {'; '.join(missing)}. Photos of anybody count, in a folder for each person."
            if missing
            else "Nothing is missing for the rates that were asked for."
        ),
    )


def rates_table(desk: Calibrating) -> Table:
    """How often the sort would be wrong at the thresholds as they are."""
    point, now, persons = desk.point, desk.thresholds, desk.comparisons.gallery
    rows: list[tuple[str, str, Rate, str]] = [
        (
            f"FPIR ({persons:,} persons)",
            "LOOSE",
            point.fpir,
            "strangers' faces given anybody's name",
        ),
        (
            f"FNIR ({persons:,} persons)",
            "LOOSE",
            point.fnir,
            "known people's faces not given theirs",
        ),
        ("FMR", "LOOSE", point.fmr, "comparisons with one other person that are accepted"),
        ("FNMR", "LOOSE", point.fnmr, "comparisons with the person that are refused"),
        ("wrong learning", "STRICT", point.wrong_learning, "strangers' faces learned for somebody"),
    ]
    return Table(
        ("Rate", "At", "Value", "Counted", "95 % interval", "What it counts"),
        [
            (
                name,
                f"{side} {decimals(getattr(now, side.lower()))}",
                share(rate.value),
                f"{rate.errors:,} of {rate.trials:,}",
                f"{share(rate.low)} to {share(rate.high)}",
                meaning,
            )
            for name, side, rate, meaning in rows
        ],
        note=f"People are counted, not photos: the {point.fpir.trials:,} faces for FPIR are of "
        f"{point.fpir.persons:,} people, those for FNIR of {point.fnir.persons:,}. "
        "Where no error was seen, what counts is the upper end.",
    )


def curves_picture(desk: Calibrating) -> Image:
    """ROC and DET with the operating point."""
    figure = plot_curves(desk.curves, desk.point, desk.calibration.targets.fpir)
    return picture(figure, "ROC of one comparison and DET of the whole gallery, with LOOSE marked")


def no_sample(desk: Calibrating) -> Markdown:
    """Why nothing of the source can be shown."""
    return Markdown(f"Nothing to show: {desk.no_sample}.")


def crowd_picture(desk: Calibrating) -> Image | Markdown:
    """Pairs of faces within photos beside pairs of references."""
    found = desk.crowd()
    if desk.sample is None:
        return no_sample(desk)
    if found is None:
        return Markdown(
            "Nothing to compare: no sampled photo has two faces, or the gallery has one person."
        )
    groups = (
        Group("references of different persons", desk.seed_pairs.scores, GREY, True),
        Group("two faces of one photo", desk.crowd_pairs().by_photo.scores, ORANGE, False),
    )
    figure = chart(partial(plot_groups, groups=groups, thresholds=desk.thresholds), height=3.8)
    verdict = (
        "This event's people are harder to tell apart than the seeds promise; be careful with LOOSE"
        if found.harder
        else "Nothing says that this event's people are harder to tell apart than the seeds"
    )
    text = (
        f"{verdict}:\nbetween STRICT and LOOSE are {share(found.crowd.value)} of the pairs in photos, and "
        f"{share(found.seeds.value)} of those of references."
    )
    if found.suspects:
        text += f"\n{found.suspects:,} pairs of one photo lie within STRICT: look-alikes, or somebody is in it twice."
    figure.suptitle(text, x=0.01, ha="left", fontsize=10, color=DARK)
    return picture(figure, text)


def forecast_picture(desk: Calibrating) -> Image | Markdown:
    """Expected drop rate at every LOOSE, and share learned at every STRICT."""
    found = desk.forecast()
    if found is None:
        return no_sample(desk)
    drops = found.drops(desk.thresholds.loose)
    low, high = (round(end * drops.photos) for end in (drops.low, drops.high))
    number = f"{low:,}" if low == high else f"{low:,} to {high:,} (95 %)"
    text = f"Of all {drops.photos:,} photos, {number} would reach no folder."
    figure = plot_forecast(found, desk.thresholds)
    figure.suptitle(text, x=0.01, ha="left", fontsize=10, color=DARK)
    return picture(figure, text)


def between_picture(desk: Calibrating, limit: int) -> Image | Widget | Markdown:
    """Faces of the sample between STRICT and LOOSE, those nearest to LOOSE first."""
    if not limit:
        return Markdown(NOT_REQUESTED)
    if desk.sample is None:
        return no_sample(desk)
    faces, number = faces_between(desk, limit)
    if not faces:
        return Markdown("No face of the sample lies between STRICT and LOOSE.")
    text = f"{len(faces):,} of {number:,} faces of the sample between STRICT and LOOSE, the farthest first"
    return faces_picture(plot_contact_sheet(faces), text)


def conclusion(desk: Calibrating) -> Summary:
    """What ``summary.json`` and ``calibration.json`` say."""
    found, now = desk.record(), desk.thresholds
    chosen = "chosen by hand" if desk.by_hand else "as suggested"
    applied = "applied" if found["chosen"]["applied"] else "not applied"
    return Summary(
        {"calibration": found},
        f"Calibration {desk.calibration.calibration_id}: STRICT {decimals(now.strict)}, LOOSE {decimals(now.loose)}, "
        f"{chosen}, {applied}.",
    )
