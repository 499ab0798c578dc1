"""What ``02_calibrate`` shows of the calibration itself; more is in `rate_cells` and `source_cells`."""

from __future__ import annotations

from concurrent.futures import Executor
from datetime import UTC, datetime
from pathlib import Path

from IPython.display import HTML, Markdown
from ipywidgets import Widget

from facesort.core.calibration import Targets
from facesort.core.persons.matching import Thresholds
from facesort.core.text.words import share
from facesort.engine.calibration.calibrate import run_calibration
from facesort.engine.setup import open_with_pack
from facesort.errors import SettingsError
from facesort.lab.calibrate.panels import ApplyPanel, Controls
from facesort.lab.calibrate.session import CalibrationSession
from facesort.lab.shared.front_end import is_interactive
from facesort.lab.shared.notebooks import find_folder
from facesort.lab.shared.progress_bar import progress_bar
from facesort.lab.shared.session import Live
from facesort.lab.shared.summary import Summary
from facesort.lab.shared.tables import Table
from facesort.lab.shared.words import decimals

_MAX_NAMED = 5


def open_calibration(
    workspace: str | Path,
    /,
    *,
    labelled: str | Path | None = None,
    fpir: float = Targets().fpir,
    wrong_learning: float = Targets().wrong_learning,
    executor: Executor | None = None,
    **by_hand: float | None,
) -> CalibrationSession:
    """Calibrate a workspace; nothing is stored.

    Parameters
    ----------
    labelled : str or Path, optional
        One folder per person: persons of the gallery by name, and strangers.
    fpir, wrong_learning : float
        Target rates, in (0, 1).
    executor : Executor, optional
        Where to analyse photos; default: processes on this machine.
    **by_hand
        ``strict``, ``loose``: thresholds to start with; None: the suggested ones.

    Raises
    ------
    FacesortError
        As `run_calibration`.
    SettingsError
        If a rate or a threshold is not valid.
    """
    opened, pack = open_with_pack(find_folder(workspace))
    opened.open_store().close()  # migrates an older database
    with progress_bar() as on_photo:
        run = run_calibration(
            opened,
            pack,
            datetime.now(UTC),
            labelled=None if labelled is None else Path(str(labelled)),
            targets=Targets(fpir, wrong_learning),
            executor=executor,
            on_photo=on_photo,
        )
    start = run.calibration.thresholds
    given = {name: value for name, value in by_hand.items() if value is not None}
    try:
        thresholds = Thresholds(
            given.pop("strict", start.strict), given.pop("loose", start.loose), start.margin
        )
    except ValueError as error:
        raise SettingsError(str(error)) from error
    if given:
        raise SettingsError(f"a calibration has no threshold {', '.join(given)}")
    return CalibrationSession(opened, pack, run, thresholds, executor)


def show_data(session: CalibrationSession) -> Table:
    """The data that the calibration is based on."""
    found, counts = session.calibration, session.calibration.counts
    used = session.workspace.settings.calibration
    refused = ", ".join(
        f"{n:,} {reason.value}" for reason, n in session.run.labelled.refused.items()
    )
    left_out = "; ".join(map(str, session.run.labelled.left_out))
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
            + (f"In the labelled folder: {left_out}. " if left_out else "")
            + (f"In force: calibration {used.id} of {used.date[:10]}." if used else "")
        ),
    )


def show_suggestion(session: CalibrationSession) -> Table:
    """Both thresholds: in force, suggested, and why."""
    found = session.calibration
    sides = (("STRICT", found.suggestion.strict), ("LOOSE", found.suggestion.loose))
    there = session.comparisons.fpir().independent
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
                "of the event"
                if name == "LOOSE" and session.finds_loose
                else decimals(getattr(session.in_force.thresholds, name.lower())),
                decimals(side.threshold),
                side.sentence.partition(": ")[2],
            )
            for name, side in sides
        ],
        note=_duplicates(session)
        + (f"{found.not_known} " if found.not_known else "")
        + (
            f"What is missing: {'; '.join(missing)}. Photos of anybody count, one folder per person."
            if missing
            else "Nothing is missing for the target rates."
        ),
    )


def _duplicates(session: CalibrationSession) -> str:
    """Which names to check before trusting any number."""
    found = session.possible_duplicates
    if not found:
        return ""
    pairs = "; ".join(f"{a.name} and {a.person} ({a.distance:.2f})" for a in found[:_MAX_NAMED])
    more = f"; and {len(found) - _MAX_NAMED:,} more" if len(found) > _MAX_NAMED else ""
    return (
        f"Check these names first; the two of each pair are within the pack's STRICT: {pairs}{more}. If they are one "
        "person, that person counts as a stranger and the suggestion is too low: give them one name (merge them in "
        "01_seed, or name the labelled folder after the person) and calibrate again. "
    )


def show_controls(session: CalibrationSession) -> Widget | Markdown:
    """Sliders for both thresholds; text in an unattended run."""
    controls = Controls(session)
    return controls.widget if is_interactive() else Markdown(controls.text())


def show_apply(session: CalibrationSession, *, apply: bool) -> Widget | HTML:
    """The button that stores the thresholds; text in an unattended run.

    Parameters
    ----------
    apply : bool
        Store them at once.

    Raises
    ------
    SettingsError
        As `apply_calibration`.
    """
    panel = ApplyPanel(session)
    if apply:
        session.apply()
    return panel.widget if is_interactive() else HTML(panel.message.value)


def conclude(session: CalibrationSession) -> Live:
    """The result in one sentence, with the record for ``summary.json`` behind it; follows the thresholds."""

    def summary() -> Summary:
        found, now = session.record(), session.thresholds
        chosen = "chosen by hand" if session.by_hand else "as suggested"
        applied = "applied" if found["chosen"]["applied"] else "not applied"
        return Summary(
            {"calibration": found},
            f"Calibration {session.calibration.calibration_id}: STRICT {decimals(now.strict)}, "
            f"LOOSE {decimals(now.loose)}, {chosen}, {applied}.",
        )

    return session.live("conclusion", summary)
