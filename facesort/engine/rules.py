"""The settings that decide: thresholds, what is learned, and who is delivered."""

from __future__ import annotations

from collections.abc import Iterable, Set
from dataclasses import dataclass

from facesort.core.gallery import Gallery
from facesort.core.matching import Thresholds
from facesort.core.routing import UNKNOWN_FOLDER
from facesort.errors import SettingsError
from facesort.faces.protocol import ModelPack
from facesort.reasons import PhotoStatus, Reason
from facesort.settings import Settings


@dataclass(frozen=True, slots=True)
class Rules:
    """The settings that decide.

    Parameters
    ----------
    learn_quality : float or None
        None: nothing is learned.
    unknown_folder : bool
        Whether photos with only unknown faces are delivered to ``_unknown``.
    """

    thresholds: Thresholds
    learn_quality: float | None
    unknown_folder: bool


def rules_of(settings: Settings, pack: ModelPack) -> Rules:
    """The rules that a workspace's settings and its pack's recommendation give."""
    matching = settings.matching
    strict = pack.strict if matching.strict is None else matching.strict
    loose = pack.loose if matching.loose is None else matching.loose
    if matching.strict is not None and strict > loose:
        raise SettingsError(
            f"strict ({strict:g}) must not be above loose ({loose:g}, of {pack.name})"
        )
    return Rules(
        # A LOOSE that was set below the pack's STRICT means: nothing beyond it is a match.
        Thresholds(min(strict, loose), loose, matching.margin),
        matching.learn_quality if matching.learn else None,
        settings.run.unknown_folder,
    )


def status_of(
    persons: Iterable[int | None], withheld: Set[int]
) -> tuple[PhotoStatus, Reason | None]:
    """Where a photo stands, by who its faces are; as the view `photo_state` has it.

    Parameters
    ----------
    persons : iterable of (person_id or None)
        One per face; None for an unknown one.
    withheld : set of person_id
        Photos with one of them go to nobody.
    """
    named = {person_id for person_id in persons if person_id is not None}
    if named & withheld:
        return PhotoStatus.UNKNOWN, Reason.DO_NOT_DELIVER
    if named:
        return PhotoStatus.MATCHED, None
    return PhotoStatus.UNKNOWN, Reason.ONLY_UNKNOWN_FACES


def targets_of(
    reason: Reason | None, persons: Iterable[int | None], gallery: Gallery, rules: Rules
) -> list[tuple[int | None, str]]:
    """Where the copies of a photo with faces belong: who gets one, and in which folder.

    Parameters
    ----------
    reason : Reason or None
        From `status_of`.
    persons : iterable of (person_id or None)
        One per face; whoever is not in the gallery gets nothing.
    """
    if reason is Reason.DO_NOT_DELIVER:
        return []
    if reason is Reason.ONLY_UNKNOWN_FACES:
        return [(None, UNKNOWN_FOLDER)] if rules.unknown_folder else []
    folders = {person.person_id: person.folder for person in gallery.persons}
    return [(key, folders[key]) for key in dict.fromkeys(persons) if key in folders]
