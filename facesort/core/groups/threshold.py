"""The mean cosine from which a group is a person's, from the event's own faces: no labels are needed.

A stranger meets N persons, a named face N - 1 others: how near named faces come to groups of *other* persons tells how
near a stranger comes to the nearest.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from facesort.core.groups.linkage import Linkage, mean_cosine, rms_distance
from facesort.core.persons.sightings import Ids, Sightings
from facesort.core.records import Embeddings

FLOOR = 1.10
"""RMS distance beyond which no event's threshold lies, by LOOSE of a pack for which no other is known.

Fewer than about 100 persons say too little about strangers.  Found for two packs, tried on a third
(``benchmarks/groups.py``).
"""

ALONE = 0.95
"""A face alone must be nearer to the person than a group: within this share of the event's LOOSE.

On photos of sports and film, groups alone lost hard faces of people with many photos: FNIR 10.9 % instead of 5.3 %.
"""

MIN_PERSONS, MIN_FACES, MIN_PAIRS = 3, 20, 100
"""Fewer persons, named faces or pairs of faces that meet tell nothing about rates of 1 %."""

_HARDER = 0.94  # share of the own LOOSE of a pack that was not measured below which people are harder to tell apart
_SAFETY = 0.99  # factor on the RMS distance that leaves the wanted share of strangers
_CHUNK = 4096  # pairs compared at a time
_ROUNDS = 10  # each goes half of the way; named faces and threshold depend on each other
_FACES = 20_000  # looked at, evenly: a share of 1 % is 200 of them
_PER_FACE = 4  # pairs with those it meets, on average twice that: one large group must not speak for the event
_PAIR_QUALITY = 0.3  # tiny faces in the background look alike, but name nobody

DecidedBy = Literal["strangers", "floor", "impostor_pairs", "too_few", "given"]
Values = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class EventThreshold:
    """The threshold of an event, and what it comes from.

    Parameters
    ----------
    cosine : float
        A group whose mean cosine with a person is as high is that person's.
    loose : float
        The same as an RMS distance: ``sqrt(2 - 2 * cosine)``.
    alone : float
        Distance within which a face is named without a group; see `ALONE`.
    vouches : float
        Distance within which one face speaks for those that came to the person with it.  0 for a pack that was not
        measured: strangers of `dlib` had ten photos in a folder because one was within STRICT.
    anyway : float
        Distance within which a face is named alone although its group is nobody's: the pack's own LOOSE, if the pack
        was measured and the event is not stricter, so that groups take no name from a face that has one alone.  Else 0.
    decided_by : str
        ``strangers``: the share of strangers that would be named; ``impostor_pairs``: faces that meet are more
        alike than that allows; ``floor``: both would allow more than the pack; ``too_few``: persons or named faces, and
        pairs, so that the pack's own LOOSE is taken; ``given``: by the user, or a calibration.
    faces : int
        Named faces it comes from.
    pairs : int
        Pairs of faces that meet it comes from; fewer than `MIN_PAIRS` were not asked.
    usual : float
        RMS distance that would hold if the people of the event were as easy to tell apart as usual: the floor's.
    """

    cosine: float
    loose: float
    alone: float
    vouches: float
    anyway: float
    decided_by: DecidedBy
    faces: int
    pairs: int
    usual: float

    @property
    def pairs_tell(self) -> bool:
        """Whether there are enough pairs of faces that meet to tell how much alike the people are."""
        return self.pairs >= MIN_PAIRS

    def whatever_group(self, strict: float) -> float:
        """Distance within which a face is named alone, whatever its group is."""
        # Of people so alike that the event's LOOSE came down to STRICT, strangers are within STRICT too.
        return max(strict if strict < self.loose else -1.0, self.anyway)


def event_threshold(
    embeddings: Embeddings,
    sightings: Sightings,
    references: Embeddings,
    linkage: Linkage,
    *,
    order: Ids,
    quality: NDArray[np.float64],
    strict: float,
    loose: float,
    floor: float | None = None,
    fpir: float = 0.01,
) -> EventThreshold:
    """Threshold at which about a share `fpir` of strangers is named.

    Parameters
    ----------
    embeddings : ndarray of shape (n_faces, dim), float32
    sightings : Sightings
        Of the same faces.
    references : ndarray of shape (n_persons, dim), float32
    linkage : Linkage
        Of the same.
    order : ndarray of shape (n_faces,), int64
        As for `linkage.link`.
    quality : ndarray of shape (n_faces,), float64
        In [0, 1], of `records.Face`.
    strict, loose : float
        The pack's own thresholds, as distances.
    floor : float or None
        RMS distance beyond which the threshold never lies.  None, for a pack that was not measured: `FLOOR` times
        `loose`.  A face alone is then judged by `loose`, and strangers make that stricter only where they are clearly
        nearer: for a little, one pays with many of the known (`dlib`, 300 persons: FNIR 29 % instead of 15 %).
    fpir : float
        Wanted share of strangers with a name.
    """
    rows = np.argsort(order)
    score, person = linkage.score[rows], linkage.person[rows]
    usual = FLOOR * loose if floor is None else floor
    good = np.flatnonzero(quality[rows] >= _PAIR_QUALITY)
    impostors = _cosines_of_met(embeddings, rows[good], sightings.of(rows[good]))
    named, strangers = 0, mean_cosine(loose)
    if len(references) >= MIN_PERSONS:
        given = (mean_cosine(strict), mean_cosine(loose), fpir)
        named, strangers = _strangers(embeddings, rows, references, score, person, given)
    # Where people look alike, few are named in the end: that is no reason to fall back on the pack's LOOSE.
    within = int(np.count_nonzero((person >= 0) & (score >= np.float32(mean_cosine(loose)))))
    few = len(references) < MIN_PERSONS or max(named, within) < MIN_FACES
    pairs_tell = len(impostors) >= MIN_PAIRS
    bounds: dict[DecidedBy, float] = {"floor": mean_cosine(usual)}
    if not few:
        rms = _SAFETY * float(rms_distance(strangers))
        if floor is None and _HARDER * loose <= rms < loose:
            rms = loose
        bounds["strangers"] = mean_cosine(rms)
    elif floor is None or not pairs_tell:  # nothing would tell that these people look alike
        bounds = {"too_few": mean_cosine(loose)}
    if pairs_tell:
        # Beyond STRICT they are one person twice: a mirror, a poster, a collage.
        bounds["impostor_pairs"] = min(_exceeded_by(impostors, fpir), mean_cosine(strict))
    decided = max(bounds, key=lambda name: bounds[name])
    found = float(rms_distance(bounds[decided]))
    is_own = floor is not None and decided != "too_few"
    alone = ALONE * found if is_own else min(loose, found)
    vouches = 0.0 if floor is None and decided != "too_few" else alone
    anyway = 0.0 if floor is None or found < loose else min(loose, alone)
    return EventThreshold(
        bounds[decided], found, alone, vouches, anyway, decided, named, len(impostors), usual
    )


def given_threshold(threshold: EventThreshold, loose: float) -> EventThreshold:
    """A LOOSE that a user set, or that was calibrated: groups end there too, and a face alone is judged by it."""
    return replace(
        threshold,
        cosine=mean_cosine(loose),
        loose=loose,
        alone=loose,
        vouches=loose,
        anyway=loose,
        decided_by="given",
    )


def _strangers(
    faces: Embeddings,
    rows: Ids,
    references: Embeddings,
    score: Values,
    person: Ids,
    given: tuple[float, float, float],
) -> tuple[int, float]:
    """Number of named faces, and the mean cosine with the nearest group of others that a share of them exceeds.

    Scores and persons are of `rows` of the faces, one after the other.
    """
    strict, start, fpir = given
    from scipy.sparse import coo_array

    n, came = len(references), person >= 0
    threshold, found, named = start, start, np.flatnonzero(came & (score >= start))
    for _ in range(_ROUNDS):
        named = np.flatnonzero(came & (score >= threshold))
        ones = np.ones(len(named), np.float32)
        of = coo_array((ones, (person[named], rows[named])), (n, len(faces)))
        size = 1 + np.bincount(person[named], minlength=n)
        mean = (references + of.tocsr() @ faces) / size[:, None].astype(np.float32)
        asked = named[:: len(named) // _FACES + 1]
        own = np.concatenate([person[asked], np.arange(n)])
        to_others = np.concatenate([faces[rows[asked]], references]) @ mean.T
        to_others[_same_person(mean, strict)[own]] = -1
        found = max(_exceeded_by(to_others.max(axis=1), fpir * (n - 1) / n), 0.05)
        threshold = (threshold + found) / 2
    return len(named), found


def _same_person(means: Embeddings, strict: float) -> NDArray[np.bool_]:
    """Persons who are one, as far as STRICT (a cosine) can tell: each with itself, and two with nobody else so near.

    Who was enrolled under two names is no stranger to the other one: one such person among 60 made LOOSE of an event
    0.82 instead of 1.11.  Where three or more are so near to each other, they are people who look alike.
    """
    unit, itself = (
        means / np.linalg.norm(means, axis=1)[:, None],
        np.eye(len(means), dtype=np.bool_),
    )
    near = (unit @ unit.T >= np.float32(strict)) | itself
    two = near.sum(axis=1) <= 2
    same: NDArray[np.bool_] = itself | near & two[:, None] & two
    return same


def _cosines_of_met(faces: Embeddings, good: Ids, sightings: Sightings) -> Values:
    """Cosines of pairs of faces that meet: certainly different people, mirrors and posters aside."""
    order = np.lexsort((sightings.first_ms, sightings.photo_ids))
    good, sightings = good[order], sightings.of(order)
    found: list[Values] = [np.empty(0, np.float32)]
    for apart in range(1, 1 + _PER_FACE):
        rows = np.arange(max(len(good) - apart, 0))
        first = rows[sightings.meet(rows, rows + apart)]
        for some in np.array_split(first, 1 + len(first) // _CHUNK):
            one, other = faces[good[some]], faces[good[some + apart]]
            found.append(np.einsum("ij,ij->i", one, other))
    return np.concatenate(found)


def _exceeded_by(values: Values, share: float) -> float:
    """The value that at most a share of them exceeds."""
    falling = -np.sort(-values)
    return float(falling[min(int(share * len(values) + 1e-9), len(values) - 1)])
