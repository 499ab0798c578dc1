"""Whether two recognisers decide alike about the same faces."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facesort.core.groups.linkage import rms_distance
from facesort.core.records import Embeddings

NEEDED = 0.995
"""Share of faces about which a quantised recogniser must decide as the original does."""

FEWEST_NAMED = 100
"""Faces that the original must give to somebody: about strangers, a network that finds nobody is right too."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """Of how many faces the decision is the same.

    Parameters
    ----------
    same, faces : int
        Of all.
    same_named, named : int
        Of those that the original gives to somebody.
    """

    same: int
    faces: int
    same_named: int
    named: int

    @property
    def accepted(self) -> bool:
        """Whether they are enough, of all and of those that the original names."""
        return (
            self.named >= FEWEST_NAMED
            and self.same >= NEEDED * self.faces
            and self.same_named >= NEEDED * self.named
        )


def decisions(
    faces: Embeddings, references: Embeddings, strict: float, loose: float
) -> NDArray[np.int64]:
    """The decision about each face: two numbers are equal if person and outcome are.

    A face is given to the nearest reference within LOOSE, or to nobody; within STRICT is another outcome.

    Parameters
    ----------
    faces : ndarray of shape (n, dim), float32
    references : ndarray of shape (n_persons, dim), float32
        One of each person.

    Returns
    -------
    ndarray of shape (n,), int64
        -1: nobody; else twice the person's row, and 1 more within STRICT.
    """
    distances = rms_distance(faces @ references.T)
    nearest = distances.argmin(axis=1)
    least = distances[np.arange(len(faces)), nearest]
    given = 2 * nearest + (least <= np.float32(strict))
    return np.asarray(np.where(least <= np.float32(loose), given, -1), np.int64)


def agreement(one: NDArray[np.int64], other: NDArray[np.int64]) -> Agreement:
    """Compare `decisions` about the same faces; those of the original come first."""
    same, named = one == other, one >= 0
    return Agreement(int(same.sum()), len(one), int((same & named).sum()), int(named.sum()))
