"""What a page of faces sends and is sent: in order, nothing twice, and nothing over another window's answer."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pytest
from review_event import PACK, InMemory, actions, seed, sort
from review_messages import send

from facesort.engine.gallery.action import undo
from facesort.engine.gallery.persons import rename_person
from facesort.lab.review.doubtful import DoubtfulPanel
from facesort.lab.review.history import HistoryPanel
from facesort.lab.review.look_alikes import LookAlikesPanel
from facesort.lab.review.person import PersonPanel
from facesort.lab.review.session import ReviewSession
from facesort.lab.review.sheet import FaceSheet, Tile
from facesort.lab.review.unknown_people import UnknownPeoplePanel
from facesort.store import Store
from facesort.store.queries.review.answers import confirmed, rejected_pairs


@pytest.fixture
def job() -> Iterator[InMemory]:
    """Faces 1 to 4 are LOOSE matches of Ada; 5 to 8 are two people whom nobody knows."""
    with Store.open(None) as store:
        job = InMemory(store)
        seed(job, "Ada", (0, 0.0))
        sort(job, [[(0, 0.9 + i / 100)] for i in range(4)])
        sort(job, [[(identity, turn)] for identity in (3, 5) for turn in (0.0, 0.1)])
        yield job


def window(job: InMemory) -> ReviewSession:
    session = ReviewSession(job, PACK)
    session.slow_s = math.inf
    return session


def act(name: str, *ids: int) -> dict[str, object]:
    return {"action": name, "ids": list(ids)}


def test_what_was_pressed_while_the_kernel_worked_is_done_in_order_and_shown_once(
    job: InMemory,
) -> None:
    panel = DoubtfulPanel(window(job))
    before, shown = panel.sheet.revision, {tile["id"] for tile in panel.sheet.tiles}
    assert shown == {1, 2, 3, 4}
    assert send(panel.sheet, act("yes", 1), act("no", 2), act("yes", 3)) == []
    assert panel.sheet.revision == before + 1
    assert "Yes: 1 face, 2 times. No: 1 face. 1 match to check" in panel.message.value
    send(panel.sheet, act("undo"), act("undo"))
    assert [action.summary for action in actions(job) if not action.undone] == [
        "yes for 1 face: Ada", "Ada was seeded",
    ]  # fmt: skip


def test_an_answer_is_counted_once_it_is_stored_and_before_the_page_is_drawn(job: InMemory) -> None:
    panel = DoubtfulPanel(window(job))
    drawn, counted = panel.sheet.revision, []

    def look(change: dict[str, str]) -> None:
        is_stored = confirmed(job.store) == {1: 1}
        counted.append((change["new"], is_stored, panel.sheet.revision == drawn))

    panel.progress.observe(look, "value")
    send(panel.sheet, act("yes", 1))
    ((said, is_stored, is_first),) = counted
    assert "1 of 4 looked at" in said
    assert is_stored
    assert is_first
    assert panel.sheet.revision > drawn


def test_what_is_refused_is_told_and_the_rest_is_done(job: InMemory) -> None:
    panel = UnknownPeoplePanel(window(job))
    first, second = (tile["id"] for tile in panel.groups.tiles)
    assert send(panel.groups, act("name", first), act("ignore", second)) == [0]
    assert [action.summary for action in actions(job)][:1] == ["2 faces ignored"]


def test_a_second_window_is_told_and_overwrites_nothing(job: InMemory) -> None:
    here, there = DoubtfulPanel(window(job)), DoubtfulPanel(window(job))
    send(there.sheet, act("no", 1))
    assert 1 in [tile["id"] for tile in here.sheet.tiles], "it does not know yet"

    send(here.sheet, act("yes", 1, 2))

    assert "1 of 2 faces was changed in another window or section" in here.message.value
    assert rejected_pairs(job.store) == {(1, 1)}
    assert confirmed(job.store) == {}
    assert [tile["id"] for tile in here.sheet.tiles] == [4, 3, 2], "it is up to date"
    send(here.sheet, act("yes", 2))
    assert confirmed(job.store) == {2: 1}


def test_what_is_answered_first_in_a_message_hides_no_answer_of_another_window(
    job: InMemory,
) -> None:
    here, there = DoubtfulPanel(window(job)), DoubtfulPanel(window(job))
    send(there.sheet, act("no", 1))

    send(here.sheet, act("yes", 2), act("no", 2), act("yes", 1))

    assert "This face was changed in another window" in here.message.value
    assert rejected_pairs(job.store) == {(1, 1), (2, 1)}
    assert confirmed(job.store) == {}


def test_who_was_named_in_another_window_is_neither_ignored_nor_taken_away_here(
    job: InMemory,
) -> None:
    here, there = UnknownPeoplePanel(window(job)), UnknownPeoplePanel(window(job))
    person = PersonPanel(window(job))
    group = here.groups.tiles[0]["id"]
    there.name.value = "Bo"
    send(there.groups, act("name", group))
    send(here.groups, act("ignore", group))
    assert "2 of 2 faces were changed in another window" in here.message.value

    send(DoubtfulPanel(window(job)).sheet, act("yes", 1))
    send(person.sheet, act("take", 1))
    assert "This face was changed in another window" in person.message.value
    assert 1 in confirmed(job.store)


def test_what_was_learned_or_unlearned_in_another_window_is_not_done_again(job: InMemory) -> None:
    (learned,) = sort(job, [[(0, 0.1)]])
    here, there = PersonPanel(window(job)), PersonPanel(window(job))
    send(there.sheet, act("unlearn", learned))
    send(here.sheet, act("unlearn", learned))
    assert "This face was changed in another window" in here.message.value
    assert not any("learned" in tile["badges"] for tile in here.sheet.tiles), "it is up to date"

    send(there.sheet, act("take", 1))
    send(here.sheet, act("reference", 1))
    assert "This face was changed in another window" in here.message.value
    assert rejected_pairs(job.store) == {(1, 1)}
    assert confirmed(job.store) == {}


@pytest.mark.parametrize("press", ["key", "button"])
def test_undo_takes_back_what_this_window_shows_and_nothing_else(job: InMemory, press: str) -> None:
    def press_undo() -> str:
        if press == "button":
            line.button.click()
            return str(line.text.value)
        send(panel.sheet, act("undo"))
        return str(panel.message.value)

    panel = DoubtfulPanel(window(job))
    line = panel.session.history_line
    send(panel.sheet, act("yes", 1))
    rename_person(job, "Ada", "Bo")  # in another window

    assert "in another window: nothing was undone here" in press_undo()
    assert "Last: Ada was renamed to Bo" in line.text.value
    assert confirmed(job.store) == {1: 1}
    assert "Undone: Ada was renamed to Bo" in press_undo(), "it has been shown now"

    undo(job)  # the answer, in another window
    assert "in another window: nothing was undone here" in press_undo()
    assert "Last: Ada was seeded" in line.text.value


def test_redo_does_again_what_this_window_shows_and_nothing_else(job: InMemory) -> None:
    panel = DoubtfulPanel(window(job))
    log = HistoryPanel(panel.session)
    send(panel.sheet, act("yes", 1))
    send(panel.sheet, act("no", 2))
    send(panel.sheet, act("undo"))
    log.refresh()
    undo(job)  # the first answer, in another window
    log.redo_button.click()
    assert "in another window: nothing was redone here" in log.message.value
    assert confirmed(job.store) == {}
    log.redo_button.click()
    assert "Redone: yes for 1 face" in log.message.value, "it has been shown now"
    log.redo_button.click()
    assert "Redone: no for 1 face" in log.message.value


def test_of_several_new_references_those_are_told_that_were_made(job: InMemory) -> None:
    panel = PersonPanel(window(job))
    send(panel.sheet, act("reference", 2))
    send(panel.sheet, act("reference", 1, 2, 3))
    assert "1 face made a reference, 2 times." in panel.message.value
    assert "is a reference of &#x27;Ada&#x27; already" in panel.message.value
    send(panel.sheet, act("undo"), act("undo"))
    assert "Undone: face 3 became a reference. " in panel.message.value


def test_what_was_sorted_or_seeded_since_is_offered(job: InMemory) -> None:
    panel = PersonPanel(window(job))
    seed(job, "zoe", (7, 0.0))
    seed(job, "Émile", (8, 0.0))
    (face,) = sort(job, [[(0, 0.95)]])
    job.store.execute("UPDATE file SET path = 'party/' || path WHERE file_id = 9")
    panel.refresh()
    assert [name for _, name in panel.person.options] == ["Ada", "Émile", "zoe"]
    assert [text for text, _ in panel.filter.folder.options][1:] == ["card-1", "card-1: party"]
    assert face in {tile["id"] for tile in panel.sheet.tiles}


def test_keys_that_come_together_undo_what_this_window_did(job: InMemory) -> None:
    panel = DoubtfulPanel(window(job))
    send(DoubtfulPanel(window(job)).sheet, act("no", 4))
    send(panel.sheet, act("yes", 1), act("undo"), act("undo"), act("undo"))
    assert "Undone: yes for 1 face: Ada. " in panel.message.value
    assert "nothing was undone here, 2 times." in panel.message.value
    assert [action.summary for action in actions(job) if not action.undone] == [
        "no for 1 face: Ada", "Ada was seeded",
    ]  # fmt: skip


def test_neither_of_two_is_one_answer(job: InMemory) -> None:
    seed(job, "Ann", (0, 0.3))
    sort(job, [[(0, 0.6)]])
    panel = LookAlikesPanel(window(job))
    assert [tile["title"] for tile in panel.pairs.tiles] == ["Ada and Ann"]
    send(panel.pairs, act("open", panel.pairs.tiles[0]["id"]))
    (face,) = (tile["id"] for tile in panel.opened.tiles)
    send(panel.opened, act("neither", face))
    assert {pair for pair in rejected_pairs(job.store) if pair[0] == face} == {(face, 1), (face, 2)}


def test_a_picture_is_sent_once_and_again_when_it_is_asked_for() -> None:
    sheet, sent = FaceSheet("x"), []
    sheet.send = lambda content, buffers: sent.append((content, buffers))  # type: ignore[method-assign]
    sheet.show(
        [Tile(1, (b"one", b"both"), ""), Tile(2, (b"two", b"both"), ""), Tile(3, (b"",), "")]
    )
    assert sorted(sheet.pictures.values()) == [b"both", b"one", b"two"]
    sheet.show([Tile(2, (b"two", b"both"), ""), Tile(4, (b"four", b"both"), "")])
    assert list(sheet.pictures.values()) == [b"four"]
    (first, second), _ = (tile["pictures"] for tile in sheet.tiles)
    send(sheet, {"action": "pictures", "keys": [first, second, "of another page"]})
    assert sent == [({"pictures": [first, second]}, [b"two", b"both"])]
