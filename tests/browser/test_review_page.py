"""04_review in a real browser: answers by keyboard, an unknown person is named, and the re-match adds the files."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect
from synthetic_event import sort_in_threads, write_photo

from facesort.engine.gallery.seed import Candidate, seed
from facesort.engine.setup import set_up
from facesort.errors import StoreLockedError
from facesort.store.queries import Store, reports
from facesort.workspace import Workspace

pytestmark = pytest.mark.browser


@pytest.fixture
def workspace(notebooks: Path, tmp_path: Path) -> Workspace:
    """Persons 1 and 2 are seeded and sorted, each also far from their reference; 7 is unknown, in four photos."""
    shown = {"a": [1], "b": [2], "c": [7], "d": [7, 1], "e": [7], "f": [7], "g": [9]}
    for number, (name, identities) in enumerate(shown.items()):
        write_photo(tmp_path / "src" / f"{name}.png", identities, variation=60 + number)
    for identity in (1, 2):
        write_photo(tmp_path / "src" / f"far{identity}.png", [identity], variation=230)
    workspace, pack = set_up(
        notebooks / "hot_storage", [tmp_path / "src"], tmp_path / "out", "synthetic", []
    )
    for identity in (1, 2):
        write_photo(tmp_path / f"{identity}.png", [identity], variation=30)
    candidates = [Candidate(f"Person {i}", tmp_path / f"{i}.png") for i in (1, 2)]
    assert [r.refused for r in seed(workspace, pack, candidates, ThreadPoolExecutor(1))] == [
        None
    ] * 2
    sort_in_threads(workspace, pack)
    return workspace


def when_free(workspace: Workspace) -> Store:
    """The database, once the kernel has closed it: it shows what it stored a moment before."""
    for _ in range(100):
        with suppress(StoreLockedError):
            return workspace.open_store(read_only=True)
        time.sleep(0.1)
    return workspace.open_store(read_only=True)


def answers(workspace: Workspace) -> list[tuple[str, str]]:
    with when_free(workspace) as store:
        rows = store.rows(
            "SELECT p.path, v.answer FROM answer v JOIN face USING (face_id) JOIN photo_state p USING (photo_id) "
            "ORDER BY p.path"
        )
    return [(path, answer) for path, answer in rows]


def sheet(page: Page, label: str) -> Locator:
    return page.get_by_role("listbox", name=label)


@contextmanager
def unmoved(place: Locator) -> Iterator[None]:
    """What a user does inside moves it by no more than a hair, also when all sections have been refreshed."""
    place.scroll_into_view_if_needed()
    place.page.wait_for_timeout(500)
    before = place.bounding_box()
    yield
    place.page.wait_for_timeout(1500)
    assert before is not None
    assert place.bounding_box() == pytest.approx(before, abs=2)


def restart_kernel(page: Page) -> None:
    """Restart the kernel of a notebook, as its user does."""
    page.get_by_text("Kernel", exact=True).first.click()
    page.locator("#jp-mainmenu-kernel").get_by_text("Restart Kernel…", exact=True).click()
    page.get_by_role("button", name="Confirm Kernel Restart").click()
    page.get_by_role("button", name=re.compile(r"Python 3.*\| Idle")).wait_for()


def test_a_round_of_review_ends_in_files(
    workspace: Workspace, open_notebook: Callable[[str], Page], tmp_path: Path
) -> None:
    page = open_notebook("04_review")
    expect(page.get_by_text("5 files in the output.")).to_be_attached()  # all cells have run
    doubtful = sheet(page, "doubtful matches")
    expect(doubtful.get_by_role("option")).to_have_count(2)
    shown = [
        re.findall(r"far\d\.png", text)[0]
        for text in doubtful.get_by_role("option").all_text_contents()
    ]

    cells = page.locator(".jp-Cell").count()
    doubtful.focus()
    page.keyboard.press("n")
    page.keyboard.press("y")  # without waiting: it is for the next face

    expect(page.get_by_text("No match is doubtful.")).to_be_visible()
    assert answers(workspace) == sorted(zip(shown, ("no", "yes"), strict=True))
    expect(page.locator(".jp-Cell")).to_have_count(cells)  # JupyterLab took no key for itself

    groups = sheet(page, "groups of unknown faces")
    groups.scroll_into_view_if_needed()
    expect(groups.get_by_role("option")).to_have_count(1)
    name = page.get_by_placeholder("a new person, or one in the gallery")
    name.fill("Grace")
    with unmoved(name):
        page.get_by_role("button", name="Name", exact=True).click()
        expect(page.get_by_text("4 faces named Grace; a re-match")).to_be_visible()

    rematch = page.get_by_role("button", name="Re-match")
    with unmoved(rematch):
        rematch.click()
        expect(page.get_by_text("4 files added.")).to_be_visible()
    assert len(list((tmp_path / "out" / "Grace").iterdir())) == 4
    with when_free(workspace) as store:
        assert reports.counts(store).persons["Grace"] == 4


def test_a_group_in_doubt_and_a_chain_are_answered_by_keyboard(
    workspace: Workspace, open_notebook: Callable[[str], Page]
) -> None:
    with workspace.open_store() as store:  # four photos of 7 came to Person 1 together, only just
        store.execute(
            "UPDATE decision SET reason = 'group_in_doubt', nearest_id = 1, group_distance = 1.1, group_faces = 6 "
            "WHERE face_id IN (SELECT face_id FROM face JOIN photo_state USING (photo_id) "
            "WHERE path IN ('c.png', 'e.png', 'f.png'))"
        )
    page = open_notebook("04_review")
    expect(page.get_by_text("1 group and 2 matches to check")).to_be_visible()
    expect(page.get_by_text("5 files in the output.")).to_be_attached()  # all cells have run
    groups = sheet(page, "groups in doubt")
    expect(groups.get_by_text("3 photos may be Person 1: confirm")).to_be_visible()
    expect(groups.locator("img")).to_have_count(4)
    groups.focus()
    page.keyboard.press("Enter")
    opened = sheet(page, "all faces of a group in doubt")
    expect(opened.get_by_role("option")).to_have_count(3)
    expect(opened).to_be_focused()
    expect(page.get_by_text("3 faces that may be Person 1.")).to_be_in_viewport()
    expect(groups).to_be_hidden()  # it is opened in their place
    page.keyboard.press("Escape")
    expect(opened).to_be_hidden()
    expect(groups).to_be_focused()
    page.keyboard.press("n")
    expect(groups).to_be_hidden()
    assert answers(workspace) == [("c.png", "no"), ("e.png", "no"), ("f.png", "no")]

    faces = sheet(page, "faces of a person")
    faces.focus()
    page.keyboard.press("c")
    chain = page.get_by_role("listbox", name="from a reference to the face")
    expect(chain.get_by_text("reference of Person 1")).to_be_visible()
    expect(chain).to_be_focused()
    page.keyboard.press("End")
    page.keyboard.press("x")
    expect(chain).to_be_hidden()
    assert len(answers(workspace)) == 4


def test_the_page_does_only_what_its_user_saw_and_a_restarted_kernel_takes_no_answer(
    workspace: Workspace, open_notebook: Callable[[str], Page]
) -> None:
    page = open_notebook("04_review")
    expect(page.get_by_text("5 files in the output.")).to_be_attached()  # all cells have run
    doubtful = sheet(page, "doubtful matches")
    doubtful.focus()
    page.keyboard.press("Enter")
    photo = page.locator("dialog[open]")
    expect(photo.locator("img")).to_be_visible()
    expect(photo.locator(".facesort-photo-face")).to_have_count(1)
    first = photo.locator("b").inner_text()
    page.keyboard.press("ArrowRight")
    expect(photo.locator("b")).not_to_have_text(first)
    page.keyboard.press("?")
    expect(page.get_by_text("never matched to this person again")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    expect(doubtful).to_be_focused()

    doubtful.get_by_role("option").first.click()
    page.keyboard.press("y")
    page.keyboard.press("y")  # it was meant for the same face
    expect(page.get_by_text("Pressed twice")).to_be_visible()
    expect(doubtful.get_by_role("option")).to_have_count(1)
    assert len(answers(workspace)) == 1

    undo = page.locator(".widget-button", has_text="Undo").last
    undo.scroll_into_view_if_needed()
    expect(page.get_by_text("3 actions, the newest first.")).to_be_visible()
    with unmoved(undo):
        undo.click()
        expect(page.get_by_text("Undone: yes for 1 face").last).to_be_visible()
        expect(doubtful.get_by_role("option")).to_have_count(2)

    restart_kernel(page)
    said = page.get_by_text("The kernel was restarted: run the cells again.")
    expect(said.first).to_be_attached()
    doubtful.focus()
    page.keyboard.press("y")
    expect(doubtful.locator("..").get_by_role("alert")).to_contain_text("is stored")
    assert page.locator(".facesort-handled").count() == 0
    assert answers(workspace) == []
