"""04_review: what the notebook shows, and what its panels do when somebody uses them."""

from __future__ import annotations

import csv
import io
import math
import shutil
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
from review_messages import send
from synthetic_event import make_workspace, sort_in_threads, write_photo

from facesort.errors import WorkspaceError
from facesort.lab import review
from facesort.lab.review.doubtful import DoubtfulPanel
from facesort.lab.review.history import HistoryPanel, RematchPanel
from facesort.lab.review.look_alikes import LookAlikesPanel
from facesort.lab.review.person import PersonPanel
from facesort.lab.review.place import Place
from facesort.lab.review.session import NOT_SORTED, ReviewSession
from facesort.lab.review.sheet import FaceSheet, Tile, paginate
from facesort.lab.review.unknown_people import UnknownPeoplePanel
from facesort.lab.run.launch import launch
from facesort.lab.shared.tables import Table
from facesort.store.queries import face_sets, reports
from facesort.store.queries.journal import history

PANELS = (
    DoubtfulPanel, PersonPanel, UnknownPeoplePanel, LookAlikesPanel, HistoryPanel, RematchPanel,
)  # fmt: skip


@pytest.fixture
def unsorted(tmp_path: Path) -> ReviewSession:
    """Person 1 to Person 4 are seeded, and nothing is sorted."""
    (tmp_path / "src").mkdir()
    make_workspace(tmp_path, tmp_path / "src")
    return review.open_review(tmp_path / "hot")


@pytest.fixture(scope="module")
def event(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """1 and 2 are sorted, and far from their references in one photo each; 7, 8 and 9 are unknown, 9 in one photo."""
    folder = tmp_path_factory.mktemp("event")
    shown = {"a": [1], "b": [2], "c": [7], "d": [7, 1], "e": [7], "f": [8], "g": [8, 2], "h": [9]}
    for number, (name, people) in enumerate(shown.items()):
        write_photo(folder / "src" / f"{name}.png", people, variation=60 + number)
    for identity in (1, 2):
        write_photo(folder / "src" / f"far{identity}.png", [identity], variation=230)
    sort_in_threads(*make_workspace(folder, folder / "src"))
    return folder


@pytest.fixture
def session(event: Path, tmp_path: Path) -> ReviewSession:
    """A sorted event of its own for every test."""
    shutil.copytree(event, tmp_path, dirs_exist_ok=True)
    toml = tmp_path / "hot" / "facesort.toml"
    toml.write_text(toml.read_text().replace(event.as_posix(), tmp_path.as_posix()))
    opened = review.open_review(tmp_path / "hot")
    opened.slow_s = math.inf  # however busy this machine is
    return opened


def ids(sheet: FaceSheet) -> list[int]:
    return [tile["id"] for tile in sheet.tiles]


def words(sheet: FaceSheet) -> list[str]:
    return [" ".join((tile["title"], *tile["lines"], *tile["badges"])) for tile in sheet.tiles]


def press(sheet: FaceSheet, act: str, *face_ids: int) -> None:
    """What the browser sends."""
    send(sheet, {"action": act, "ids": list(face_ids)})


def seen(place: Place) -> list[object]:
    """What of it is shown."""
    return [child for child in place.widget.children if child.layout.display != "none"]


def done(session: ReviewSession) -> list[tuple[str, bool]]:
    """Kinds of what was done after seeding, newest first, and whether it was undone."""
    return [(a.kind, a.undone) for a in session.read(history)][:-4]


# --- a page of faces --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "total", "expected"),
    [
        (0, 0, (0, 1, slice(0, 48))),
        (0, 48, (0, 1, slice(0, 48))),
        (1, 49, (1, 2, slice(48, 96))),
        (7, 49, (1, 2, slice(48, 96))),  # the faces before it have gone
        (-1, 49, (0, 2, slice(0, 48))),
    ],
)
def test_pages(number: int, total: int, expected: tuple[int, int, slice]) -> None:
    assert paginate(number, total) == expected


def test_what_the_browser_sends_reaches_the_panel() -> None:
    heard: list[object] = []
    sheet = FaceSheet("x", on_action=lambda *what: heard.append(what), on_page=heard.append)
    sheet.show([Tile(3, (b"jpeg",), "Ada")], 1, 2)
    press(sheet, "yes", 3)
    send(sheet, {"action": "page", "page": 1})
    assert heard == [("yes", [3]), 1]
    assert (ids(sheet), sheet.page, sheet.pages) == ([3], 1, 2)


# --- doubtful matches -------------------------------------------------------------------------


def test_answers_are_stored_and_the_faces_leave(session: ReviewSession) -> None:
    panel, log = DoubtfulPanel(session), HistoryPanel(session)
    first, second = ids(panel.sheet)
    assert all("LOOSE" in text and "far" in text for text in words(panel.sheet))
    assert all(len(tile["pictures"]) == 2 for tile in panel.sheet.tiles)

    press(panel.sheet, "no", first)

    assert ids(panel.sheet) == [second]
    assert "No: 1 face. 1 match to check" in panel.message.value
    press(panel.sheet, "yes", second)
    assert "No match is doubtful." in panel.message.value
    assert "no for 1 face" in log.table.value, "the history follows"
    assert done(session) == [("answer", False)] * 2


def test_the_figures_above_follow_the_answers(session: ReviewSession) -> None:
    shown: list[Table] = []
    session.show_in(SimpleNamespace(update=shown.append))  # type: ignore[arg-type]
    panel = DoubtfulPanel(session)

    press(panel.sheet, "no", ids(panel.sheet)[0])

    doubtful = [dict(row[:2] for row in table.rows)["Doubtful"] for table in shown]
    assert doubtful == [2, 1]


def test_many_are_answered_at_once_and_taken_back_at_once(session: ReviewSession) -> None:
    panel = DoubtfulPanel(session)
    both = ids(panel.sheet)
    press(panel.sheet, "yes", *both)
    assert "Yes: 2 faces." in panel.message.value
    press(panel.sheet, "undo")
    assert "Undone: yes for 2 faces" in panel.message.value
    assert ids(panel.sheet) == both
    assert done(session) == [("answer", True)]


def test_who_is_not_sure_is_asked_last(session: ReviewSession) -> None:
    panel = DoubtfulPanel(session)
    first, second = ids(panel.sheet)
    press(panel.sheet, "unsure", first)
    assert ids(panel.sheet) == [second, first]
    assert "not sure" in words(panel.sheet)[1]


# --- one person -------------------------------------------------------------------------------


def test_a_person_is_shown_worst_first_with_what_was_learned(session: ReviewSession) -> None:
    panel = PersonPanel(session)
    assert [text for text, _ in panel.person.options] == [
        "Person 1 (3)", "Person 2 (3)", "Person 3 (0)", "Person 4 (0)",
    ]  # fmt: skip
    shown = words(panel.sheet)
    assert "far1.png" in shown[0]
    assert ["learned" in text for text in shown] == [False, True, True]
    panel.person.value = "Person 3"
    assert ids(panel.sheet) == []
    assert "0 faces of Person 3" in panel.message.value


def test_the_selected_person_stays_selected_while_others_come_and_go(
    session: ReviewSession,
) -> None:
    panel = PersonPanel(session)
    panel.person.value = "Person 2"
    shown = panel.sheet.revision
    panel.to.value = "A new one"
    press(panel.sheet, "take", ids(panel.sheet)[0])
    assert panel.person.options[0][1] == "A new one"
    assert (panel.person.value, panel.sheet.revision) == ("Person 2", shown + 1)
    panel.person.value = "A new one"
    session.history_line.button.click()
    assert panel.person.value == "Person 1", "the first of those who are left"


def test_a_face_is_taken_away_and_given_to_somebody_else(session: ReviewSession) -> None:
    panel = PersonPanel(session)
    worst = ids(panel.sheet)[0]
    panel.to.value = "Grace"
    press(panel.sheet, "take", worst)
    assert "taken away from Person 1 and given to Grace" in panel.message.value
    assert worst not in ids(panel.sheet)
    assert panel.to.value == ""
    panel.person.value = "Grace"
    assert ids(panel.sheet) == [worst]


def test_a_face_becomes_a_reference(session: ReviewSession) -> None:
    panel = PersonPanel(session)
    worst = ids(panel.sheet)[0]
    press(panel.sheet, "reference", worst)
    assert "reference" in words(panel.sheet)[ids(panel.sheet).index(worst)]
    press(panel.sheet, "reference", worst)
    assert "is a reference of &#x27;Person 1&#x27; already" in panel.message.value


def test_a_learned_face_is_unlearned(session: ReviewSession) -> None:
    panel = PersonPanel(session)
    worst, learned, _ = ids(panel.sheet)
    press(panel.sheet, "unlearn", worst, learned)
    assert "1 of the 2 faces was never learned" in panel.message.value
    assert done(session) == []

    press(panel.sheet, "unlearn", learned)

    assert "1 face unlearned; a re-match decides all faces again." in panel.message.value
    assert sum("learned" in text for text in words(panel.sheet)) == 1
    assert done(session) == [("unlearn", False)]
    press(panel.sheet, "undo")
    assert sum("learned" in text for text in words(panel.sheet)) == 2


# --- unknown people ---------------------------------------------------------------------------


def test_a_group_is_named_and_the_re_match_brings_its_photos(session: ReviewSession) -> None:
    panel, rematch = UnknownPeoplePanel(session), RematchPanel(session)
    assert [tile["title"] for tile in panel.groups.tiles] == ["3 faces", "2 faces"]
    largest = ids(panel.groups)[0]
    press(panel.groups, "name", largest)
    assert "Enter a name above" in panel.message.value
    panel.name.value, panel.folder.value = " Grace ", "G"
    press(panel.groups, "name", largest)
    assert "3 faces named Grace" in panel.message.value
    assert [tile["title"] for tile in panel.groups.tiles] == ["2 faces"]
    assert (panel.name.value, panel.folder.value) == ("", "")

    rematch.button.click()

    assert "3 files added." in rematch.message.value
    assert sorted(p.name[0] for p in (session.workspace.settings.output / "G").iterdir()) == list(
        "cde"
    )


def test_a_group_is_opened_and_only_some_of_it_is_named(session: ReviewSession) -> None:
    panel = UnknownPeoplePanel(session)
    said: list[object] = []
    panel.opened.send = said.append  # type: ignore[method-assign]
    press(panel.groups, "open", ids(panel.groups)[0])
    assert len(ids(panel.opened)) == 3
    assert "A group of 3 faces" in panel.layer.heading.value
    assert seen(panel.place) == [panel.layer.widget], "where the groups were"
    assert said == [{"focus": True, "move": True}]
    panel.name.value = "Grace"
    press(panel.opened, "name", *ids(panel.opened)[:2])
    assert "2 faces named Grace" in panel.message.value
    assert seen(panel.place) == [panel.groups], "one face is no group"


def test_a_named_group_is_off_the_list_at_once_and_the_numbers_add_up(
    session: ReviewSession,
) -> None:
    """The head and the panel say the same number."""
    panel = UnknownPeoplePanel(session)
    assert (
        "6 unknown faces: 5 in 2 groups, the largest first; 1 in no group." in panel.message.value
    )
    largest, other = ids(panel.groups)
    press(panel.groups, "ignore", other)
    assert "6 unknown faces: 3 in 1 group, the largest first; 1 in no group; 2 ignored." in (
        panel.message.value
    )
    panel.name.value = "Grace"
    press(panel.groups, "name", largest)
    assert ids(panel.groups) == []
    assert "3 unknown faces: 1 in no group; 2 ignored." in panel.message.value
    assert dict(row[:2] for row in session.table().rows)["Unknown"] == 3
    panel.name.value = "Grace again"
    press(panel.groups, "name", largest)  # a second press, before the page was drawn anew
    assert "3 unknown faces" in panel.message.value
    assert done(session) == [("name", False), ("ignore", False)]


def test_who_is_ignored_is_gone_until_it_is_undone(session: ReviewSession) -> None:
    panel = UnknownPeoplePanel(session)
    press(panel.groups, "ignore", *ids(panel.groups))
    assert "5 faces ignored. 6 unknown faces: 1 in no group; 5 ignored." in panel.message.value
    press(panel.groups, "undo")
    assert len(panel.groups.tiles) == 2


# --- look-alikes ------------------------------------------------------------------------------


def test_pairs_that_competed_are_shown_with_their_faces(
    session: ReviewSession, tmp_path: Path
) -> None:
    panel = LookAlikesPanel(session)
    assert "No two people competed for a face." in panel.message.value
    toml = tmp_path / "hot" / "facesort.toml"
    toml.write_text(toml.read_text().replace("[matching]", "[matching]\nloose = 2.0"))
    panel = LookAlikesPanel(review.open_review(tmp_path / "hot"))
    before = [tile["title"] for tile in panel.pairs.tiles]
    assert "Person 1 and Person 2" in before

    press(panel.pairs, "open", before.index("Person 1 and Person 2"))
    face = ids(panel.opened)[0]
    assert len(panel.opened.tiles[0]["pictures"]) == 3
    assert [a["label"] for a in panel.opened.actions][:2] == ["It is Person 1", "It is Person 2"]
    press(panel.opened, "second", face)

    assert "1 face: Person 2." in panel.message.value
    assert "you said yes" in words(panel.opened)[ids(panel.opened).index(face)]
    press(panel.opened, "neither", face)
    assert done(panel.session) == [("answer", False)] * 3


# --- history and re-match ---------------------------------------------------------------------


def test_every_section_has_undo_and_the_last_action_within_reach(
    session: ReviewSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    time.tzset()
    try:
        panels = [panel(session) for panel in PANELS]
        line = session.history_line
        assert all(line.widget in panel.widget.children for panel in panels)
        first = panels[0].sheet
        press(first, "yes", *ids(first))
        (newest, *_) = session.read(history)
        local = newest.done_at + timedelta(hours=5, minutes=30)
        assert (
            f"Last: yes for 2 faces: Person 1, Person 2 ({local:%Y-%m-%d %H:%M})" in line.text.value
        )
        assert f"{local:%Y-%m-%d %H:%M}" in panels[4].table.value, "the table says the same"
        line.button.click()
        assert "Undone: yes for 2 faces" in line.text.value
        assert len(ids(first)) == 2
    finally:
        monkeypatch.undo()
        time.tzset()


def test_undo_and_redo(session: ReviewSession) -> None:
    doubtful, log = DoubtfulPanel(session), HistoryPanel(session)
    press(doubtful.sheet, "yes", *ids(doubtful.sheet))
    assert log.redo_button.disabled
    session.history_line.button.click()
    assert len(ids(doubtful.sheet)) == 2
    assert "1 undone" in log.message.value
    log.redo_button.click()
    assert ids(doubtful.sheet) == []
    assert done(session) == [("answer", False)]


def test_what_is_wrong_in_the_output_is_listed_and_stays_there(session: ReviewSession) -> None:
    doubtful, rematch = DoubtfulPanel(session), RematchPanel(session)
    before = sorted(p for p in session.workspace.settings.output.rglob("*") if p.is_file())
    press(doubtful.sheet, "no", *ids(doubtful.sheet))

    rematch.rematch()

    assert "0 files added." in rematch.message.value
    assert "2 files in the output are wrong now" in rematch.message.value
    with session.workspace.corrections.open(encoding="utf-8-sig", newline="") as stream:
        listed = [row["photo"] for row in csv.DictReader(stream)]
    assert sorted(listed) == ["far1.png", "far2.png"]
    assert sorted(p for p in session.workspace.settings.output.rglob("*") if p.is_file()) == before
    assert not rematch.button.disabled


def test_a_panel_that_is_slow_only_says_that_it_is_out_of_date(session: ReviewSession) -> None:
    doubtful, slow = DoubtfulPanel(session), UnknownPeoplePanel(session)
    session.slow_s = 0.0
    shown = slow.groups.revision
    press(doubtful.sheet, "yes", *ids(doubtful.sheet))
    assert (slow.groups.revision, slow.refresh_button.layout.visibility) == (shown, "visible")
    slow.refresh_button.click()
    assert (slow.groups.revision, slow.refresh_button.layout.visibility) == (shown + 1, "hidden")
    assert slow.refresh_button.layout.display is None, "it keeps its place: nothing below it moves"


def test_what_is_refused_is_said_and_the_faces_come_back(session: ReviewSession) -> None:
    panel = DoubtfulPanel(session)
    with session.workspace.open_store() as store:
        store.execute("DELETE FROM person WHERE name = 'Person 1'")
    revision = panel.sheet.revision
    persons = dict(panel._persons)
    press(panel.sheet, "yes", *[i for i in persons if persons[i] == "Person 1"])
    assert "there is no &#x27;Person 1&#x27;" in panel.message.value
    assert panel.sheet.revision > revision


# --- the notebook -----------------------------------------------------------------------------


@pytest.mark.parametrize("panel", PANELS)
def test_an_unsorted_workspace_is_said(unsorted: ReviewSession, panel: type) -> None:
    said = panel(unsorted).message.value
    assert NOT_SORTED.split("`")[0] in said or panel in (HistoryPanel, RematchPanel)
    assert "border-left:4px solid #888888" in said, "nothing went wrong"


@pytest.mark.parametrize("state", ["unsorted", "session"])
def test_the_notebook_runs_without_anybody_watching(
    state: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    session: ReviewSession = request.getfixturevalue(state)

    saved = launch(
        "04_review",
        {"workspace": str(session.workspace.root)},
        runs=tmp_path / "runs",
        job="x",
        echo=io.StringIO(),
    )

    outputs = [o for cell in nbformat.read(saved, 4).cells for o in cell.get("outputs", ())]
    assert [o.output_type for o in outputs if o.output_type in {"error", "stream"}] == []
    assert sum("application/vnd.jupyter.widget-view+json" in o.data for o in outputs) == 6
    assert done(session) == []


def test_opening_explains_what_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(WorkspaceError, match="facesort init"):
        review.open_review(tmp_path / "nowhere")


def test_the_first_table_counts(session: ReviewSession) -> None:
    rows = {row[0]: row[1] for row in session.table().rows}
    assert [rows[k] for k in ("People", "Photos", "STRICT", "LOOSE", "Unknown", "Doubtful")] == [
        4,
        10,
        4,
        2,
        6,
        2,
    ]


# --- bursts -----------------------------------------------------------------------------------


def test_before_a_sort_there_are_no_bursts(unsorted: ReviewSession) -> None:
    table = review.show_bursts(unsorted)
    assert (table.rows, table.note) == ([], NOT_SORTED)


def test_photos_of_one_moment_are_shown_with_the_sharpest(tmp_path: Path) -> None:
    for number in (1, 2, 3):
        write_photo(tmp_path / "src" / f"{number}.png", [1], variation=60 + number)
    write_photo(tmp_path / "src" / "other.png", [3, 4, 2], variation=60, shade=90)
    shutil.copy(tmp_path / "src" / "1.png", tmp_path / "src" / "copy of 1.png")
    sort_in_threads(*make_workspace(tmp_path, tmp_path / "src"))

    table = review.show_bursts(review.open_review(tmp_path / "hot"))

    (row,) = table.rows
    assert row[0] == 3
    assert sorted([row[1], *str(row[3]).split(", ")]) == ["1.png", "2.png", "3.png"]
    assert table.note.startswith("1 burst with 3 of 4 photos.")


def test_the_figures_are_those_that_the_sort_kept(
    session: ReviewSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = session.read(reports.counts)
    (session.workspace.state / "counted.json").unlink()
    kept = session.table()  # counted, and kept
    monkeypatch.setattr(reports, "counts", None)
    assert session.table().rows == kept.rows
    assert dict(row[:2] for row in kept.rows)["Photos"] == counted.total


def test_of_all_faces_it_is_asked_once_for_the_figures_and_the_panels(
    session: ReviewSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    def again(*_: object, **__: object) -> None:
        raise AssertionError("asked again")

    session.table()
    with monkeypatch.context() as patch:
        patch.setattr(face_sets, "count_by_person", again)
        patch.setattr("facesort.engine.review.clusters.unknown_faces", again)
        patch.setattr("facesort.engine.gallery.alike.best_faces", again)
        before = session.face_counts()
        UnknownPeoplePanel(session)
        session.alike_sentences()
    panel = PersonPanel(session)
    name = panel.person.value
    press(panel.sheet, "take", ids(panel.sheet)[0])
    assert session.face_counts()[name] == before[name] - 1, "something has changed"


def test_the_review_opens_while_somebody_else_reads(session: ReviewSession) -> None:
    """An audit, for example, which may take minutes; the first answer waits for it."""
    code = (
        "import sys, pathlib; from facesort.store import Store\n"
        "with Store.open(pathlib.Path(sys.argv[1]), read_only=True): print(flush=True); input()"
    )
    command = [sys.executable, "-c", code, str(session.workspace.database)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as reader:
        assert reader.stdin is not None and reader.stdout is not None
        reader.stdout.readline()
        opened = review.open_review(session.workspace.root)
        panel = DoubtfulPanel(opened)
        before = ids(panel.sheet)
        press(panel.sheet, "yes", before[0])
        assert "in use" in panel.message.value
        reader.communicate(b"\n")
    press(panel.sheet, "yes", before[0])
    assert ids(panel.sheet) == before[1:]
