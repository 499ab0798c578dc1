"""The gallery: persons, their references and learned embeddings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from facesort.core.records import Embeddings

Vector = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Person:
    """Someone the user named.

    Parameters
    ----------
    name : str
        As entered by the user.
    folder : str
        Name of the output folder, valid on every file system.
    deliver : bool
        False if the person is withheld: photos with them are not delivered to anybody.
    """

    person_id: int
    name: str
    folder: str
    deliver: bool = True


def centroid(embeddings: Embeddings) -> Vector:
    """Mean direction of a person's embeddings.

    Parameters
    ----------
    embeddings : ndarray of shape (n, dim), float32
        L2-normalised, n >= 1.

    Returns
    -------
    ndarray of shape (dim,), float32
        L2-normalised.

    Raises
    ------
    ValueError
        If there are none, or they cancel out or are not finite.
    """
    if not len(embeddings):
        raise ValueError("a centroid needs at least one embedding")
    mean = embeddings.astype(np.float64).mean(axis=0)
    norm = float(np.linalg.norm(mean))
    if (
        not 1e-6 <= norm < np.inf
    ):  # written so that NaN is refused too: it would hide a person from everybody
        raise ValueError(
            "the embeddings cancel out or are not finite: they cannot be of one person"
        )
    return np.asarray(mean / norm, dtype=np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Centroids:
    """Two centroids per person, for `matching.distances_to_persons`.

    Parameters
    ----------
    references : ndarray of shape (n_persons, dim), float32
        Of the references only.
    everything : ndarray of shape (n_persons, dim), float32
        Of references and learned embeddings; equal to `references` where nothing was learned.
    """

    references: Embeddings
    everything: Embeddings

    def __len__(self) -> int:
        """Number of persons."""
        return len(self.references)

    def of(self, persons: NDArray[np.bool_]) -> Centroids:
        """Centroids of the persons in a mask of shape (n_persons,)."""
        return Centroids(self.references[persons], self.everything[persons])


@dataclass(frozen=True, slots=True, eq=False)
class Gallery:
    """Persons with their embeddings; constant during a batch.

    Parameters
    ----------
    persons : tuple of Person
        In order of their ids.
    references : mapping of person_id to ndarray of shape (n, dim)
        Never removed by learning.
    learned : mapping of person_id to ndarray of shape (n, dim)
        Oldest first, at most `max_learned` per person.
    """

    persons: tuple[Person, ...]
    references: Mapping[int, Embeddings]
    learned: Mapping[int, Embeddings] = field(default_factory=dict)
    max_learned: int = 10

    @property
    def person_ids(self) -> NDArray[np.int64]:
        """Ids of the persons that have references, shape (n_persons,); the rows of `centroids`."""
        ids = (p.person_id for p in self.persons)
        return np.array([i for i in ids if len(self.references.get(i, ()))], dtype=np.int64)

    def centroids(self) -> Centroids:
        """Centroids of `person_ids`, one row each."""
        ids = self.person_ids.tolist()
        return Centroids(
            _stacked([centroid(self.references[key]) for key in ids]),
            _stacked([centroid(self.embeddings(key)) for key in ids]),
        )

    def centroids_without(self, person_id: int, embedding: Vector) -> Centroids | None:
        """Centroids of a person without one of their embeddings.

        Parameters
        ----------
        person_id : int
            Of `person_ids`.
        embedding : ndarray of shape (dim,), float32
            Excluded by being nearest: the stored one is the same.

        Returns
        -------
        Centroids or None
            One row; None if it is the only reference, since learned embeddings alone do not define a person.
        """
        everything = self.embeddings(person_id)
        apart = ((everything.astype(np.float64) - embedding) ** 2).sum(axis=1)
        others = apart > apart.min()
        references = everything[others & (np.arange(len(others)) < len(self.references[person_id]))]
        if not len(references):
            return None
        return Centroids(centroid(references)[None], centroid(everything[others])[None])

    def learn(self, additions: Sequence[tuple[int, Vector]]) -> Gallery:
        """Gallery with the additions of a batch; the oldest learned embeddings are dropped first.

        Parameters
        ----------
        additions : sequence of (person_id, embedding)
            In order of the photos.
        """
        learned = dict(self.learned)
        for person_id, vector in additions:
            known = learned.get(person_id)
            rows = vector[None] if known is None else np.vstack([known, vector[None]])
            learned[person_id] = rows[len(rows) - min(len(rows), self.max_learned) :]
        return Gallery(self.persons, self.references, learned, self.max_learned)

    def embeddings(self, person_id: int) -> Embeddings:
        """A person's references, then learned embeddings; shape (n, dim)."""
        learned = self.learned.get(person_id)
        own = self.references[person_id]
        return own if learned is None or not len(learned) else np.vstack([own, learned])


def _stacked(rows: list[Vector]) -> Embeddings:
    return np.stack(rows) if rows else np.empty((0, 0), np.float32)
