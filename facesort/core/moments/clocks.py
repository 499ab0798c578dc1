"""Cameras whose clocks differ: the offset that the photos themselves suggest."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence, Set as AbstractSet
from dataclasses import dataclass, replace
from itertools import chain
from typing import Generic, TypeVar

import numpy as np
from scipy.sparse import csr_array

from facesort.core.moments.correlogram import (
    WINDOW,
    Correlogram,
    Near,
    Profiles,
    Seconds,
    in_cells,
    surprise,
    weighted,
    weighted_median,
)

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True, slots=True, eq=False)
class CameraPhotos:
    """The photos of one clock in which somebody is.

    Parameters
    ----------
    seconds : ndarray of shape (n,), float64
        When each photo was taken, by this clock, counted from the same day for all clocks; in any order; NaN where
        it is not known.
    persons : sequence of n sets of int
        Who is in each photo.  Groups of unknown faces may count as persons, under ids of their own.
    """

    seconds: Seconds
    persons: Sequence[AbstractSet[int]]


@dataclass(frozen=True, slots=True)
class ClockOffset:
    """By how much two clocks differ, and on what grounds.

    Parameters
    ----------
    seconds : int
        To add to the clock, so that it shows what the reference shows.
    spread : float
        Standard error of `seconds`, in seconds.
    pairs : int
        Pairs of photos, one of each camera, of the same persons within `WINDOW` seconds at this offset.
    expected : float
        How many such pairs there are at another offset, on average.
    moments : float
        From how many moments of ten minutes the pairs come: the effective number, in which a moment of very many
        pairs counts little more than the others.
    evidence : float
        Natural logarithm of how unlikely so much agreement is by chance at any offset; at least `MIN_EVIDENCE`.
    """

    seconds: int
    spread: float
    pairs: int
    expected: float
    moments: float
    evidence: float


@dataclass(frozen=True, slots=True)
class Suggestion(Generic[Key]):
    """The offset of one clock, relative to the clock of another camera.

    Parameters
    ----------
    reference : Key
        The other camera.
    """

    reference: Key
    offset: ClockOffset


MIN_EVIDENCE = 11.5  # by chance, once in a hundred thousand pairs of cameras
_MIN_MOMENTS = 4.0
_MIN_CELLS = 8
_LEAD = 1.5  # times the evidence of any other offset
_EVENT = 30 * 86_400.0  # seconds
_ROUND = 900  # seconds: time zones differ by quarters of an hour
_RESOLUTION = 0.5  # seconds: most cameras write whole ones
_MOST_PAIRS = (
    200_000_000  # of photos in cells: 14,000 cells, or two days without a pause, of each camera
)
_ASIDE = [sign * minutes * 60.0 for sign in (-1, 1) for minutes in (4, 7, 12, 19, 28)]


def suggest_offsets(cameras: Mapping[Key, CameraPhotos]) -> dict[Key, Suggestion[Key]]:
    """Suggest offsets that make the clocks of all cameras agree.

    The camera with the most photos is the reference.  The others are connected to it or to each other by the pairs
    of most evidence (Prim's spanning tree), and their offsets are added up along the way.  Cameras without any
    connection to the largest one may still have one among themselves: the largest of those is a reference, too.

    Returns
    -------
    dict
        Not in it: references, and cameras about which the photos do not say enough.
    """
    waiting = sorted(cameras, key=lambda key: -len(cameras[key].seconds))
    profiles = dict(zip(cameras, _profiles(*cameras.values()), strict=True))
    suggested: dict[Key, Suggestion[Key]] = {}
    while waiting:
        near = reference = waiting.pop(0)
        so_far: ClockOffset | None = None
        best: dict[Key, ClockOffset] = {}
        while True:
            for key in waiting:
                offset = _offset(profiles[near], profiles[key])
                if offset and (key not in best or offset.evidence > best[key].evidence):
                    best[key] = _added(offset, so_far)
            if not best:
                break
            near = max(best, key=lambda key: best[key].evidence)
            so_far = best.pop(near)
            suggested[near] = Suggestion(reference, so_far)
            waiting.remove(near)
    return suggested


def _added(offset: ClockOffset, before: ClockOffset | None) -> ClockOffset:
    if before is None:
        return offset
    spread = float(np.hypot(offset.spread, before.spread))
    return replace(offset, seconds=offset.seconds + before.seconds, spread=spread)


def clock_offset(reference: CameraPhotos, other: CameraPhotos) -> ClockOffset | None:
    """Find the offset at which two cameras saw the same persons at the same time.

    Notes
    -----
    A cross-correlogram, as of two spike trains: the likeness of all pairs of photos, summed by the difference of
    their times.  The likeness is the squared cosine of who is in them, where a person weighs the more the fewer
    photos they are in (inverse document frequency).  Common moments give a narrow peak.  Persons who are there all
    day, or a programme that is repeated, give a wide hill; so a peak is compared with what is one to thirty minutes
    beside it, as in jitter tests [1]_.

    For a sum ``s`` of independent numbers in [0, 1] with mean ``m``, ``ln P(sum >= s) <= s - m - s ln(s / m)``
    (Chernoff).  Pairs of one moment are not independent, so ``s`` is the effective number of moments (Kish), and
    ``m`` is scaled with it.  The bound is multiplied by the number of offsets that were looked at (Bonferroni).
    It is an approximation: how seldom it errs is what the simulations in the tests are for.  Of very many photos of
    the reference, every few moments are compared with all of the other camera's: time is O(n), not O(n^2).

    The peak is refined to the median difference; a whole quarter of an hour within two standard errors is taken
    instead, as clocks mostly differ by their time zones.

    .. [1] Amarasingham, Harrison, Hatsopoulos, Geman: Conditional modeling and the jitter method of spike
       resampling.  Journal of Neurophysiology 107 (2012).

    Returns
    -------
    ClockOffset or None
        None: the photos do not say enough, or speak for several offsets.
    """
    return _offset(*_profiles(reference, other))


def _offset(one: Profiles, two: Profiles) -> ClockOffset | None:
    one = _some_moments(one, two)
    cells = weighted(in_cells(one), in_cells(two))
    if min(len(camera.seconds) for camera in cells) < _MIN_CELLS:
        return None
    correlogram = Correlogram.of(*cells)
    peaks = sorted(
        (_look_closely(cells, correlogram, at) for at in correlogram.peaks()), reverse=True
    )
    if not peaks:
        return None
    best = peaks[0]
    rivals = [p.evidence for p in peaks[1:] if abs(p.offset - best.offset) > 4 * WINDOW]
    if (
        best.moments < _MIN_MOMENTS
        or best.evidence < MIN_EVIDENCE
        or (rivals and best.evidence < _LEAD * rivals[0])
    ):
        return None
    return _refined(weighted(in_cells(one, 1.0), in_cells(two, 1.0)), best)


@dataclass(frozen=True, slots=True, order=True)
class _Peak:
    evidence: float
    offset: float
    moments: float


def _profiles(*cameras: CameraPhotos) -> list[Profiles]:
    everyone = sorted(set().union(*chain.from_iterable(camera.persons for camera in cameras)))
    columns = {person: column for column, person in enumerate(everyone)}
    return [_of_the_event(camera, columns) for camera in cameras]


def _some_moments(one: Profiles, two: Profiles) -> Profiles:
    """Every few of the moments in which one camera saw somebody, if comparing all pairs would take too long."""
    pairs = len(in_cells(one).seconds) * len(in_cells(two).seconds)
    if pairs <= _MOST_PAIRS:
        return one
    chosen = np.flatnonzero(one.moments() % -(-pairs // _MOST_PAIRS) == 0)
    return Profiles(one.seconds[chosen], csr_array(one.persons[chosen]))


def _of_the_event(camera: CameraPhotos, columns: Mapping[int, int]) -> Profiles:
    """The photos of the busiest month: others are of another event, or of a clock that was not set."""
    seconds = np.where([bool(persons) for persons in camera.persons], camera.seconds, np.nan)
    order = np.argsort(seconds, kind="stable")[: int(np.isfinite(seconds).sum())]
    until = np.searchsorted(seconds[order], seconds[order] + _EVENT, side="right")
    first = int((until - np.arange(len(order))).argmax()) if len(order) else 0
    order = order[first : until[first]] if len(order) else order
    who = [sorted(columns[person] for person in camera.persons[at]) for at in order]
    ends = np.cumsum([0, *map(len, who)])
    flat = np.fromiter(chain.from_iterable(who), dtype=np.int64, count=ends[-1])
    ones = np.ones(len(flat), dtype=np.float32)
    return Profiles(seconds[order], csr_array((ones, flat, ends), shape=(len(who), len(columns))))


def _look_closely(
    cells: tuple[Profiles, Profiles], correlogram: Correlogram, offset: float
) -> _Peak:
    """Centre a peak, and count moments in place of pairs."""
    for _ in range(3):
        near = Near.of(*cells, offset, 2 * WINDOW)
        if not len(near.likeness):
            return _Peak(0.0, offset, 0.0)
        offset = near.middle()
    near = Near.of(*cells, offset)  # at least the pair in the middle
    found = near.by_moment()[1]
    moments = float(found.sum() ** 2 / (found**2).sum())
    usual = correlogram.usual_at(offset) * moments / found.sum()
    evidence = surprise(np.array(moments), np.array(usual)) - np.log(len(correlogram.found))
    return _Peak(float(evidence), offset, moments)


def _refined(photos: tuple[Profiles, Profiles], peak: _Peak) -> ClockOffset | None:
    """To the second, from the photos themselves."""
    offset = peak.offset
    for _ in range(5):
        near = Near.of(*photos, offset, 1.5 * WINDOW)
        if not len(near.likeness):
            return None
        offset = near.middle()
    middles, weights = near.by_moment()
    spread = 1.4826 * weighted_median(np.abs(middles - offset), weights) / np.sqrt(peak.moments)
    spread = max(float(spread), _RESOLUTION)
    whole = round(offset / _ROUND) * _ROUND
    seconds = whole if abs(whole - offset) <= 2 * spread else round(offset)
    pairs = Near.of(*photos, seconds).number
    expected = float(np.mean([Near.of(*photos, seconds + aside).number for aside in _ASIDE]))
    return ClockOffset(seconds, spread, pairs, expected, peak.moments, peak.evidence)
