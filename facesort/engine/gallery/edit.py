"""The gallery as people see it, and its edits: each a verb that the panel, the command line and tests call."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime

import numpy as np
from numpy.typing import NDArray

from facesort.clock import utc_now
from facesort.core.coach import (
    Advice,
    ReferenceFacts,
    advise,
    closest_pair,
    distances_to_rest,
    person_distances,
    spread,
)
from facesort.core.gallery import Gallery, Person
from facesort.core.matching import Thresholds, centroid_distances
from facesort.core.routing import safe_folder
from facesort.engine.gallery.editing import Clock, editing, known_person
from facesort.engine.rules import rules_of
from facesort.engine.setup import refuse_other_pack
from facesort.errors import GalleryError
from facesort.faces.protocol import ModelPack
from facesort.store.gallery import edits as gallery_edits
from facesort.store.gallery import people
from facesort.store.gallery.people import StoredReference
from facesort.workspace import Workspace


@dataclass(frozen=True, slots=True, eq=False)
class PersonCard:
    """A person as the gallery knows them.

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
        What is missing.
    """

    person: Person
    references: tuple[StoredReference, ...]
    to_rest: tuple[float | None, ...]
    learned: int
    spread: float | None
    advice: tuple[Advice, ...]

    @property
    def best(self) -> StoredReference:
        """The reference of the best quality."""
        return max(self.references, key=lambda r: r.quality)


@dataclass(frozen=True, slots=True, eq=False)
class ClosestPair:
    """The two different persons who are nearest to each other.

    Parameters
    ----------
    distance : float
        Between their centroids.
    first_face, second_face : StoredReference
        The two references, one of each, that are nearest to each other.
    face_distance : float
        Between these.
    """

    first: PersonCard
    second: PersonCard
    distance: float
    first_face: StoredReference
    second_face: StoredReference
    face_distance: float


@dataclass(frozen=True, slots=True, eq=False)
class GalleryView:
    """The whole gallery at one moment.

    Parameters
    ----------
    cards : tuple of PersonCard
        In the order in which the persons were added.
    distances : ndarray of shape (n_persons, n_persons), float32
        Between the centroids of `cards`, of references and learned faces together.
    thresholds : Thresholds
        That a sort would use now.
    """

    cards: tuple[PersonCard, ...]
    distances: NDArray[np.float32]
    thresholds: Thresholds

    def card(self, name: str) -> PersonCard | None:
        """The person of that name."""
        return next((card for card in self.cards if card.person.name == name), None)

    def closest(self) -> ClosestPair | None:
        """The two persons who could most easily be mistaken for each other; None for fewer than two."""
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
    """Read the gallery as a sort would find it now.

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
        gallery = people.load_gallery(store, pack.pack_id, workspace.settings.matching.max_learned)
        event = people.event_day(store) or datetime.now(UTC)
        cards = tuple(
            _card(
                person,
                tuple(people.references_of(store, person.person_id, pack.pack_id)),
                gallery,
                (thresholds, event.date()),
            )
            for person in gallery.persons
            if person.person_id in gallery.references
        )
    return GalleryView(cards, person_distances(gallery.centroids().everything), thresholds)


def _card(
    person: Person,
    references: tuple[StoredReference, ...],
    gallery: Gallery,
    yardstick: tuple[Thresholds, date],
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
    return PersonCard(person, references, to_rest, len(known) - len(own), spread(known), advice)


def rename_person(
    workspace: Workspace, name: str, new_name: str, *, clock: Clock = utc_now
) -> None:
    """Call a person by another name; their folder and what is in it stay as they are.

    Raises
    ------
    GalleryError
        If there is no such person, the new name is empty, or it is somebody else's.
    """
    wanted = new_name.strip()
    if not wanted:
        raise GalleryError("a person needs a name")
    with editing(workspace, "rename", f"{name} is called {wanted} now", clock) as store:
        gallery_edits.rename_person(store, known_person(store, name), wanted)


def move_folder(workspace: Workspace, name: str, folder: str, *, clock: Clock = utc_now) -> str:
    """Send a person's future copies to another folder; files that are in the output stay where they are.

    Returns
    -------
    str
        The folder, made safe for every file system.

    Raises
    ------
    GalleryError
        If there is no such person, or the folder is empty or taken.
    """
    wanted = safe_folder(folder)
    with editing(workspace, "move_folder", f"{name} goes to {wanted}/ from now on", clock) as store:
        people.set_folder(store, known_person(store, name), wanted)
    return wanted


def remove_reference(workspace: Workspace, reference_id: int, *, clock: Clock = utc_now) -> None:
    """Take one reference out of the gallery.

    Raises
    ------
    GalleryError
        If it is not there any more, or is its person's only one.
    """
    summary = f"reference {reference_id} was removed"
    with editing(workspace, "remove_reference", summary, clock) as store:
        gallery_edits.delete_reference(store, reference_id)


def merge_persons(workspace: Workspace, name: str, into: str, *, clock: Clock = utc_now) -> None:
    """Make two persons one, who keeps the name and the folder of `into`.

    References and learned faces move.  What was decided and delivered for `name` stays where it is, and counts for
    `into` from now on; no file is moved.

    Raises
    ------
    GalleryError
        If one of them is not there, or they are the same.
    """
    if name == into:
        raise GalleryError(f"{name!r} cannot be merged into itself: choose another person")
    with editing(workspace, "merge", f"{name} was merged into {into}", clock) as store:
        gallery_edits.merge_persons(store, known_person(store, name), known_person(store, into))


def remove_person(workspace: Workspace, name: str, *, clock: Clock = utc_now) -> None:
    """Take a person out of the gallery, with their references and what was learned of them.

    Decisions and files of earlier sorts stay, and keep the name.  It is no erasure: faces that a sort found stay in
    the workspace.

    Raises
    ------
    GalleryError
        If there is no such person.
    """
    with editing(workspace, "remove_person", f"{name} was removed", clock) as store:
        gallery_edits.remove_person(store, known_person(store, name))


def set_delivery(workspace: Workspace, name: str, deliver: bool, *, clock: Clock = utc_now) -> None:
    """Say whether photos with this person may be delivered; if not, they go to nobody, not even to others in them.

    What is in the output stays there.

    Raises
    ------
    GalleryError
        If there is no such person.
    """
    summary = f"photos with {name} are {'delivered again' if deliver else 'delivered to nobody'}"
    with editing(workspace, "set_delivery", summary, clock) as store:
        gallery_edits.set_delivery(store, known_person(store, name), deliver)
