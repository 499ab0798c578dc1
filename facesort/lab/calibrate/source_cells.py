"""What ``02_calibrate`` shows of a sample of the source."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from IPython.display import Markdown
from ipywidgets import Widget

from facesort.core.calibration import DropForecast, Forecast
from facesort.core.stored import StoredFace
from facesort.core.text.foreign_text import markdown_text
from facesort.core.text.words import several
from facesort.engine.calibration.forecast import decide_sample, photos_of_persons
from facesort.errors import SettingsError
from facesort.lab.calibrate.forecast import plot_forecast
from facesort.lab.calibrate.histogram import Group, plot_groups
from facesort.lab.calibrate.session import CalibrationSession
from facesort.lab.shared.colours import GREY, ORANGE
from facesort.lab.shared.face_pictures import (
    NOT_REQUESTED,
    face_limit,
    faces_picture,
    plot_contact_sheet,
)
from facesort.lab.shared.plots import Plot, chart, picture
from facesort.lab.shared.session import Live
from facesort.lab.shared.tables import Table
from facesort.lab.shared.words import decimals
from facesort.reasons import Outcome

_MAX_PERSONS = 40


def look_at_source(session: CalibrationSession, *, photos: int, seed: int) -> Markdown:
    """Analyse a sample of the source for the cells that follow.

    Raises
    ------
    SettingsError
        If `photos` is not a whole number from 0.
    """
    if not isinstance(photos, int) or photos < 0:
        raise SettingsError(f"sample must be a whole number from 0, got {photos!r}")
    session.analyse_sample(photos, seed)
    found = session.sample
    if found is None:
        return _no_sample(session)
    faces = sum(len(analysis.faces) for analysis in found.analyses)
    failed = sum(analysis.failure is not None for analysis in found.analyses)
    return Markdown(
        f"{len(found.photos):,} of {found.photos_in_all:,} photos, spread evenly over the source: {faces:,} faces"
        + (f"; {failed:,} photos could not be read." if failed else ".")
    )


def _no_sample(session: CalibrationSession) -> Markdown:
    return Markdown(f"Nothing to show: {markdown_text(session.no_sample)}.")


def show_crowd(session: CalibrationSession) -> Live:
    """Whether people of this event are harder to tell apart than the references suggest; follows the thresholds."""

    def content() -> Plot | Markdown:
        found = session.crowd()
        if session.sample is None:
            return _no_sample(session)
        if found is None:
            return Markdown(
                "Nothing to compare: no sampled photo has two faces, or the gallery has one person."
            )
        groups = (
            Group("references of different persons", session.seed_pairs.scores, GREY, True),
            Group("two faces of one photo", session.crowd_pairs().by_photo.scores, ORANGE, False),
        )
        draw = partial(plot_groups, groups=groups, thresholds=session.thresholds)
        figure = chart(draw, height=3.8)
        text = found.sentence
        if found.suspects:
            text += (
                f"\n{several(found.suspects, 'pair')} in one photo within STRICT: look-alikes, or the same person "
                "twice in it."
            )
        return picture(figure, text, above=text)

    return session.live("crowd", content, deferred=True)


def show_forecast(session: CalibrationSession) -> Live:
    """Expected drop rate for every LOOSE and share learned for every STRICT; follows the thresholds."""

    def content() -> Plot | Markdown:
        found = session.forecast()
        if found is None:
            return _no_sample(session)
        drops = found.drops(session.thresholds.loose)
        text = f"Of all {drops.photos:,} photos, {_number(drops)} would reach no folder."
        if found.groups is not None:
            text = "\n".join([text, *_of_groups(drops, session.event_forecast())])
        figure = plot_forecast(found, session.thresholds)
        return picture(figure, text, above=text)

    return session.live("forecast", content, deferred=True)


def _number(drops: DropForecast) -> str:
    """Photos that reach no folder."""
    low, high = (round(end * drops.photos) for end in (drops.low, drops.high))
    return f"{low:,}" if low == high else f"{low:,} to {high:,} (95 %)"


def _of_groups(drops: DropForecast, event: Forecast | None) -> list[str]:
    """What a sort makes of a LOOSE that is set, and what it does without one."""
    more = ""
    if drops.sampled < drops.photos:
        more = f": all {drops.photos:,} photos find more than these {drops.sampled:,}"
    said = [f"Groups of faces end at this LOOSE too{more}."]
    if more:
        said.append("So fewer may be dropped than the interval says.")
    if event is not None and event.groups is not None:
        found = event.groups.threshold
        source = "of this sample"
        if found.decided_by == "too_few":
            source = "the pack's, as the sample has too few faces"
        said.append(
            f"With LOOSE left to the event ({decimals(found.loose)}, {source}): "
            f"{_number(event.drops(found.loose))}."
        )
    return said


def show_what_if(session: CalibrationSession) -> Live:
    """Photos of the sample that each person gains and loses if the thresholds are applied; follows the thresholds."""

    def content() -> Table | Markdown:
        found = session.sample
        if found is None:
            return _no_sample(session)
        now, then = (
            photos_of_persons(decide_sample(found.analyses, session.gallery, rules))
            for rules in (session.in_force, session.rules_if_applied)
        )
        rows: list[tuple[str, int, int, int, int]] = []
        for person in session.gallery.persons:
            before, after = now[person.person_id], then[person.person_id]
            gained, lost = len(after - before), len(before - after)
            rows.append((person.name, len(before), len(after), gained, lost))
        rows.sort(key=lambda row: -row[3] - row[4])
        changed = sum(row[3] + row[4] > 0 for row in rows)
        shown, rest = rows[: min(changed, _MAX_PERSONS)], rows[min(changed, _MAX_PERSONS) :]
        if rest:
            shown.append((several(len(rest), "other person" if shown else "person"), *_sums(rest)))
        reached = [len(set().union(*photos.values())) for photos in (now, then)]
        return Table(
            ("Person", "Photos now", "Then", "Gained", "Lost"),
            shown,
            ("all persons", *_sums(rows)),
            f"Of {len(found.photos):,} photos of the sample, somebody is found in {reached[0]:,} now and in "
            f"{reached[1]:,} then; the source has {found.photos_in_all:,}. Now: the thresholds that a sort uses today. "
            "Then: what “Apply” below stores.",
        )

    return session.live("what_if", content, deferred=True)


def _sums(rows: Sequence[tuple[str, int, int, int, int]]) -> tuple[int, int, int, int]:
    _, *columns = zip(*rows, strict=True)
    now, then, gained, lost = map(sum, columns)
    return now, then, gained, lost


def show_between(session: CalibrationSession, *, limit: int | None) -> Live:
    """Faces of the sample between STRICT and LOOSE; follows the thresholds.

    Raises
    ------
    SettingsError
        As `face_limit`.
    """
    shown = face_limit(limit)

    def content() -> Plot | Widget | Markdown:
        if not shown:
            return Markdown(NOT_REQUESTED)
        if session.sample is None:
            return _no_sample(session)
        faces, number = faces_between(session, shown)
        if not faces:
            return Markdown("No face of the sample lies between STRICT and LOOSE.")
        text = f"{len(faces):,} of {number:,} faces of the sample between STRICT and LOOSE, the farthest first"
        if session.rules.groups:
            text += "; their groups named those beyond LOOSE"
        return faces_picture(plot_contact_sheet(faces), text)

    return session.live("between", content, deferred=True)


def faces_between(session: CalibrationSession, limit: int) -> tuple[list[StoredFace], int]:
    """Faces of the sample that a sort would match but not learn, those nearest to LOOSE first.

    Returns
    -------
    list of StoredFace
        At most `limit`.
    int
        How many there are.
    """
    if session.sample is None:
        return [], 0
    results = decide_sample(session.sample.analyses, session.gallery, session.rules)
    found = [
        (decision, face, photo)
        for photo, result in zip(session.sample.photos, results, strict=True)
        for face, decision in zip(result.analysis.faces, result.decisions, strict=False)
        if decision.outcome is Outcome.LOOSE
    ]
    found.sort(key=lambda item: -(item[0].distance or 0.0))
    names = {person.person_id: person.name for person in session.gallery.persons}
    return (
        [
            StoredFace(
                face_id=0,  # faces of a sample are not stored
                photo=photo,
                person=names[decision.person_id or 0],
                runner_up=names.get(decision.runner_up_id or 0),
                outcome=decision.outcome.value,
                reason=decision.reason.value,
                distance=decision.distance,
                runner_up_distance=decision.runner_up_distance,
                quality=face.quality,
                crop=face.crop,
                reference_crop=session.best_crops[decision.person_id or 0],
            )
            for decision, face, photo in found[:limit]
        ],
        len(found),
    )
