"""The settings that decide: thresholds, what is learned, and who is delivered."""

from __future__ import annotations

from dataclasses import dataclass

from facesort.core.matching import Thresholds
from facesort.errors import SettingsError
from facesort.faces.protocol import ModelPack
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
