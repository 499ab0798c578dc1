"""01_seed in a real browser: a person is added by upload, and a photo of two is refused and says why."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect
from synthetic_event import write_photo

from facesort.engine.setup import set_up
from facesort.store.queries.gallery import reference_crops
from facesort.workspace import Workspace

pytestmark = pytest.mark.browser


@pytest.fixture
def workspace(notebooks: Path, tmp_path: Path) -> Workspace:
    """An empty gallery, where the notebook looks for it."""
    (tmp_path / "source").mkdir()
    root = notebooks / "hot_storage"
    return set_up(root, [tmp_path / "source"], tmp_path / "out", "synthetic", [])[0]


def write_large(path: Path, identity: int) -> None:
    """A face in a photo of more than the 10 MB that Jupyter's server takes as one message."""
    write_photo(path.with_suffix(".png"), [identity], variation=60)
    noise = np.random.default_rng(0).integers(0, 255, (3600, 3600, 3), dtype=np.uint8)
    with Image.open(path.with_suffix(".png")) as drawn, Image.fromarray(noise) as photo:
        photo.paste(drawn.resize((drawn.width * 5, drawn.height * 5), Image.Resampling.NEAREST))
        photo.save(path, quality=97)
    assert path.stat().st_size > 10 << 20


def references(workspace: Workspace) -> list[tuple[str, str]]:
    with workspace.open_store(read_only=True) as store:
        return [(name, file) for _, name, file, _ in reference_crops(store)]


def fill(page: Page, name: str, *photos: Path) -> None:
    page.get_by_placeholder("new or existing person").fill(name)
    with page.expect_file_chooser() as chooser:
        page.get_by_label("Photos").click()
    chooser.value.set_files(photos)


def fill_path(page: Page, name: str, path: Path) -> None:
    page.get_by_placeholder("new or existing person").fill(name)
    page.get_by_placeholder("a photo or a folder on the computer that runs Jupyter").fill(str(path))


def test_a_person_is_added_by_upload_and_a_photo_of_two_is_refused(
    workspace: Workspace, open_notebook: Callable[[str], Page], tmp_path: Path
) -> None:
    write_photo(tmp_path / "ada.png", [1], variation=90)
    write_photo(tmp_path / "group.png", [1, 2])

    page = open_notebook("01_seed")
    expect(page.get_by_text("Nobody is in the gallery yet.")).to_be_visible()
    fill(page, "Ada", tmp_path / "ada.png", tmp_path / "group.png")
    page.get_by_role("button", name="Add references").click()

    tiles = page.locator(".facesort-report")
    expect(tiles).to_have_count(2)
    expect(tiles.nth(0)).to_contain_text("added")
    expect(tiles.nth(1)).to_contain_text("several_faces")
    expect(tiles.nth(1)).to_contain_text("2 faces were found")
    expect(page.locator(".facesort-person")).to_have_count(1)
    expect(page.locator(".facesort-person")).to_contain_text("1 reference")
    expect(page.get_by_text("one_reference")).to_be_visible()  # the coach follows
    assert references(workspace) == [("Ada", "ada.png")]

    # The second face of the refused photo is Ben's: by its number, with the keyboard alone.
    faces = page.get_by_role("group", name="Which face of group.png is Ada?")
    expect(faces.get_by_role("button")).to_have_count(2)
    fill(page, "Ben", tmp_path / "group.png")
    page.get_by_role("button", name="Add references").click()
    page.get_by_role("group", name="Which face of group.png is Ben?").get_by_role(
        "button", name="face 1"
    ).focus()
    page.keyboard.press("2")
    expect(page.locator(".facesort-person")).to_have_count(2)
    assert references(workspace) == [("Ada", "ada.png"), ("Ben", "group.png")]
    expect(faces).to_be_visible()  # it is still to be decided

    write_large(tmp_path / "cleo.jpg", 3)
    fill(page, "Cleo", tmp_path / "cleo.jpg")
    page.get_by_role("button", name="Add references").click()
    expect(page.locator(".facesort-person")).to_have_count(3)


def test_nothing_that_is_typed_or_pressed_is_lost(
    workspace: Workspace, open_notebook: Callable[[str], Page], tmp_path: Path
) -> None:
    for identity, name in enumerate(("ada", "ben", "cleo", "dora"), start=1):
        write_photo(tmp_path / f"{name}.png", [identity], variation=90)
    write_photo(tmp_path / "twin.png", [1], variation=100)
    page = open_notebook("01_seed")
    expect(page.get_by_text("Nobody is in the gallery yet.")).to_be_visible()
    name = page.get_by_placeholder("new or existing person")
    path = page.get_by_placeholder("a photo or a folder on the computer that runs Jupyter")
    button, tiles = (
        page.get_by_role("button", name="Add references"),
        page.locator(".facesort-report"),
    )

    # Ben is entered and pressed while Ada is analysed, and Cleo is begun.
    for person in ("ada", "ben"):
        fill_path(page, person.title(), tmp_path / f"{person}.png")
        button.click()
    name.press_sequentially("Cle")
    expect(page.locator(".facesort-person")).to_have_count(2)
    assert references(workspace) == [("Ada", "ada.png"), ("Ben", "ben.png")]
    name.press_sequentially("o")
    path.fill(str(tmp_path / "cleo.png"))
    assert name.input_value() == "Cleo"

    # A double click is one press: the second finds an empty form, and the browser says so.
    button.dblclick()
    assert name.evaluate("field => field.matches(':invalid') && field === document.activeElement")
    expect(page.locator(".facesort-person")).to_have_count(3)

    # The next name is typed while the verdict appears.
    fill_path(page, "Dora", tmp_path / "dora.png")
    button.click()
    for letter in "Twin":
        name.press_sequentially(letter, delay=150)
    expect(page.locator(".facesort-person")).to_have_count(4)
    assert name.input_value() == "Twin"

    # What could not be done comes back, and is corrected.
    path.fill(str(tmp_path / "nowhere.png"))
    button.click()
    expect(page.get_by_text("neither a photo nor a folder")).to_be_visible()
    assert (name.input_value(), path.input_value()) == ("Twin", str(tmp_path / "nowhere.png"))
    path.fill(str(tmp_path / "twin.png"))
    button.click()
    expect(tiles.get_by_text("looks_like_other")).to_be_visible()
    expect(name).to_have_value("Twin")  # another photo of Twin, or the same all the same
    page.get_by_role("button", name="Add anyway").dblclick()
    expect(page.locator(".facesort-person")).to_have_count(5)
    expect(name).to_have_value("")
    assert [person for person, _ in references(workspace)] == ["Ada", "Ben", "Cleo", "Dora", "Twin"]

    # If something else is being typed meanwhile, it is kept beside the form.
    fill_path(page, "Gus", tmp_path / "nowhere.png")
    page.evaluate(
        "() => { const form = document.querySelector('.facesort-add');"
        " form.requestSubmit(); form.querySelector('input').value = 'Hal'; }"
    )
    back = page.get_by_role("button", name="Take back")
    back.click()
    expect(back).to_contain_text("empty the form first")
    assert name.input_value() == "Hal"
    name.fill("")
    back.click()
    assert (name.input_value(), path.input_value()) == ("Gus", str(tmp_path / "nowhere.png"))
