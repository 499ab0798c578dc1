"""Groups of faces while they are joined: the rounds of `linkage.link`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from facesort.core.groups.neighbours import Pairs, join_pairs
from facesort.core.records import Embeddings

Ids = NDArray[np.int64]
Nodes = NDArray[np.integer]
FacePerson = tuple[int, int]
"""A face's row, and a person's column."""

_CHUNK = 4096  # pairs of groups compared at a time: 16 MB of sums


class GrowingGroups:
    """Groups of nodes, persons first.  A group is named by the smallest of its nodes: by its person, if it has one.

    Parameters
    ----------
    nodes : ndarray of shape (n_nodes, dim), float32
        References, then faces; overwritten.
    photos : ndarray of shape (n_nodes,), int64
        -1 for references.
    n_persons : int
    lowest : float
        Mean cosine at which joining ends.
    apart : sequence of (face, person)
        Never joined.

    Attributes
    ----------
    score, person, joined : ndarray of shape (n_nodes,)
        As in `linkage.Linkage`.
    merges : list of (one, other, height)
        Names of the groups of each round, and the mean cosines at which they were joined.
    """

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
        key = np.sort(key[one != other])  # np.unique takes four times the memory
        key = key[np.diff(key, prepend=-1) > 0]
        one, other = np.divmod(key, len(self.size))
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


def _without_ties(pairs: Pairs, mutual: Ids) -> Ids:
    """Of pairs that are each other's most alike, those whose groups occur in no better one; the first of equal ones."""
    first, second, cosine = pairs.first[mutual], pairs.second[mutual], pairs.cosine[mutual]
    mutual = mutual[np.lexsort((second, first, -cosine))]
    ends = np.stack([pairs.first[mutual], pairs.second[mutual]], axis=1).ravel()
    _, earliest = np.unique(ends, return_index=True)
    is_first = np.zeros(len(ends), bool)
    is_first[earliest] = True
    return mutual[is_first.reshape(-1, 2).all(axis=1)]


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
