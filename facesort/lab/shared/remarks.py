"""What has to be said beside the counts: files that are linked, gone, or left out although they may be photos."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from facesort.core.words import several
from facesort.lab.shared.words import explain


def remarks(report: Mapping[str, Any]) -> list[str]:
    """Sentences about a status report (`status_report`): one for each thing that its sums do not say.

    Progress files of an older facesort lack some of the keys.
    """
    said, skipped = [], report.get("skipped", {})
    if linked := report.get("same_shot", 0):
        said.append(
            f"{linked:,} of the duplicates {'is' if linked == 1 else 'are'} the RAW of a JPEG (or another file of the "
            "same shot)"
        )
    if absent := {state: n for state, n in report.get("absent", {}).items() if n}:
        said.append(_absent(absent))
    said += [
        f"{skipped[code]:,} left out as {code}: {explain(code)}"
        for code in ("symbolic_link", "broken_link")
        if skipped.get(code)
    ]
    if unreadable := skipped.get("unreadable", 0):
        what = several(unreadable, "folder or file", "folders or files")
        said.append(
            f"{what} of the source could not be read, and may contain photos: give this user access (`facesort audit` "
            "lists them), then run `facesort sort` again"
        )
    return said


def _absent(absent: Mapping[str, int]) -> str:
    """Photos that were in the sources; of the two parts, only the first has the noun."""
    (first, number), *rest = absent.items()
    says = {"gone": "gone from the sources", "replaced": "replaced"}
    parts = [f"{several(number, 'photo')} {_was(first, number)} {says[first]}"]
    parts += [f"{n:,} {_was(state, n)} {says[state]}" for state, n in rest]
    return f"{', '.join(parts)}: {'it is' if sum(absent.values()) == 1 else 'they are'} in no sum"


def _was(state: str, number: int) -> str:
    one, many = {"gone": ("is", "are"), "replaced": ("was", "were")}[state]
    return one if number == 1 else many


def shifted_remark(shifted: int) -> str:
    """What a run took for unchanged although its time had moved; empty for nothing."""
    if not shifted:
        return ""
    return (
        f"{several(shifted, 'file')} taken as unchanged although the time had moved, as it does for a whole folder of "
        "a card when the clock is set to another zone: `facesort rescan --hash` compares the content"
    )
