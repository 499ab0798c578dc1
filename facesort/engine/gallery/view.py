"""The gallery for display: persons with their references, and the distances between them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime

import numpy as np
from numpy.typing import NDArray

from facesort.core.persons.coach import (
    Advice,
    ReferenceFacts,
    advise,
    closest_pair,
    distances_to_rest,
    person_distances,
    spread,
)
from facesort.core.persons.gallery import Gallery, Person
from facesort.core.persons.matching import Thresholds, centroid_distances
from facesort.core.text.words import plain
from facesort.engine.rules import rules_of
from facesort.engine.setup import refuse_other_pack
from facesort.faces.protocol import ModelPack
from facesort.store.queries import gallery as queries
from facesort.store.queries.face_sets import best_pictures
from facesort.store.queries.gallery import StoredReference
from facesort.workspace import Workspace


@dataclass(frozen=True, slots=True, eq=False)
class PersonCard:
    """A person with their references, and how well these fit together.

    Parameters
    ----------
    references : tuple of StoredReference
        In the order they were added; at least one.
    to_rest : tuple of float or None
        Distance of each reference to the centroid of the others.
    learned : int
        Learned embeddings in the gallery.
    spread : float or None
        Mean distance of all embeddings to the centroid; None where there is only one.
    advice : tuple of Advice
        How to improve the references.
    picture : bytes
        JPEG of the face by which they are shown: the reference that a user chose, or else their best face, which is a
        reference or a face of the event that is surely theirs.
    """

    person: Person
    references: tuple[StoredReference, ...]
    to_rest: tuple[float | None, ...]
    learned: int
    spread: float | None
    advice: tuple[Advice, ...]
    picture: bytes

    @property
    def best(self) -> StoredReference:
        """The reference of the best quality."""
        return max(self.references, key=lambda r: r.quality)


@dataclass(frozen=True, slots=True, eq=False)
class ClosestPair:
    """The two persons who are nearest to each other.

    Parameters
    ----------
    distance : float
        Between their centroids.
    first_face, second_face : StoredReference
        Their two references that are nearest to each other.
    face_distance : float
        Between these two references.
    """

    first: PersonCard
    second: PersonCard
    distance: float
    first_face: StoredReference
    second_face: StoredReference
    face_distance: float


@dataclass(frozen=True, slots=True, eq=False)
class GalleryView:
    """A snapshot of the whole gallery.

    Parameters
    ----------
    cards : tuple of PersonCard
        In alphabetical order.
    distances : ndarray of shape (n_persons, n_persons), float32
        Between the centroids of `cards`; references and learned faces together.
    thresholds : Thresholds
        Those a sort would use now.
    """

    cards: tuple[PersonCard, ...]
    distances: NDArray[np.float32]
    thresholds: Thresholds

    def card(self, name: str) -> PersonCard | None:
        """The person of that name, or None."""
        return next((card for card in self.cards if card.person.name == name), None)

    def closest(self) -> ClosestPair | None:
        """The two persons who are most easily mistaken for each other; None for fewer than two."""
        pair = closest_pair(self.distances)
        if pair is None:
            return None
        first, second = (self.cards[row] for row in pair)
        apart = centroid_distances(_stacked(first.references), _stacked(second.references))
        row, column = np.unravel_index(int(np.argmin(apart)), apart.shape)
        return ClosestPair(
            first,
            second,
            float(self.distances[pair]),
            first.references[row],
            second.references[column],
            float(apart[row, column]),
        )


def _stacked(references: tuple[StoredReference, ...]) -> NDArray[np.float32]:
    return np.stack([r.embedding for r in references])


def read_gallery(workspace: Workspace, pack: ModelPack) -> GalleryView:
    """Read the gallery as a sort would use it now.

    Raises
    ------
    PackMismatchError
        If it was embedded with another pack.
    StoreLockedError
        While a sort is running.
    """
    thresholds = rules_of(workspace.settings, pack).thresholds
    with workspace.open_store(read_only=True) as store:
        refuse_other_pack(store, pack)
        gallery = queries.load_gallery(store, pack.pack_id, workspace.settings.matching.max_learned)
        event = queries.event_day(store) or datetime.now(UTC)
        pictures = best_pictures(store)
        cards = tuple(
            _card(
                person,
                tuple(queries.references_of(store, person.person_id, pack.pack_id)),
                gallery,
                (thresholds, event.date()),
                pictures.get(person.person_id),
            )
            for person in gallery.persons
            if person.person_id in gallery.references
        )
    distances = person_distances(gallery.centroids().everything)
    order = sorted(range(len(cards)), key=lambda row: plain(cards[row].person.name))
    return GalleryView(
        tuple(cards[row] for row in order), distances[np.ix_(order, order)], thresholds
    )


def _card(
    person: Person,
    references: tuple[StoredReference, ...],
    gallery: Gallery,
    yardstick: tuple[Thresholds, date],
    found: tuple[float, bytes] | None,
) -> PersonCard:
    thresholds, event = yardstick
    own = _stacked(references)
    learned = gallery.learned.get(person.person_id)
    known = own if learned is None else np.vstack([own, learned])
    to_rest = tuple(distances_to_rest(own))
    facts = [
        ReferenceFacts(
            r.file_name, r.yaw, None if r.captured_at is None else r.captured_at.date(), rest
        )
        for r, rest in zip(references, to_rest, strict=True)
    ]
    advice = advise(facts, loose=thresholds.loose, event=event)
    learned_faces = len(known) - len(own)
    picture = _picture(references, found)
    return PersonCard(person, references, to_rest, learned_faces, spread(known), advice, picture)


def _picture(references: tuple[StoredReference, ...], found: tuple[float, bytes] | None) -> bytes:
    chosen = next((r.crop for r in references if r.chosen), None)
    if chosen is not None:
        return chosen
    pictures = [(r.quality, r.crop) for r in references] + ([] if found is None else [found])
    return max(pictures, key=lambda pair: pair[0])[1]
