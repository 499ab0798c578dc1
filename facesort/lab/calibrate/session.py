"""A calibration in a notebook: thresholds that the user moves, and displays that follow them."""

from __future__ import annotations

from concurrent.futures import Executor
from dataclasses import asdict, replace
from functools import cached_property
from typing import Any

from facesort.core.calibration import (
    Calibration,
    Comparisons,
    CrowdPairs,
    CrowdTest,
    Forecast,
    OperatingPoint,
    Trials,
    compare_crowd,
    operating_point,
    photo_pairs,
    reference_pairs,
)
from facesort.core.persons.gallery import Gallery
from facesort.core.persons.matching import Thresholds
from facesort.engine.calibration.calibrate import CalibrationRun
from facesort.engine.calibration.duplicates import PossibleDuplicate, possible_duplicates
from facesort.engine.calibration.forecast import (
    SourceSample,
    faces_by_photo,
    forecast_from,
    frozen_gallery,
    sample_source,
)
from facesort.engine.calibration.in_force import apply_calibration, take_back
from facesort.engine.gallery.view import read_gallery
from facesort.engine.rules import Rules, rules_of
from facesort.errors import InsufficientTrialsError, SourceGoneError
from facesort.faces.protocol import ModelPack
from facesort.lab.calibrate.curves import Curves, curves_of
from facesort.lab.shared.progress_bar import progress_bar
from facesort.lab.shared.session import Session
from facesort.workspace import Workspace


class CalibrationSession(Session):
    """A calibration with movable thresholds.

    Parameters
    ----------
    thresholds : Thresholds
        To start with.
    executor : Executor, optional
        Where to analyse photos; default: processes on this machine.
    """

    def __init__(
        self,
        workspace: Workspace,
        pack: ModelPack,
        run: CalibrationRun,
        thresholds: Thresholds,
        executor: Executor | None = None,
    ) -> None:
        super().__init__(workspace, pack)
        self.run = run
        self.thresholds = thresholds
        self.sample: SourceSample | None = None
        self.no_sample = "no photo of the source was analysed"
        self.applied: Thresholds | None = None
        self._before_apply: list[tuple[Workspace, Thresholds | None]] = []
        self._executor = executor
        self._point: OperatingPoint | None = None
        self._crowd_pairs: CrowdPairs | None = None
        self._event_forecast: tuple[Rules, Forecast] | None = None

    @property
    def calibration(self) -> Calibration:
        """The suggested thresholds and the reasons for them."""
        return self.run.calibration

    @property
    def comparisons(self) -> Comparisons:
        """The distances that the calibration is based on."""
        return self.run.comparisons

    @cached_property
    def gallery(self) -> Gallery:
        """The gallery with references only."""
        return frozen_gallery(self.workspace, self.pack)

    @cached_property
    def best_crops(self) -> dict[int, bytes]:
        """The best reference's JPEG of every person, by person id."""
        cards = read_gallery(self.workspace, self.pack).cards
        return {card.person.person_id: card.best.crop for card in cards}

    @cached_property
    def possible_duplicates(self) -> tuple[PossibleDuplicate, ...]:
        """Pairs of names that may be one person."""
        return possible_duplicates(self.gallery, self.run.labelled, self.pack.strict)

    @cached_property
    def curves(self) -> Curves:
        """Rates over the whole range of thresholds."""
        return curves_of(self.comparisons)

    @property
    def by_hand(self) -> bool:
        """Whether the thresholds differ from the suggested ones."""
        return self.thresholds != self.calibration.thresholds

    @property
    def in_force(self) -> Rules:
        """The rules of a sort now."""
        return rules_of(self.workspace.settings, self.pack)

    @property
    def rules(self) -> Rules:
        """The rules of a sort with these thresholds; with groups, these end at this LOOSE."""
        return replace(self.in_force, thresholds=self.thresholds, loose_is_given=True)

    @property
    def rules_if_applied(self) -> Rules:
        """The rules of a sort after `apply`, which may leave LOOSE to the event."""
        given = self.calibration.loose_to_store(self.thresholds) is not None
        return replace(self.rules, loose_is_given=given)

    @property
    def point(self) -> OperatingPoint:
        """Error rates at the current thresholds."""
        if self._point is None or self._point.thresholds != self.thresholds:
            self._point = operating_point(self.comparisons, self.thresholds)
        return self._point

    def move(self, *, strict: float | None = None, loose: float | None = None) -> None:
        """Move a threshold; if only one is given, it stops at the other."""
        with self.lock:
            now = self.thresholds
            if strict is None and loose is not None:
                loose = max(loose, now.strict)
            if loose is None and strict is not None:
                strict = min(strict, now.loose)
            moved = replace(
                now,
                strict=now.strict if strict is None else strict,
                loose=now.loose if loose is None else loose,
            )
            if moved != now:
                self.thresholds = moved
                self.changed()

    def analyse_sample(self, photos: int, seed: int) -> None:
        """Analyse a random sample of the source; without one, `no_sample` says why."""
        with self.lock, progress_bar() as on_photo:
            self.sample = self._crowd_pairs = self._event_forecast = None
            self.no_sample = "`sample` is 0, so no photo of the source was analysed"
            if not photos:
                return
            try:
                self.sample = sample_source(
                    self.workspace,
                    self.pack,
                    sample=photos,
                    seed=seed,
                    executor=self._executor,
                    on_photo=on_photo,
                )
            except (SourceGoneError, InsufficientTrialsError) as error:
                self.no_sample = str(error)

    def forecast(self) -> Forecast | None:
        """What a sort would give; None without a sample."""
        found = self.sample
        if found is None:
            return None
        return forecast_from(found.analyses, self.gallery, self.rules, found.photos_in_all)

    @property
    def finds_loose(self) -> bool:
        """Whether a sort would find LOOSE from the event, as long as none is stored."""
        return self.in_force.groups and not self.in_force.loose_is_given

    def event_forecast(self) -> Forecast | None:
        """What a sort would give that finds LOOSE from the event; None if LOOSE is set, or without a sample."""
        found, rules = self.sample, self.in_force
        if found is None or not self.finds_loose:
            return None
        if self._event_forecast is None or self._event_forecast[0] != rules:  # no slider moves it
            made = forecast_from(found.analyses, self.gallery, rules, found.photos_in_all)
            self._event_forecast = rules, made
        _, forecast = self._event_forecast
        return forecast if forecast.groups else None

    @cached_property
    def seed_pairs(self) -> Trials:
        """Pairs of references of different persons, face to face."""
        return reference_pairs(self.gallery)

    def crowd_pairs(self) -> CrowdPairs:
        """Pairs of faces within one sampled photo."""
        if self._crowd_pairs is None:  # the same for all thresholds
            analyses = self.sample.analyses if self.sample else ()
            self._crowd_pairs = photo_pairs(faces_by_photo(analyses), self.pack.strict)
        return self._crowd_pairs

    def crowd(self) -> CrowdTest | None:
        """Whether the people of the event are harder to tell apart; None if there is nothing to compare."""
        try:
            return compare_crowd(self.crowd_pairs(), self.seed_pairs, self.thresholds)
        except InsufficientTrialsError:
            return None

    def apply(self) -> None:
        """Store the thresholds for the next sorts.

        Raises
        ------
        SettingsError
            As `apply_calibration`.
        """
        with self.lock:
            settings = apply_calibration(self.workspace, self.calibration, self.thresholds)
            self._before_apply.append((self.workspace, self.applied))
            self.workspace = replace(self.workspace, settings=settings)
            self.applied = self.thresholds
            self.changed()

    @property
    def can_take_back(self) -> bool:
        """Whether anything was applied here."""
        return bool(self._before_apply)

    def take_back(self) -> None:
        """Undo the last `apply`.

        Raises
        ------
        SettingsError
            As `apply_calibration`.
        """
        with self.lock:
            before, applied = self._before_apply[-1]
            settings = take_back(self.workspace, before.settings)
            self._before_apply.pop()
            self.workspace = replace(self.workspace, settings=settings)
            self.applied = applied
            self.changed()

    def record(self) -> dict[str, Any]:
        """The content of ``calibration.json``: plain values, no names, no embeddings."""
        forecast, event, crowd = self.forecast(), self.event_forecast(), self.crowd()
        chosen, point = self.thresholds, self.point
        return self.calibration.to_json() | {
            "data": self.calibration.counts.words,
            "look_alikes": len(self.possible_duplicates),  # the key that existing files have
            "chosen": {
                "strict": chosen.strict,
                "loose": chosen.loose,
                "by_hand": self.by_hand,
                "applied": self.applied == chosen,
                "loose_stored": self.calibration.loose_to_store(chosen),
                "rates": {
                    name: (rate := getattr(point, name)) and asdict(rate)
                    for name in ("fpir", "fnir", "fmr", "fnmr", "wrong_learning")
                },
            },
            "forecast": forecast and {
                "drops": asdict(forecast.drops(chosen.loose)),
                "learned": asdict(forecast.learned().at(chosen.strict)) if len(forecast.learnable) else None,
            },
            "event": event and event.groups and {
                "loose": event.groups.threshold.loose,
                "decided_by": event.groups.threshold.decided_by,
                "drops": asdict(event.drops(event.groups.threshold.loose)),
            },
            "crowd": crowd and {
                **asdict(crowd),
                "harder": crowd.harder,
                "too_few": crowd.too_few,
                "sentence": crowd.sentence,
            },
        }  # fmt: skip
