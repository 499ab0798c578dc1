"""Groups of faces that are one person each: average linkage of an event's faces together with the references.

Two groups are joined by the mean cosine between their members, the most alike first.  Three rules are never broken:
faces of one photo are different people, references are different persons, and what a user said stands.

Where ``s`` is the mean cosine of two groups, ``sqrt(2 - 2 s)`` is the root mean square of the distances between their
members, on the scale of all other distances (`rms_distance`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from facesort.core.neighbours import Pairs, join_pairs, nearest_pairs
from facesort.core.records import Embeddings

_CHUNK = 4096  # pairs of groups compared at a time: 16 MB of sums

Ids = NDArray[np.int64]
Nodes = NDArray[np.integer]
FacePerson = tuple[int, int]
"""A face's row, and a person's column."""


@dataclass(frozen=True, slots=True, eq=False)
class Linkage:
    """What average linkage found; may be cut at any mean cosine from `lowest` on.

    Parameters
    ----------
    score : ndarray of shape (n_faces,), float32
        Mean cosine at which the face came to a reference; 1 for a user's *yes*, -1 if it never did.
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
    photo_ids: Ids,
    references: Embeddings,
    *,
    order: Ids,
    lowest: float,
    together: Sequence[FacePerson] = (),
    apart: Sequence[FacePerson] = (),
) -> Linkage:
    """Join faces and references into groups.

    Parameters
    ----------
    embeddings : ndarray of shape (n_faces, dim), float32
        L2-normalised.
    photo_ids : ndarray of shape (n_faces,), int64
        The photo of each face; faces of one photo are never joined.
    references : ndarray of shape (n_persons, dim), float32
        Each person's centroid, L2-normalised; never joined with each other.
    order : ndarray of shape (n_faces,), int64
        A rank of the faces that depends on their content only: the result for a face does not depend on its row.
    lowest : float
        Mean cosine at which joining ends, above 0.
    together : sequence of (face, person)
        A user's *yes*: joined before anything else.
    apart : sequence of (face, person)
        A user's *no*: never joined.  A face with a *no* joins faces of no person only if they have the same ones, so
        that it does not keep them from the person.

    Notes
    -----
    R. Sokal and C. Michener, *A statistical method for evaluating systematic relationships*, 1958 (UPGMA).  In rounds,
    all pairs of groups are joined of which each is the other's most alike.  Average linkage is reducible (a union is
    never more alike to a third group than the more alike of its parts), also with pairs that must not be joined, so
    the groups are those of joining one pair at a time: F. Murtagh, *A survey of recent advances in hierarchical
    clustering algorithms*, 1983.  Only pairs of groups with a pair of `nearest_pairs` between them are looked at.
    """
    rows = np.argsort(order)
    place = np.empty_like(rows)
    place[rows] = np.arange(len(rows))
    n_persons = len(references)
    if not len(embeddings):
        return _Groups(references, np.full(n_persons, -1), n_persons, lowest, ()).linkage(rows)
    nodes = np.concatenate([references, embeddings[rows]]) if n_persons else embeddings[rows]
    photos = np.concatenate([np.full(n_persons, -1), photo_ids[rows]])
    pairs = nearest_pairs(nodes, photos, lowest)
    groups = _Groups(
        nodes, photos, n_persons, lowest, [(int(place[face]), person) for face, person in apart]
    )
    for faces, persons in _in_turn((int(place[face]), person) for face, person in together):
        pairs = groups.join(pairs, persons, faces + n_persons, np.ones(len(faces), np.float32))
    pairs = groups.possible(pairs)
    while len(pairs):
        pairs = groups.round(pairs)
    return groups.linkage(rows)


class _Groups:
    """Groups while they grow.  A group is named by the smallest of its nodes: by its person, if it has one."""

    def __init__(
        self,
        nodes: Embeddings,
        photos: Ids,
        n_persons: int,
        lowest: float,
        apart: Sequence[FacePerson],
    ) -> None:
        n = len(nodes)
        self.total = nodes  # sum of a group's members
        self.photos, self.n_persons, self.lowest = photos, n_persons, lowest
        self.size = np.ones(n, np.int64)
        self.group: Nodes = np.arange(n)
        self.height = np.ones(n, np.float32)
        self.refused, self.ruled_out = _refusals(apart, n, n_persons)
        self.score = np.full(n, -1, np.float32)
        self.person, self.joined = np.full(n, -1), np.zeros(n, np.int64)
        self.merges: list[tuple[Nodes, Nodes, NDArray[np.float32]]] = []

    def round(self, pairs: Pairs) -> Pairs:
        """Join all groups that are each other's most alike; the pairs that are left."""
        best = np.zeros(len(self.size), np.float32)
        np.maximum.at(best, pairs.first, pairs.cosine)
        np.maximum.at(best, pairs.second, pairs.cosine)
        mutual = (pairs.cosine == best[pairs.first]) & (pairs.cosine == best[pairs.second])
        chosen = _without_ties(pairs, np.flatnonzero(mutual))
        clash = self._share_a_photo(pairs.first[chosen], pairs.second[chosen])
        left = np.ones(len(pairs), bool)
        left[chosen] = False
        good = chosen[~clash]
        one, other, cosine = pairs.first[good], pairs.second[good], pairs.cosine[good]
        return self.join(pairs.of(left), one, other, cosine)

    def join(self, pairs: Pairs, one: Nodes, other: Nodes, cosine: NDArray[np.float32]) -> Pairs:
        """Join groups, each of which occurs once; the pairs of groups after it, with their cosines."""
        if not len(one):
            return pairs
        height = np.minimum(np.minimum(cosine, self.height[one]), self.height[other])
        self.merges.append((one, other, height))
        came_to = np.full(len(self.size), -1)
        came_to[other] = one
        self._name(came_to, other[one < self.n_persons], height[one < self.n_persons])
        self.total[one] += self.total[other]
        self.size[one] += self.size[other]
        self.height[one] = height
        changed = np.zeros(len(self.size), bool)
        changed[one] = True
        became = np.where(came_to >= 0, came_to, np.arange(len(came_to))).astype(np.int32)
        self.group = became[self.group]
        return self._compared_again(pairs, became, changed)

    def _name(self, came_to: Ids, groups: Nodes, height: NDArray[np.float32]) -> None:
        """Record that groups came to a person."""
        at = np.full(len(self.size), np.nan, np.float32)
        at[groups] = height
        faces = np.flatnonzero(~np.isnan(at[self.group]))
        group = self.group[faces]
        self.score[faces] = at[group]
        self.person[faces] = came_to[group]
        self.joined[faces] = self.size[group]

    def _compared_again(
        self, pairs: Pairs, became: NDArray[np.int32], changed: NDArray[np.bool_]
    ) -> Pairs:
        first, second = became[pairs.first], became[pairs.second]
        touched = changed[first] | changed[second]
        rest = pairs.of(~touched)
        one, other = first[touched], second[touched]
        key = np.minimum(one, other).astype(np.int64) * len(self.size) + np.maximum(one, other)
        one, other = np.divmod(np.unique(key[one != other]), len(self.size))
        new = Pairs(one.astype(np.int32), other.astype(np.int32), self._cosines(one, other))
        return join_pairs([rest, self.possible(new)])

    def _cosines(self, one: Nodes, other: Nodes) -> NDArray[np.float32]:
        """Mean cosines between groups: the product of their sums by the product of their sizes."""
        found = np.empty(len(one), np.float32)
        for start in range(0, len(one), _CHUNK):
            a, b = one[start : start + _CHUNK], other[start : start + _CHUNK]
            dot = np.einsum("ij,ij->i", self.total[a], self.total[b])
            found[start : start + _CHUNK] = dot / (self.size[a] * self.size[b])
        return found

    def possible(self, pairs: Pairs) -> Pairs:
        """Pairs of groups that may be joined, photos aside."""
        one, other = pairs.first, pairs.second
        fine = pairs.cosine >= np.float32(self.lowest)
        fine &= other >= self.n_persons
        if self.ruled_out is not None:
            named, kind = one < self.n_persons, self.refused[other]
            fine &= np.where(
                named,
                ~self.ruled_out[kind, np.where(named, one, 0)],
                self.refused[one] == kind,
            )
        return pairs.of(fine)

    def _share_a_photo(self, one: Nodes, other: Nodes) -> NDArray[np.bool_]:
        """Whether two groups have faces in one photo."""
        clash = np.zeros(len(one), bool)
        large = np.flatnonzero(self.size[one] + self.size[other] > 2)  # others are pairs of faces
        if not len(large):
            return clash
        number = np.full(len(self.size), -1)
        number[one[large]] = 2 * large
        number[other[large]] = 2 * large + 1
        of_group = number[self.group]
        faces = np.flatnonzero((of_group >= 0) & (self.photos >= 0))
        faces = faces[np.lexsort((of_group[faces], self.photos[faces], of_group[faces] // 2))]
        pair, photo, side = of_group[faces] // 2, self.photos[faces], of_group[faces] % 2
        same = (pair[1:] == pair[:-1]) & (photo[1:] == photo[:-1]) & (side[1:] != side[:-1])
        clash[pair[1:][same]] = True
        return clash

    def linkage(self, rows: Ids) -> Linkage:
        """The result, for the caller's rows."""
        names = np.concatenate([np.arange(self.n_persons), rows + self.n_persons])
        merges = [np.stack([one, other], axis=1) for one, other, _ in self.merges]
        heights = [height for _, _, height in self.merges]
        faces = np.argsort(rows) + self.n_persons
        return Linkage(
            self.score[faces],
            self.person[faces],
            self.joined[faces],
            names[np.concatenate([np.empty((0, 2), np.int64), *merges])],
            np.concatenate([np.empty(0, np.float32), *heights]),
            self.n_persons,
            self.lowest,
        )


def _without_ties(pairs: Pairs, mutual: Ids) -> Ids:
    """Of pairs that are each other's most alike, those whose groups occur in no better one; the first of equal ones."""
    first, second, cosine = pairs.first[mutual], pairs.second[mutual], pairs.cosine[mutual]
    mutual = mutual[np.lexsort((second, first, -cosine))]
    ends = np.stack([pairs.first[mutual], pairs.second[mutual]], axis=1).ravel()
    _, earliest = np.unique(ends, return_index=True)
    is_first = np.zeros(len(ends), bool)
    is_first[earliest] = True
    return mutual[is_first.reshape(-1, 2).all(axis=1)]


def _in_turn(pairs: Iterable[FacePerson]) -> Iterator[tuple[Ids, Ids]]:
    """Pairs of faces and persons in parts in which no person occurs twice."""
    of: dict[int, list[int]] = {}
    for face, person in sorted(pairs):
        of.setdefault(person, []).append(face)
    for turn in range(max(map(len, of.values()), default=0)):
        part = [(faces[turn], person) for person, faces in of.items() if turn < len(faces)]
        faces, persons = np.array(part, np.int64).T
        yield faces, persons


def _refusals(
    apart: Sequence[FacePerson], n_nodes: int, n_persons: int
) -> tuple[Ids, NDArray[np.bool_] | None]:
    """Which *no* each node has, as a kind, and the persons that each kind rules out; (n_kinds, n_persons)."""
    kinds = np.zeros(n_nodes, np.int64)
    if not apart:
        return kinds, None
    persons: dict[int, set[int]] = {}
    for face, person in apart:
        persons.setdefault(face + n_persons, set()).add(person)
    found = [frozenset[int](), *sorted({frozenset(p) for p in persons.values()}, key=sorted)]
    for node, own in persons.items():
        kinds[node] = found.index(frozenset(own))
    table = np.zeros((len(found), n_persons), bool)
    for kind, refused in enumerate(found):
        table[kind, sorted(refused)] = True
    return kinds, table
