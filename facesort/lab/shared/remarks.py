"""What has to be said beside the counts: photos that are not as expected, files that are linked, gone or left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from facesort.core.text.meanings import explain
from facesort.core.text.words import several
from facesort.lab.shared.event import group_sentences
from facesort.reasons import PhotoStatus, Reason, Remark

if TYPE_CHECKING:
    from facesort.core.records import Analysis

_UNTAGGED = "photo without an orientation tag", "photos without an orientation tag"
_MOVIES = "movie of a Live Photo", "movies of Live Photos"
# The noun, and what is said of one and of several photos.
_OF_PHOTOS: Mapping[Remark, tuple[Sequence[str], str, str]] = MappingProxyType(
    {
        Remark.DAMAGED: (
            ("file",),
            "is damaged and was sorted all the same (`photos.accept_damaged`): copy it again from the card",
            "are damaged and were sorted all the same (`photos.accept_damaged`): copy them again from the card",
        ),
        Remark.PAGES: (
            ("file",),
            "holds further pages; only its first picture was read: save the others as files of their own",
            "hold further pages; only the first picture of each was read: save the others as files of their own",
        ),
        Remark.TONE_MAPPED: (
            ("HDR photo",),
            "was tone-mapped to SDR",
            "were tone-mapped to SDR",
        ),
        Remark.TURNED: (
            _UNTAGGED,
            "lies on its side or head, and is delivered as it is (`photos.auto_upright = true` turns photos that are "
            "sorted from then on)",
            "lie on their side or head, and are delivered as they are (`photos.auto_upright = true` turns photos that "
            "are sorted from then on)",
        ),
        Remark.UPRIGHT: (
            _UNTAGGED,
            "lay on its side or head, and was turned upright (`photos.auto_upright`)",
            "lay on their side or head, and were turned upright (`photos.auto_upright`)",
        ),
    }
)


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
    said += _of_clips(report.get("clips", {}))
    said += _of_photos(report.get("remarks", {}))
    return said + group_sentences(report.get("by_group", {}), report.get("in_doubt", {}))


def clips_remark(clips: Mapping[str, int]) -> str:
    """How many of the files are clips, and what became of them; empty for none."""
    if not (total := clips.get("total", 0)):
        return ""
    parts = [f"{n:,} {status}" for status in PhotoStatus if (n := clips.get(status, 0))]
    them = several(total, "of the files is a clip", "of the files are clips")
    followed = several(clips.get("tracks", 0), "face was", "faces were")
    return f"{them} ({' + '.join(parts)}), in which {followed} followed"


def _of_clips(clips: Mapping[str, int]) -> list[str]:
    """Clips that were sorted, those of them that wait for an answer, and those that were left out."""
    said = [sorted_clips] if (sorted_clips := clips_remark(clips)) else []
    if awaiting := clips.get(Reason.AWAITS_REVIEW, 0):
        them = "it" if awaiting == 1 else "them"
        said.append(
            f"{several(awaiting, 'clip')} {'awaits' if awaiting == 1 else 'await'} your review: somebody in {them} is "
            f"likely, and nobody certain; nobody gets {them} before you say who it is"
        )
    parts = [
        several(number, *noun)
        for code, noun in (("left_out", ("clip",)), ("left_out_movies", _MOVIES))
        if (number := clips.get(code, 0))
    ]
    if parts:
        one = sum(clips.get(code, 0) for code in ("left_out", "left_out_movies")) == 1
        said.append(
            f"{' and '.join(parts)} {'was' if one else 'were'} left out: with `photos.videos = true` in facesort.toml "
            f"the next sort takes {'it' if one else 'them'}"
        )
    return said


def _of_photos(remarks: Mapping[str, int]) -> list[str]:
    """What was found in photos that were read."""
    numbers = {code: remarks.get(code, 0) for code in Remark}
    numbers[Remark.TURNED] -= numbers[Remark.UPRIGHT]
    return [
        f"{several(number, *noun)} {one if number == 1 else many}"
        for code, (noun, one, many) in _OF_PHOTOS.items()
        if (number := numbers[code])
    ]


def damage_remark(analysis: Analysis) -> str:
    """What is to be said of a reference that was taken although it is damaged; empty for others."""
    if not analysis.is_damaged:
        return ""
    return f"{analysis.detail}; it was taken all the same (`photos.accept_damaged`): a whole photo is better"


def _absent(absent: Mapping[str, int]) -> str:
    """Photos that were in the sources; of the two parts, only the first has the noun."""
    (first, number), *rest = absent.items()
    says = {"gone": "gone from the sources", "replaced": "replaced"}
    parts = [f"{several(number, 'photo')} {_was(first, number)} {says[first]}"]
    parts += [f"{n:,} {_was(state, n)} {says[state]}" for state, n in rest]
    return f"{', '.join(parts)}: {'it is' if sum(absent.values()) == 1 else 'they are'} in no sum"


def wrong_files_remark(wrong: int, listed_in: Path) -> str:
    """What stays in the output although it is not right any more; empty for nothing."""
    if not wrong:
        return ""
    files = several(wrong, "file in the output is", "files in the output are")
    return f"{files} wrong now: see {listed_in}"


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
