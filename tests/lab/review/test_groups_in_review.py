"""Groups on the page of the review: why a face has its name, groups in doubt, and chains that are cut."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from review_event import PACK, InMemory, actions, rematch, seed, sort
from review_messages import send

from facesort.core.records import File
from facesort.engine.job.groups import EventGroups, groups_of
from facesort.engine.review.answers import answer_faces
from facesort.engine.review.clusters import MayBeOne
from facesort.lab.review.chain import ChainBox
from facesort.lab.review.doubtful import DoubtfulPanel
from facesort.lab.review.history import RematchPanel
from facesort.lab.review.person import PersonPanel
from facesort.lab.review.place import Place
from facesort.lab.review.session import ReviewSession
from facesort.lab.review.sheet import FaceSheet
from facesort.lab.review.tiles import REFERENCE
from facesort.lab.review.unknown_people import UnknownPeoplePanel
from facesort.store import Store
from facesort.store.job.files import add_files
from facesort.store.job.runs import record_groups, start_run
from facesort.store.queries.delivery.corrections import corrections

HOSTILE = "Ada <script>alert(1)</script>\n=1+1"


@pytest.fixture
def session() -> Iterator[ReviewSession]:
    """Faces 1 to 4 are the first person's, each like the one before; 5 is Bo's, 6 to 8 may be, only just."""
    with Store.open(None) as store:
        job = InMemory(store)
        seed(job, HOSTILE, (0, 0.0))
        seed(job, "Bo", (2, 0.0))
        sort(job, [[(0, turn)] for turn in (0.3, 0.8, 1.15, 1.4)])
        sort(job, [[(2, turn)] for turn in (0.3, 1.17, 1.18, 1.19)])
        rematch(job)
        opened = ReviewSession(job, PACK)
        opened.slow_s = math.inf
        yield opened


def ids(sheet: FaceSheet) -> list[int]:
    return [tile["id"] for tile in sheet.tiles]


def seen(place: Place) -> list[object]:
    """What of it is shown."""
    return [child for child in place.widget.children if child.layout.display != "none"]


def lines(sheet: FaceSheet, face_id: int) -> list[str]:
    tile: dict[str, Any] = next(tile for tile in sheet.tiles if tile["id"] == face_id)
    return [tile["title"], *tile["lines"], *tile["badges"]]


def press(sheet: FaceSheet, act: str, *face_ids: int) -> None:
    """What the browser sends."""
    send(sheet, {"action": act, "ids": list(face_ids)})


def keys(sheet: FaceSheet) -> dict[str, str]:
    return {action["name"]: action["key"] for action in sheet.actions}


def test_a_face_named_by_its_group_says_so(session: ReviewSession) -> None:
    panel = DoubtfulPanel(session)
    assert ids(panel.sheet) == [3, 4]
    assert "with 3 others of the same person; nearest 00003.jpg at 0.25" in lines(panel.sheet, 4)
    assert "by its group" in lines(panel.sheet, 4)
    person = PersonPanel(session)
    person.person.value = HOSTILE
    assert "with 3 others of the same person; nearest 00004.jpg at 0.25" in lines(person.sheet, 3)
    assert not any("others" in line for line in lines(person.sheet, 1)), "named by the reference"


def test_a_group_that_has_grown_is_counted_anew(session: ReviewSession) -> None:
    sort(session.workspace, [[(0, 0.1)]])
    assert rematch(session.workspace) == 0, "nobody's decision has changed"
    panel = DoubtfulPanel(session)
    assert "with 4 others of the same person; nearest 00003.jpg at 0.25" in lines(panel.sheet, 4)


def test_loose_of_the_event_counts_and_is_explained(session: ReviewSession) -> None:
    assert session.thresholds.loose == PACK.loose
    groups = {
        "loose": 0.79, "decided_by": "strangers", "faces": 8, "pairs": 200, "pairs_tell": True, "usual": 1.1,
    }  # fmt: skip
    with session.workspace.open_store() as store:
        settings = {"matching": {"strict": PACK.strict, "loose": PACK.loose, "margin": 0.05}}
        run = {"version": "1", "pack_name": "drawn", "pack_id": PACK.pack_id}
        record_groups(store, start_run(store, settings=settings, **run), groups)
        start_run(store, settings=settings, **run)  # nothing had changed, or it was killed
    assert (session.thresholds.strict, session.thresholds.loose) == (0.79, 0.79)
    assert "harder to tell apart: LOOSE 0.79 instead of 1.1" in session.table().note


def test_no_face_of_a_named_group_is_unknown_until_a_re_match(session: ReviewSession) -> None:
    """Also where the group has more faces than become references."""

    def unknown() -> object:
        return dict(row[:2] for row in session.table().rows)["Unknown"]

    before = unknown()
    sort(session.workspace, [[(5, turn / 100)] for turn in range(9)])
    panel = UnknownPeoplePanel(session)
    assert panel.groups.tiles[0]["title"] == "9 faces"
    panel.name.value = "Eve"
    press(panel.groups, "name", ids(panel.groups)[0])
    assert "9 faces" not in [tile["title"] for tile in panel.groups.tiles]
    assert "a re-match decides" not in panel.message.value
    assert unknown() == before


def test_a_cell_that_is_run_again_waits_for_the_groups_that_are_being_found(
    session: ReviewSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    searches = []

    def search(*args: Any) -> EventGroups:
        searches.append(args)
        return groups_of(*args)

    async def run_twice() -> UnknownPeoplePanel:
        UnknownPeoplePanel(session)
        again = UnknownPeoplePanel(session)
        assert "the page can be used meanwhile" in again.message.value
        async with asyncio.timeout(60):
            while not again.groups.tiles:
                await asyncio.sleep(0.01)
        return again

    monkeypatch.setattr("facesort.lab.review.unknown_people._AT_ONCE", 0)
    monkeypatch.setattr("facesort.lab.review.unknown_people.is_interactive", lambda: True)
    monkeypatch.setattr("facesort.engine.review.clusters.groups_of", search)
    sort(session.workspace, [[(5, turn / 100)] for turn in range(9)])
    again = asyncio.run(run_twice())
    assert again.groups.tiles[0]["title"] == "9 faces"
    assert len(searches) == 1


def test_the_head_says_how_many_photos_are_pending(session: ReviewSession) -> None:
    assert "pending" not in str(session.table().rows)
    with session.workspace.open_store() as store, store.transaction():
        add_files(store, [File(99, "card-1", "new.jpg", 1, 1), File(100, "card-1", "n2.jpg", 1, 1)])
    table = session.table()
    assert "2 pending" in next(row[2] for row in table.rows if row[0] == "Photos")
    assert "2 photos wait to be sorted" in table.note


# --- groups in doubt --------------------------------------------------------------------------


def test_groups_in_doubt_are_asked_about_first_and_as_one(session: ReviewSession) -> None:
    panel = DoubtfulPanel(session)
    (tile,) = panel.groups.tiles
    assert tile["title"] == "3 photos may be Bo: confirm"
    assert (len(tile["pictures"]), tile["layout"]) == (5, "group")
    assert tile["captions"] == ["Bo", "", "", ""], "no face of a clip, which would say when"
    assert "1 group and 2 matches to check" in panel.message.value
    assert dict(row[:2] for row in session.table().rows)["Doubtful"] == 5
    assert (keys(panel.groups)["yes"], keys(panel.groups)["no"]) == ("y", "n")


@pytest.mark.parametrize(("answer", "of_bo"), [("yes", 4), ("no", 1)])
def test_one_answer_for_the_whole_group(session: ReviewSession, answer: str, of_bo: int) -> None:
    panel = DoubtfulPanel(session)
    press(panel.groups, answer, *ids(panel.groups))
    assert ids(panel.groups) == []
    assert "3 faces. 2 matches to check" in panel.message.value
    assert session.face_counts()["Bo"] == of_bo
    assert actions(session.workspace)[0].summary == f"{answer} for 3 faces: Bo"
    press(panel.sheet, "undo")
    assert ids(panel.groups) == [6]


def test_single_faces_of_an_opened_group_are_answered(session: ReviewSession) -> None:
    panel = DoubtfulPanel(session)
    assert seen(panel.of_groups) == [panel.groups]
    press(panel.groups, "open", *ids(panel.groups))
    assert (sorted(ids(panel.opened)), seen(panel.of_groups)) == (
        [6, 7, 8],
        [panel.opened_layer.widget],
    )
    assert "3 faces that may be Bo." in panel.opened_layer.heading.value
    assert lines(panel.opened, 7)[0] == "may be Bo"
    assert any("in one group with" in line for line in lines(panel.opened, 7))
    press(panel.opened, "chain", 7)
    assert ids(panel.opened_chain.sheet)[0] == REFERENCE
    assert seen(panel.of_groups) == [panel.opened_chain.layer.widget]
    press(panel.opened_chain.sheet, "close")
    assert seen(panel.of_groups) == [panel.opened_layer.widget], "Escape goes back one step"
    press(panel.opened, "no", 6)
    assert sorted(ids(panel.opened)) == [7, 8], "it stays open"
    press(panel.opened, "yes", 7, 8)
    assert (ids(panel.groups), seen(panel.of_groups)) == ([], [panel.groups])
    assert session.face_counts()["Bo"] == 3


def test_who_is_not_sure_of_a_group_is_asked_again(session: ReviewSession) -> None:
    panel = DoubtfulPanel(session)
    press(panel.groups, "open", 6)
    press(panel.groups, "unsure", 6)
    assert "not sure" in lines(panel.groups, 6)
    press(panel.opened, "close")
    assert seen(panel.of_groups) == [panel.groups]
    press(panel.groups, "yes", 99)  # it has gone meanwhile
    assert ids(panel.groups) == [6]


def test_progress_is_what_was_answered_also_after_a_restart_and_a_re_match(
    session: ReviewSession,
) -> None:
    panel = DoubtfulPanel(session)
    assert "0 of 5 looked at" in panel.progress.value
    press(panel.sheet, "no", 3)
    press(panel.sheet, "unsure", 4)
    assert "2 of 5 looked at" in panel.progress.value
    press(panel.groups, "yes", 6)
    assert 'aria-valuemax="5" aria-valuenow="5"' in panel.progress.value
    press(panel.sheet, "undo")
    assert "2 of 5 looked at" in panel.progress.value
    again = DoubtfulPanel(ReviewSession(session.workspace, PACK))
    assert "2 of 5 looked at" in again.progress.value
    press(again.groups, "yes", 6)
    rematch(session.workspace)
    again.refresh()
    assert "5 of 5 looked at" in again.progress.value


def test_who_may_be_somebody_is_not_among_the_unknown(session: ReviewSession) -> None:
    unknown = UnknownPeoplePanel(session)
    assert unknown.groups.tiles == []
    panel = DoubtfulPanel(session)
    press(panel.groups, "no", 6)
    unknown.refresh()
    assert [tile["title"] for tile in unknown.groups.tiles] == ["3 faces"]


def test_confirming_people_leaves_the_group_of_a_stranger_beside_them_whole() -> None:
    """It fell from ten faces to three."""
    with Store.open(None) as store:
        job = InMemory(store)
        stranger = 7
        for person in range(stranger):
            seed(job, f"Person {person}", (person, 0.0))
        beside = [[(person, 0.5), (stranger, 0.03 * person)] for person in range(stranger)]
        alone = [[(stranger, 0.3 + 0.03 * number)] for number in range(3)]
        faces = sort(job, [*beside, *alone])
        session = ReviewSession(job, PACK)
        assert [tile["title"] for tile in UnknownPeoplePanel(session).groups.tiles] == ["10 faces"]
        answer_faces(job, {faces[2 * p]: f"Person {p}" for p in range(stranger)}, "yes")
        assert [tile["title"] for tile in UnknownPeoplePanel(session).groups.tiles] == ["10 faces"]


# --- suggestions ------------------------------------------------------------------------------


@pytest.fixture
def suggested(session: ReviewSession) -> UnknownPeoplePanel:
    """9 and 10 are one group, 11 and 12 another, 13 to 15 may be Bo's."""
    drawn = [(4, 0.0), (4, 0.1), (6, 0.0), (6, 0.1), (5, 0.0), (5, 0.05), (5, 0.1)]
    sort(session.workspace, [[each] for each in drawn])
    panel = UnknownPeoplePanel(session)
    of = {cluster.key: cluster for cluster in session.unknown_groups.clusters}
    assert sorted(of) == [9, 11, 13]
    asked = (MayBeOne(2, "Bo", (of[13],), 0.97), MayBeOne(None, "", (of[9], of[11]), 0.98))
    session.unknown_groups = replace(session.unknown_groups, may_be=asked)
    panel.refresh()
    return panel


def test_who_unknown_faces_may_be_is_confirmed_with_one_key(
    suggested: UnknownPeoplePanel,
) -> None:
    sheet = suggested.suggestions.sheet
    assert [tile["title"] for tile in sheet.tiles] == [
        "3 unknown faces may be Bo", "Two groups may be one person",
    ]  # fmt: skip
    assert "2 suggestions above" in suggested.message.value
    assert (keys(sheet)["yes"], keys(sheet)["no"]) == ("y", "n")
    press(sheet, "open", 0)
    assert sorted(ids(suggested.suggestions.opened)) == [13, 14, 15]
    assert "3 faces that may be Bo." in suggested.suggestions.layer.heading.value
    press(suggested.suggestions.opened, "close")
    press(sheet, "yes", 0)
    assert "3 faces: yes, Bo." in suggested.message.value
    assert (ids(sheet), ids(suggested.groups)) == ([1], [9, 11])
    assert actions(suggested.session.workspace)[0].summary == "yes for 3 faces: Bo"
    press(sheet, "undo")
    assert ids(sheet) == [0, 1]


def test_who_unknown_faces_are_not_is_not_suggested_again(suggested: UnknownPeoplePanel) -> None:
    sheet = suggested.suggestions.sheet
    press(sheet, "no", 0, 1)
    assert ids(sheet) == []
    assert ids(suggested.groups) == [13, 9, 11], "they are still unknown"
    press(sheet, "undo")
    assert ids(sheet) == [0]


def test_groups_that_are_one_person_are_joined_and_named_as_one(
    suggested: UnknownPeoplePanel,
) -> None:
    sheet = suggested.suggestions.sheet
    press(sheet, "yes", 1)
    assert "Joined: name the group below." in suggested.message.value
    assert (ids(sheet), ids(suggested.groups)) == ([0], [9, 13])
    assert "4 faces" in lines(suggested.groups, 9)
    suggested.name.value = "Grace"
    press(suggested.groups, "name", 9)
    assert suggested.session.face_counts()["Grace"] == 4


# --- chains -----------------------------------------------------------------------------------


@pytest.fixture
def opened(session: ReviewSession) -> tuple[PersonPanel, ChainBox]:
    """The chain of face 4 is open."""
    panel = PersonPanel(session)
    panel.person.value = HOSTILE
    assert keys(panel.sheet)["chain"] == "c"
    assert seen(panel.place) == [panel.sheet]
    press(panel.sheet, "chain", 4)
    return panel, panel.chain


def test_a_chain_is_shown_from_the_reference_to_the_face(
    opened: tuple[PersonPanel, ChainBox],
) -> None:
    panel, chain = opened
    assert seen(panel.place) == [chain.layer.widget]
    assert ids(chain.sheet) == [REFERENCE, 1, 2, 3, 4]
    assert all(tile["pictures"][0] for tile in chain.sheet.tiles)
    assert "0.49 from the one before" in lines(chain.sheet, 2)
    assert "2 others only through it" in lines(chain.sheet, 2)
    assert "the longest step 0.49" in chain.layer.heading.value
    assert "<script>" not in chain.layer.heading.value
    assert "\n" not in lines(chain.sheet, REFERENCE)[0]


def test_one_face_is_cut_out_of_a_chain(opened: tuple[PersonPanel, ChainBox]) -> None:
    panel, chain = opened
    press(chain.sheet, "no", 3)
    assert ids(chain.sheet) == [REFERENCE, 1, 2, 4]
    assert sorted(ids(panel.sheet)) == [1, 2, 4]
    assert "No: 1 face of Ada &lt;script&gt;" in panel.message.value


def test_the_rest_of_a_chain_is_cut_as_one_action(opened: tuple[PersonPanel, ChainBox]) -> None:
    panel, chain = opened
    press(chain.sheet, "rest", 2)
    assert ids(panel.sheet) == [1]
    assert "No: 3 faces of" in panel.message.value
    assert seen(panel.place) == [panel.sheet], "the face is nobody's now"
    press(panel.sheet, "undo")
    assert sorted(ids(panel.sheet)) == [1, 2, 3, 4]


def test_a_reference_is_not_cut(opened: tuple[PersonPanel, ChainBox]) -> None:
    panel, chain = opened
    revision, done = chain.sheet.revision, len(actions(panel.session.workspace))
    press(chain.sheet, "rest", REFERENCE)
    assert "This is the reference" in panel.message.value
    assert chain.sheet.revision > revision, "it does not stay faded"
    assert len(actions(panel.session.workspace)) == done


def test_a_chain_closes(opened: tuple[PersonPanel, ChainBox]) -> None:
    panel, chain = opened
    assert keys(chain.sheet)["close"] == "Escape"
    press(chain.sheet, "close")
    assert seen(panel.place) == [panel.sheet]
    press(panel.sheet, "chain", 3)
    panel.person.value = "Bo"
    assert seen(panel.place) == [panel.sheet], "of another person"


def test_a_face_that_was_erased_has_no_chain(session: ReviewSession) -> None:
    with session.workspace.open_store() as store:
        store.execute("UPDATE face SET embedding = '' WHERE face_id = 3")
    panel = DoubtfulPanel(session)
    press(panel.sheet, "chain", 3)
    assert "There is no chain to this face" in panel.message.value
    assert not any("nearest" in line for line in lines(panel.sheet, 3))


def test_who_is_named_again_under_another_name_is_told_at_once() -> None:
    """By the faces that are known: their references are farther apart than STRICT."""
    with Store.open(None) as store:
        job = InMemory(store)
        seed(job, "Ada", (0, 0.0))
        seed(job, "Cleo", (4, 0.0))
        *_, first, second, other = sort(
            job, [[(0, 0.4)], [(0, 0.5)], [(0, 1.06)], [(0, 1.07)], [(6, 0.0)]]
        )
        session = ReviewSession(job, PACK)
        assert "look like" not in session.table().note
        panel = UnknownPeoplePanel(session)
        panel.name.value = "Bea"
        panel.on_face_action("name", [first, second])
        assert "2 faces named Bea" in panel.message.value
        assert "Ada and Bea look like one person (0.7" in panel.message.value
        assert "Ada and Bea look like one person (0.7" in session.table().note
        panel.name.value = "Dan"
        panel.on_face_action("name", [other])
        assert "named Dan" in panel.message.value
        assert "look like" not in panel.message.value

        person = PersonPanel(session)
        person.person.value, person.to.value = "Bea", "Eve"
        press(person.sheet, "take", second)
        assert "Eve look like one person" in person.message.value


def test_a_copy_stays_when_its_face_leaves_the_group_and_the_review_says_so() -> None:
    """Three photos were Ada's, two of them by her group; then Bea came, who is nearer to the group."""
    with Store.open(None) as store:
        job = InMemory(store)
        seed(job, "Ada", (0, 0.0))
        sort(job, [[(0, turn)] for turn in (0.3, 0.8, 1.15, 1.4)])
        rematch(job)
        store.execute("UPDATE write SET status = 'verified'")
        session = ReviewSession(job, PACK)
        assert "wrong" not in RematchPanel(session).message.value
        seed(job, "Bea", (0, 1.57))
        rematch(job)
        found = [(c.person, c.why, c.belongs_to) for c in corrections(store)]
        assert found == [("Ada", "no_longer_matched", ("bea",))] * 3
        panel = RematchPanel(session)
        assert "3 files in the output are wrong now: see " in panel.message.value
        assert "corrections.csv" in panel.message.value
