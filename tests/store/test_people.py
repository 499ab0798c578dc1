from __future__ import annotations

import numpy as np
import pytest
from store_rows import MATCHED, PACK, add as add_photos, add_people, photo, record, result

from facesort.core.delivery.routing import safe_folder
from facesort.core.persons.gallery import Person
from facesort.errors import GalleryError
from facesort.store import Store
from facesort.store.gallery import people
from facesort.store.gallery.people import NewReference
from facesort.store.queries.gallery import (
    PersonSummary,
    find_person,
    load_gallery,
    pack_ids,
    person_summaries,
    reference_crops,
)


def unit(seed: int) -> np.ndarray:
    vector = np.random.default_rng(seed).standard_normal(8)
    return (vector / np.linalg.norm(vector)).astype(np.float32)


def reference(seed: int, pack_id: str = "p") -> NewReference:
    return NewReference(
        file_name=f"{seed}.jpg",
        sha256=f"sha-{seed}",
        sharpness=30.0,
        yaw=0.25,
        quality=0.75,
        pack_id=pack_id,
        embedding=unit(seed),
        crop=b"\xff\xd8" + bytes([seed]),
    )


def add(store: Store, name: str, *references: NewReference) -> Person:
    with store.transaction():
        person = people.add_person(store, name, safe_folder(name))
        for item in references:
            people.add_reference(store, person.person_id, item)
    return person


def test_nobody_is_there_at_first(store: Store) -> None:
    assert find_person(store, "Anna") is None
    assert person_summaries(store) == []
    assert pack_ids(store) == set()
    assert reference_crops(store) == []
    gallery = load_gallery(store, "p", 10)
    assert gallery.persons == ()
    assert len(gallery.centroids()) == 0


def test_a_person_is_found_by_the_exact_name(store: Store) -> None:
    anna = add(store, "Anna")
    assert anna == Person(1, "Anna", "Anna")
    assert find_person(store, "Anna") == anna
    assert find_person(store, "anna") is None
    assert find_person(store, "Ann%") is None


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Anna", "ANNA"),
        ("Zo\u00eb", "Zoe\u0308"),
        ("a/b", "a:b"),
        ("Anna", " Anna. "),
        ("Anna", "_Anna"),
    ],
)
def test_two_persons_never_share_a_folder_on_any_disk(
    store: Store, first: str, second: str
) -> None:
    add(store, first)
    with pytest.raises(GalleryError, match=r"is taken by .*--folder"):
        add(store, second)
    assert [s.person.name for s in person_summaries(store)] == [first]


def test_a_folder_can_be_changed_but_not_into_one_that_is_taken(store: Store) -> None:
    anna, ben = add(store, "Anna"), add(store, "Ben")
    with pytest.raises(GalleryError, match="is taken by 'Ben'"):
        people.set_folder(store, anna, "BEN")
    with store.transaction():
        people.set_folder(store, anna, "anna")  # only the case
        people.set_folder(store, anna, "Annabelle")
        people.set_folder(store, anna, "anna")
        people.set_folder(store, ben, "Annabelle")  # free again
    assert find_person(store, "Anna") == Person(1, "Anna", "anna")
    assert find_person(store, "Ben") == Person(2, "Ben", "Annabelle")


def test_references_come_back_as_they_were(store: Store) -> None:
    anna = add(store, "Anna", reference(1), reference(2))
    add(store, "Ben", reference(3))
    assert person_summaries(store)[0] == PersonSummary(anna, 2, 0)
    assert people.has_reference(store, 1, "sha-1")
    assert not people.has_reference(store, 2, "sha-1")
    assert reference_crops(store) == [
        (1, "Anna", "1.jpg", b"\xff\xd8\x01"),
        (2, "Anna", "2.jpg", b"\xff\xd8\x02"),
        (3, "Ben", "3.jpg", b"\xff\xd8\x03"),
    ]
    gallery = load_gallery(store, "p", 10)
    np.testing.assert_array_equal(gallery.references[1], np.stack([unit(1), unit(2)]))
    np.testing.assert_array_equal(gallery.references[2], unit(3)[None])


def test_embeddings_of_another_pack_are_never_loaded(store: Store) -> None:
    add(store, "Anna", reference(1, "old"), reference(2, "new"))
    add(store, "Ben", reference(3, "old"))
    assert pack_ids(store) == {"old", "new"}
    gallery = load_gallery(store, "new", 10)
    assert gallery.person_ids.tolist() == [1]
    np.testing.assert_array_equal(gallery.references[1], unit(2)[None])
    with store.transaction():
        people.replace_embedding(store, 3, unit(30), "new")
    gallery = load_gallery(store, "new", 10)
    np.testing.assert_array_equal(gallery.references[2], unit(30)[None])
    assert pack_ids(store) == {"old", "new"}, "the first reference still is of the old pack"


def test_what_was_learned_with_another_pack_is_never_loaded(store: Store) -> None:
    """After `seed --reembed` the faces of earlier batches still are of the old pack."""
    add_people(store)
    with store.transaction():
        people.add_reference(store, 1, reference(1, PACK))
        people.add_reference(store, 1, reference(2, "new"))
    add_photos(store, [photo(1)])
    record(store, 1, [result(1, *MATCHED)])
    old = result(1, *MATCHED).analysis.faces[0].embedding
    np.testing.assert_array_equal(load_gallery(store, PACK, 10).learned[1], old[None])
    assert load_gallery(store, "new", 10).learned == {}
    assert load_gallery(store, PACK, 0).learned == {}
