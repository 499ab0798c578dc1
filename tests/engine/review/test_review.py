"""Answers, names and references are kept, can be undone, and change nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from review_event import PACK, InMemory, actions, noon, rematch, seed, sort

from facesort.engine.gallery import persons as gallery
from facesort.engine.gallery.action import redo, undo
from facesort.engine.review import answers as review
from facesort.errors import GalleryError
from facesort.store import Store
from facesort.store.queries.delivery.corrections import corrections
from facesort.store.queries.gallery import find_person
from facesort.store.queries.review import shown as shown
from facesort.store.queries.review.answers import confirmed, rejected_pairs


@pytest.fixture
def job() -> Iterator[InMemory]:
    """Ada (0) and Bo (2) are seeded; four photos: Ada and Bo, somebody unknown (5) twice, Ada turned away."""
    with Store.open(None) as store:
        workspace = InMemory(store)
        seed(workspace, "Ada", (0, 0.0))
        seed(workspace, "Bo", (2, 0.0))
        assert sort(workspace, [[(0, 0.1), (2, 0.1)], [(5, 0.0)], [(5, 0.4)], [(0, 0.9)]]) == [
            1,
            2,
            3,
            4,
            5,
        ]
        yield workspace


def answers(job: InMemory) -> dict[int, tuple[str, str, str | None]]:
    with job.open_store() as store:
        return dict(
            (row[0], row[1:])
            for row in store.rows(
                "SELECT a.face_id, a.outcome, a.reason, p.name FROM face_state a LEFT JOIN person p USING (person_id)"
            )
        )


def person_id(job: InMemory, name: str) -> int:
    with job.open_store() as store:
        person = find_person(store, name)
        assert person is not None
        return person.person_id


def references(job: InMemory, name: str) -> list[int | None]:
    with job.open_store() as store:
        rows = store.rows(
            "SELECT r.face_id FROM reference r JOIN person p USING (person_id) WHERE p.name = ? ORDER BY reference_id",
            [name],
        )
    return [row[0] for row in rows]


def learned(job: InMemory) -> set[int]:
    with job.open_store() as store:
        return {row[0] for row in store.rows("SELECT face_id FROM learned")}


def test_the_decisions_of_the_sort(job: InMemory) -> None:
    """What the other tests start from."""
    assert answers(job) == {
        1: ("strict", "within_strict", "Ada"),
        2: ("strict", "within_strict", "Bo"),
        3: ("unknown", "above_loose", None),
        4: ("unknown", "above_loose", None),
        5: ("loose", "above_strict", "Ada"),
    }
    assert learned(job) == {1, 2}


# --- answers ------------------------------------------------------------------------------------


def test_no_faces_are_no_action(job: InMemory) -> None:
    before = actions(job)
    review.answer_faces(job, {}, "yes")
    review.ignore(job, [])
    assert actions(job) == before


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("yes", ("strict", "confirmed_by_user", "Ada")),
        ("no", ("unknown", "rejected_by_user", None)),
        ("unsure", ("loose", "above_strict", "Ada")),
    ],
)
def test_an_answer_counts_and_the_decision_stays(
    job: InMemory, answer: review.Answer, expected: tuple[str, str, str | None]
) -> None:
    review.answer_faces(job, {5: "Ada"}, answer, clock=noon)

    assert answers(job)[5] == expected
    with job.open_store() as store:
        assert store.value("SELECT outcome FROM decision WHERE face_id = 5") == "loose"
    assert actions(job)[0].summary == f"{answer} for 1 face: Ada"
    assert actions(job)[0].done_at == noon()


def test_the_last_answer_counts(job: InMemory) -> None:
    for answer in ("yes", "unsure", "no", "yes", "no"):
        review.answer_faces(job, {5: "Ada"}, answer)  # type: ignore[arg-type]
    with job.open_store() as store:
        assert rejected_pairs(store) == {(5, 1)}
        assert confirmed(store) == {}
    assert answers(job)[5] == ("unknown", "rejected_by_user", None)


def test_a_yes_for_somebody_else_is_a_correction(job: InMemory) -> None:
    review.answer_faces(job, {1: "Bo", 5: "Bo"}, "yes")
    review.answer_faces(job, {5: "Ada"}, "yes")

    assert answers(job)[1] == ("strict", "confirmed_by_user", "Bo")
    assert answers(job)[5] == ("strict", "confirmed_by_user", "Ada")
    with job.open_store() as store:
        assert confirmed(store) == {1: 2, 5: 1}
    assert learned(job) == {2}, "what was learned as Ada is Bo"


@pytest.mark.parametrize(("first", "last"), [("Ada", "Bo"), ("Bo", "Ada")])
def test_a_face_is_at_most_one_person(job: InMemory, first: str, last: str) -> None:
    """Two yes answers would put the face into two folders."""
    for name in (first, last):
        review.answer_faces(job, {5: name}, "yes")

    with job.open_store() as store:
        assert [
            name
            for name in ("Ada", "Bo")
            for face in shown.faces_of_person(store, person_id(job, name))
            if face.face_id == 5
        ] == [last]
    review.answer_faces(job, {5: last}, "no")
    assert (
        answers(job)[5]
        == {
            "Ada": ("unknown", "rejected_by_user", None),
            "Bo": ("loose", "above_strict", "Ada"),  # what the machine decided counts again
        }[last]
    )


def test_a_rejected_face_is_not_learned_from(job: InMemory) -> None:
    review.answer_faces(job, {1: "Ada", 2: "Bo"}, "no")
    assert learned(job) == set()
    undo(job)
    assert learned(job) == {1, 2}


@pytest.mark.parametrize("persons", [{99: "Ada"}, {1: "Zoe"}])
def test_an_answer_needs_a_face_and_a_person(job: InMemory, persons: dict[int, str]) -> None:
    before = actions(job)
    with pytest.raises(GalleryError):
        review.answer_faces(job, persons, "no")
    assert actions(job) == before


def test_a_rejection_survives_removal_and_seeding_again(job: InMemory) -> None:
    review.answer_faces(job, {5: "Ada"}, "no")
    gallery.remove_person(job, "Ada")
    seed(job, "Ada", (0, 0.0), "other.jpg")

    with job.open_store() as store:
        assert rejected_pairs(store) == {(5, person_id(job, "Ada"))}
    assert answers(job)[5] == ("unknown", "rejected_by_user", None)


def test_a_rejection_follows_a_merge(job: InMemory) -> None:
    review.answer_faces(job, {5: "Ada"}, "no")
    review.answer_faces(job, {1: "Ada"}, "yes")
    review.answer_faces(job, {1: "Bo"}, "no")
    gallery.merge_persons(job, "Ada", "Bo")

    with job.open_store() as store:
        assert rejected_pairs(store) == {(5, 2)}, "1 was confirmed as one, rejected as the other"
        assert confirmed(store) == {1: 2}
    assert answers(job)[1] == ("strict", "confirmed_by_user", "Bo")

    review.answer_faces(job, {1: "Bo"}, "no")  # said of both, now that they are one
    assert answers(job)[1] == ("unknown", "rejected_by_user", None)


def test_photos_follow_the_answers(job: InMemory) -> None:
    def status() -> dict[int, str]:
        with job.open_store() as store:
            return dict(store.rows("SELECT photo_id, status FROM photo_state"))

    assert status() == {1: "matched", 2: "unknown", 3: "unknown", 4: "matched"}
    review.answer_faces(job, {5: "Ada", 1: "Ada"}, "no")
    review.answer_faces(job, {3: "Bo"}, "yes")
    assert status() == {1: "matched", 2: "matched", 3: "unknown", 4: "unknown"}


# --- unknown people -----------------------------------------------------------------------------


def test_a_cluster_becomes_a_person(job: InMemory) -> None:
    person = review.name_faces(job, [3, 4], " Cleo ", clock=noon)

    assert (person.name, person.folder) == ("Cleo", "Cleo")
    assert references(job, "Cleo") == [3, 4]
    assert answers(job)[3] == ("strict", "confirmed_by_user", "Cleo")
    with job.open_store() as store:
        row = store.rows(
            "SELECT file_name, sha256, pack_id, crop, captured_at FROM reference WHERE face_id = 3"
        )
        assert row == [("00002.jpg", "sha-2", PACK.pack_id, b"jpg", noon())]
    undo(job)
    assert answers(job)[3] == ("unknown", "above_loose", None)
    assert references(job, "Cleo") == []


def test_a_cluster_joins_who_is_there(job: InMemory) -> None:
    review.ignore(job, [3, 4])
    person = review.name_faces(job, [3, 4], "Bo")
    assert person.person_id == 2
    assert references(job, "Bo") == [None, 3, 4]
    with job.open_store() as store:
        assert store.rows("FROM ignored") == []


@pytest.mark.parametrize(
    ("faces", "name", "folder"), [([], "Cleo", None), ([99], "Cleo", None), ([3], " ", None),
                                  ([3], "Cleo", "ada")],
)  # fmt: skip
def test_naming_needs_faces_a_name_and_a_folder(
    job: InMemory, faces: list[int], name: str, folder: str | None
) -> None:
    before = actions(job)
    with pytest.raises(GalleryError):
        review.name_faces(job, faces, name, folder)
    assert actions(job) == before


def test_faces_that_were_erased_are_no_references(job: InMemory) -> None:
    with job.open_store() as store:
        store.execute("UPDATE face SET embedding = '', crop = '' WHERE face_id = 3")
    with pytest.raises(GalleryError, match="erased"):
        review.name_faces(job, [3], "Cleo")
    assert review.name_faces(job, [3, 4], "Cleo").name == "Cleo"
    assert references(job, "Cleo") == [4]


def test_a_confirmed_face_can_become_a_reference(job: InMemory) -> None:
    review.use_as_reference(job, 1)
    assert references(job, "Ada") == [None, 1]
    assert learned(job) == {2}, "it would count twice"
    with pytest.raises(GalleryError, match=r"00001\.jpg is a reference of 'Ada' already"):
        review.use_as_reference(job, 1)
    with pytest.raises(GalleryError, match="is unknown"):
        review.use_as_reference(job, 3)


def test_faces_are_split_off(job: InMemory) -> None:
    assert review.take_away(job, [5], "Ada") is None
    assert answers(job)[5] == ("unknown", "rejected_by_user", None)
    cleo = review.take_away(job, [1], "Ada", "Cleo")
    assert cleo is not None
    assert answers(job)[1] == ("strict", "confirmed_by_user", "Cleo")
    assert references(job, "Cleo") == [1]
    with job.open_store() as store:
        assert rejected_pairs(store) == {(1, 1), (5, 1)}
    with pytest.raises(GalleryError, match="only reference of 'Cleo'"):
        review.take_away(job, [1], "Cleo")
    with pytest.raises(GalleryError, match="cannot be given"):
        review.take_away(job, [1], "Ada", "Ada")


def test_what_was_made_of_a_wrong_face_goes_with_it(job: InMemory) -> None:
    review.use_as_reference(job, 5)
    review.answer_faces(job, {5: "Ada"}, "no")
    assert references(job, "Ada") == [None]


# --- unlearning ---------------------------------------------------------------------------------


def test_an_unlearned_face_leaves_the_gallery_until_it_is_undone(job: InMemory) -> None:
    before = answers(job)

    review.unlearn(job, [1], clock=noon)

    assert learned(job) == {2}
    assert answers(job) == before, "until the next re-match"
    newest = actions(job)[0]
    assert (newest.kind, newest.summary) == ("unlearn", "1 face unlearned")
    undo(job)
    assert learned(job) == {1, 2}
    redo(job)
    assert learned(job) == {2}


def test_a_re_match_decides_the_faces_again_and_learns_nothing(job: InMemory) -> None:
    """The face itself stays matched by the reference; one that was LOOSE only because of it is unknown then."""
    (near,) = sort(job, [[(0, 1.056)]])
    assert answers(job)[near] == ("loose", "above_strict", "Ada")

    review.unlearn(job, [1])
    rematch(job, groups=False)

    assert answers(job)[1] == ("strict", "within_strict", "Ada")
    assert answers(job)[near] == ("unknown", "above_loose", None)
    sort(job, [[(0, 0.9)]])
    rematch(job, groups=False)
    assert learned(job) == {2}, "an unlearned face is not learned again"


@pytest.mark.parametrize("faces", [[99], [5], [1, 5]])
def test_only_learned_faces_are_unlearned(job: InMemory, faces: list[int]) -> None:
    before = actions(job)
    with pytest.raises(GalleryError, match="never learned"):
        review.unlearn(job, faces)
    assert learned(job) == {1, 2}
    assert actions(job) == before


# --- what the panel reads -----------------------------------------------------------------------


def test_the_faces_of_a_person_are_shown_worst_first(job: InMemory) -> None:
    review.use_as_reference(job, 5)
    review.answer_faces(job, {3: "Ada"}, "yes")
    with job.open_store() as store:
        found = shown.faces_of_person(store, 1)
        assert [(f.face_id, f.photo.path, f.learned, f.reference, f.answer) for f in found] == [
            (3, "00002.jpg", False, False, "yes"),
            (5, "00004.jpg", False, True, "yes"),
            (1, "00001.jpg", True, False, None),
        ]
        assert [round(f.distance or 0, 2) for f in found] == [1.41, 0.87, 0.1]
        assert {f.reference_crop for f in found} == {b"jpg"}
        assert [f.face_id for f in shown.faces_of_person(store, 1, limit=1, offset=1)] == [5]
        assert [f.face_id for f in shown.faces_with_crops(store, [4, 99, 1])] == [4, 1]


def test_what_was_answered_is_not_doubtful(job: InMemory) -> None:
    def doubtful() -> list[tuple[int, str | None]]:
        with job.open_store() as store:
            found = shown.doubtful_faces(store, loose=1.0, low_quality=0.8, limit=10)
            assert shown.count_doubtful(store, low_quality=0.8) == len(found)
        return [(f.face_id, f.person) for f in found]

    assert doubtful() == [(5, "Ada"), (1, "Ada"), (2, "Bo")]
    review.answer_faces(job, {5: "Ada"}, "unsure")
    assert doubtful() == [(1, "Ada"), (2, "Bo"), (5, "Ada")]
    review.answer_faces(job, {5: "Ada", 2: "Bo"}, "yes")
    assert doubtful() == [(1, "Ada")]
    review.ignore(job, [1])
    assert doubtful() == []
    undo(job)
    gallery.remove_person(job, "Ada")
    assert doubtful() == []


def test_look_alikes_competed_for_a_face() -> None:
    with Store.open(None) as store:
        job = InMemory(store)
        seed(job, "Ada", (0, 0.0))
        seed(job, "Bo", (1, 0.0))
        seed(job, "Cleo", (4, 0.0))
        sort(job, [[(0, 0.75)], [(0, 0.1)], [(0, 0.85)], [(4, 0.1)]])
        (pair,) = shown.look_alikes(store, 1.0, 1)
        assert (pair.names, pair.count) == (("Ada", "Bo"), 2)
        assert [face.face_id for face in pair.faces] == [1], "the closest call"
        gallery.merge_persons(job, "Bo", "Ada")
        assert shown.look_alikes(store, 1.0, 1) == []


def test_of_faces_that_are_not_shown_only_their_standing_is_asked(
    job: InMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of millions few are doubtful, or of one person."""
    joined = []
    materialized = Store.materialized

    @contextmanager
    def spied(self: Store, view: str, *args: Any, **options: Any) -> Iterator[None]:
        if view == "face_shown":
            joined.append(self.value("SELECT count(*) FROM face_state"))
        with materialized(self, view, *args, **options):
            yield

    monkeypatch.setattr(Store, "materialized", spied)
    with job.open_store() as store:
        with shown.doubtful_once(store, low_quality=0.2):
            doubtful = shown.count_doubtful(store, low_quality=0.2)
        everything = shown.faces_of_person(store, 1)
        assert shown.count_faces_of(store, 1, shown.EVERY_FACE) == len(everything) == 2
        assert joined == [doubtful, 2, 2]
        assert store.value("SELECT count(*) FROM face_state") == 5


def test_how_many_wait_is_told_by_their_standing_alone(
    job: InMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A figure at the top of the page: of a million photos, everything about each doubtful face took a second."""
    asked, rows = [], Store.rows

    def spied(self: Store, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        asked.append(sql)
        return rows(self, sql, *parameters)

    with job.open_store() as store:
        with shown.doubtful_once(store, low_quality=0.2):
            doubtful = shown.count_doubtful(store, low_quality=0.2)
        monkeypatch.setattr(Store, "rows", spied)
        assert shown.count_waiting(store, low_quality=0.2) == doubtful > 0
    assert not any("face_shown" in sql for sql in asked)


def test_of_copies_that_are_plainly_right_only_the_faces_are_asked(
    job: InMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The list is made anew after each answer; of a million photos, few are concerned."""
    looked_at = []
    materialized = Store.materialized

    @contextmanager
    def spied(self: Store, view: str, *args: Any, **options: Any) -> Iterator[None]:
        with materialized(self, view, *args, **options):
            if view == "face_state":
                looked_at.append(
                    [i for (i,) in self.rows("SELECT face_id FROM face_state ORDER BY 1")]
                )
            yield

    monkeypatch.setattr(Store, "materialized", spied)
    with job.open_store() as store:
        assert corrections(store) == []
        assert looked_at == []
        review.answer_faces(job, {2: "Bo"}, "no")
        looked_at.clear()
        (wrong,) = corrections(store)
        assert (wrong.photo, wrong.person, wrong.why) == ("00001.jpg", "Bo", "rejected_by_user")
        assert looked_at == [[1, 2]]
