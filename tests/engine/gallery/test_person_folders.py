"""Which photos of a folder with one sub-folder per person are taken, and what is said of all others."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from facesort.engine.gallery.left_out import LeftOut, Why
from facesort.engine.gallery.person_folders import person_folders, photos_at
from facesort.errors import GalleryError, ResourceError

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such files or names")


def photo(path: Path, form: str = "JPEG") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 8)).save(path, form)
    return path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Ada with one photo, in whose company everything else is looked at."""
    photo(tmp_path / "people" / "Ada" / "a.jpg")
    return tmp_path / "people"


def taken(root: Path) -> list[tuple[str, str]]:
    return [(c.name, c.path.name) for c in person_folders(root).candidates]


def told(root: Path) -> dict[Why, tuple[int, tuple[str, ...]]]:
    """Number and places by reason."""
    left_out = person_folders(root).left_out
    assert all(at.more == 0 for at in left_out)
    return {at.why: (at.number, at.places) for at in left_out}


def test_a_tidy_folder_is_taken_and_nothing_is_told(root: Path) -> None:
    photo(root / "Zoë" / "b.JPG")
    photo(root / "Zoë" / "a.png", "PNG")
    photo(root / "von und zu Berg Jr." / "x.jpg")  # a dot at the end of a name is an ordinary one

    assert taken(root) == [
        ("Ada", "a.jpg"),
        ("Zoë", "a.png"),
        ("Zoë", "b.JPG"),
        ("von und zu Berg Jr.", "x.jpg"),
    ]
    assert told(root) == {}


@pytest.mark.parametrize(
    ("place", "why", "named"),
    [
        ("loose.jpg", Why.LOOSE, "loose.jpg"),
        ("loose", Why.LOOSE, "loose"),
        ("Ben/2019/x.jpg", Why.NESTED, "Ben/2019/x.jpg"),
        ("Ada/2019/may/x.jpg", Why.NESTED, "Ada/2019/may/x.jpg"),
        ("@eaDir/a.jpg", Why.SYSTEM, "@eaDir"),
        ("@EADIR/a.jpg", Why.SYSTEM, "@EADIR"),
        ("Ada/@eaDir/a.jpg/SYNOPHOTO_THUMB_M.jpg", Why.SYSTEM, "Ada/@eaDir"),
        ("#recycle/Ada/a.jpg", Why.SYSTEM, "#recycle"),
        (".hidden/a.jpg", Why.HIDDEN, ".hidden"),
        ("Ada/.thumbnails/a.jpg", Why.HIDDEN, "Ada/.thumbnails"),
        ("Ada/._a.jpg", Why.HIDDEN, "Ada/._a.jpg"),
        ("Ben /y.jpg", Why.BLANK_IN_NAME, "Ben /y.jpg"),
        (" Ben/y.jpg", Why.BLANK_IN_NAME, " Ben/y.jpg"),
        ("Ben  Berg/y.jpg", Why.BLANK_IN_NAME, "Ben  Berg/y.jpg"),
        ("Ben\u00a0/y.jpg", Why.BLANK_IN_NAME, "Ben\u00a0/y.jpg"),
        ("Ben\u200b/y.jpg", Why.BLANK_IN_NAME, "Ben\u200b/y.jpg"),
        ("Ben\u3164/y.jpg", Why.BLANK_IN_NAME, "Ben\u3164/y.jpg"),
        ("\u3000/y.jpg", Why.BLANK_IN_NAME, "\u3000/y.jpg"),
    ],
)
@POSIX
def test_a_photo_at_the_wrong_place_is_told_and_not_taken(
    root: Path, place: str, why: Why, named: str
) -> None:
    photo(root / place)

    assert taken(root) == [("Ada", "a.jpg")]
    assert told(root) == {why: (1, (named,))}


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("clip.mp4", Why.VIDEO),
        ("a.xmp", Why.SIDECAR),
        ("notes.txt", Why.OTHER),
        ("thumbs.db", Why.SYSTEM),
        (".DS_Store", Why.HIDDEN),
    ],
)
@pytest.mark.parametrize("folder", ["Ada", "Vera", "Vera/deeper", ""])
def test_what_is_no_photo_is_told(root: Path, folder: str, name: str, why: Why) -> None:
    (root / folder).mkdir(parents=True, exist_ok=True)
    (root / folder / name).write_bytes(b"no photo at all")

    assert taken(root) == [("Ada", "a.jpg")]
    assert told(root) == {why: (1, ((Path(folder) / name).as_posix(),))}


@pytest.mark.parametrize("name", ["portrait", "a.jpeg_large", "a.pjpeg", "a.jpg.", "a.txt"])
def test_a_name_that_says_nothing_does_not_hide_a_photo(root: Path, name: str) -> None:
    photo(root / "Ben" / name)

    assert taken(root) == [("Ada", "a.jpg"), ("Ben", name)]
    assert told(root) == {}


@pytest.mark.parametrize(
    ("make", "empty"),
    [
        (["Ben"], ("Ben",)),
        (["Ben/2019/may"], ("Ben",)),
        (["Ben", "Cy"], ("Ben", "Cy")),
        ([".hidden"], ()),
    ],
)
def test_nobody_is_enrolled_from_an_empty_folder(
    root: Path, make: list[str], empty: tuple[str, ...]
) -> None:
    for folder in make:
        (root / folder).mkdir(parents=True)

    assert taken(root) == [("Ada", "a.jpg")]
    assert told(root).get(Why.EMPTY, (0, ())) == (len(empty), empty)


@pytest.mark.parametrize(
    "names",
    [
        ("Cy", "CY"),
        ("Cy", "Cy."),
        ("Zo\u00eb", "Zoe\u0308"),
        ("Stra\u00dfe", "STRASSE"),
        ("A:B", "A?B"),
        ("x" * 121 + "1", "x" * 121 + "2"),
        ("Cy", "CY", "cY", "cy", "Cy.", "cy."),
    ],
)
@POSIX
def test_two_folders_that_would_be_one_person_are_nobodys(
    root: Path, names: tuple[str, ...]
) -> None:
    for name in names:
        photo(root / name / "a.jpg")
        photo(root / name / "b.jpg")
    if len(os.listdir(root)) < 1 + len(names):
        pytest.skip("this file system takes them for one folder")

    assert taken(root) == [("Ada", "a.jpg")]
    ((why, (number, (place,))),) = told(root).items()
    assert (why, number) == (Why.SAME_PERSON, 2 * len(names))
    assert place.split(" = ") == sorted(names)[:4] + ["..."] * (len(names) > 4)


@POSIX
def test_a_folder_with_a_blank_at_the_end_is_not_merged_into_the_one_without(root: Path) -> None:
    photo(root / "Ada " / "b.jpg")
    photo(root / "Ada " / "c.jpg")

    assert taken(root) == [("Ada", "a.jpg")]
    assert told(root) == {Why.BLANK_IN_NAME: (2, ("Ada ",))}


def test_an_empty_twin_is_no_twin(root: Path) -> None:
    photo(root / "Zo\u00eb" / "a.jpg")
    (root / "Zoe\u0308.").mkdir()

    assert taken(root) == [("Ada", "a.jpg"), ("Zo\u00eb", "a.jpg")]
    assert told(root) == {Why.EMPTY: (1, ("Zoe\u0308.",))}


def test_a_name_is_stored_in_one_form_however_the_disk_spells_it(root: Path) -> None:
    photo(root / "Zoe\u0308" / "a.jpg")

    assert taken(root)[1] == ("Zo\u00eb", "a.jpg")


@POSIX
def test_a_name_whose_last_byte_is_not_utf_8_is_no_blank(root: Path) -> None:
    folder = os.fsencode(root) + b"/Jos\xe9"
    os.mkdir(folder)
    photo(root / os.fsdecode(b"Jos\xe9") / "a.jpg")

    assert taken(root) == [("Ada", "a.jpg"), ("Jos\uefe9", "a.jpg")]
    assert told(root) == {}


def link(path: Path, target: str | Path) -> None:
    path.parent.mkdir(exist_ok=True)
    path.symlink_to(target)


def to_a_photo(root: Path) -> None:
    link(root / "Ben" / "b.jpg", photo(root.parent / "elsewhere" / "b.jpg"))


def to_a_folder(root: Path) -> None:
    photo(root.parent / "elsewhere" / "b.jpg")
    link(root / "Ben", root.parent / "elsewhere")


def to_nothing_outside(root: Path) -> None:
    link(root / "Ben" / "b.jpg", "../../elsewhere/b.jpg")


def to_nothing(root: Path) -> None:
    link(root / "Ben" / "b.jpg", "../Ada/missing.jpg")


def to_itself(root: Path) -> None:
    link(root / "Ben" / "b.jpg", "b.jpg")


def to_another_person(root: Path) -> None:
    link(root / "Ben", "Ada")


def to_all(root: Path) -> None:
    link(root / "Ada" / "all", "..")


def to_a_pipe(root: Path) -> None:
    os.mkfifo(root / ".pipe")
    link(root / "Ben" / "b.jpg", "../.pipe")


@pytest.mark.parametrize(
    ("make", "why", "place"),
    [
        (to_a_photo, Why.SYMBOLIC_LINK, "Ben/b.jpg"),
        (to_a_folder, Why.SYMBOLIC_LINK, "Ben"),
        (to_nothing_outside, Why.SYMBOLIC_LINK, "Ben/b.jpg"),
        (to_nothing, Why.BROKEN_LINK, "Ben/b.jpg"),
        (to_itself, Why.BROKEN_LINK, "Ben/b.jpg"),
        (to_another_person, Why.OTHER_NAME, "Ben"),
        (to_all, Why.OTHER_NAME, "Ada/all"),
        (to_a_pipe, Why.SPECIAL_FILE, "Ben/b.jpg"),
    ],
)
@POSIX
def test_a_link_that_is_not_followed_is_told(
    root: Path, make: Callable[[Path], None], why: Why, place: str
) -> None:
    make(root)

    assert taken(root) == [("Ada", "a.jpg")]
    assert told(root)[why] == (1, (place,))
    assert set(told(root)) <= {why, Why.HIDDEN}


@POSIX
def test_a_link_to_something_inside_is_one_more_name_for_it(root: Path) -> None:
    photo(root / ".annex" / "1f" / "object")
    photo(root / ".people" / "Cy" / "c.jpg")
    link(root / "Ben" / "b.jpg", "../.annex/1f/object")
    link(root / "Cy", ".people/Cy")
    link(root / "Dora", ".people/Cy")
    (root.parent / "another name").symlink_to(root)

    for given in (root, root.parent / "another name"):
        assert taken(given) == [("Ada", "a.jpg"), ("Ben", "b.jpg"), ("Cy", "c.jpg")]
        assert told(given) == {
            Why.OTHER_NAME: (1, ("Dora",)),
            Why.HIDDEN: (2, (".annex", ".people")),
        }


@POSIX
def test_links_in_a_circle_end(root: Path) -> None:
    photo(root / ".people" / "b.jpg")
    link(root / ".people" / "again", "../.people")
    link(root / "Ben", ".people")

    assert taken(root) == [("Ada", "a.jpg"), ("Ben", "b.jpg")]
    assert told(root)[Why.OTHER_NAME] == (1, ("Ben/again",))


@POSIX
def test_a_pipe_is_told_and_not_waited_for(root: Path) -> None:
    os.mkfifo(root / "Ada" / "b.jpg")
    os.mkfifo(root / "Ada" / "c")

    assert taken(root) == [("Ada", "a.jpg")]
    assert told(root) == {Why.SPECIAL_FILE: (2, ("Ada/b.jpg", "Ada/c"))}


def fail_in(monkeypatch: pytest.MonkeyPatch, name: str, error: OSError) -> None:
    """Let a folder of this name refuse to be listed."""
    listdir = os.listdir

    def listing(path: Path) -> list[str]:
        if Path(path).name == name:
            raise error
        return listdir(path)

    monkeypatch.setattr(os, "listdir", listing)


def test_what_cannot_be_read_is_told(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    photo(root / "Ben" / "b.jpg")
    fail_in(monkeypatch, "Ben", PermissionError(13, "Permission denied"))

    found = person_folders(root)

    assert [c.name for c in found.candidates] == ["Ada"]
    assert str(found.left_out[0]).startswith(
        "left out 1 file or folder ('Ben'): unreadable: cannot be read (Permission denied): give this user access to it"
    )
    assert len(found.left_out) == 1


def test_the_folder_itself_cannot_be_read(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fail_in(monkeypatch, "people", PermissionError(13, "Permission denied"))

    with pytest.raises(GalleryError, match=r"people cannot be read \(Permission denied\)"):
        person_folders(root)


def test_a_lack_of_file_handles_is_no_unreadable_folder(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_in(monkeypatch, "Ada", OSError(24, "Too many open files"))

    with pytest.raises(ResourceError, match="Too many open files"):
        person_folders(root)


def test_ten_thousand_photos_are_one_line_and_hundred_folders_too(root: Path) -> None:
    (root / "Ben" / "2019").mkdir(parents=True)
    for number in range(300):
        (root / "Ben" / "2019" / f"{number}.jpg").touch()
    for number in range(20):
        photo(root / f"Person {number:02}" / "deep" / "deeper" / "x.jpg")

    (line,) = person_folders(root).left_out

    assert str(line) == (
        "left out 320 photos ('Ben/2019', 'Person 00/deep/deeper/x.jpg', 'Person 01/deep/deeper/x.jpg', "
        "'Person 02/deep/deeper/x.jpg', 'Person 03/deep/deeper/x.jpg' and 16 more): nested: deeper than a person's "
        "folder: move it up, directly into that folder"
    )


def test_every_reason_has_a_line() -> None:
    for why in Why:
        assert f": {why}: " in str(LeftOut(why, 2, ("a", "b")))


def test_nothing_to_take_is_an_error_that_tells_what_was_left_out(tmp_path: Path) -> None:
    photo(tmp_path / "loose.jpg")
    photo(tmp_path / "@eaDir" / "a.jpg")

    with pytest.raises(GalleryError) as caught:
        person_folders(tmp_path)

    assert "has no sub-folder with photos" in str(caught.value)
    assert "left out 1 photo ('loose.jpg'): loose:" in str(caught.value)
    assert "('@eaDir'): system:" in str(caught.value)
    with pytest.raises(GalleryError, match="is not a folder"):
        person_folders(tmp_path / "nowhere")


def test_photos_of_one_person_follow_the_same_rules(tmp_path: Path) -> None:
    with pytest.raises(GalleryError, match="neither a photo nor a folder"):
        photos_at(tmp_path / "nowhere")
    with pytest.raises(GalleryError, match="there is no photo in"):
        photos_at(tmp_path)
    photo(tmp_path / "deeper" / "c.jpg")
    with pytest.raises(GalleryError, match=r"left out 1 photo \('deeper/c.jpg'\): nested"):
        photos_at(tmp_path)
    second, first = photo(tmp_path / "b.jpg"), photo(tmp_path / "a")
    (tmp_path / "notes.txt").write_text("x")

    found = photos_at(tmp_path)

    assert found.photos == (first, second)
    assert [(at.why, at.places) for at in found.left_out] == [
        (Why.NESTED, ("deeper/c.jpg",)),
        (Why.OTHER, ("notes.txt",)),
    ]
    assert photos_at(second).photos == (second,)
