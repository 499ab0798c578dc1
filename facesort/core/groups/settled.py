"""Photos that a re-match would decide as they are decided, told for thousands at once.

Only where that is beyond doubt: a face that is near a threshold, or two that are near one person, are left to
`matching.decide_photo` and `groups.decision`, whose rules these are.  So results do not depend on what is told here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facesort.core.groups.decision import Proposals
from facesort.core.groups.threshold import EventThreshold
from facesort.core.persons.gallery import Centroids
from facesort.core.persons.matching import LEARNED_GAIN, Thresholds
from facesort.core.persons.sightings import Ids
from facesort.core.records import Embeddings
from facesort.reasons import FaceReason, Outcome

_SLACK = 1e-5
"""Distances that are nearer to each other, or to a threshold, are not told apart: products of matrices, of vectors that
are rounded to float32, differ from sums of squares by less."""

Flags = NDArray[np.bool_]
_Rough = NDArray[np.float64]

_AS_DECIDED = {
    (Outcome.UNKNOWN, FaceReason.ABOVE_LOOSE): 0,
    (Outcome.LOOSE, FaceReason.ABOVE_STRICT): 1,
    (Outcome.LOOSE, FaceReason.WITHIN_GROUP): 2,
    (Outcome.LOOSE, FaceReason.WITHIN_MARGIN): 3,
    (Outcome.LOOSE, FaceReason.NOT_NEAREST_FACE): 4,
    (Outcome.STRICT, FaceReason.WITHIN_STRICT): 5,
}


@dataclass(frozen=True, slots=True, eq=False)
class DecidedFaces:
    """All faces of some photos, as they are decided; those of one photo follow each other.

    Parameters
    ----------
    photo_ids, face_ids : ndarray of shape (n_faces,), int64
    embeddings : ndarray of shape (n_faces, dim), float32
        Zero where there is none.
    decisions : sequence of (outcome, reason)
    person_ids : ndarray of shape (n_faces,), int64
        0: nobody.
    special : ndarray of shape (n_faces,), bool
        Cannot be compared, or was followed through a clip.
    """

    photo_ids: Ids
    face_ids: Ids
    embeddings: Embeddings
    decisions: Sequence[tuple[str, str]]
    person_ids: Ids
    special: Flags


@dataclass(frozen=True, slots=True, eq=False)
class _Photos:
    """Which faces are in one photo.

    Parameters
    ----------
    first : ndarray of shape (n_photos,)
        Row of the first face of each.
    faces : ndarray of shape (n_pairs,)
        Each face as often as there are faces in its photo.
    beside : ndarray of shape (n_pairs,)
        Each of these.
    """

    first: Ids
    faces: Ids
    beside: Ids

    @classmethod
    def of(cls, photo_ids: Ids) -> _Photos:
        first = np.flatnonzero(np.diff(photo_ids, prepend=-1))
        sizes = np.diff(first, append=len(photo_ids))
        size, start = np.repeat(sizes, sizes), np.repeat(first, sizes)
        faces = np.repeat(np.arange(len(photo_ids)), size)
        ends = np.cumsum(size)
        beside = np.repeat(start - ends + size, size) + np.arange(len(faces))
        return cls(first, faces, beside)

    def nearest_other(self, distances: _Rough, columns: Ids) -> tuple[_Rough, Flags]:
        """Of each face, how near the others of its photo are to its person, and whether one may be the same."""
        theirs = columns[self.faces]
        found = distances[self.beside, theirs]
        found[(self.faces == self.beside) | (theirs < 0)] = np.inf
        same = (theirs == columns[self.beside]) & np.isfinite(found)
        starts = np.flatnonzero(np.diff(self.faces, prepend=-1))
        return np.minimum.reduceat(found, starts), np.logical_or.reduceat(same, starts)


def settled(
    faces: DecidedFaces,
    centroids: Centroids,
    person_ids: Ids,
    thresholds: Thresholds,
    groups: tuple[Proposals, EventThreshold] | None = None,
) -> Ids:
    """Ids of the photos whose decisions surely stay as they are.

    Parameters
    ----------
    centroids : Centroids
    person_ids : ndarray of shape (n_persons,), int64
        Of the centroids.
    thresholds : Thresholds
    groups : (Proposals, EventThreshold), optional
        Of the same faces; default: they are judged alone.
    """
    if faces.special.all() or not len(person_ids):  # embeddings may have no columns then
        return np.empty(0, np.int64)
    distances = _distances(faces.embeddings, centroids)
    columns, sure = _columns(distances, thresholds, groups)
    photos = _Photos.of(faces.photo_ids)
    decided, told = _decided(distances, columns, photos, thresholds, groups)
    stored = np.array([_AS_DECIDED.get(pair, -1) for pair in faces.decisions])  # type: ignore[arg-type]
    who = np.where(columns < 0, 0, person_ids[columns])
    same = sure & told & ~faces.special & (decided == stored) & (who == faces.person_ids)
    stays = np.logical_and.reduceat(same, photos.first)
    return faces.photo_ids[photos.first[stays]]


def _distances(embeddings: Embeddings, centroids: Centroids) -> _Rough:
    """As `matching.distances_to_persons`, but for the last digits."""
    rows = embeddings.astype(np.float64)
    references = _apart(rows, centroids.references)
    if np.array_equal(centroids.everything, centroids.references):
        return references
    return np.maximum(_apart(rows, centroids.everything), references * (1 - LEARNED_GAIN))


def _apart(rows: NDArray[np.float64], centroids: Embeddings) -> _Rough:
    targets = centroids.astype(np.float64)
    squares = -2 * (rows @ targets.T)
    squares += (rows**2).sum(axis=1)[:, None]
    squares += (targets**2).sum(axis=1)
    return np.sqrt(np.maximum(squares, 0, out=squares), out=squares)


def _columns(
    distances: _Rough,
    thresholds: Thresholds,
    groups: tuple[Proposals, EventThreshold] | None,
) -> tuple[Ids, Flags]:
    """The only person whom each face can be given to, -1 for nobody; and whether there are no others."""
    within = thresholds.loose if groups is None else groups[1].alone
    widest = within
    if groups is not None:
        widest = max(within, groups[1].whatever_group(thresholds.strict))
    near = (distances <= widest + _SLACK).sum(axis=1)
    nearest = distances.argmin(axis=1)
    is_theirs = (near == 1) & (distances.min(axis=1) <= within - _SLACK)
    columns, sure = np.where(is_theirs, nearest, -1), is_theirs | (near == 0)
    if groups is None:
        return columns, sure
    proposed = groups[0]
    inside = (proposed.columns >= 0) & ~proposed.doubtful
    columns = np.where(inside, proposed.columns, columns)
    return columns, inside | (sure & ~proposed.doubtful & (proposed.alone | (near == 0)))


def _decided(
    distances: _Rough,
    columns: Ids,
    photos: _Photos,
    thresholds: Thresholds,
    groups: tuple[Proposals, EventThreshold] | None,
) -> tuple[NDArray[np.int64], Flags]:
    """What each face is decided as, if it goes to that person; and whether that is beyond doubt."""
    own = np.take_along_axis(distances, np.maximum(columns, 0)[:, None], axis=1)[:, 0]
    rival, clash = photos.nearest_other(distances, columns)
    gap = _runner_up(distances, columns) - own
    strict, margin = thresholds.strict, thresholds.margin
    above = np.full(len(columns), _AS_DECIDED[Outcome.LOOSE, FaceReason.ABOVE_STRICT])
    close = (_near(own, strict)) | _near(gap, margin) | _near(rival, own)
    if groups is not None:
        proposed, threshold = groups
        by_group = (proposed.columns >= 0) & (proposed.others > 0) & (own > threshold.alone)
        above[by_group] = _AS_DECIDED[Outcome.LOOSE, FaceReason.WITHIN_GROUP]
        close |= _near(own, threshold.alone)
    found = np.select(
        [columns < 0, own > strict, gap < margin, rival < own],
        [
            np.full(len(columns), _AS_DECIDED[Outcome.UNKNOWN, FaceReason.ABOVE_LOOSE]),
            above,
            np.full(len(columns), _AS_DECIDED[Outcome.LOOSE, FaceReason.WITHIN_MARGIN]),
            np.full(len(columns), _AS_DECIDED[Outcome.LOOSE, FaceReason.NOT_NEAREST_FACE]),
        ],
        _AS_DECIDED[Outcome.STRICT, FaceReason.WITHIN_STRICT],
    )
    return found, (columns < 0) | ~(close | clash)


def _runner_up(distances: _Rough, columns: Ids) -> _Rough:
    """Distance of each face to the nearest person other than its own."""
    if distances.shape[1] == 1:
        return np.full(len(distances), np.inf)
    two = np.partition(distances, 1, axis=1)[:, :2]
    return np.where(distances.argmin(axis=1) == columns, two[:, 1], two[:, 0])


def _near(left: _Rough, right: _Rough | float) -> Flags:
    with np.errstate(invalid="ignore"):  # infinity less infinity is not near
        return np.abs(left - right) <= _SLACK
