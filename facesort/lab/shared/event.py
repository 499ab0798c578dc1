"""What an event's own faces say about LOOSE and about who is in them, in sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from facesort.core.text.words import several
from facesort.lab.shared.words import decimals

if TYPE_CHECKING:
    from facesort.engine.gallery.alike import Alike

_NAMED = 5  # persons
_PAIRS = 3  # of persons


def group_sentences(by_group: Mapping[str, int], in_doubt: Mapping[str, int]) -> list[str]:
    """What groups brought, and what they leave to be asked.

    Parameters
    ----------
    by_group, in_doubt : mapping
        As in `facesort.store.queries.reports.Counts`.
    """
    sentences = []
    if faces := by_group.get("faces", 0):
        are, their, they = ("is", "its", "it") if faces == 1 else ("are", "their", "they")
        sentences.append(
            f"{several(faces, 'face')} in {several(by_group['photos'], 'photo')} {are} named by {their} group only: "
            f"alone {they} would be too far from the person (`matching.groups`)"
        )
    if in_doubt:
        first, *rest = [f"{number:,} may be {name}" for name, number in in_doubt.items()][:_NAMED]
        number, _, may = first.partition(" ")
        parts = [f"{number} {'photo' if number == '1' else 'photos'} {may}", *rest]
        if more := sum([*in_doubt.values()][_NAMED:]):
            parts.append(f"{more:,} somebody else")
        sentences.append(
            f"{', '.join(parts)}: their group came only just near enough; confirm them in the review "
            "(`04_review`)"
        )
    return sentences


def event_sentences(groups: Mapping[str, Any]) -> list[str]:
    """Where LOOSE of a run comes from, and which faces it could not compare; empty for a run without groups.

    Parameters
    ----------
    groups : mapping
        What the run recorded: `facesort.store.queries.reports.RunRecord.groups`.
    """
    if not groups:
        return []
    others = groups.get("other_packs", 0)  # older runs did not count them
    if not others:
        return _loose_sentences(groups)
    stay, them = ("stays", "it") if others == 1 else ("stay", "them")
    kept = (
        f"{several(others, 'face')} that another model pack found, or an older facesort, cannot be compared with the "
        f"references and {stay} as decided: to match {them} again, go back to that pack in facesort.toml and run "
        "`facesort seed --reembed`, or sort the photos into a new workspace (`facesort init`)"
    )
    return [kept, *_loose_sentences(groups)] if groups["faces"] else [kept]


def _loose_sentences(groups: Mapping[str, Any]) -> list[str]:
    """Where LOOSE comes from."""
    loose, own = decimals(groups["loose"]), several(groups["faces"], "face")
    usual = decimals(groups["usual"])
    decided_by = groups["decided_by"]
    if decided_by == "given":
        return [f"LOOSE {loose}, as you set or calibrated it: groups of faces end there too"]
    if decided_by == "too_few":
        return [
            f"LOOSE {loose}, the model pack's: too few people or faces to find one from the event ({own})"
        ]
    said = f"LOOSE {loose} for this event (1 % of strangers), from its own {own}"
    if decided_by == "floor":
        said = f"LOOSE {loose} for this event, the widest that is safe with this model pack; the event has {own}"
    sentences = [said]
    if decided_by != "floor" and round(groups["loose"], 2) < round(groups["usual"], 2):
        sentences.append(
            f"The people of this event are harder to tell apart: LOOSE {loose} instead of {usual}"
            + (
                ", since faces in one photo are as much alike"
                if decided_by == "impostor_pairs"
                else ""
            )
        )
    if not groups["pairs_tell"]:
        sentences.append(
            f"Only {several(groups['pairs'], 'pair')} of faces in one photo: too few to tell whether these people look "
            "alike, as in a family; look at a few matches in the review"
        )
    return sentences


def alike_sentences(pairs: Sequence[Alike]) -> list[str]:
    """Who may be one person under two names, and what to do about it."""
    sentences = [
        f"{pair.first} and {pair.second} look like one person ({decimals(pair.distance)} apart, within "
        "STRICT): if they are, merge them in 01_seed, or their photos stay divided between the two"
        for pair in pairs[:_PAIRS]
    ]
    if more := len(pairs) - len(sentences):
        sentences.append(f"so do {several(more, 'more pair')} of persons")
    return sentences
