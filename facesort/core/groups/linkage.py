"""Groups of faces that are one person each: average linkage of an event's faces together with the references.

Two groups are joined by the mean cosine between their members, the most alike first.  Three rules are never broken:
faces that meet are different people, references are different persons, and what a user said stands.

Where ``s`` is the mean cosine of two groups, ``sqrt(2 - 2 s)`` is the root mean square of the distances between their
members, on the scale of all other distances (`rms_distance`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facesort.core.groups.cells import Nodes, pairs_in_cells
from facesort.core.groups.merging import FacePerson, GrowingGroups
from facesort.core.groups.neighbours import Pairs, nearest_pairs
from facesort.core.persons.sightings import Ids, Sightings
from facesort.core.records import Embeddings, Room, in_memory

EXACT = 100_000
"""Faces and persons up to which all are compared with all; of more, a few pairs are missed."""

# Shares of the RMS distance of `lowest`, and probes.
_LOOKS = ((0.9, 1), (0.9, 8), (0.95, 16), (1.0, 48))
_SLACK = 0.02  # of `GrowingGroups.grow`: in what is not exact anyway
_ABOUT = 1.15  # times as far from a person as the person's own faces: still looks like the person


@dataclass(frozen=True, slots=True, eq=False)
class Linkage:
    """What average linkage found; may be cut at any mean cosine from `lowest` on.

    Parameters
    ----------
    score : ndarray of shape (n_faces,), float32
        Mean cosine at which the face came to a reference; 1 for a *yes* that is not astray, -1 if it never did.
    person : ndarray of shape (n_faces,), int64
        Column of that reference; -1 if it never came to one.
    joined : ndarray of shape (n_faces,), int64
        Faces that came to the reference together with this one, itself included; 0 if it never did.
    merges : ndarray of shape (n_merges, 2), int64
        A member of each of the two groups that were joined, the most alike first among those of a group.  A person
        is its column, a face ``n_persons`` + its row.
    heights : ndarray of shape (n_merges,), float32
        Mean cosine of each merge, at most that of the merges it builds on.
    n_persons : int
    lowest : float
        Mean cosine below which nothing was joined.
    """

    score: NDArray[np.float32]
    person: Ids
    joined: Ids
    merges: Ids
    heights: NDArray[np.float32]
    n_persons: int
    lowest: float

    def groups(self, threshold: float) -> Ids:
        """Groups at a mean cosine: a label per face, those without a reference included; shape (n_faces,).

        Labels below `n_persons` are the persons' own columns; others are numbered in the order of their first face.
        """
        from scipy.sparse import coo_array
        from scipy.sparse.csgraph import connected_components

        nodes = self.n_persons + len(self.score)
        one, other = self.merges[self.heights >= np.float32(max(threshold, self.lowest))].T
        graph = coo_array((np.ones(len(one), np.int8), (one, other)), shape=(nodes, nodes))
        _, found = connected_components(graph, directed=False)
        _, first, label = np.unique(found, return_index=True, return_inverse=True)
        rank = np.empty_like(first)
        rank[np.argsort(first)] = np.arange(len(first))
        return np.asarray(rank[label[self.n_persons :]], dtype=np.int64)


def rms_distance(mean_cosine: NDArray[np.float32] | float) -> NDArray[np.float32]:
    """Root mean square distance between the members of two groups, ``sqrt(2 - 2 s)``, of their mean cosine."""
    squared = 2 - 2 * np.asarray(mean_cosine, np.float64)
    return np.asarray(np.sqrt(np.clip(squared, 0, 4)), np.float32)


def mean_cosine(rms: float) -> float:
    """Mean cosine at a root mean square distance: the inverse of `rms_distance`."""
    return 1 - rms * rms / 2


def link(
    embeddings: Embeddings,
    sightings: Sightings,
    references: Embeddings,
    *,
    order: Ids,
    lowest: float,
    together: Sequence[FacePerson] = (),
    apart: Sequence[FacePerson] = (),
    exact: int = EXACT,
    room: Room = in_memory,
) -> Linkage:
    """Join faces and references into groups.

    Parameters
    ----------
    embeddings : ndarray of shape (n_faces, dim), float32
        L2-normalised.
    sightings : Sightings
        Of the same faces; those that meet are never joined.
    references : ndarray of shape (n_persons, dim), float32
        Each person's centroid, L2-normalised; never joined with each other.
    order : ndarray of shape (n_faces,), int64
        A rank of the faces that depends on their content only: the result for a face does not depend on its row.
    lowest : float
        Mean cosine at which joining ends, above 0.
    together : sequence of (face, person)
        A user's *yes*: joined before anything else.  It is a *no* for those whom the face meets and who are about as
        near to the person as the person's own: in a mirror, or on a poster.  One that is astray (`_astray`) joins
        nothing, and only keeps the face from all other persons.
    apart : sequence of (face, person)
        A user's *no*: never joined.  A face with a *no* joins faces of no person only if they have the same ones, so
        that it does not keep them from the person.
    exact : int
        Faces and persons up to which all are compared with all.
    room : callable of (rows, columns)
        Makes the array that sums of groups are kept in.

    Notes
    -----
    R. Sokal and C. Michener, *A statistical method for evaluating systematic relationships*, 1958 (UPGMA).  In rounds,
    all pairs of groups are joined of which each is the other's most alike.  Average linkage is reducible (a union is
    never more alike to a third group than the more alike of its parts), also with pairs that must not be joined, so
    the groups are those of joining one pair at a time: F. Murtagh, *A survey of recent advances in hierarchical
    clustering algorithms*, 1983.  Only pairs of groups with a pair of `nearest_pairs` between them are looked at.

    Of more than `exact`, only those in near cells are compared, several times: first faces, with few cells each, and
    only what is clearly alike is joined; then what came of it.  These are fewer, so that each can look into more cells,
    and their sums are nearer to each other than single faces, so that hardly any pair is missed.
    """
    rows = np.argsort(order)
    place = np.empty_like(rows)
    place[rows] = np.arange(len(rows))
    n_persons = len(references)
    nowhere = Sightings.of_photos(np.full(n_persons, -1))
    if not len(embeddings):
        nothing = GrowingGroups(references, nowhere, n_persons, lowest, ())
        return _result(nothing, rows)
    nodes = room(n_persons + len(rows), embeddings.shape[1])
    nodes[:n_persons] = references if n_persons else 0
    np.take(embeddings, rows, axis=0, out=nodes[n_persons:], mode="clip")
    seen = Sightings.joined([nowhere, sightings.of(rows)])
    pairs = nearest_pairs(nodes, seen, lowest) if len(nodes) <= exact else Pairs.none()
    astray = set(_astray(together, embeddings, references, lowest))
    others = ((face, p) for face, person in astray for p in range(n_persons) if p != person)
    together = [pair for pair in together if pair not in astray]
    mirrors = _in_mirrors(together, sightings, embeddings, references, lowest)
    apart = [*apart, *others, *mirrors]
    groups = GrowingGroups(
        nodes, seen, n_persons, lowest, [(int(place[face]), person) for face, person in apart]
    )
    for faces, persons in _in_turn((int(place[face]), person) for face, person in together):
        pairs = groups.join(pairs, persons, faces + n_persons, np.ones(len(faces), np.float32))
    if len(nodes) <= exact:
        groups.grow(pairs, lowest)
    else:
        for share, probes in _LOOKS:
            low = max(lowest, mean_cosine(share * float(rms_distance(lowest))))
            found = Nodes(groups.total, groups.size, seen, np.unique(groups.group))
            groups.grow(pairs_in_cells(found, low, probes), low, _SLACK)
    return _result(groups, rows)


def _result(groups: GrowingGroups, rows: Ids) -> Linkage:
    """For the caller's rows."""
    names = np.concatenate([np.arange(groups.n_persons), rows + groups.n_persons])
    merges = [np.stack([one, other], axis=1) for one, other, _ in groups.merges]
    heights = [height for _, _, height in groups.merges]
    faces = np.argsort(rows) + groups.n_persons
    return Linkage(
        groups.score[faces],
        groups.person[faces],
        groups.joined[faces],
        names[np.concatenate([np.empty((0, 2), np.int64), *merges])],
        np.concatenate([np.empty(0, np.float32), *heights]),
        groups.n_persons,
        groups.lowest,
    )


def _astray(
    together: Sequence[FacePerson], embeddings: Embeddings, references: Embeddings, lowest: float
) -> Iterator[FacePerson]:
    """Each *yes* for a face that is nearer to another person's reference than to its own person's and all other *yes*.

    A slip of a key would keep the person's faces from the reference, and pass for a stranger who comes as near to
    somebody as their own faces do: LOOSE was 0.92 instead of 1.12 for it (16 people, 150 faces).
    """
    for person, faces in _by_person(together).items():
        said = embeddings[faces]
        own = (said @ (references[person] + said.sum(axis=0)) - 1) / len(
            faces
        )  # without the face itself
        others = said @ references.T
        others[:, person] = -1
        nearest = others.max(axis=1)
        for row in np.flatnonzero((nearest > own) & (nearest >= lowest)).tolist():
            yield faces[row], person


def _in_mirrors(
    together: Sequence[FacePerson],
    sightings: Sightings,
    embeddings: Embeddings,
    references: Embeddings,
    lowest: float,
) -> Iterator[FacePerson]:
    """Faces that look like a person, and meet another face that was said to be that person.

    They would join other faces of the person, and keep these from it.  Who else is there is left alone: that they meet
    keeps the whole group of a stranger from the person already.
    """
    for person, faces in _by_person(together).items():
        known = np.concatenate([references[[person]], embeddings[faces]])
        total, size = known.sum(axis=0), len(known)
        own = float(total @ total - size) / (size * (size - 1))  # mean cosine between them
        beside = np.flatnonzero(sightings.beside(sightings.of(np.array(faces))))
        beside = beside[~np.isin(beside, faces)]
        cosine = embeddings[beside] @ total / np.float32(size)
        near = (cosine >= lowest) & (rms_distance(cosine) <= _ABOUT * rms_distance(own))
        yield from ((face, person) for face in beside[near].tolist())


def _by_person(pairs: Iterable[FacePerson]) -> dict[int, list[int]]:
    """Faces of each person."""
    of: dict[int, list[int]] = {}
    for face, person in pairs:
        of.setdefault(person, []).append(face)
    return of


def _in_turn(pairs: Iterable[FacePerson]) -> Iterator[tuple[Ids, Ids]]:
    """Pairs of faces and persons in parts in which no person occurs twice."""
    of = _by_person(sorted(pairs))
    for turn in range(max(map(len, of.values()), default=0)):
        part = [(faces[turn], person) for person, faces in of.items() if turn < len(faces)]
        faces, persons = np.array(part, np.int64).T
        yield faces, persons
