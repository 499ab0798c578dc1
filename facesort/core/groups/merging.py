"""Groups of faces while they are joined: the rounds of `linkage.link`."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from facesort.core.groups.neighbours import Pairs, join_pairs
from facesort.core.persons.sightings import Ids, Sightings
from facesort.core.records import Embeddings

Nodes = NDArray[np.integer]
FacePerson = tuple[int, int]
"""A face's row, and a person's column."""

_LISTED = (
    64  # members of a group that are found one after the other; of larger ones, among all faces
)
_MUCH = 16  # times as large, as `GrowingGroups.grow` has it
_MATES = 1_000_000  # pairs of faces in one photo that are looked at together
_CHUNK = 4096  # pairs of groups compared at a time: 16 MB of sums


class GrowingGroups:
    """Groups of nodes, persons first.  A group is named by the smallest of its nodes: by its person, if it has one.

    Parameters
    ----------
    nodes : ndarray of shape (n_nodes, dim), float32
        References, then faces; overwritten.
    sightings : Sightings
        Of the same; references meet each other, and no face.
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
        sightings: Sightings,
        n_persons: int,
        lowest: float,
        apart: Sequence[FacePerson],
    ) -> None:
        n = len(nodes)
        self.total = nodes  # sum of a group's members
        self.sightings, self.n_persons, self.lowest = sightings, n_persons, lowest
        self.size = np.ones(n, np.int64)
        self.group = np.arange(n, dtype=np.int32)
        self._next = np.full(
            n, -1, np.int32
        )  # member of the same group, of which the name is the first
        self._last = np.arange(n, dtype=np.int32)
        self._by_photo = np.argsort(sightings.photo_ids, kind="stable").astype(np.int32)
        self._photos = sightings.photo_ids[self._by_photo]
        # Kept from round to round, as most rounds change little of them.
        self._best = np.zeros(n, np.float32)
        self._became = np.arange(n, dtype=np.int32)
        self._changed = np.zeros(n, np.bool_)
        self.height = np.ones(n, np.float32)
        self.refused, self.ruled_out = _refusals(apart, n, n_persons)
        self.score = np.full(n, -1, np.float32)
        self.person, self.joined = np.full(n, -1), np.zeros(n, np.int64)
        self.merges: list[tuple[Nodes, Nodes, NDArray[np.float32]]] = []

    def grow(self, pairs: Pairs, lowest: float, slack: float = 0) -> None:
        """Join groups, the most alike first, until none of these pairs is left.

        Parameters
        ----------
        lowest : float
            Mean cosine at which joining ends this time.
        slack : float
            Share by which a mean cosine may be below the best of a much larger group, if it is the best of the smaller
            one.  Without, a group of n faces that come one at a time costs O(n^2).

        Notes
        -----
        L. Dhulipala, J. Lee, J. Lacki and V. Mirrokni, *TeraHAC: hierarchical agglomerative clustering of
        trillion-edge graphs*, 2023, join whatever is within ``1 + slack`` of the best of both.
        """
        self.lowest = lowest
        pairs = self.possible(pairs)
        while len(pairs):
            pairs = self.round(pairs, slack)

    def round(self, pairs: Pairs, slack: float) -> Pairs:
        """Join all groups that are each other's most alike; the pairs that are left."""
        best = self._best
        np.maximum.at(best, pairs.first, pairs.cosine)
        np.maximum.at(best, pairs.second, pairs.cosine)
        mutual = (pairs.cosine == best[pairs.first]) & (pairs.cosine == best[pairs.second])
        chosen = _without_ties(pairs, np.flatnonzero(mutual))
        few = self._much_smaller(pairs, chosen, 1 - slack) if slack else chosen[:0]
        best[pairs.first] = best[pairs.second] = 0
        clash = self._meet(pairs.first[chosen], pairs.second[chosen])
        left = np.ones(len(pairs), bool)
        left[chosen] = False
        good = chosen[~clash]
        one, other = pairs.first[good], pairs.second[good]
        self._merge(one, other, pairs.cosine[good])
        if len(few):
            others, cosine = self._smaller(pairs, few), pairs.cosine[few]
            larger = self.group[pairs.first[few] + pairs.second[few] - others]
            clash = self._meet(larger, others)
            left[few[clash]] = False
            fine = ~clash & ~self._meet_better(larger, others)
            self._merge(larger[fine], others[fine], cosine[fine])
            other = np.concatenate([other, others[fine]])
        return self._compared_again(pairs.of(left), other)

    def _smaller(self, pairs: Pairs, rows: Ids) -> Nodes:
        """The smaller group of some pairs."""
        first, second = pairs.first[rows], pairs.second[rows]
        return np.asarray(np.where(self.size[first] < self.size[second], first, second), np.int32)

    def _much_smaller(self, pairs: Pairs, mutual: Ids, share: float) -> Ids:
        """Pairs of a group with a much larger one that is its best, and for which it is nearly as good as the best.

        The most alike first; each smaller group is in one of them, and in no mutual pair.
        """
        first, second = pairs.first, pairs.second
        sizes = self.size[first], self.size[second]
        rows = np.flatnonzero(np.maximum(*sizes) >= _MUCH * np.minimum(*sizes))
        smaller = self._smaller(pairs, rows)
        larger = first[rows] + second[rows] - smaller
        cosine = pairs.cosine[rows]
        good = (cosine == self._best[smaller]) & (cosine >= share * self._best[larger])
        # What a group of about its size joins is not what it was.
        ends = np.stack([first[mutual], second[mutual]])
        grown = ends[:, self.size[ends].min(axis=0) * _MUCH > self.size[ends].max(axis=0)]
        good &= (smaller >= self.n_persons) & ~np.isin(smaller, ends) & ~np.isin(larger, grown)
        good &= ~np.isin(larger, smaller[good])
        rows = rows[good][np.lexsort((larger[good], smaller[good], -cosine[good]))]
        _, once = np.unique(self._smaller(pairs, rows), return_index=True)
        return np.asarray(rows[np.sort(once)], np.int64)

    def _meet_better(self, larger: Nodes, smaller: Nodes) -> NDArray[np.bool_]:
        """Whether a face of a group is in a photo, or clip, with one of an earlier group that joins the same one."""
        faces, of = self._members(smaller)
        photos, into = self.sightings.photo_ids[faces], larger[of]
        rows = np.lexsort((of, into, photos))
        of, photos, into = of[rows], photos[rows], into[rows]
        again = (photos[1:] == photos[:-1]) & (into[1:] == into[:-1]) & (of[1:] != of[:-1])
        found = np.zeros(len(smaller), np.bool_)
        found[of[1:][again]] = True
        return found

    def join(self, pairs: Pairs, one: Nodes, other: Nodes, cosine: NDArray[np.float32]) -> Pairs:
        """Join groups, each of which occurs once; the pairs of groups after it, with their cosines."""
        self._merge(one, other, cosine)
        return self._compared_again(pairs, other)

    def _merge(self, one: Nodes, other: Nodes, cosine: NDArray[np.float32]) -> None:
        """Let groups, each of which occurs once, join others, which may occur several times."""
        if not len(one):
            return
        height = np.minimum(np.minimum(cosine, self.height[one]), self.height[other])
        self.merges.append((one, other, height))
        faces, of = self._members(other)
        self.group[faces] = one[of]
        named = one[of] < self.n_persons
        faces, of = faces[named], of[named]
        self.score[faces], self.person[faces] = height[of], one[of]
        self.joined[faces] = self.size[other[of]]
        rows = np.argsort(one, kind="stable")
        one, other = one[rows], other[rows]
        is_first = np.diff(one, prepend=-1) > 0
        starts = np.flatnonzero(is_first)
        into, ends = one[starts], np.append(starts[1:], len(one)) - 1
        for place in range(0, len(starts), _CHUNK):  # of all at once, copies would take gigabytes
            some = slice(place, place + _CHUNK)
            joining = other[starts[place] : ends[some][-1] + 1]
            self.total[into[some]] += np.add.reduceat(
                self.total[joining], starts[some] - starts[place]
            )
        self.size[into] += np.add.reduceat(self.size[other], starts)
        self.height[into] = np.minimum.reduceat(height[rows], starts)
        last = self._last[other]
        self._next[np.where(is_first, self._last[one], np.roll(last, 1))] = other
        self._last[into] = last[ends]

    def _members(self, groups: Nodes) -> tuple[Nodes, Ids]:
        """All members of some groups, and of which one each is, as its place among them."""
        found, of, at, which = [groups], [np.arange(len(groups))], groups, np.arange(len(groups))
        if self.size[groups].max(initial=0) > _LISTED:
            place = np.full(len(self.size), -1, np.int32)
            place[groups] = which
            faces = np.flatnonzero(place[self.group] >= 0)
            return faces, place[self.group[faces]].astype(np.int64)
        while len(at):
            at = self._next[at]
            at, which = at[at >= 0], which[at >= 0]
            found.append(at)
            of.append(which)
        return np.concatenate(found), np.concatenate(of)

    def _compared_again(self, pairs: Pairs, other: Nodes) -> Pairs:
        """Pairs after some groups have joined others."""
        if not len(other):
            return pairs
        became, changed, one = self._became, self._changed, self.group[other]
        became[other], changed[one] = one, True
        first, second = became[pairs.first], became[pairs.second]
        touched = changed[first] | changed[second]
        became[other], changed[one] = other, False
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
        """Pairs of groups that may be joined, whom they meet aside."""
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

    def _meet(self, one: Nodes, other: Nodes) -> NDArray[np.bool_]:
        """Whether a face of one group meets a face of the other."""
        clash = np.zeros(len(one), bool)
        large = np.flatnonzero(self.size[one] + self.size[other] > 2)  # others are pairs of faces
        is_larger = self.size[one] > self.size[other]
        smaller = np.where(is_larger, other, one)[large]
        larger = np.where(is_larger, one, other)[large]
        faces, of = self._members(smaller)
        faces, of = faces[faces >= self.n_persons], of[faces >= self.n_persons]
        # Those in the photo, or clip, of each of them.
        photos = self.sightings.photo_ids[faces]
        start, end = (np.searchsorted(self._photos, photos, side) for side in ("left", "right"))
        for some in _in_parts(end - start, _MATES):
            count = (end - start)[some]
            face, pair = np.repeat(faces[some], count), np.repeat(of[some], count)
            nth = np.arange(len(face)) - np.repeat(np.cumsum(count) - count, count)
            mate = self._by_photo[np.repeat(start[some], count) + nth]
            found = self.group[mate] == larger[pair]
            face, mate, pair = face[found], mate[found], pair[found]
            clash[large[pair[self.sightings.meet(face, mate)]]] = True
        return clash


def _in_parts(counts: Ids, most: int) -> Iterator[slice]:
    """Parts of which the counts add up to about so many."""
    cuts = np.flatnonzero(np.diff(np.cumsum(counts) // most)) + 1
    for start, end in itertools.pairwise([0, *cuts.tolist(), len(counts)]):
        yield slice(start, end)


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
