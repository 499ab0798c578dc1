"""Edits of the gallery, before and after a sort: nothing that was decided or delivered is orphaned."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from synthetic_event import make_workspace, sort_in_threads, tree, write_photo

from facesort.engine.delivery.verify import verify_output
from facesort.engine.gallery.action import redo, undo
from facesort.engine.gallery.persons import (
    choose_picture,
    merge_persons,
    move_folder,
    remove_person,
    remove_reference,
    rename_person,
)
from facesort.engine.gallery.seed import Candidate, seed
from facesort.engine.gallery.view import read_gallery
from facesort.engine.job.progress import current_status
from facesort.engine.review.answers import answer_faces
from facesort.errors import GalleryError, PackMismatchError
from facesort.faces.engines.synthetic import synthetic_embedding
from facesort.faces.packs.files import is_former
from facesort.faces.protocol import ModelPack
from facesort.store.job.rematches import state_of_matching
from facesort.store.queries import reports
from facesort.store.queries.delivery.commit_log import verified_writes
from facesort.store.queries.gallery import everyone, find_person
from facesort.store.queries.journal import history
from facesort.workspace import Workspace

Job = tuple[Workspace, ModelPack]


@pytest.fixture
def job(tmp_path: Path) -> Job:
    """Four seeded people, and a photo of each, and one of 1 and 2 together."""
    for name, faces in {"1": [1], "2": [2], "3": [3], "4": [4], "12": [1, 2]}.items():
        write_photo(tmp_path / "src" / f"{name}.png", faces, variation=60)
    return make_workspace(tmp_path, tmp_path / "src")


@pytest.fixture
def sorted_job(job: Job) -> Job:
    sort_in_threads(*job)
    return job


def add_reference(job: Job, name: str, photo: Path, identity: int, variation: int) -> None:
    write_photo(photo, [identity], variation=variation)
    (report,) = seed(*job, [Candidate(name, photo)], ThreadPoolExecutor(1))
    assert report.refused is None


def names(job: Job) -> list[str]:
    return [card.person.name for card in read_gallery(*job).cards]


def files_of(job: Job) -> dict[str, int]:
    found: dict[str, int] = current_status(job[0])["persons"]
    return found


def folders(job: Job) -> dict[str, frozenset[str]]:
    with job[0].open_store(read_only=True) as store:
        return reports.photo_folders(store)


def check_log(job: Job, files: int) -> None:
    """The commit log is valid: every file is there, and every row names somebody."""
    workspace = job[0]
    with workspace.open_store(read_only=True) as store:
        writes = verified_writes(store)
        assert {w.plan.person_id for w in writes} <= set(everyone(store))
        orphans = store.rows(
            "SELECT * FROM decision WHERE coalesce(person_id, nearest_id) NOT IN (SELECT person_id FROM everyone) "
            "OR runner_up_id NOT IN (SELECT person_id FROM everyone)"
        )
    assert orphans == []
    result = verify_output(workspace.settings.output, writes)
    assert result.passed
    assert result.verified == files


def test_nobody_is_in_an_empty_gallery(tmp_path: Path, job: Job) -> None:
    for name in names(job):
        remove_person(job[0], name)

    view = read_gallery(*job)

    assert view.cards == ()
    assert view.distances.shape == (0, 0)
    assert view.closest() is None
    with job[0].open_store(read_only=True) as store:
        assert everyone(store) == {}, "nothing points to them, so nothing is remembered"


def test_cards_say_how_well_a_person_is_known(job: Job, tmp_path: Path) -> None:
    add_reference(job, "Person 1", tmp_path / "more" / "b.png", 1, 120)

    card, *others = read_gallery(*job).cards

    one, two = synthetic_embedding(1, 30), synthetic_embedding(1, 120)
    assert [r.file_name for r in card.references] == ["1.png", "b.png"]
    assert card.learned == 0
    assert card.spread == pytest.approx(np.linalg.norm(one - two) / 2, rel=0.1)
    assert card.to_rest == pytest.approx([np.linalg.norm(one - two)] * 2, abs=1e-6)
    assert [c.spread for c in others] == [None] * 3
    assert card.best.quality == max(r.quality for r in card.references)


def test_learned_faces_are_counted(sorted_job: Job) -> None:
    assert [card.learned for card in read_gallery(*sorted_job).cards] == [2, 2, 1, 1]


@pytest.mark.parametrize("sure", ["learned", "confirmed", "only matched"])
def test_a_person_is_shown_by_the_best_face_that_is_surely_theirs(
    sorted_job: Job, sure: str
) -> None:
    before = {card.person.name: card.picture for card in read_gallery(*sorted_job).cards}
    with sorted_job[0].open_store() as store:
        face_id = store.value("SELECT min(face_id) FROM learned WHERE person_id = 1")
        store.execute(
            "UPDATE face SET quality = 0.99, crop = 'better' WHERE face_id = ?", [face_id]
        )
        if sure != "learned":
            store.execute("DELETE FROM learned WHERE face_id = ?", [face_id])
    if sure == "confirmed":
        answer_faces(sorted_job[0], {face_id: "Person 1"}, "yes")

    after = {card.person.name: card.picture for card in read_gallery(*sorted_job).cards}

    better = {} if sure == "only matched" else {"Person 1": b"better"}
    assert after == before | better
    assert len(set(before.values())) == 4


def test_a_person_whose_best_face_was_erased_is_shown_by_a_reference(sorted_job: Job) -> None:
    with sorted_job[0].open_store() as store:
        store.execute("UPDATE face SET quality = 0.99, crop = '' WHERE face_id = 1")
        store.execute("DELETE FROM learned")
    answer_faces(sorted_job[0], {1: "Person 1"}, "yes")

    card = read_gallery(*sorted_job).cards[0]

    assert card.picture == card.references[0].crop != b""


@pytest.fixture
def chosen(job: Job, tmp_path: Path) -> Job:
    """Person 1 has two references, and is shown by the one that is not the best."""
    add_reference(job, "Person 1", tmp_path / "more" / "b.png", 1, 120)
    card = read_gallery(*job).cards[0]
    assert card.picture == card.best.crop
    worse = min(card.references, key=lambda r: r.quality)
    choose_picture(job[0], "Person 1", worse.reference_id)
    return job


def picture_of(job: Job, name: str = "Person 1") -> str:
    card = read_gallery(*job).card(name)
    assert card is not None
    return "best" if card.picture == card.best.crop else "chosen"


def test_a_person_is_shown_by_the_reference_that_was_chosen(chosen: Job) -> None:
    assert picture_of(chosen) == "chosen"
    with chosen[0].open_store(read_only=True) as store:
        done = history(store)
    assert done[0].summary == "Person 1 is shown by a chosen reference"
    assert len(done) == 6, "one action, after five references"
    undo(chosen[0])
    assert picture_of(chosen) == "best"
    redo(chosen[0])
    assert picture_of(chosen) == "chosen"
    rename_person(chosen[0], "Person 1", "Ada")
    assert picture_of(chosen, "Ada") == "chosen"
    choose_picture(chosen[0], "Ada", None)
    assert picture_of(chosen, "Ada") == "best"


def test_a_chosen_picture_goes_and_comes_with_its_reference(chosen: Job) -> None:
    (reference,) = (r for r in read_gallery(*chosen).cards[0].references if r.chosen)
    remove_reference(chosen[0], reference.reference_id)
    assert picture_of(chosen) == "best"
    undo(chosen[0])
    assert picture_of(chosen) == "chosen"


def test_after_a_merge_who_stays_is_shown_as_before(chosen: Job) -> None:
    merge_persons(chosen[0], "Person 1", "Person 2")
    card = read_gallery(*chosen).cards[0]
    assert [r.chosen for r in card.references] == [False] * 3
    undo(chosen[0])
    assert picture_of(chosen) == "chosen"
    merge_persons(chosen[0], "Person 2", "Person 1")
    assert picture_of(chosen) == "chosen"


def test_only_a_reference_of_the_person_can_be_chosen(job: Job) -> None:
    other = read_gallery(*job).cards[1].references[0].reference_id
    with pytest.raises(GalleryError, match="no longer in the gallery"):
        choose_picture(job[0], "Person 1", other)


def test_a_chosen_picture_calls_for_no_re_match(sorted_job: Job) -> None:
    with sorted_job[0].open_store(read_only=True) as store:
        before = state_of_matching(store)
    choose_picture(sorted_job[0], "Person 1", 1)
    with sorted_job[0].open_store(read_only=True) as store:
        assert state_of_matching(store) == before


def test_the_closest_pair_shows_the_nearest_references(job: Job, tmp_path: Path) -> None:
    add_reference(job, "Person 3", tmp_path / "more" / "b.png", 3, 120)
    view = read_gallery(*job)

    pair = view.closest()

    assert pair is not None
    apart = {
        (a.person.name, b.person.name): float(view.distances[i, j])
        for i, a in enumerate(view.cards)
        for j, b in enumerate(view.cards)
        if i < j
    }
    assert apart[pair.first.person.name, pair.second.person.name] == min(apart.values())
    assert pair.distance == min(apart.values())
    between = {
        (a.reference_id, b.reference_id): float(np.linalg.norm(a.embedding - b.embedding))
        for a in pair.first.references
        for b in pair.second.references
    }
    shown = pair.first_face.reference_id, pair.second_face.reference_id
    assert min(between, key=lambda key: between[key]) == shown
    assert pair.face_distance == pytest.approx(between[shown], abs=1e-6)


def test_a_gallery_of_another_pack_is_refused(job: Job) -> None:
    with job[0].open_store() as store:
        store.execute("UPDATE reference SET pack_id = 'other'")
    with pytest.raises(PackMismatchError, match="--reembed"):
        read_gallery(*job)


@pytest.mark.parametrize(
    ("new", "why"),
    [
        ("", "is empty"),
        ("   ", "is empty"),
        ("Person 2", "in the gallery already"),
        (" Person 1 ", "Person 1 has that name already"),
    ],
)
def test_a_new_name_must_be_somebodys_own(job: Job, new: str, why: str) -> None:
    with pytest.raises(GalleryError, match=why):
        rename_person(job[0], "Person 1", new)
    assert names(job) == [f"Person {i}" for i in range(1, 5)]


def test_a_new_name_counts_for_what_was_delivered(sorted_job: Job) -> None:
    rename_person(sorted_job[0], "Person 1", " Ada ")

    assert files_of(sorted_job) == {"Ada": 2, "Person 2": 2, "Person 3": 1, "Person 4": 1}
    assert folders(sorted_job)["12.png"] == {"Ada", "Person 2"}
    check_log(sorted_job, 6)


def test_a_moved_person_gets_new_files_elsewhere(sorted_job: Job, tmp_path: Path) -> None:
    before = tree(tmp_path / "out")

    assert move_folder(sorted_job[0], "Person 1", "Ada/Berg") == "Ada_Berg"
    write_photo(tmp_path / "src" / "new.png", [1], variation=61)
    sort_in_threads(*sorted_job)

    after = tree(tmp_path / "out")
    assert before.items() <= after.items()
    assert [path.split("/")[0] for path in after.keys() - before.keys()] == ["Ada_Berg"]
    check_log(sorted_job, 7)


def test_a_folder_must_be_somebodys_own(job: Job) -> None:
    with pytest.raises(GalleryError, match="is taken by 'Person 2'"):
        move_folder(job[0], "Person 1", "PERSON 2")


def test_the_only_reference_stays(job: Job, tmp_path: Path) -> None:
    (first, *_) = read_gallery(*job).cards
    key = first.references[0].reference_id
    with pytest.raises(GalleryError, match="only reference of 'Person 1'"):
        remove_reference(job[0], key)
    add_reference(job, "Person 1", tmp_path / "more" / "b.png", 1, 120)

    remove_reference(job[0], key)

    assert [r.file_name for r in read_gallery(*job).cards[0].references] == ["b.png"]
    with pytest.raises(GalleryError, match="no longer in the gallery"):
        remove_reference(job[0], key)


def test_nobody_is_merged_into_themselves_or_into_nobody(job: Job) -> None:
    before = names(job)
    for pair in (("Person 1", "Person 1"), ("Person 1", "Zoe"), ("Zoe", "Person 1")):
        with pytest.raises(GalleryError):
            merge_persons(job[0], *pair)
    assert names(job) == before


def test_merged_persons_count_as_one(sorted_job: Job, tmp_path: Path) -> None:
    before = tree(tmp_path / "out")

    merge_persons(sorted_job[0], "Person 1", "Person 2")

    assert files_of(sorted_job) == {"Person 2": 4, "Person 3": 1, "Person 4": 1}
    assert folders(sorted_job)["1.png"] == {"Person 2"}
    assert folders(sorted_job)["12.png"] == {"Person 2"}
    card = read_gallery(*sorted_job).card("Person 2")
    assert card is not None
    assert [r.file_name for r in card.references] == ["1.png", "2.png"]
    assert card.learned == 4
    assert tree(tmp_path / "out") == before
    check_log(sorted_job, 6)


def test_the_same_reference_is_not_counted_twice_by_a_merge(job: Job, tmp_path: Path) -> None:
    photo = tmp_path / "seeds" / "1.png"
    (report,) = seed(*job, [Candidate("Twin", photo, force=True)], ThreadPoolExecutor(1))
    assert report.refused is None

    merge_persons(job[0], "Twin", "Person 1")

    assert [r.file_name for r in read_gallery(*job).cards[0].references] == ["1.png"]


def test_merges_can_follow_each_other(sorted_job: Job) -> None:
    merge_persons(sorted_job[0], "Person 1", "Person 2")
    merge_persons(sorted_job[0], "Person 2", "Person 3")
    rename_person(sorted_job[0], "Person 3", "Person 1")  # the name is free again

    assert files_of(sorted_job) == {"Person 1": 5, "Person 4": 1}
    check_log(sorted_job, 6)

    remove_person(sorted_job[0], "Person 1")

    assert files_of(sorted_job) == {"Person 1": 5, "Person 4": 1}
    check_log(sorted_job, 6)


def test_who_was_removed_is_not_matched_again_but_stays_explained(
    sorted_job: Job, tmp_path: Path
) -> None:
    before = tree(tmp_path / "out")

    remove_person(sorted_job[0], "Person 1")
    write_photo(tmp_path / "src" / "new.png", [1], variation=61)
    sort_in_threads(*sorted_job)

    assert names(sorted_job) == ["Person 2", "Person 3", "Person 4"]
    assert tree(tmp_path / "out") == before
    assert files_of(sorted_job)["Person 1"] == 2, "the files are still there"
    assert folders(sorted_job)["new.png"] == frozenset()
    with sorted_job[0].open_store(read_only=True) as store:
        found = reports.counts(store)
        assert sum(found.photos.values()) == 6
        assert store.value("SELECT count(*) FROM reference WHERE person_id = 1") == 0
        assert store.value("SELECT count(*) FROM learned WHERE person_id = 1") == 0
    check_log(sorted_job, 6)


def test_a_removed_name_and_folder_can_be_used_again(sorted_job: Job, tmp_path: Path) -> None:
    remove_person(sorted_job[0], "Person 4")
    add_reference(sorted_job, "Person 4", tmp_path / "more" / "b.png", 4, 120)

    with sorted_job[0].open_store(read_only=True) as store:
        person = find_person(store, "Person 4")
    assert person is not None
    assert person.person_id == 4, "the same person again: what was rejected for them stays rejected"
    assert files_of(sorted_job)["Person 4"] == 1
    check_log(sorted_job, 6)


def test_an_interrupted_sort_goes_on_without_who_was_removed(job: Job, tmp_path: Path) -> None:
    """Their planned writes are carried out, they were decided; the re-match copies them to who answers for them now."""

    def stop(point: str) -> None:
        if point == "recorded":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sort_in_threads(*job, at=stop)
    remove_person(job[0], "Person 1")
    merge_persons(job[0], "Person 2", "Person 3")

    sort_in_threads(*job)

    assert files_of(job) == {"Person 1": 2, "Person 3": 5, "Person 4": 1}
    check_log(job, 8)


def test_an_older_facesort_is_told_from_another_pack(job: Job) -> None:
    """The models are the same: going back to another pack would not help."""
    former = hashlib.sha256(b"synthetic-1").hexdigest()
    assert is_former(job[1], former)
    assert not is_former(job[1], job[1].pack_id)
    with job[0].open_store() as store:
        store.execute("UPDATE reference SET pack_id = ?", [former])
    with pytest.raises(PackMismatchError, match=r"older facesort.*--reembed.*stay as they are"):
        read_gallery(*job)
