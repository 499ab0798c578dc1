"""Thresholds to start from with a model pack, and what they give, from photos of other people than the event's.

LOOSE is the distance within which a gallery of `PERSONS`, with one reference each, names `NAMED` of strangers' faces.
A stranger's face meets every person, so that is the distance within which ``NAMED / PERSONS`` of the impostor pairs lie
(the union bound).  Pairs of impostors come from people whose names are known, or from photos with several faces, which
are of different people; `core.calibration.tail` tells that distance.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import floor

import numpy as np
from numpy.typing import NDArray

from facesort.core.calibration.comparisons import SAME_PICTURE, Comparisons
from facesort.core.calibration.crowd import photo_pairs
from facesort.core.calibration.intervals import binomial
from facesort.core.calibration.rates import Rate, Trials
from facesort.core.calibration.tail import Estimate, Tail
from facesort.core.groups.linkage import link, mean_cosine, rms_distance
from facesort.core.groups.threshold import event_threshold
from facesort.core.persons.gallery import centroid
from facesort.core.persons.sightings import Ids, Sightings
from facesort.core.records import Embeddings
from facesort.core.text.words import several, share
from facesort.errors import GalleryError, InsufficientTrialsError

PERSONS = 150
"""In the gallery that the rates are for."""

NAMED = 0.001
"""Share of strangers' faces that LOOSE may name."""

NAMED_STRICT = 0.00001
"""Share that STRICT may name."""

MOST_NAMED = 0.01
"""Upper end of the interval of FPIR beyond which a sample says too little about LOOSE."""

_STRICT = 0.81  # of LOOSE, as with the packs whose thresholds were chosen by hand; no sample tells rates so small
_MOST_FACES = 2000  # 2 million pairs
_DRAWS = 10
_REFERENCE_QUALITY = 0.2  # about what seeding asks for
_WIDE_PERSONS, _WIDE_DRAWS, _WIDEST = 100, 3, 1.15  # see `groups.threshold.FLOOR`
_MOST_MISSED = 0.5  # lower end: no network that tells people apart misses so many
_HUNDREDTHS = 100


@dataclass(frozen=True, slots=True)
class Starting:
    """Thresholds to start from, and their rates.

    Parameters
    ----------
    strict, loose : float
        Rounded down to hundredths.
    widest_loose : float or None
        As of a model pack; None with fewer than 100 people who have two photos.
    exact : Estimate
        LOOSE before it was rounded.
    fpir : Estimate
        Share of strangers' faces that `PERSONS` with one reference each would name at `loose`.
    pairs, units : int
        Impostor pairs, and the persons, or photos, that they are of.
    counted : Rate or None
        FPIR as it was counted with galleries of labelled people; None without labels.
    fnir : Rate or None
        Faces of known people missed at `loose`; None without labels.
    gallery : int
        Persons in the galleries of `counted` and `fnir`; 0 without labels.
    twice : int
        Pairs in one photo that were left out, because they may be one person twice.
    """

    strict: float
    loose: float
    widest_loose: float | None
    exact: Estimate
    fpir: Estimate
    pairs: int
    units: int
    counted: Rate | None = None
    fnir: Rate | None = None
    gallery: int = 0
    twice: int = 0

    @property
    def most_named(self) -> float:
        """Upper end for FPIR with `PERSONS`: that of the tail, or that of what was counted if it is lower."""
        if self.counted is None:
            return self.fpir.high
        missing = max(PERSONS / self.gallery, 1.0)  # union bound, as of `Comparisons.fpir`
        return min(self.fpir.high, missing * self.counted.high)


@dataclass(frozen=True, slots=True, eq=False)
class LabelledFaces:
    """Faces of people whose names are known, one per photo.

    Parameters
    ----------
    embeddings : ndarray of shape (n, dim), float32
    persons : ndarray of shape (n,), int64
        Numbers from 0.
    quality : ndarray of shape (n,), float64
    photos : tuple of str
        What a message calls each photo: its folder and name.
    """

    embeddings: Embeddings
    persons: Ids
    quality: NDArray[np.float64]
    photos: tuple[str, ...]


def from_labels(faces: LabelledFaces) -> Starting:
    """Thresholds from labelled photos, with all rates.

    Raises
    ------
    InsufficientTrialsError
        If there are too few people, or nobody with two photos.
    GalleryError
        If one picture is labelled as two people.
    """
    found = from_pairs(_pairs_of_persons(faces))
    draws = [_draw(faces, seed) for seed in range(_DRAWS)]
    return Starting(
        found.strict,
        found.loose,
        _widest(faces, found),
        found.exact,
        found.fpir,
        found.pairs,
        found.units,
        counted=_over_draws([draw.fpir().at(found.loose) for draw in draws]),
        fnir=_over_draws([draw.fnir().at(found.loose) for draw in draws]),
        gallery=draws[0].gallery,
    )


def from_pairs(pairs: Trials, also: Trials | None = None) -> Starting:
    """Thresholds from impostor pairs, without labels: how many known faces are missed is not known then.

    Parameters
    ----------
    pairs : Trials
        Their `persons` and `others` are what is independent of each other: people, or photos.
    also : Trials, optional
        The same pairs with another notion of that; the wider intervals are taken.

    Raises
    ------
    InsufficientTrialsError
        If there are too few.
    """
    tails = [Tail.of(trials) for trials in (pairs, *([] if also is None else [also]))]
    rate = NAMED / PERSONS
    exact = max((tail.threshold(rate) for tail in tails), key=lambda e: e.high - e.low)
    loose = _rounded(exact.value)
    strict = _rounded(min(_STRICT * loose, tails[0].threshold(NAMED_STRICT / PERSONS).value))
    rates = [tail.rate(loose) for tail in tails]
    fpir = max(rates, key=lambda e: e.high - e.low)
    fpir = Estimate(*(min(PERSONS * value, 1.0) for value in (fpir.value, fpir.low, fpir.high)))
    return Starting(strict, loose, None, exact, fpir, len(pairs), pairs.independent)


def refuse_unsure(found: Starting) -> None:
    """Refuse thresholds that a sample says too little about, or with which nobody is found.

    Raises
    ------
    InsufficientTrialsError
        If FPIR may be above `MOST_NAMED`; it says how many people or photos would do.
    GalleryError
        If different people are so near to each other that the photos, or the pack, cannot be right.
    """
    mixed = (
        "see whether a person is in two folders or two people in one; if not, this model pack does not tell these "
        "people apart"
        if found.gallery
        else "see whether people are in one photo twice (mirrors, posters, collages); if not, this model pack does not "
        "tell these people apart"
    )
    at = f"STRICT {found.strict:.2f}, LOOSE {found.loose:.2f}"
    if found.strict <= 0:
        raise GalleryError(f"different people are too near to each other ({at}): {mixed}")
    if found.fnir is not None and found.fnir.low > _MOST_MISSED:
        raise GalleryError(
            f"{share(found.fnir.value)} of known faces would be missed ({at}): {mixed}"
        )
    if found.counted is not None and found.counted.low > NAMED:
        raise GalleryError(
            f"{share(found.counted.value)} of strangers' faces were named, and {share(NAMED)} are meant to be ({at}): "
            f"{mixed}"
        )
    if found.most_named > MOST_NAMED:
        what = "people" if found.gallery else "photos that show several people"
        raise InsufficientTrialsError(
            f"{found.units:,} {what} are too few to be sure of LOOSE {found.loose:.2f} (95 %: {found.exact.low:.2f} to "
            f"{found.exact.high:.2f}): up to {share(found.most_named)} of strangers might be named, and at most "
            f"{share(MOST_NAMED)} may be; about {_enough(found):,} are needed"
        )


def _enough(found: Starting) -> int:
    """How many people or photos would bring FPIR's interval below `MOST_NAMED`: its log shrinks with their root."""
    value = min(max(found.fpir.value, 1e-9), NAMED)
    wide, narrow = (math.log(end / value) for end in (found.fpir.high, MOST_NAMED))
    wanted = found.units * max((wide / narrow) ** 2, 1.0)
    tens = int(10 ** max(len(str(round(wanted))) - 2, 0))
    return math.ceil(wanted / tens) * tens


def from_photos(
    photos: Sequence[tuple[NDArray[np.float32], Embeddings]], strict: float
) -> Starting:
    """Thresholds from faces of one photo; the same people in many photos are no new evidence.

    Parameters
    ----------
    photos : sequence of (boxes of shape (n, 4), embeddings of shape (n, dim))
    strict : float
        The pack's own: pairs within it are left out, as one person can be in a photo twice.

    Raises
    ------
    InsufficientTrialsError
        If there are too few pairs.
    GalleryError
        If those that were left out may be of two people: others are nearly as near.
    """
    pairs = photo_pairs(photos, 0.0).by_photo
    apart = pairs.scores > np.float32(strict)
    by_photo = from_pairs(pairs.only(apart))
    people = photo_pairs(photos, by_photo.strict).beyond(strict)
    found = from_pairs(people.by_photo, people.by_people)
    twice = int((~apart).sum())
    # A tail that was cut off at STRICT goes on from there: continued, it gives a LOOSE that is not beyond it.
    if twice and found.loose <= strict:
        raise GalleryError(
            f"{several(twice, 'pair')} of faces in one photo are within STRICT {strict:.2f}, and others nearly are "
            f"(LOOSE {found.loose:.2f}): nobody can say whether they are one person twice (mirrors, posters, collages) "
            "or two; measure labelled photos (--labelled)"
        )
    return replace(found, twice=twice)


def _pairs_of_persons(faces: LabelledFaces) -> Trials:
    """All pairs of faces of different people; of many faces, those of a random part."""
    rows = np.random.default_rng(0).permutation(len(faces.persons))[:_MOST_FACES]
    persons = faces.persons[rows]
    embeddings = faces.embeddings[rows]
    one, other = np.triu_indices(len(rows), k=1)
    apart = persons[one] != persons[other]
    one, other = one[apart], other[apart]
    distances = rms_distance((embeddings @ embeddings.T)[one, other])
    same = np.flatnonzero(distances < SAME_PICTURE)
    if len(same):
        first, second = (faces.photos[rows[end[same[0]]]] for end in (one, other))
        raise GalleryError(
            f"one picture is in the folders of two people, {first!r} and {second!r}: remove it from one of them, and "
            "measure again"
        )
    return Trials(
        "pairs of faces of different persons",
        distances,
        persons[one],
        persons[other],
        int(persons.max(initial=-1)) + 1,
        np.ones(len(one)),
        every_pair=True,
    )


def _draw(faces: LabelledFaces, seed: int) -> Comparisons:
    """Compare all faces with a gallery of some of the people, each by one good photo."""
    enrolled, references = _enrol(faces, PERSONS, np.random.default_rng(seed))
    rest = np.setdiff1d(np.arange(len(faces.persons)), references)
    distances = rms_distance(faces.embeddings[rest] @ faces.embeddings[references].T)
    strangers = np.setdiff1d(np.arange(faces.persons.max() + 1), enrolled)
    numbers = np.argsort(np.concatenate([enrolled, strangers]))  # the gallery's come first
    return Comparisons(distances, numbers[faces.persons[rest]], np.zeros(len(rest), np.bool_))


def _enrol(faces: LabelledFaces, most: int, rng: np.random.Generator) -> tuple[Ids, Ids]:
    """Some of the people with two photos or more, in order, and a reference of each."""
    good = faces.quality >= _REFERENCE_QUALITY
    number = np.bincount(faces.persons)
    able = np.intersect1d(np.flatnonzero(number > 1), faces.persons[good])
    if len(able) < 2:
        raise InsufficientTrialsError(
            f"{several(len(able), 'person')} has two usable photos; at least two are needed to say how many known "
            "faces are missed"
        )
    enrolled = np.sort(rng.permutation(able)[:most])
    references = [rng.choice(np.flatnonzero((faces.persons == p) & good)) for p in enrolled]
    return enrolled, np.array(references, np.int64)


def _widest(faces: LabelledFaces, found: Starting) -> float | None:
    """LOOSE that events of 100 people with groups find from their own strangers; see `groups.threshold`."""
    loose = []
    for seed in range(_WIDE_DRAWS):
        enrolled, references = _enrol(faces, _WIDE_PERSONS, np.random.default_rng(seed))
        if len(enrolled) < _WIDE_PERSONS:
            return None
        rest = np.setdiff1d(np.arange(len(faces.persons)), references)
        embeddings, order = faces.embeddings[rest], np.arange(len(rest))
        seen = Sightings.of_photos(order)
        centroids = np.stack([centroid(faces.embeddings[[row]]) for row in references])
        lowest = max(mean_cosine(_WIDEST * found.loose), 0.01)
        linkage = link(embeddings, seen, centroids, order=order, lowest=lowest)
        loose.append(
            event_threshold(
                embeddings,
                seen,
                centroids,
                linkage,
                order=order,
                quality=faces.quality[rest],
                strict=found.strict,
                loose=found.loose,
                floor=_WIDEST * found.loose,
            ).loose
        )
    return max(_rounded(float(np.median(loose))), found.loose)


def _over_draws(rates: list[Rate]) -> Rate:
    """The mean of draws of the same people, which tell no more about the rate than one of them, apart from luck."""
    value = float(np.mean([rate.value for rate in rates]))
    effective = float(np.median([rate.effective for rate in rates]))
    errors, trials = (sum(getattr(r, what) for r in rates) for what in ("errors", "trials"))
    low, high = binomial(value * effective, effective)
    return Rate(value, errors, trials, rates[0].persons, effective, low, high)


def _rounded(threshold: float) -> float:
    return max(floor(threshold * _HUNDREDTHS + 1e-9) / _HUNDREDTHS, 0.0)
