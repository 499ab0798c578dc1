"""Impostor pairs without labels: two faces in one photo are two people.

So every group photo has impostor pairs of *this* event.  They are compared face to face with pairs of references of
different persons (`comparisons.reference_pairs`), not with distances to centroids, which are of another kind.  Two
differences remain, and both bring the crowd's pairs a little nearer: faces in one photo share light and camera, and
references were chosen for their quality.

One person can be in a photo twice: in a mirror, on a poster, in a collage.  Overlapping boxes are taken for two
detections of one face and left out; pairs within STRICT are left out on both sides, and counted separately so that the
user can check them.

Pairs in one photo are not independent, nor are pairs of two friends who are in many photos together.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from facesort.core.calibration.intervals import difference
from facesort.core.calibration.rates import NOBODY, Rate, Trials
from facesort.core.persons.matching import Thresholds, centroid_distances
from facesort.core.records import Embeddings
from facesort.core.text.words import several, share

# Share of the smaller box: faces of people who embrace overlap less, two detections of one face more.
_OVERLAP = 0.3
# A crowd would be harder with so many more pairs between the thresholds, or with twice those of the references.
_MATTERS = 0.01
_AT_ONCE = 1024  # faces compared with all others in one step


@dataclass(frozen=True, slots=True)
class CrowdTest:
    """Whether the people of an event are more alike than the references suggest.

    Parameters
    ----------
    crowd, seeds : Rate
        Share of impostor pairs between STRICT and LOOSE, face to face: within photos of the event, and
        between references of different persons.
    low, high : float
        95 % interval of ``crowd - seeds`` (`intervals.difference`), which is the test.
    suspects : int
        Pairs of one photo within STRICT: look-alikes, or the same person twice.
    """

    crowd: Rate
    seeds: Rate
    low: float
    high: float
    suspects: int

    @property
    def harder(self) -> bool:
        """Whether the crowd is significantly more alike: the interval lies above 0."""
        return self.low > 0

    @property
    def too_few(self) -> bool:
        """Whether there are too few pairs to tell: the interval has 0 in it, and also a share that would matter."""
        return not self.harder and self.high > max(_MATTERS, self.seeds.value)

    @property
    def sentence(self) -> str:
        """The finding in words, with the test that it rests on."""
        people = "the people of this event are harder to tell apart than the references"
        finding = f"No sign that {people}"
        if self.harder:
            finding = f"{people[0].upper()}{people[1:]}; be careful with LOOSE"
        elif self.too_few:
            finding = f"Too few pairs to tell whether {people}; sample more photos"
        crowd, seeds = (
            f"{share(side.value)} of {several(side.trials, f'pair {where}', f'pairs {where}')}"
            for side, where in ((self.crowd, "in photos"), (self.seeds, "of references"))
        )
        gap = _points(self.crowd.value - self.seeds.value)
        return (
            f"{finding}. Between STRICT and LOOSE lie {crowd} and {seeds}: {gap} points (95 % interval "
            f"{_points(self.low)} to {_points(self.high)}, Newcombe's; faces of one photo or of one person count as "
            "dependent)."
        )


@dataclass(frozen=True, slots=True, eq=False)
class CrowdPairs:
    """Impostor pairs within photos, with two notions of what is independent.

    Parameters
    ----------
    by_photo : Trials
        One trial per pair; photos are independent.
    by_people : Trials
        The same pairs; the people that the faces seem to belong to are independent.
    """

    by_photo: Trials
    by_people: Trials

    def at(self, thresholds: Thresholds) -> Rate:
        """Share of the pairs beyond STRICT that lie within LOOSE, with the wider of the two intervals.

        Raises
        ------
        InsufficientTrialsError
            If there are none.
        """
        beyond = self.beyond(thresholds.strict)
        rates = [side.at(thresholds.loose) for side in (beyond.by_photo, beyond.by_people)]
        return min(rates, key=lambda rate: rate.effective)

    def beyond(self, strict: float) -> CrowdPairs:
        """The pairs that are not within STRICT, which may be of one person."""
        return CrowdPairs(_beyond(self.by_photo, strict), _beyond(self.by_people, strict))


def photo_pairs(
    photos: Iterable[tuple[NDArray[np.float32], Embeddings]], strict: float
) -> CrowdPairs:
    """Find impostor pairs within photos.

    Parameters
    ----------
    photos : iterable of (boxes of shape (n, 4), embeddings of shape (n, dim))
        One entry per photo; photos with fewer than two faces give no pair.
    strict : float
        Faces of different photos within it count as one person.
    """
    groups = [(boxes, faces) for boxes, faces in photos if len(faces) > 1]
    scores, ends = [np.empty(0, np.float32)], [np.empty((2, 0), np.int64)]
    owners, first = [np.empty(0, np.int64)], 0
    for number, (boxes, faces) in enumerate(groups):
        pairs = np.stack(np.triu_indices(len(faces), k=1))
        pairs = pairs[:, _overlap(boxes[pairs[0]], boxes[pairs[1]]) <= _OVERLAP]
        scores.append(centroid_distances(faces, faces)[pairs[0], pairs[1]])
        ends.append(pairs + first)
        owners.append(np.full(pairs.shape[1], number, np.int64))
        first += len(faces)
    distances = np.concatenate(scores)
    _, photo = np.unique(np.concatenate(owners), return_inverse=True)
    by_photo = Trials(
        "pairs of faces within one photo",
        distances,
        photo.astype(np.int64),
        np.full(len(distances), NOBODY, np.int64),
        0,
        np.ones(len(distances)),
    )
    people = _people([faces for _, faces in groups], strict)
    one, other = people[np.concatenate(ends, axis=1)]
    members = int(people.max(initial=-1)) + 1
    by_people = replace(by_photo, persons=one, others=other, gallery=members, every_pair=True)
    return CrowdPairs(by_photo, by_people)


def _people(photos: Sequence[Embeddings], strict: float) -> NDArray[np.int64]:
    """Number the person that each face seems to belong to: connected components of faces within STRICT."""
    # Imported here: every sort imports this room, for the fingerprint of a gallery alone.
    from scipy.sparse import csr_array, vstack
    from scipy.sparse.csgraph import connected_components

    if not photos:
        return np.empty(0, np.int64)
    faces = np.concatenate(photos)
    alike = 1 - strict**2 / 2  # the cosine at that distance
    near = [
        csr_array(faces[at : at + _AT_ONCE] @ faces.T >= alike)
        for at in range(0, len(faces), _AT_ONCE)
    ]
    _, numbers = connected_components(vstack(near), directed=False)
    return np.asarray(numbers, np.int64)


def _points(part: float) -> str:
    return f"{100 * part:+.1f}"


def _beyond(trials: Trials, strict: float) -> Trials:
    return trials.only(trials.scores > np.float32(strict))


def compare_crowd(crowd: CrowdPairs, seeds: Trials, thresholds: Thresholds) -> CrowdTest:
    """Compare an event's impostor pairs with those of the references.

    Parameters
    ----------
    crowd : CrowdPairs
        From `photo_pairs`.
    seeds : Trials
        From `comparisons.reference_pairs`.

    Raises
    ------
    InsufficientTrialsError
        If one side has no pair.
    """
    found, expected = crowd.at(thresholds), _beyond(seeds, thresholds.strict).at(thresholds.loose)
    low, high = difference(
        found.value, (found.low, found.high), expected.value, (expected.low, expected.high)
    )
    suspects = int((crowd.by_photo.scores <= np.float32(thresholds.strict)).sum())
    return CrowdTest(found, expected, low, high, suspects)


def _overlap(one: NDArray[np.float32], other: NDArray[np.float32]) -> NDArray[np.float64]:
    """Intersection of boxes as a share of the smaller one; shape (n,)."""
    sides = np.minimum(one[:, 2:], other[:, 2:]) - np.maximum(one[:, :2], other[:, :2])
    areas = [(b[:, 2:] - b[:, :2]).clip(min=0).prod(axis=1) for b in (one, other)]
    smaller = np.maximum(np.minimum(*areas), np.float32(1e-9))
    return np.asarray(sides.clip(min=0).prod(axis=1) / smaller, dtype=np.float64)
