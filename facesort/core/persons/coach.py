"""The seed coach: what a gallery is missing, and who could be mistaken for whom."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from facesort.core.persons.gallery import centroid
from facesort.core.persons.matching import centroid_distances
from facesort.core.records import Embeddings

# Half of LFW's faces have a yaw below 0.17, two thirds below 0.25: three random photos of one person are all below
# it in about one case of four.
_FRONTAL = 0.25
# Faces change with age: Best-Rowden and Jain, "Longitudinal Study of Automatic Face Recognition" (TPAMI 2018),
# find that genuine scores fall steadily with the years between two photos.
_OLD_YEARS = 5


class Gap(StrEnum):
    """What a person's references are missing."""

    ONE_REFERENCE = "one_reference"
    ODD_ONE_OUT = "odd_one_out"
    ALL_FRONTAL = "all_frontal"
    ALL_ONE_DAY = "all_one_day"
    ALL_OLD = "all_old"


@dataclass(frozen=True, slots=True)
class ReferenceFacts:
    """What the coach needs to know about one reference.

    Parameters
    ----------
    name : str
        Of the file.
    yaw : float
        As in `Face`.
    captured_on : date or None
        None if unknown.
    to_rest : float or None
        Distance to the centroid of the person's other references; None if there are none.
    """

    name: str
    yaw: float
    captured_on: date | None
    to_rest: float | None


@dataclass(frozen=True, slots=True)
class Advice:
    """One thing to do for a person.

    Parameters
    ----------
    text : str
        One sentence.
    """

    gap: Gap
    text: str


def advise(
    references: Sequence[ReferenceFacts], *, loose: float, event: date
) -> tuple[Advice, ...]:
    """Advise what would make a person easier to recognise, most useful first.

    Parameters
    ----------
    references : sequence of ReferenceFacts
        Of one person.
    loose : float
        A reference farther than this from the others would not be matched to its own person.
    event : date
        When the photos to be sorted were taken.

    Returns
    -------
    tuple of Advice
        Empty if nothing is missing.
    """
    found = [_too_few(references), _odd_one_out(references, loose), _all_frontal(references)]
    found += [_all_one_day(references), _all_old(references, event)]
    return tuple(advice for advice in found if advice is not None)


def _too_few(references: Sequence[ReferenceFacts]) -> Advice | None:
    if len(references) > 1:
        return None
    return Advice(
        Gap.ONE_REFERENCE,
        "Only one reference: a second and a third find faces that one misses.",
    )


def _odd_one_out(references: Sequence[ReferenceFacts], loose: float) -> Advice | None:
    odd = [r for r in references if r.to_rest is not None and r.to_rest > loose]
    if not odd:
        return None
    worst = max(odd, key=lambda r: r.to_rest or 0.0)
    return Advice(
        Gap.ODD_ONE_OUT,
        f"{worst.name} is {worst.to_rest:.2f} from the other references, beyond LOOSE: is it the same person?",
    )


def _all_frontal(references: Sequence[ReferenceFacts]) -> Advice | None:
    if len(references) < 2 or any(r.yaw > _FRONTAL for r in references):
        return None
    return Advice(Gap.ALL_FRONTAL, "All frontal: add one with the face turned to the side.")


def _all_one_day(references: Sequence[ReferenceFacts]) -> Advice | None:
    days = {r.captured_on for r in references}
    if len(references) < 2 or len(days) != 1 or None in days:
        return None
    return Advice(
        Gap.ALL_ONE_DAY,
        f"All taken on {min(d for d in days if d)}: add one with different hair, glasses or light.",
    )


def _all_old(references: Sequence[ReferenceFacts], event: date) -> Advice | None:
    days = [r.captured_on for r in references if r.captured_on is not None]
    if not days or len(days) < len(references):  # one without a date may be recent
        return None
    years = (event - max(days)).days / 365.25
    if years < _OLD_YEARS:
        return None
    return Advice(
        Gap.ALL_OLD, f"The newest is {years:.0f} years older than the event: add a recent one."
    )


def distances_to_rest(embeddings: Embeddings) -> list[float | None]:
    """Distance of each embedding to the centroid of the others.

    Parameters
    ----------
    embeddings : ndarray of shape (n, dim), float32
        Of one person.

    Returns
    -------
    list of n float or None
        None for a single embedding.
    """
    if len(embeddings) < 2:
        return [None] * len(embeddings)
    everyone = np.arange(len(embeddings))
    rests = (centroid(embeddings[everyone != own]) for own in everyone)
    return [
        float(centroid_distances(row[None], rest[None])[0, 0])
        for row, rest in zip(embeddings, rests, strict=True)
    ]


def spread(embeddings: Embeddings) -> float | None:
    """Mean distance of a person's embeddings to their centroid; None for fewer than two.

    Parameters
    ----------
    embeddings : ndarray of shape (n, dim), float32
    """
    if len(embeddings) < 2:
        return None
    return float(centroid_distances(embeddings, centroid(embeddings)[None]).mean())


def person_distances(centroids: Embeddings) -> NDArray[np.float32]:
    """Distances between persons, by their centroids; shape (n_persons, n_persons), symmetric, 0 on the diagonal."""
    return centroid_distances(centroids, centroids)


def closest_pair(distances: NDArray[np.float32]) -> tuple[int, int] | None:
    """Rows of the two persons nearest to each other; None for fewer than two.

    Parameters
    ----------
    distances : ndarray of shape (n_persons, n_persons), float32
        From `person_distances`.
    """
    if len(distances) < 2:
        return None
    rows, columns = np.triu_indices(len(distances), k=1)
    nearest = int(np.argmin(distances[rows, columns]))
    return int(rows[nearest]), int(columns[nearest])


def pairs_within(distances: NDArray[np.float32], limit: float) -> list[tuple[int, int]]:
    """Rows of all pairs of persons who are at most this far apart, the nearest first.

    Parameters
    ----------
    distances : ndarray of shape (n_persons, n_persons), float32
        From `person_distances`.
    """
    rows, columns = np.nonzero(np.triu(distances <= np.float32(limit), k=1))
    order = np.argsort(distances[rows, columns], kind="stable")
    return list(zip(rows[order].tolist(), columns[order].tolist(), strict=True))
