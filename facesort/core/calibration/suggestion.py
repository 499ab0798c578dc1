"""Suggests thresholds, as far as the comparisons support any."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from math import ceil, floor

from facesort.core.calibration.comparisons import Comparisons
from facesort.core.calibration.rates import Rate, Trials
from facesort.core.persons.matching import Thresholds
from facesort.core.text.words import several, share
from facesort.errors import InsufficientTrialsError, SettingsError

_STEP = 100  # thresholds are suggested in hundredths, rounded down


class Basis(StrEnum):
    """What a suggested threshold is based on."""

    DATA = "data"
    """The comparisons: there are enough people for the target rate."""
    RECOMMENDED = "recommended"
    """The pack's recommendation: there are too few people, and the comparisons do not contradict it."""
    LOWERED = "lowered"
    """Below every error seen: there are too few people, but enough to show that the recommendation is too high."""
    LOOSE = "loose"
    """LOOSE: STRICT would otherwise be above it."""


@dataclass(frozen=True, slots=True)
class Targets:
    """Target rates.

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
    """One threshold, the reason for it, and its rate.

    Parameters
    ----------
    target : float
        The target rate.
    rate : Rate
        The rate at the threshold: FPIR for LOOSE, wrong learning for STRICT.
    persons_needed : int
        The number of people that would support the target.
    sentence : str
        The reason in words.
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
        The pack's; kept if there are too few people for anything better. The margin is used as it is.

    Raises
    ------
    InsufficientTrialsError
        If there are fewer than two strangers.
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
            f"STRICT {loose.threshold:.2f}: the same as LOOSE, which it must not exceed.",
        )
    return Suggestion(strict, loose)


def refuse_too_few(comparisons: Comparisons) -> None:
    """Refuse too few comparisons; only counts people and computes no rate.

    Both thresholds come from faces of strangers, and all others are strangers to a person: one reference each will do.

    Raises
    ------
    InsufficientTrialsError
        If there are fewer than two strangers.
    """
    strangers = comparisons.fpir().independent
    if strangers < 2:
        raise InsufficientTrialsError(
            "there is nobody who could be mistaken for somebody else: the gallery has one person, and there are "
            f"labelled photos of {several(strangers, 'stranger')}. Seed a second person, or pass photos of at least "
            "two others with --labelled (one folder per person)"
        )


def what_is_not_known(comparisons: Comparisons) -> str:
    """What cannot be said without genuine comparisons, and what to do about it, in a sentence; empty for nothing."""
    if comparisons.tells_misses:
        return ""
    return (
        "How many photos of known people a sort misses (FNIR, FNMR) is not known: "
        f"{several(comparisons.fnmr().independent, 'person')} can be compared with another photo of their own, at "
        "least two are needed (copies of one picture do not count). Add a second reference with "
        "`facesort seed NAME PHOTO`, or pass photos of the gallery's persons with --labelled (one folder per person, "
        "named as in the gallery)."
    )


def _suggest(name: str, trials: Trials, recommended: float, target: float) -> Suggested:
    """Suggest one threshold; errors are within it."""
    needed = ceil(1 / target - 1e-9) - 1  # as in `Trials.threshold_at`
    there = f"{trials.independent:,} people"
    asked = f"{share(target)} of strangers' faces"
    supported = _rounded(trials.threshold_at(target))
    below_errors = _rounded(trials.threshold_at(0.0))
    if trials.independent >= needed:
        threshold, basis = supported, Basis.DATA
        why = f"at most {asked}, by {there}"
    elif trials.at(recommended).low <= target:
        threshold, basis = recommended, Basis.RECOMMENDED
        why = (
            f"the pack's recommendation stays: {there} cannot support a rate of {asked}, which needs {needed:,}; "
            "add strangers with --labelled"
        )
    else:
        threshold, basis = below_errors, Basis.LOWERED
        why = (
            f"the pack's {recommended:.2f} is too high for {asked}, but {there} are too few to find the right value, "
            f"which needs {needed:,}; this is below every error that was seen"
        )
    rate = trials.at(threshold)
    return Suggested(threshold, basis, target, rate, needed, f"{name} {threshold:.2f}: {why}.")


def _rounded(threshold: float) -> float:
    """Round down to hundredths, which never adds an error, and not below 0."""
    return max(floor(threshold * _STEP) / _STEP, 0.0)
