"""The settings that decide: thresholds, what is learned, and who is delivered."""

from __future__ import annotations

from dataclasses import dataclass, replace

from facesort.core.persons.matching import Thresholds
from facesort.errors import SettingsError
from facesort.faces.protocol import ModelPack
from facesort.settings import Clips, Settings


@dataclass(frozen=True, slots=True)
class Rules:
    """The settings that decide.

    Parameters
    ----------
    learn_quality : float or None
        None: nothing is learned.
    unknown_folder : bool
        Whether photos with only unknown faces are delivered to ``_unknown``.
    groups : bool
        Whether a sort ends by joining the faces of the event into groups.
    loose_is_given : bool
        Whether the user or a calibration set LOOSE; with `groups`, it comes from the event otherwise.
    widest_loose : float or None
        Of the pack.
    clips : {"poster", "copy", "none"}
        What everybody in a clip gets.
    """

    thresholds: Thresholds
    learn_quality: float | None
    unknown_folder: bool
    groups: bool = False
    loose_is_given: bool = True
    widest_loose: float | None = None
    clips: Clips = "poster"

    def before_groups(self) -> Rules:
        """Rules for the batches of a sort: while LOOSE of the event is not known, only what is within STRICT is named.

        Copies are never taken back.  So a LOOSE that could turn out to be too wide for the people of an event
        delivers nothing.
        """
        if not self.groups:
            return self
        thresholds = self.thresholds
        if not self.loose_is_given:
            thresholds = replace(thresholds, loose=thresholds.strict)
        return replace(self, thresholds=thresholds, unknown_folder=False)


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
        matching.groups and matching.rematch,
        matching.loose is not None,
        pack.widest_loose,
        settings.photos.clips,
    )
