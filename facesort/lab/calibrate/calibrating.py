"""A calibration that somebody looks at: thresholds that can be moved, and displays that follow them."""

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
from facesort.core.gallery import Gallery
from facesort.core.matching import Thresholds
from facesort.engine.calibration.calibrate import CalibrationRun
from facesort.engine.calibration.forecast import (
    SourceSample,
    faces_by_photo,
    forecast_from,
    frozen_gallery,
    sample_source,
)
from facesort.engine.calibration.in_force import apply_calibration
from facesort.engine.calibration.look_alikes import LookAlike, look_alikes
from facesort.engine.rules import Rules, rules_of
from facesort.errors import InsufficientTrialsError, SourceGoneError
from facesort.faces.protocol import ModelPack
from facesort.lab.calibrate.curves import Curves, draw_curves
from facesort.lab.shared.progress_bar import progress_bar
from facesort.lab.shared.session import Session
from facesort.workspace import Workspace


class Calibrating(Session):
    """A calibration with thresholds that can be moved.

    Parameters
    ----------
    thresholds : Thresholds
        To begin with.
    executor : Executor, optional
        Where to analyse photos; processes on this machine by default.
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
        self._crowd_pairs: CrowdPairs | None = None
        self.no_sample = "no photo of the source was looked at"
        self.applied: Thresholds | None = None
        self._executor = executor
        self._point: OperatingPoint | None = None

    @property
    def calibration(self) -> Calibration:
        """What is suggested, and why."""
        return self.run.calibration

    @property
    def comparisons(self) -> Comparisons:
        """The distances behind it."""
        return self.run.comparisons

    @cached_property
    def gallery(self) -> Gallery:
        """The references alone, as they are compared."""
        return frozen_gallery(self.workspace, self.pack)

    @cached_property
    def look_alikes(self) -> tuple[LookAlike, ...]:
        """Different names that look like one person."""
        return look_alikes(self.gallery, self.run.labelled, self.pack.strict)

    @cached_property
    def curves(self) -> Curves:
        """Rates over the whole range of thresholds."""
        return draw_curves(self.comparisons)

    @property
    def by_hand(self) -> bool:
        """Whether the thresholds are others than those suggested."""
        return self.thresholds != self.calibration.thresholds

    @property
    def rules(self) -> Rules:
        """What a sort would decide by, with these thresholds."""
        return replace(rules_of(self.workspace.settings, self.pack), thresholds=self.thresholds)

    @property
    def point(self) -> OperatingPoint:
        """What the thresholds do."""
        if self._point is None or self._point.thresholds != self.thresholds:
            self._point = operating_point(self.comparisons, self.thresholds)
        return self._point

    def move(self, *, strict: float | None = None, loose: float | None = None) -> None:
        """Move a threshold; STRICT stops at LOOSE, and LOOSE at STRICT, unless both are given."""
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

    def look(self, photos: int, seed: int) -> None:
        """Analyse a sample of the source; that there is nothing to look at is kept as a sentence."""
        with self.lock, progress_bar() as on_photo:
            self.sample = self._crowd_pairs = None
            self.no_sample = "`sample` is 0, so no photo of the source was looked at"
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

    @cached_property
    def seed_pairs(self) -> Trials:
        """References of different persons, face to face."""
        return reference_pairs(self.gallery)

    def crowd_pairs(self) -> CrowdPairs:
        """Two faces of one sampled photo."""
        if self._crowd_pairs is None:  # the same for all thresholds
            analyses = self.sample.analyses if self.sample else ()
            self._crowd_pairs = photo_pairs(faces_by_photo(analyses), self.pack.strict)
        return self._crowd_pairs

    def crowd(self) -> CrowdTest | None:
        """Whether the event's people are harder to tell apart; None where there is nothing to compare."""
        try:
            return compare_crowd(self.crowd_pairs(), self.seed_pairs, self.thresholds)
        except InsufficientTrialsError:
            return None

    def apply(self) -> None:
        """Let the next sorts use these thresholds.

        Raises
        ------
        SettingsError
            As `apply_calibration`.
        """
        with self.lock:
            settings = apply_calibration(self.workspace, self.calibration, self.thresholds)
            self.workspace = replace(self.workspace, settings=settings)
            self.applied = self.thresholds
            self._notify(self._observers)

    def record(self) -> dict[str, Any]:
        """What ``calibration.json`` says: plain values, no names, no embeddings."""
        forecast, crowd = self.forecast(), self.crowd()
        chosen, point = self.thresholds, self.point
        return self.calibration.to_json() | {
            "data": self.calibration.counts.words,
            "look_alikes": len(self.look_alikes),
            "chosen": {
                "strict": chosen.strict,
                "loose": chosen.loose,
                "by_hand": self.by_hand,
                "applied": self.applied == chosen,
                "rates": {
                    name: asdict(getattr(point, name))
                    for name in ("fpir", "fnir", "fmr", "fnmr", "wrong_learning")
                },
            },
            "forecast": forecast and {
                "drops": asdict(forecast.drops(chosen.loose)),
                "learned": asdict(forecast.learned_at(chosen.strict)) if len(forecast.learnable) else None,
            },
            "crowd": crowd and {**asdict(crowd), "harder": crowd.harder},
        }  # fmt: skip
