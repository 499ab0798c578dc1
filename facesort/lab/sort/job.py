"""A workspace about to be sorted, with the settings of one run."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType

from facesort.engine.calibration.in_force import changes_since, moved_since
from facesort.engine.rules import Rules, rules_of
from facesort.engine.setup import open_with_pack
from facesort.errors import StoreError
from facesort.faces.packs.measured import vouched_by
from facesort.faces.protocol import ModelPack
from facesort.images.clips.clip_file import which_decoder
from facesort.lab.shared.log_lines import log_lines
from facesort.lab.shared.notebooks import find_folder
from facesort.lab.shared.tables import Table
from facesort.lab.shared.words import decimals, timestamp
from facesort.settings import Clips, given_for_run, override
from facesort.workspace import Workspace

log = logging.getLogger(__name__)

_GIVEN: Mapping[Clips, str] = MappingProxyType(
    {"poster": "their best frame", "copy": "a copy", "none": "nothing"}
)


@dataclass(frozen=True, slots=True)
class SortJob:
    """A workspace about to be sorted.  Displays as a table of its settings.

    Parameters
    ----------
    workspace : Workspace
        With the settings of this run.
    given : frozenset of str
        Names of the settings that come from this run's parameters.
    outdated : tuple of str
        Why the workspace's calibration is out of date.
    """

    workspace: Workspace
    pack: ModelPack
    given: frozenset[str]
    opened_at: datetime
    outdated: tuple[str, ...] = ()

    def table(self) -> Table:
        """The settings that decide, and where they come from."""
        settings, rules = self.workspace.settings, rules_of(self.workspace.settings, self.pack)
        thresholds = rules.thresholds
        return Table(
            ("Setting", "Value", "Comes from"),
            (
                *(
                    (f"Source {name} (never written to)", place, "facesort.toml")
                    for name, place in settings.sources.items()
                ),
                ("Output (only added to)", settings.output, "facesort.toml"),
                ("Workspace", self.workspace.root, "parameter"),
                ("Model pack", f"{self.pack.name} ({self.pack.pack_id[:12]})", "facesort.toml"),
                ("STRICT", decimals(thresholds.strict), self._threshold_origin("strict")),
                self._loose(rules),
                self._calibration(),
                ("Margin to the runner-up", decimals(thresholds.margin), self._origin("margin")),
                ("Learn from STRICT faces", _yes(settings.matching.learn), self._origin("learn")),
                ("Name faces by their groups", _yes(rules.groups), self._origin("groups")),
                (
                    "Folder for unknown faces",
                    _yes(rules.unknown_folder),
                    self._origin("unknown_folder"),
                ),
                self._clips(),
                self._workers(),
            ),
            note=f"{timestamp(self.opened_at)}. Licence of the model pack: {self.pack.licence}",
        )

    def _loose(self, rules: Rules) -> tuple[str, str, str]:
        """The row of LOOSE, which the event decides if nobody has."""
        if rules.groups and not rules.loose_is_given:
            return (
                "LOOSE",
                "of the event",
                "its own faces, at the end of the sort (`matching.groups`); until then only STRICT faces are delivered",
            )
        return "LOOSE", decimals(rules.thresholds.loose), self._threshold_origin("loose")

    def _clips(self) -> tuple[str, str, str]:
        """The row that says whether clips are sorted, how, and what everybody gets of them."""
        photos = self.workspace.settings.photos
        if not photos.videos:
            return "Clips", "left out", "`photos.videos = true` in facesort.toml takes them"
        often = (
            "key frames"
            if photos.key_frames_only
            else f"{photos.samples_per_second:g} frames per second"
        )
        return (
            "Clips",
            f"{often}, by {which_decoder()}; everybody gets {_GIVEN[photos.clips]}",
            "facesort.toml",
        )

    def _workers(self) -> tuple[str, str | int, str]:
        """The row that says who looks for faces."""
        run = self.workspace.settings.run
        if run.cluster is not None:
            return "Workers", f"those of the cluster {run.cluster}", self._origin("cluster")
        return "Worker processes", run.workers or "one per core", self._origin("workers")

    def _origin(self, name: str) -> str:
        return "parameter of this run" if name in self.given else "facesort.toml"

    def _calibration(self) -> tuple[str, str, str]:
        """The row with the calibration of this run."""
        used = self.workspace.settings.calibration
        if used is None:
            return "Calibration", "none", "`facesort calibrate` makes one from your own photos"
        value = f"{used.id} of {used.date[:10]}"
        if self.outdated:
            value = f"{value}, OUT OF DATE: {'; '.join(self.outdated)}"
        return "Calibration", value, used.data

    def _threshold_origin(self, name: str) -> str:
        settings = self.workspace.settings
        value, used = getattr(settings.matching, name), settings.calibration
        if value is not None:
            if used is None or name in self.given:
                return self._origin(name)
            if value != getattr(used, name):
                return "facesort.toml, changed since the calibration"
            return f"calibration {used.id}{', chosen by hand' if used.by_hand else ''}"
        return f"the model pack's ({vouched_by(self.pack)})"

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()

    def __repr__(self) -> str:
        return repr(self.table())


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def open_sort(workspace: str | Path, **overrides: object) -> SortJob:
    """Open a workspace with the settings of one run; nothing is stored.

    Parameters
    ----------
    workspace : str or Path
    **overrides
        ``workers``, ``strict``, ``loose``, ``margin``, ``learn``, ``groups``, ``unknown_folder``, ``cluster``,
        ``cluster_certificates``, ``send_files``; None, or 0 workers, mean: as in the workspace's ``facesort.toml``.

    Raises
    ------
    SettingsError
        If a name or a value is not valid.
    WorkspaceError, PackError
        If the workspace or its model pack is missing.
    """
    log_lines()
    opened, pack = open_with_pack(find_folder(workspace))
    given = given_for_run(overrides)
    job = dataclasses.replace(opened, settings=override(opened.settings, given))
    outdated, moved = _since(job, pack)
    if outdated:
        log.warning(
            "the thresholds come from a calibration that is out of date: %s; "
            "`facesort calibrate` makes a new one",
            "; ".join(outdated),
        )
    if moved:
        log.warning(
            "%s since the last sort: they are those of %s now (%s); `matching` in facesort.toml sets others",
            ", ".join(moved),
            pack.name,
            ": ".join(filter(None, (vouched_by(pack), pack.measured_on))),
        )
    return SortJob(job, pack, frozenset(given), datetime.now(UTC), outdated)


def _since(workspace: Workspace, pack: ModelPack) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Why the calibration is out of date, and which thresholds moved since the last sort.

    The database is opened once, if at all; a locked one must not hide the other reasons.
    """
    matching = workspace.settings.matching
    if workspace.settings.calibration is None and None not in (matching.strict, matching.loose):
        return (), ()
    try:
        with workspace.open_store(read_only=True) as store:
            return changes_since(workspace, pack, store), moved_since(workspace, pack, store)
    except StoreError as error:  # the sort itself says what is to be done about it
        log.info("it is not known which thresholds the last sort had: %s", error)
        return changes_since(workspace, pack, error), ()
