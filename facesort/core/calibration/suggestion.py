"""Thresholds that the comparisons support, and what is said where they support none."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from math import ceil, floor

from facesort.core.calibration.comparisons import Comparisons
from facesort.core.calibration.rates import Rate, Trials
from facesort.core.matching import Thresholds
from facesort.core.words import several
from facesort.errors import InsufficientTrialsError, SettingsError

_STEP = 1000  # thresholds are suggested in thousandths, rounded down


class Basis(StrEnum):
    """What a suggested threshold rests on."""

    DATA = "data"
    """The comparisons: enough people for the rate that was asked for."""
    RECOMMENDED = "recommended"
    """Too few people; the pack's recommendation, which the comparisons do not contradict."""
    LOWERED = "lowered"
    """Too few people, but enough to see that the recommendation is too high: below every error seen."""
    LOOSE = "loose"
    """STRICT was to be above LOOSE."""


@dataclass(frozen=True, slots=True)
class Targets:
    """Rates that are chosen.

    Parameters
    ----------
    fpir : float
        Share of strangers' faces that may be given a name, in (0, 1).
    wrong_learning : float
        Share of strangers' faces that may be learned for somebody, in (0, 1).
    """

    fpir: float = 0.01
    wrong_learning: float = 0.0001

    def __post_init__(self) -> None:
        for name in ("fpir", "wrong_learning"):
            value = getattr(self, name)
            if not 0 < value < 1:
                raise SettingsError(
                    f"the target for {name} must lie between 0 and 1, not {value:g}"
                )


@dataclass(frozen=True, slots=True)
class Suggested:
    """One threshold, why, and what it does.

    Parameters
    ----------
    target : float
        The rate that was asked for.
    rate : Rate
        The rate at the threshold: FPIR for LOOSE, wrong learning for STRICT.
    persons_needed : int
        So many people would support the target.
    sentence : str
        For people.
    """

    threshold: float
    basis: Basis
    target: float
    rate: Rate
    persons_needed: int
    sentence: str


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Both thresholds; ``strict.threshold <= loose.threshold``."""

    strict: Suggested
    loose: Suggested


def suggest(comparisons: Comparisons, recommended: Thresholds, targets: Targets) -> Suggestion:
    """Suggest STRICT and LOOSE.

    Parameters
    ----------
    recommended : Thresholds
        The pack's; kept where there are too few people to say better. The margin is used as it is.

    Raises
    ------
    InsufficientTrialsError
        If there is nothing to say anything from: no genuine comparison, or no stranger, or one of either.
    """
    refuse_too_few(comparisons)
    loose = _suggest("LOOSE", comparisons.fpir(), recommended.loose, targets.fpir)
    learning = comparisons.wrong_learning(recommended.margin)
    strict = _suggest("STRICT", learning, recommended.strict, targets.wrong_learning)
    if strict.threshold > loose.threshold:
        strict = Suggested(
            loose.threshold,
            Basis.LOOSE,
            strict.target,
            learning.at(loose.threshold),
            strict.persons_needed,
            f"STRICT {loose.threshold:.3f}: as LOOSE, which it must not exceed.",
        )
    return Suggestion(strict, loose)


def refuse_too_few(comparisons: Comparisons) -> None:
    """Refuse comparisons from which nothing can be said; a look at their number, without any rate.

    Raises
    ------
    InsufficientTrialsError
        If there are fewer than two people to be mistaken for somebody, or to be missed.
    """
    genuine, strangers = comparisons.fnmr().independent, comparisons.fpir().independent
    if strangers < 2:
        raise InsufficientTrialsError(
            "there is nobody to be mistaken for anybody: the gallery has one person, and labelled photos of "
            f"{several(strangers, 'stranger')}. Seed a second person, or give photos of at least two others with "
            "--labelled (a folder per person)"
        )
    if genuine < 2:
        raise InsufficientTrialsError(
            f"{several(genuine, 'person')} can be compared with another photo of their own, at least two are needed "
            "(copies of one picture do not count): add a second reference with `facesort seed NAME PHOTO`, or "
            "photos of the gallery's persons with --labelled (a folder per person, named as in the gallery)"
        )


def _suggest(name: str, trials: Trials, recommended: float, target: float) -> Suggested:
    """One threshold for errors within it."""
    needed = ceil(1 / target - 1e-9) - 1  # as in `Trials.threshold_at`
    there = f"{trials.independent:,} people"
    asked = f"{target:.2%} of strangers' faces"
    supported = _rounded(trials.threshold_at(target))
    below_errors = _rounded(trials.threshold_at(0.0))
    if trials.independent >= needed:
        threshold, basis = supported, Basis.DATA
        why = f"at most {asked}, by {there}"
    elif trials.at(recommended).low <= target:
        threshold, basis = recommended, Basis.RECOMMENDED
        why = (
            f"the pack's recommendation stays: {there} cannot support a rate of {asked}, which takes {needed:,}; "
            "add strangers with --labelled"
        )
    else:
        threshold, basis = below_errors, Basis.LOWERED
        why = (
            f"the pack's {recommended:.3f} is too high for {asked}, but {there} cannot say what is right, which "
            f"takes {needed:,}; this is below every error that was seen"
        )
    rate = trials.at(threshold)
    return Suggested(threshold, basis, target, rate, needed, f"{name} {threshold:.3f}: {why}.")


def _rounded(threshold: float) -> float:
    """Down to thousandths, which never adds an error; what is below 0 becomes 0."""
    return max(floor(threshold * _STEP) / _STEP, 0.0)
