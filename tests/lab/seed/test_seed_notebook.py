"""01_seed: what the notebook shows, and how its panels work."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import ipywidgets as widgets
import nbformat
import numpy as np
import pytest
from IPython.display import Markdown
from PIL import Image
from synthetic_event import make_workspace, write_photo

from facesort.engine.analysis.analyse import _engine
from facesort.engine.gallery.persons import move_folder, rename_person
from facesort.engine.gallery.view import GalleryView, read_gallery
from facesort.engine.setup import set_up
from facesort.errors import PackError, PackMismatchError, WorkspaceError
from facesort.faces.engines.load import load_engine
from facesort.faces.protocol import FaceEngine, ModelPack
from facesort.lab.run.launch import launch
from facesort.lab.seed import cells as seed
from facesort.lab.seed.add_form import Press
from facesort.lab.seed.add_panel import AddPanel
from facesort.lab.seed.gallery_panel import GalleryPanel
from facesort.lab.seed.plots import shown_persons
from facesort.lab.seed.session import SeedSession
from facesort.lab.shared.plots import Plot
from facesort.lab.shared.tables import Table
from facesort.workspace import Workspace


@pytest.fixture
def empty(tmp_path: Path) -> SeedSession:
    """Nobody is in the gallery."""
    (tmp_path / "src").mkdir()
    set_up(tmp_path / "hot", [tmp_path / "src"], tmp_path / "out", "synthetic", [])
    return seed.open_gallery(tmp_path / "hot", executor=ThreadPoolExecutor(1))


@pytest.fixture
def four(tmp_path: Path) -> SeedSession:
    """Person 1 to Person 4, one reference each."""
    (tmp_path / "src").mkdir()
    make_workspace(tmp_path, tmp_path / "src")
    return seed.open_gallery(tmp_path / "hot", executor=ThreadPoolExecutor(1))


def photo(folder: Path, name: str, people: list[int], variation: int = 90) -> Path:
    write_photo(folder / name, people, variation=variation)
    return folder / name


def uploads(*photos: Path) -> list[tuple[str, bytes]]:
    return [(path.name, path.read_bytes()) for path in photos]


def add(panel: AddPanel, name: str, *photos: Path, folder: str = "") -> bool:
    """Press the button of the form after uploading these photos."""
    return panel.add(Press(name, folder, "", uploads(*photos)))


def send(panel: AddPanel, press: Press) -> None:
    """What the browser sends."""
    for number, (_, content) in enumerate(press.uploads):
        panel.form._handle_custom_msg({"press": "1", "photo": number}, [memoryview(content)])
    texts = {"name": press.name, "folder": press.folder, "path": press.path}
    photos = [name for name, _ in press.uploads]
    panel.form._handle_custom_msg({"press": "1", **texts, "photos": photos}, [])


def pressed(panel: AddPanel, press: Press) -> list[dict[str, Any]]:
    """What the browser hears of a press."""
    with pytest.MonkeyPatch.context() as patch:
        heard: list[dict[str, Any]] = []
        patch.setattr(panel.form, "send", heard.append)
        send(panel, press)
        return heard


def shown(panel: AddPanel) -> list[str]:
    return [tile.children[0].value for tile in panel.results.children]


def names(session: SeedSession) -> list[str]:
    return [card.person.name for card in session.view().cards]


def files(workspace: Workspace) -> set[str]:
    return {path.name for path in workspace.root.rglob("*") if path.is_file()}


# --- adding -----------------------------------------------------------------------------------


def test_a_path_without_photos_is_refused_and_the_content_comes_back(
    empty: SeedSession, tmp_path: Path
) -> None:
    panel = AddPanel(empty)
    (tmp_path / "bare").mkdir()
    for path, why in (("nowhere", "neither a photo nor a folder"), ("bare", "no photo")):
        _, said = pressed(panel, Press("Ada", path=str(tmp_path / path)))
        assert why in said["failed"]
    assert panel.results.children == ()
    assert names(empty) == []


def test_uploads_are_added_or_refused_one_by_one(empty: SeedSession, tmp_path: Path) -> None:
    panel, gallery = AddPanel(empty), GalleryPanel(empty)
    before = files(empty.workspace)
    one, two = photo(tmp_path, "one.png", [1]), photo(tmp_path, "two.png", [1, 2])

    taken, done = pressed(panel, Press("  Ada   Berg ", "Family", "", uploads(one, two)))

    first, second = shown(panel)
    assert " added<" in first
    assert "several_faces" in second
    assert "2 faces were found" in second
    assert "1 reference added, 1 refused" in panel.message.value
    assert [(c.person.name, c.person.folder) for c in empty.view().cards] == [
        ("Ada Berg", "Family")
    ]
    assert len(gallery.cards.children) == 1, "the cards follow"
    assert panel.form.names == ["Ada Berg"]
    assert (taken, done) == ({"press": "1"}, {"press": "1", "done": True, "added": True})
    assert files(empty.workspace) == before, "an upload leaves no file behind"


def test_large_photos_arrive_in_pieces(empty: SeedSession, tmp_path: Path) -> None:
    """JupyterLab's server closes the connection on more than 10 MB at once."""
    panel = AddPanel(empty)
    content = photo(tmp_path, "one.png", [1]).read_bytes()
    for piece in (content[:100], content[100:]):
        panel.form._handle_custom_msg({"press": "1", "photo": 0}, [memoryview(piece)])
    panel.form._handle_custom_msg(
        {"press": "1", "name": "Ada", "folder": "", "path": "", "photos": ["one.png"]}, []
    )
    assert [" added<" in tile for tile in shown(panel)] == [True]


def test_a_folder_of_photos_is_added_by_its_path(empty: SeedSession, tmp_path: Path) -> None:
    photo(tmp_path / "ada", "a.png", [1], 90)
    photo(tmp_path / "ada", "b.png", [1], 120)
    photo(tmp_path / "ada" / "2019", "c.png", [1], 150)
    panel = AddPanel(empty)

    panel.add(Press("Ada", path=f' "{tmp_path / "ada"}" '))

    assert "2 references added" in panel.message.value
    assert "left out 1 photo (&#x27;2019/c.png&#x27;): nested" in panel.message.value
    assert [len(card.references) for card in empty.view().cards] == [2]


def test_photos_that_were_not_analysed_come_back_to_the_form(
    empty: SeedSession, tmp_path: Path
) -> None:
    panel = AddPanel(empty)
    press = Press("Ada", uploads=uploads(photo(tmp_path, "two.png", [1, 2])))
    database = empty.workspace.root / "facesort.duckdb"
    database.rename(tmp_path / "away")
    database.mkdir()

    _, said = pressed(panel, press)

    assert "cannot be written" in said["failed"]
    assert panel.message.value == ""
    database.rmdir()
    (tmp_path / "away").rename(database)
    _, said = pressed(panel, press)
    assert "0 references added, 1 refused" in panel.message.value
    assert said == {"press": "1", "done": True, "added": False}, "another photo of Ada is wanted"


def test_an_interrupted_press_comes_back_to_the_form(
    empty: SeedSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    panel = AddPanel(empty)

    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(empty, "add", interrupt)
    said: list[dict[str, Any]] = []
    monkeypatch.setattr(panel.form, "send", said.append)
    with pytest.raises(KeyboardInterrupt):
        send(panel, Press("Ada", uploads=uploads(photo(tmp_path, "one.png", [1]))))
    assert said[-1] == {"press": "1", "failed": "this was interrupted"}


def test_only_likeness_can_be_overridden(
    four: SeedSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    panel = AddPanel(four)
    small = tmp_path / "small.png"
    Image.open(photo(tmp_path, "zoe.png", [9])).resize((200, 75)).save(small)
    twin = photo(tmp_path, "twin.png", [1], 100)
    panel.add(Press("Twin", "Twins", "", uploads(small, twin)))
    refused, alike = panel.results.children
    assert [type(w) for w in refused.children] == [widgets.HTML]
    assert "looks_like_other" in alike.children[0].value
    assert "Twin" not in names(four)
    said: list[dict[str, Any]] = []
    monkeypatch.setattr(panel.form, "send", said.append)
    anyway = alike.children[1]

    anyway.click()

    assert [(c.person.name, c.person.folder) for c in four.view().cards][-1] == ("Twin", "Twins")
    assert [" added<" in tile for tile in shown(panel)] == [False, True]
    assert said == [{"added": "Twin"}], "the form asks for no other photo of Twin"
    assert anyway.comm is None, "the second click of a double click is not heard"


def test_what_is_to_be_decided_stays_when_more_is_added(four: SeedSession, tmp_path: Path) -> None:
    panel = AddPanel(four)
    add(panel, "Twin", photo(tmp_path, "twin.png", [1], 100), photo(tmp_path, "zoe.png", [9]))
    add(panel, "Ben", photo(tmp_path, "ben.png", [8]))
    assert ["twin.png" in tile for tile in shown(panel)] == [True, False]
    assert "ben.png" in shown(panel)[1]

    leave_out = panel.results.children[0].children[-1]
    leave_out.click()

    assert ["ben.png" in tile for tile in shown(panel)] == [True]


def test_a_decision_can_be_repeated_when_it_failed(four: SeedSession, tmp_path: Path) -> None:
    panel = AddPanel(four)
    add(panel, "Twin", photo(tmp_path, "twin.png", [1], 100))
    (tile,) = panel.results.children
    database = four.workspace.root / "facesort.duckdb"
    database.rename(tmp_path / "away")
    database.mkdir()
    tile.children[1].click()
    assert "cannot be written" in panel.message.value
    database.rmdir()
    (tmp_path / "away").rename(database)

    tile.children[1].click()

    assert "Twin" in names(four)


def test_the_face_of_a_person_is_chosen_by_its_number(four: SeedSession, tmp_path: Path) -> None:
    panel = AddPanel(four)
    add(panel, "Zoe", photo(tmp_path, "group.png", [2, 9, 3]))
    (tile,) = panel.results.children
    choice = tile.children[1]
    assert choice.label == "Which face of group.png is Zoe?"
    drawn = [[left, 60, 96, 96] for left in (20, 140, 260)]
    assert np.array(choice.boxes) * [640, 240, 640, 240] == pytest.approx(np.array(drawn), abs=2)
    assert Image.open(io.BytesIO(choice.picture)).size == (1120, 420)

    choice._handle_custom_msg({"face": 1}, [])

    assert "looks_like_other" in tile.children[0].value
    assert "Person 2" in tile.children[0].value
    assert "Zoe" not in names(four)
    tile.children[-1].click()
    add(panel, "Zoe", photo(tmp_path, "group.png", [2, 9, 3]))
    (tile,) = panel.results.children
    tile.children[1]._handle_custom_msg({"face": 2}, [])
    assert [" added<" in text for text in shown(panel)] == [True]
    assert names(four)[-1] == "Zoe"


def test_a_taken_folder_is_reported_and_nothing_is_added(four: SeedSession, tmp_path: Path) -> None:
    panel = AddPanel(four)

    add(panel, "Zoe", photo(tmp_path, "zoe.png", [9]), folder="person 1")

    (tile,) = shown(panel)
    assert "folder_taken" in tile
    assert "is taken by &#x27;Person 1&#x27;" in tile
    assert "0 references added" in panel.message.value
    assert "Zoe" not in names(four)


def test_user_input_is_never_html(empty: SeedSession, tmp_path: Path) -> None:
    panel, gallery = AddPanel(empty), GalleryPanel(empty)
    add(panel, "<b>Ada</b>", photo(tmp_path, "<i>.png", [1]), folder="ada")
    gallery.editor.open("<b>Ada</b>")

    pages = [*shown(panel), panel.message.value, gallery.cards.children[0].children[0].value]
    pages += [gallery.editor.heading.value]
    pages += [tile.children[0].value for tile in gallery.editor.references.children]
    assert len(pages) == 5
    assert not any("<b>Ada" in page or "<i>" in page for page in pages)


# --- loading the models -----------------------------------------------------------------------


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[ModelPack]]:
    """Which packs are loaded, by somebody who has the page before them."""
    loaded: list[ModelPack] = []

    def load(pack: ModelPack, **_: object) -> FaceEngine:
        loaded.append(pack)
        return load_engine(pack, threads=1)

    monkeypatch.setattr("facesort.engine.analysis.analyse.load_engine", load)
    monkeypatch.setattr(seed, "is_interactive", lambda: True)
    _engine.cache_clear()
    yield loaded
    _engine.cache_clear()


def test_models_are_loaded_once_before_the_first_photo(
    four: SeedSession, loads: list[ModelPack], tmp_path: Path
) -> None:
    pool = ThreadPoolExecutor(1)
    session = seed.open_gallery(four.workspace.root, executor=pool)
    pool.submit(int).result()
    assert loads == [session.pack]

    add(AddPanel(session), "Zoe", photo(tmp_path, "zoe.png", [9]))

    assert loads == [session.pack]


def test_models_that_cannot_be_loaded_are_told_with_the_first_photo(
    four: SeedSession, loads: list[ModelPack], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise PackError("the recogniser is damaged: fetch the pack again")

    monkeypatch.setattr("facesort.engine.analysis.analyse.load_engine", fail)
    session = seed.open_gallery(four.workspace.root, executor=ThreadPoolExecutor(1))

    press = Press("Zoe", uploads=uploads(photo(tmp_path, "zoe.png", [9])))
    assert "the recogniser is damaged" in pressed(AddPanel(session), press)[-1]["failed"]


# --- editing ----------------------------------------------------------------------------------


@pytest.fixture
def gallery(four: SeedSession) -> GalleryPanel:
    return GalleryPanel(four)


def test_the_editor_is_closed_until_somebody_is_chosen(gallery: GalleryPanel) -> None:
    assert gallery.editor.body.layout.display == "none"
    gallery.cards.children[1].children[1].click()
    assert gallery.editor.body.layout.display == ""
    assert gallery.editor.name.value == "Person 2"
    gallery.editor.open(None)
    assert gallery.editor.body.layout.display == "none"


def test_rename_and_move(four: SeedSession, gallery: GalleryPanel) -> None:
    editor = gallery.editor
    editor.open("Person 1")
    editor.name.value = "Person 2"
    editor.rename()
    assert "there is a &#x27;Person 2&#x27;" in editor.message.value
    assert editor.person == "Person 1"
    editor.name.value = " Ada "
    editor.rename()
    assert "is now called Ada. New photos go to Person 1/, until you move" in editor.message.value
    editor.folder.value = "A/B"
    editor.move()
    assert editor.folder.value == "A_B"
    assert (four.view().cards[0].person.name, four.view().cards[0].person.folder) == ("Ada", "A_B")


def test_nothing_is_reported_where_nothing_changes(
    four: SeedSession, gallery: GalleryPanel
) -> None:
    gallery.editor.open("Person 1")
    gallery.editor.rename()
    assert "Person 1 has that name already" in gallery.editor.message.value


def test_other_changes_leave_what_is_typed_and_asked(
    four: SeedSession, gallery: GalleryPanel, tmp_path: Path
) -> None:
    editor = gallery.editor
    editor.open("Person 1")
    editor.name.value, editor.folder.value, editor.into.value = "Ada", "Elsewhere", "Person 2"
    editor.merge()

    add(AddPanel(four), "Zoe", photo(tmp_path, "zoe.png", [9]))
    assert (editor.name.value, editor.folder.value) == ("Ada", "Elsewhere")
    editor.agree()

    assert names(four) == ["Person 2", "Person 3", "Person 4", "Zoe"]
    assert editor.name.value == "Person 2"


def test_removing_a_person_asks_first(four: SeedSession, gallery: GalleryPanel) -> None:
    editor = gallery.editor
    editor.open("Person 1")
    editor.remove()
    assert "Remove Person 1 with 1 reference" in editor.question.value
    assert len(names(four)) == 4
    editor.decline()
    editor.agree()  # nothing is asked any more
    assert len(names(four)) == 4
    editor.remove()
    editor.agree()
    assert names(four) == ["Person 2", "Person 3", "Person 4"]
    assert editor.body.layout.display == "none"
    assert len(gallery.cards.children) == 3


def test_a_question_about_one_person_never_counts_for_another(
    four: SeedSession, gallery: GalleryPanel
) -> None:
    gallery.editor.open("Person 1")
    gallery.editor.remove()
    gallery.editor.open("Person 2")
    gallery.editor.agree()
    assert len(names(four)) == 4


def test_merging_asks_first(four: SeedSession, gallery: GalleryPanel) -> None:
    editor = gallery.editor
    editor.open("Person 1")
    editor.merge()
    assert "Choose the person to merge" in editor.message.value
    editor.into.value = "Person 3"
    editor.merge()
    assert "Merge Person 1 into Person 3?" in editor.question.value
    assert len(names(four)) == 4
    editor.agree()
    assert names(four) == ["Person 2", "Person 3", "Person 4"]
    assert editor.person == "Person 3"
    assert len(editor.references.children) == 2


def test_a_reference_is_removed_but_never_the_last(
    four: SeedSession, gallery: GalleryPanel, tmp_path: Path
) -> None:
    panel = AddPanel(four)
    add(panel, "Person 1", photo(tmp_path, "more.png", [1], 120))
    gallery.editor.open("Person 1")
    first, second = gallery.editor.references.children
    remove = first.children[1]

    remove.click()

    assert remove.comm is None, "the second click of a double click is not heard"
    assert gallery.editor.references.children == (second,), "a click on it is not lost meanwhile"
    assert [r.file_name for r in four.view().cards[0].references] == ["more.png"]
    (last,) = gallery.editor.references.children
    assert last.children[1].disabled


def test_the_face_that_shows_a_person_is_chosen(
    four: SeedSession, gallery: GalleryPanel, tmp_path: Path
) -> None:
    editor = gallery.editor
    add(AddPanel(four), "Person 1", photo(tmp_path, "more.png", [1], 120))
    editor.open("Person 1")
    best = gallery.cards.children[0].children[0].value
    card = four.view().cards[0]
    worse = min(range(2), key=lambda row: card.references[row].quality)
    assert editor.best_face.disabled
    show = editor.references.children[worse].children[2]
    assert (show.description, show.disabled) == ("Show this face", False)

    show.click()

    assert gallery.cards.children[0].children[0].value != best
    assert (show.description, show.disabled) == ("✓ Shown", True)
    assert not editor.best_face.disabled
    assert "Person 1 is shown by the chosen reference. Undo" in editor.message.value
    assert "Person 1 is shown by a chosen reference" in four.history_line.text.value
    editor.best_face.click()
    assert gallery.cards.children[0].children[0].value == best
    four.history_line.button.click()
    assert gallery.cards.children[0].children[0].value != best
    assert show.disabled


def test_a_person_removed_elsewhere_is_reported(four: SeedSession, gallery: GalleryPanel) -> None:
    gallery.editor.open("Person 1")
    with four.workspace.open_store() as store:
        store.execute("DELETE FROM person WHERE name = 'Person 1'")
    gallery.editor.name.value = "Ada"
    gallery.editor.rename()
    assert "there is no &#x27;Person 1&#x27;" in gallery.editor.message.value
    assert names(four) == ["Person 2", "Person 3", "Person 4"]
    assert gallery.editor.body.layout.display == "none"


def test_nobody_is_changed_who_was_changed_in_another_window_since(
    four: SeedSession, gallery: GalleryPanel
) -> None:
    editor = gallery.editor
    editor.open("Person 1")
    editor.remove()
    move_folder(four.workspace, "Person 1", "Elsewhere")
    editor.agree()
    assert "Person 1 was changed in another window" in editor.message.value
    assert "the folder of Person 1 is Elsewhere/ from now on" in four.history_line.text.value
    assert len(names(four)) == 4

    rename_person(four.workspace, "Person 4", "Zoe")  # it is about somebody else
    editor.remove()
    editor.agree()
    assert names(four) == ["Person 2", "Person 3", "Zoe"]


def test_a_refusal_leaves_what_was_typed(gallery: GalleryPanel) -> None:
    gallery.editor.open("Person 1")
    gallery.editor.name.value, gallery.editor.folder.value = "Person 2", "Elsewhere"
    gallery.editor.rename()
    assert (gallery.editor.name.value, gallery.editor.folder.value) == ("Person 2", "Elsewhere")


def test_cards_keep_the_scroll_position(four: SeedSession, gallery: GalleryPanel) -> None:
    before = gallery.cards.children
    four.changed()
    gallery.editor.open("Person 1")
    assert gallery.cards.children == before
    assert "2px solid" in before[0].children[0].value, "the chosen one is marked"


def test_names_can_be_searched(gallery: GalleryPanel) -> None:
    assert gallery.find.layout.display is None, "always there"
    gallery.find.value = "SÓN 3"
    assert len(gallery.cards.children) == 1
    assert "1 person" in gallery.summary.value
    gallery.find.value = ""
    assert "4 people" in gallery.summary.value


# --- undo -------------------------------------------------------------------------------------


def test_what_was_done_is_told_and_undone_on_the_page(
    four: SeedSession, gallery: GalleryPanel
) -> None:
    line = four.history_line
    assert "4.png was added as a reference of Person 4" in line.text.value
    gallery.editor.open("Person 1")
    gallery.editor.name.value = "<b>Zoe"
    gallery.editor.rename()
    assert "Last: Person 1 was renamed to &lt;b&gt;Zoe (2" in line.text.value
    assert names(four) == ["<b>Zoe", "Person 2", "Person 3", "Person 4"]

    line.button.click()

    assert "Undone: Person 1 was renamed to &lt;b&gt;Zoe." in line.text.value
    assert names(four) == [f"Person {i}" for i in range(1, 5)]


def test_an_undo_that_is_not_possible_says_why(four: SeedSession, tmp_path: Path) -> None:
    database = four.workspace.root / "facesort.duckdb"
    database.rename(tmp_path / "away")
    database.mkdir()
    four.history_line.button.click()
    assert "cannot be written" in four.history_line.text.value
    database.rmdir()
    (tmp_path / "away").rename(database)
    for _ in range(4):
        four.history_line.button.click()
    assert names(four) == []
    assert four.history_line.button.disabled


def test_the_gallery_is_sorted_by_name(empty: SeedSession, tmp_path: Path) -> None:
    panel, gallery = AddPanel(empty), GalleryPanel(empty)
    for identity, name in enumerate(("Zoe", "ada", "Émile"), start=1):
        add(panel, name, photo(tmp_path, f"{name}.png", [identity]))
    assert names(empty) == panel.form.names == ["ada", "Émile", "Zoe"]
    cards = [tile.children[0].value for tile in gallery.cards.children]
    assert [name in card for name, card in zip(names(empty), cards, strict=True)] == [True] * 3
    view = empty.view()
    apart = [
        [np.linalg.norm(a.best.embedding - b.best.embedding) for b in view.cards]
        for a in view.cards
    ]
    assert view.distances == pytest.approx(np.array(apart), abs=1e-5)


# --- the coach --------------------------------------------------------------------------------

CONTENT: list[Callable[[SeedSession], Any]] = [
    seed.show_coach,
    seed.show_confusion,
    seed.show_closest_pair,
]


@pytest.mark.parametrize("content", CONTENT)
def test_an_empty_gallery_is_reported(
    empty: SeedSession, content: Callable[[SeedSession], Any]
) -> None:
    assert isinstance(content(empty).content(), Markdown)


def test_the_coach_names_what_is_missing(four: SeedSession) -> None:
    table = seed.show_coach(four).content()
    assert isinstance(table, Table)
    assert [row[:3] for row in table.rows] == [
        (f"Person {i}", 1, "one_reference") for i in range(1, 5)
    ]
    assert table.note == "Something is missing for everybody."


@pytest.mark.parametrize("content", CONTENT[1:])
def test_figures_have_an_alternative_text(
    four: SeedSession, content: Callable[[SeedSession], Any]
) -> None:
    found = content(four).content()
    assert isinstance(found, Plot)
    assert found.width > 300 and "<svg" in found.svg
    assert "people" in found.alt or "apart, beyond LOOSE" in found.alt


def test_displays_follow_the_gallery(four: SeedSession) -> None:
    calls: list[int] = []
    live = four.live("x", lambda: calls.append(len(names(four))))
    four.live("x", lambda: calls.append(-1))  # the cell is run again
    live.refresh()  # not on the screen
    four.changed()
    assert calls == []
    assert live.content() is None
    assert calls == [4]


@pytest.mark.parametrize("people", [2, 3, 45])
def test_the_matrix_shows_those_with_the_nearest_neighbours(people: int) -> None:
    rng = np.random.default_rng(people)
    distances = rng.uniform(1.0, 1.5, (people, people)).astype(np.float32)
    distances = np.minimum(distances, distances.T)
    np.fill_diagonal(distances, 0)
    distances[0, -1] = distances[-1, 0] = 0.5

    rows = shown_persons(distances).tolist()

    assert len(rows) == len(set(rows)) == min(people, 40)
    assert abs(rows.index(0) - rows.index(people - 1)) == 1, "similar ones are side by side"


# --- the notebook -----------------------------------------------------------------------------


@pytest.mark.parametrize("people", [0, 4])
def test_the_notebook_runs_unattended(
    people: int, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    session: SeedSession = request.getfixturevalue("four" if people else "empty")

    saved = launch(
        "01_seed",
        {"workspace": str(session.workspace.root)},
        runs=tmp_path / "runs",
        job="x",
        echo=io.StringIO(),
    )

    notebook = nbformat.read(saved, 4)
    outputs = [o for cell in notebook.cells for o in cell.get("outputs", ())]
    assert [o.output_type for o in outputs if o.output_type in {"error", "stream"}] == []
    pictures = sum("data:image/" in str(o.data) for o in outputs)
    panels = sum("application/vnd.jupyter.widget-view+json" in o.data for o in outputs)
    assert (panels, pictures) == (2, 2 if people else 0)
    assert len(read_gallery(session.workspace, session.pack).cards) == people


def test_opening_explains_what_is_wrong(four: SeedSession, tmp_path: Path) -> None:
    with pytest.raises(WorkspaceError, match="facesort init"):
        seed.open_gallery(tmp_path / "nowhere")
    with four.workspace.open_store() as store:
        store.execute("UPDATE reference SET pack_id = 'other'")
    with pytest.raises(PackMismatchError):
        seed.open_gallery(four.workspace.root)


def test_the_first_table_shows_the_settings(four: SeedSession) -> None:
    rows = {row[0]: row[1:] for row in four.table().rows}
    assert rows["STRICT"] == ("0.80", "matched and learned; the pack's (recommended)")
    assert rows["Smallest face"][0] == "40 px"
    view: GalleryView = four.view()
    assert view.thresholds == four.thresholds
