"""Compares faces of known identity with the gallery, as a sort does."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facesort.core.calibration.rates import NOBODY, Trials
from facesort.core.persons.gallery import Gallery
from facesort.core.persons.matching import centroid_distances, distances_to_persons
from facesort.core.records import Embeddings
from facesort.errors import GalleryError

SAME_PICTURE = 1e-3
"""Smaller than the distance of any two photos: such faces are copies of one picture, which prove nothing."""

_MIN_GENUINE = 2  # people; what one of them says is of one


@dataclass(frozen=True, slots=True, eq=False)
class Comparisons:
    """Distances of faces of known identity to all persons of a gallery.

    Parameters
    ----------
    distances : ndarray of shape (n_faces, n_persons), float32
        As in a sort. A reference is compared with its own person without it; NaN if it is the only reference, or
        the others include the same picture.
    persons : ndarray of shape (n_faces,), int64
        Whose face it is: a column of the gallery, or a number from `n_persons` on for a stranger.
    references : ndarray of shape (n_faces,), bool
        Whether the face is a reference, not a labelled face.
    """

    distances: NDArray[np.float32]
    persons: NDArray[np.int64]
    references: NDArray[np.bool_]

    @property
    def gallery(self) -> int:
        """Number of persons in the gallery."""
        return int(self.distances.shape[1])

    @property
    def tells_misses(self) -> bool:
        """Whether there is anything to say about genuine comparisons (FNMR, FNIR): of at least two people."""
        return self.fnmr().independent >= _MIN_GENUINE

    def fnmr(self) -> Trials:
        """One-to-one genuine comparisons; an error is beyond the threshold (FNMR)."""
        own = self._own()
        return self._misses("genuine comparisons", own, np.isfinite(own))

    def fmr(self) -> Trials:
        """One-to-one impostor comparisons; an error is within the threshold (FMR)."""
        face, other = np.nonzero(~self._is_own())
        return Trials(
            "impostor comparisons",
            self.distances[face, other],
            self.persons[face],
            other.astype(np.int64),
            self.gallery,
            np.ones(len(face)),
            every_pair=True,
        )

    def fpir(self) -> Trials:
        """Faces of nobody in the gallery; an error if any person is within the threshold (FPIR).

        Strangers are compared with the whole gallery, a gallery person's face with the gallery without that person.
        Since one person is missing then, each error counts N / (N - 1), the union bound (Grother and Phillips, "Models
        of large population recognition performance", CVPR 2004, derive the law for independent comparisons, which is
        the same for small rates).
        """
        nearest, _, who = self._nearest_others()
        return self._false_positives("faces of strangers", nearest, who)

    def wrong_learning(self, margin: float) -> Trials:
        """The same faces; an error if a face would be *learned* for somebody at this STRICT.

        Parameters
        ----------
        margin : float
            By which the nearest person must beat the next, as in `Thresholds.margin`.  The quality that learning
            requires is ignored, so the rate is an upper estimate.
        """
        nearest, second, who = self._nearest_others()
        with np.errstate(invalid="ignore"):  # inf - inf: nobody to compare with
            clear = second - nearest >= np.float32(margin)
        scores = np.where(clear, nearest, np.float32(np.inf))
        return self._false_positives("faces of strangers", scores, who)

    def fnir(self) -> Trials:
        """Faces of gallery persons; an error unless their person is the nearest, and within the threshold (FNIR).

        A tie with another person counts as a miss.  Labelled faces are used if they cover at least as many persons as
        have two references; otherwise the references, which are compared with one embedding fewer than the photos of
        a sort, so the rate is an upper estimate.
        """
        own = self._own()
        nearest, _, _ = self._nearest_others()
        mated = np.isfinite(own)
        sides = mated & ~self.references, mated & self.references
        chosen = max(sides, key=lambda side: len(np.unique(self.persons[side])))
        scores = np.where(own < nearest, own, np.float32(np.inf))
        return self._misses("faces of persons in the gallery", scores, chosen)

    def _is_own(self) -> NDArray[np.bool_]:
        return np.asarray(self.persons[:, None] == np.arange(self.gallery))

    def _own(self) -> NDArray[np.float32]:
        """Distance to the face's own person, NaN for strangers; shape (n_faces,)."""
        own = np.full(len(self.persons), np.nan, np.float32)
        known = np.flatnonzero(self.persons < self.gallery)
        own[known] = self.distances[known, self.persons[known]]
        return own

    def _nearest_others(
        self,
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int64]]:
        """Smallest and second smallest distance to anybody else, and the nearest person."""
        others = np.where(self._is_own(), np.float32(np.inf), self.distances)
        nobody = np.full((len(others), 2), np.inf, np.float32)
        two = np.sort(np.hstack([others, nobody]), axis=1)[:, :2]
        who = others.argmin(axis=1) if self.gallery else np.zeros(len(others), np.intp)
        return two[:, 0], two[:, 1], who.astype(np.int64)

    def _false_positives(
        self, what: str, scores: NDArray[np.float32], who: NDArray[np.int64]
    ) -> Trials:
        known = self.persons < self.gallery
        usable = ~known | (self.gallery > 1)
        weights = np.where(known, self.gallery / max(self.gallery - 1, 1), 1.0)
        return Trials(
            what,
            scores[usable],
            self.persons[usable],
            who[usable],
            self.gallery,
            weights[usable],
        )

    def _misses(self, what: str, scores: NDArray[np.float32], mated: NDArray[np.bool_]) -> Trials:
        n = int(mated.sum())
        return Trials(
            what,
            scores[mated],
            self.persons[mated],
            np.full(n, NOBODY, np.int64),
            self.gallery,
            np.ones(n),
            beyond=True,
        )


def compare(gallery: Gallery, faces: Embeddings, person_ids: NDArray[np.int64]) -> Comparisons:
    """Compare the gallery's references and labelled faces with all persons.

    Parameters
    ----------
    gallery : Gallery
        Learned faces count, if there are any; leave them out to calibrate on references only.
    faces : ndarray of shape (n, dim), float32
        Labelled faces; n may be 0.  Copies of references are left out.
    person_ids : ndarray of shape (n,), int64
        Whose they are: an id of the gallery, or any other number, one per stranger.

    Raises
    ------
    GalleryError
        If the gallery is empty, or one picture is labelled as two people.
    """
    columns = gallery.person_ids
    if not len(columns):
        raise GalleryError(
            "nobody is in the gallery: add someone first with `facesort seed NAME PHOTO...`"
        )
    references, owners = _references(gallery)
    labelled = _numbers(person_ids, columns)
    copies = _refuse_two_names(gallery, (references, owners), (faces, labelled))
    faces, labelled = faces[~copies], labelled[~copies]
    everything = np.vstack([references, faces]) if len(faces) else references
    distances = distances_to_persons(everything, gallery.centroids())
    for row, owner in enumerate(owners):
        distances[row, owner] = _without(gallery, references[row], int(columns[owner]))
    persons = np.concatenate([owners, labelled])
    return Comparisons(distances, persons, np.arange(len(persons)) < len(owners))


def reference_pairs(gallery: Gallery) -> Trials:
    """Pairs of references of different people, face to face.

    Each reference counts as the centroid of a person with one reference, so these are distances as in a sort, but of
    the most difficult gallery; see `crowd`.
    """
    references, owners = _references(gallery)
    one, other = np.triu_indices(len(references), k=1)
    apart = owners[one] != owners[other]
    one, other = one[apart], other[apart]
    distances = centroid_distances(references, references)
    return Trials(
        "pairs of references of different persons",
        distances[one, other],
        owners[one],
        owners[other],
        len(gallery.person_ids),
        np.ones(len(one)),
        every_pair=True,
    )


def _references(gallery: Gallery) -> tuple[Embeddings, NDArray[np.int64]]:
    """All references, and the columns of their persons."""
    rows = [gallery.references[int(person_id)] for person_id in gallery.person_ids]
    owners = np.repeat(np.arange(len(rows)), [len(r) for r in rows]).astype(np.int64)
    return (np.vstack(rows) if rows else np.empty((0, 0), np.float32)), owners


def _numbers(person_ids: NDArray[np.int64], columns: NDArray[np.int64]) -> NDArray[np.int64]:
    """Columns for persons of the gallery, and consecutive numbers after them for strangers."""
    strangers = np.setdiff1d(person_ids, columns)
    order = {int(p): number for number, p in enumerate([*columns, *strangers])}
    return np.array([order[int(p)] for p in person_ids], dtype=np.int64)


def _refuse_two_names(
    gallery: Gallery,
    known: tuple[Embeddings, NDArray[np.int64]],
    labelled: tuple[Embeddings, NDArray[np.int64]],
) -> NDArray[np.bool_]:
    """Find labelled faces that are copies of references; refuse one picture under two names."""
    references, owners = known
    faces, persons = labelled
    names = [p.name for p in gallery.persons if p.person_id in set(gallery.person_ids.tolist())]
    same = centroid_distances(references, references) < SAME_PICTURE
    clash = np.argwhere(same & (owners[:, None] != owners))
    if len(clash):
        one, other = (names[owners[row]] for row in clash[0])
        raise GalleryError(
            f"the same picture is a reference of {one!r} and of {other!r}: remove it from one of them"
        )
    if not len(faces):
        return np.zeros(0, dtype=bool)
    copies = centroid_distances(faces, references) < SAME_PICTURE
    clash = np.argwhere(copies & (persons[:, None] != owners))
    if len(clash):
        raise GalleryError(
            f"a reference of {names[owners[clash[0][1]]]!r} is among the labelled photos of somebody else: "
            "remove it from there, or name the folder after the person"
        )
    return np.asarray(copies.any(axis=1))


def _without(gallery: Gallery, reference: NDArray[np.float32], person_id: int) -> np.float32:
    """Distance of a reference to its person without it; NaN if there is none."""
    known = centroid_distances(reference[None], gallery.embeddings(person_id))
    rest = gallery.centroids_without(person_id, reference)
    if rest is None or np.count_nonzero(known < SAME_PICTURE) > 1:
        return np.float32(np.nan)
    return np.float32(distances_to_persons(reference[None], rest)[0, 0])
