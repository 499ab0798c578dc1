"""Photos that a re-match does not look at again: it would decide none of them otherwise."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from facesort.core.groups.settled import DecidedFaces
from facesort.core.persons.gallery import Gallery, Person
from facesort.core.persons.matching import Thresholds
from facesort.core.persons.sightings import Sightings
from facesort.core.records import PhotoRef
from facesort.core.stored import StoredFace, StoredPhoto
from facesort.engine.job.groups import groups_of
from facesort.engine.job.rematch import Rematch
from facesort.engine.rules import Rules
from facesort.store.queries.face_sets import ComparableFaces

PHOTOS, PERSONS, STRANGERS, DIM = 200, 8, 12, 24


def unit(vectors: NDArray[np.float64]) -> NDArray[np.float32]:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True), np.float32)


class Event:
    """Photos with one to four faces, good ones and poor ones, of people who look alike in pairs."""

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        people = rng.standard_normal((PERSONS + STRANGERS, DIM))
        people[1::4] = people[::4] + 0.6 * people[1::4]
        sizes = rng.integers(1, 5, PHOTOS)
        self.photo = np.repeat(np.arange(1, PHOTOS + 1), sizes)
        who = rng.integers(0, len(people), len(self.photo))
        noise = rng.standard_normal((len(who), DIM)) * rng.uniform(0.1, 1.6, (len(who), 1))
        self.embeddings = unit(people[who] + noise)
        references = {
            p + 1: unit(people[p] + 0.2 * rng.standard_normal((2, DIM))) for p in range(PERSONS)
        }
        persons = tuple(Person(p, f"Person {p}", f"Person {p}") for p in references)
        self.gallery = Gallery(persons, references)
        self.person = np.zeros(len(self.photo), np.int64)
        self.decisions = [("unknown", "empty_gallery")] * len(self.photo)

    @property
    def face_ids(self) -> NDArray[np.int64]:
        return np.arange(len(self.photo)) + 1

    def rematch(self, *, with_groups: bool, loose: float = 1.0) -> Rematch:
        rules = Rules(
            Thresholds(0.8, loose, 0.05), None, False, groups=with_groups, loose_is_given=False
        )
        if not with_groups:
            learned = [(p, self.embeddings[10 * p]) for p in self.gallery.references]
            return Rematch(self.gallery.learn(learned), rules, "pack", {}, {}, {})
        order = np.arange(len(self.photo))
        comparable = ComparableFaces(
            self.face_ids,
            Sightings.of_photos(self.photo),
            order,
            np.ones(len(order)),
            self.embeddings,
        )
        groups = groups_of(comparable, self.gallery, rules)
        rules = replace(rules, thresholds=groups.thresholds(rules.thresholds))
        return Rematch(self.gallery, rules, "pack", {}, {}, {}, groups)

    def photos(self) -> list[StoredPhoto]:
        found = []
        for photo_id in range(1, PHOTOS + 1):
            ref = PhotoRef(photo_id, f"{photo_id}.jpg")
            faces = tuple(
                StoredFace(
                    row + 1,
                    ref,
                    decided=(*self.decisions[row], int(self.person[row]) or None),
                    embedding=self.embeddings[row],
                )
                for row in np.flatnonzero(self.photo == photo_id).tolist()
            )
            found.append(StoredPhoto(ref, "matched", None, "0" * 64, faces=faces))
        return found

    def decide(self, rematch: Rematch) -> set[int]:
        """Decide everything, and keep that; returns the photos with another decision than before."""
        changed = set()
        for photo, decisions in zip(self.photos(), rematch.decide(self.photos()), strict=True):
            for index, decision in decisions.items():
                row = photo.faces[index].face_id - 1
                self.decisions[row] = decision.outcome.value, decision.reason.value
                self.person[row] = decision.person_id or 0
                changed.add(photo.photo.photo_id)
        return changed

    def faces(self) -> DecidedFaces:
        none = np.zeros(len(self.photo), np.bool_)
        return DecidedFaces(
            self.photo, self.face_ids, self.embeddings, self.decisions, self.person, none
        )


@pytest.mark.parametrize("with_groups", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_what_is_settled_is_decided_as_before(seed: int, *, with_groups: bool) -> None:
    event = Event(seed)
    event.decide(event.rematch(with_groups=with_groups))
    again, wider = (event.rematch(with_groups=with_groups, loose=d) for d in (1.0, 1.05))

    settled, after = again.settled(event.faces()), wider.settled(event.faces())

    assert len(settled) > PHOTOS / 4  # many have two faces near one person here
    assert not event.decide(again)
    assert event.decide(wider).isdisjoint(after)


def test_faces_without_embeddings_are_looked_at() -> None:
    """As after those of unknown faces were erased: of none in some thousand photos is there one."""
    event = Event(0)
    rematch = event.rematch(with_groups=False)
    erased = replace(
        event.faces(),
        embeddings=np.zeros((len(event.photo), 0), np.float32),
        special=np.ones(len(event.photo), np.bool_),
    )

    assert rematch.settled(erased) == set()


def test_what_was_decided_otherwise_is_not_settled() -> None:
    event = Event(1)
    rematch = event.rematch(with_groups=False)
    assert not rematch.settled(event.faces())
    event.decide(rematch)
    settled = rematch.settled(event.faces())
    event.person[event.photo == min(settled)] += 1

    assert rematch.settled(event.faces()) == settled - {min(settled)}


def test_faces_of_the_gallery_and_with_answers_are_looked_at() -> None:
    event = Event(2)
    rematch = event.rematch(with_groups=False)
    event.decide(rematch)
    settled = rematch.settled(event.faces())
    face_ids = [int(event.face_ids[event.photo == key][0]) for key in sorted(settled)[:3]]

    known = with_known(rematch, *face_ids)

    assert known.settled(event.faces()) == settled - set(sorted(settled)[:3])


def with_known(rematch: Rematch, own: int, rejected: int, confirmed: int) -> Rematch:
    return Rematch(
        rematch.gallery, rematch.rules, "pack", {own: {1}}, {rejected: [1]}, {confirmed: 1}
    )
