"""Persons who look like one: somebody who is in the gallery under two names, whose photos are divided between them."""

from __future__ import annotations

from dataclasses import dataclass

from facesort.core.persons.coach import pairs_within, person_distances
from facesort.core.persons.gallery import Gallery
from facesort.engine.rules import rules_of
from facesort.faces.protocol import ModelPack
from facesort.store import Store
from facesort.store.queries.face_sets import best_faces
from facesort.store.queries.gallery import load_gallery
from facesort.workspace import Workspace

_FACES = 10  # of each person; more move the centroid little


@dataclass(frozen=True, slots=True)
class Alike:
    """Two persons as near to each other as a face within STRICT is to its person.

    Parameters
    ----------
    first, second : str
        Names.
    distance : float
        Between the centroids of what is known of them: their references, and some faces in the photos.
    """

    first: str
    second: str
    distance: float

    @property
    def names(self) -> tuple[str, str]:
        """Of both."""
        return self.first, self.second


def find_alike(workspace: Workspace, pack: ModelPack, store: Store) -> list[Alike]:
    """All such pairs, the nearest first.

    References alone do not tell: two photos of one person are often farther apart than STRICT.
    """
    gallery = _with_faces(load_gallery(store, pack.pack_id, max_learned=0), store, pack)
    distances = person_distances(gallery.centroids().everything)
    names = {person.person_id: person.name for person in gallery.persons}
    ids = gallery.person_ids.tolist()
    strict = rules_of(workspace.settings, pack).thresholds.strict
    return [
        Alike(names[ids[one]], names[ids[other]], float(distances[one, other]))
        for one, other in pairs_within(distances, strict)
    ]


def _with_faces(gallery: Gallery, store: Store, pack: ModelPack) -> Gallery:
    """The gallery, as if the best faces of everybody had been learned."""
    faces = best_faces(store, pack.pack_id, _FACES)
    return Gallery(gallery.persons, gallery.references, faces, _FACES)
