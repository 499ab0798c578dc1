"""Whatever a user does, `corrections.csv` says at once which files of the output are no longer right."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator

import pytest
from review_event import InMemory, seed, sort

from facesort.engine.delivery.corrections import write_corrections
from facesort.engine.gallery import persons
from facesort.engine.gallery.action import redo, undo
from facesort.engine.review import answers
from facesort.errors import GalleryError
from facesort.store import Store
from facesort.store.queries.delivery.corrections import corrections


@pytest.fixture
def job() -> Iterator[InMemory]:
    """Ada is in photo 1, Bo in photo 2, and both were delivered."""
    with Store.open(None) as store:
        workspace = InMemory(store)
        seed(workspace, "Ada", (0, 0.0))
        seed(workspace, "Bo", (4, 0.0))
        assert sort(workspace, [[(0, 0.1)], [(4, 0.1)]]) == [1, 2]
        write_corrections(workspace, store)
        yield workspace


def listed(job: InMemory) -> list[tuple[str, str]]:
    with job.corrections.open(encoding="utf-8-sig", newline="") as stream:
        return [(row["person"], row["why"]) for row in csv.DictReader(stream)]


ACTIONS: dict[str, tuple[Callable[[InMemory], object], list[tuple[str, str]]]] = {
    "no": (lambda job: answers.answer_faces(job, {1: "Ada"}, "no"), [("Ada", "rejected_by_user")]),
    "yes": (lambda job: answers.answer_faces(job, {1: "Bo"}, "yes"), [("Ada", "not_in_photo")]),
    "take away": (lambda job: answers.take_away(job, [2], "Bo"), [("Bo", "rejected_by_user")]),
    "withhold": (lambda job: persons.set_delivery(job, "Bo", False), [("Bo", "do_not_deliver")]),
    "merge": (lambda job: persons.merge_persons(job, "Ada", "Bo"), [("Ada", "merged")]),
}


@pytest.mark.parametrize(("act", "expected"), ACTIONS.values(), ids=ACTIONS)
def test_the_list_follows_every_action_its_undo_and_its_redo(
    job: InMemory, act: Callable[[InMemory], object], expected: list[tuple[str, str]]
) -> None:
    assert listed(job) == []
    act(job)
    assert listed(job) == expected
    undo(job)
    assert listed(job) == []
    redo(job)
    assert listed(job) == expected


def test_a_removed_person_s_files_are_listed_once_somebody_else_has_the_face(job: InMemory) -> None:
    persons.remove_person(job, "Ada")
    assert listed(job) == []
    answers.answer_faces(job, {1: "Bo"}, "yes")
    assert listed(job) == [("Ada", "not_in_photo")]
    undo(job)
    assert listed(job) == []


def test_an_action_that_is_refused_leaves_the_list(job: InMemory) -> None:
    before = job.corrections.stat().st_mtime_ns
    with pytest.raises(GalleryError):
        persons.merge_persons(job, "Ada", "Cleo")
    assert job.corrections.stat().st_mtime_ns == before


def test_there_is_no_list_before_there_is_something_to_list(job: InMemory) -> None:
    job.corrections.unlink()
    persons.rename_person(job, "Ada", "Adele")
    assert not job.corrections.exists()
    answers.answer_faces(job, {1: "Adele"}, "no")
    assert listed(job) == [("Adele", "rejected_by_user")]


def test_a_list_that_is_as_it_was_is_not_written_again(job: InMemory) -> None:
    before = job.corrections.stat().st_ino
    persons.rename_person(job, "Ada", "Adele")
    assert job.corrections.stat().st_ino == before


def test_an_action_stands_although_the_list_cannot_be_written(
    job: InMemory, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(path: object, data: bytes) -> None:
        raise PermissionError(13, "open in a spreadsheet")

    monkeypatch.setattr("facesort.engine.delivery.corrections.replace_file", refuse)
    answers.answer_faces(job, {1: "Ada"}, "no")

    assert "corrections.csv cannot be written" in caplog.text
    with job.open_store() as store:
        assert [c.why for c in corrections(store)] == ["rejected_by_user"]
