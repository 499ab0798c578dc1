"""What changed between two moments of a job, and why, in words."""

from __future__ import annotations

from collections.abc import Mapping

from facesort.core.delivery.changes import (
    Circumstances,
    PhotoThen,
    different_settings,
    setting,
)
from facesort.core.text.words import several, thresholds_apart
from facesort.lab.audit.comparison import Comparison
from facesort.lab.audit.report import AuditReport
from facesort.lab.audit.tables import Sections
from facesort.lab.shared.tables import Table
from facesort.lab.shared.words import timestamp

# Settings that do not change any decision.
_HARMLESS = (
    "run.workers",
    "run.cluster",
    "run.cluster_certificates",
    "run.send_files",
    "photos.timeout_s",
    "output",
)


def comparison_sections(report: AuditReport, compared: Comparison) -> Sections:
    """Which settings changed, why photos changed, and which."""
    return Sections(
        (
            (f"From {_before(compared)} to {_after(compared)}", _circumstances(report, compared)),
            ("Why photos changed", _causes(compared)),
            ("Which photos changed", _changes(report, compared)),
        )
    )


def _before(compared: Comparison) -> str:
    return f"run {compared.before.run_id} ({timestamp(compared.before.started_at)})"


def _after(compared: Comparison) -> str:
    run = f"run {compared.after.run_id} ({timestamp(compared.after.started_at)})"
    if not compared.until_now:
        return run
    same = compared.before.run_id == compared.after.run_id
    return "now" if same else f"{run}, and now"


def _circumstances(report: AuditReport, compared: Comparison) -> Table | str:
    before, after = compared.circumstances
    rows = [("gallery", then, now) for then, now in _gallery(before, after, report.names)]
    if before.pack_id != after.pack_id:
        rows.append(("model pack", before.pack_id[:12], after.pack_id[:12]))
    then, now = (_calibration(each.settings) for each in (before, after))
    if then != now:
        rows.append(("calibrated", then, now))
    rows += [
        (setting(name, before, after), *_shown(then, now))
        for name, then, now in different_settings(before, after)
        if name not in _HARMLESS and not name.startswith("calibration.")
    ]
    if not rows:
        return "The same settings, the same model pack and the same gallery."
    return Table(("What", "Before", "After"), rows)


def _calibration(settings: Mapping[str, object]) -> str:
    """When the thresholds of a run were calibrated, from how many persons, and whose choice they are."""
    if "calibration.id" not in settings:
        return "no"
    chosen = "by hand" if settings["calibration.by_hand"] else "as suggested"
    persons = several(int(str(settings["calibration.persons"])), "person")
    day, _, time = str(settings["calibration.date"]).partition("T")
    return f"{day} {time[:5]} UTC, {persons}, {chosen}"


def _shown(then: object, now: object) -> tuple[str, str]:
    if isinstance(then, float) and isinstance(now, float):
        return thresholds_apart(then, now)
    one, other = ("not set" if value is None else str(value) for value in (then, now))
    return one, other


def _gallery(
    before: Circumstances, after: Circumstances, names: Mapping[int, str]
) -> list[tuple[str, str]]:
    """How the gallery differed when the two runs started."""
    if before.gallery is None or after.gallery is None:
        return [("not recorded by one of the runs, which an older facesort made", "")]
    then, now = before.gallery, after.gallery
    rows = []
    if len(then) != len(now):
        rows.append((f"{len(then):,} persons", f"{len(now):,} persons"))
    added = [names.get(key, f"person {key}") for key in now if key not in then]
    gone = [names.get(key, f"person {key}") for key in then if key not in now]
    rows += [("", f"+ {name}") for name in added] + [(f"- {name}", "") for name in gone]
    for key in sorted(then.keys() & now.keys()):
        if then[key][0] != now[key][0]:
            name = names.get(key, f"person {key}")
            rows.append((f"references of {name}: {then[key][0]}", f"{now[key][0]}"))
    learned = [sum(person[1] for person in each.values()) for each in (then, now)]
    if learned[0] != learned[1]:
        rows.append((f"{learned[0]:,} faces learned", f"{learned[1]:,} faces learned"))
    return rows


def _causes(compared: Comparison) -> Table | str:
    """How many photos changed for each cause, or combination of causes."""
    new = f" {compared.new:,} others were decided for the first time." if compared.new else ""
    if not compared.changed:
        return f"No photo changed.{new}"
    return Table(
        ("Because of", "Photos"),
        compared.causes.most_common(),
        ("changed", compared.changed),
        new.strip(),
    )


def _changes(report: AuditReport, compared: Comparison) -> Table | str:
    if not compared.changed:
        return "None."
    rest = compared.changed - len(compared.first)
    return Table(
        ("Photo", "Before", "After", "Because of"),
        [
            (
                change.path,
                _answer(change.before, report.names),
                _answer(change.after, report.names),
                because,
            )
            for change, because in compared.first
        ],
        note=f"{rest:,} more are not shown." if rest else "",
    )


def _answer(answer: PhotoThen, names: Mapping[int, str]) -> str:
    """Who is in a photo, and why it reached no folder."""
    persons = ", ".join(sorted(names.get(key, f"person {key}") for key in answer.persons))
    if answer.reason is None:
        return persons or answer.status.value
    return f"{persons} ({answer.reason})" if persons else answer.reason
