"""Names that become folders and files: whatever people, cameras and attackers make of them."""

from __future__ import annotations

import hashlib
import os
import re
import unicodedata
from pathlib import Path

import pytest
from hypothesis import example, given, settings, strategies as st
from nasty import NASTY

from facesort.core.copies import PlannedWrite
from facesort.core.delivery.routing import (
    UNKNOWN_FOLDER,
    Jpeg,
    folder_key,
    output_name,
    plan_writes,
    safe_folder,
)
from facesort.errors import GalleryError

SHA = hashlib.sha256(b"a photo").hexdigest()

# Microsoft, "Naming Files, Paths, and Namespaces": these, with any extension, in any case.
RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\..*)?", re.IGNORECASE)
FORBIDDEN = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f]')

BIDI = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"

NAMES = st.text(max_size=300)
SNEAKY = st.text(alphabet="._ CONcon1¹/\\\n\t\0?*:e\u0301\udc80\u202e\x9b", max_size=12)


@pytest.mark.parametrize(
    "name", ["", " ", ".", "..", "...", "_", "__ .", "/", "\\", "\n", "\0", "?*", "/../"]
)
def test_a_name_of_which_nothing_is_left_is_refused(name: str) -> None:
    with pytest.raises(GalleryError, match="--folder"):
        safe_folder(name)


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("Anna", "Anna"),
        ("Anna Müller", "Anna Müller"),
        ("  Anna   Müller \n", "Anna Müller"),
        ("Zoe\u0308", "Zo\u00eb"),  # macOS keeps names decomposed
        ("李小龍", "李小龍"),
        ("O'Brien-Smith, Jr.", "O'Brien-Smith, Jr"),
        ("../../etc", "etc"),
        ("..\\..\\Windows", "Windows"),
        ("/etc/passwd", "etc_passwd"),
        ("C:\\Users", "C__Users"),
        (".hidden", "hidden"),
        ("_unknown", "unknown"),
        ("a\nb", "a b"),
        ("a\0b", "a_b"),
        ("CON", "CON_"),
        ("con.txt", "con_.txt"),
        # reserved only once something in front of it is gone
        ("_CON", "CON_"),
        (".NUL", "NUL_"),
        ("?aux", "aux_"),
        (" . LPT1 .", "LPT1_"),
        ("_COM¹", "COM¹_"),
        ("CONRAD", "CONRAD"),
        ("x" * 500, "x" * 120),
        ("é" * 255, "é" * 60),
        ("😀" * 255, "😀" * 30),
        ("a" * 119 + "é", "a" * 119),  # never half a character
        ("a" * 119 + " b", "a" * 119),  # never a blank at the end
    ],
)
def test_folders_by_hand(name: str, folder: str) -> None:
    assert safe_folder(name) == folder


@pytest.mark.parametrize(
    ("at_ms", "time"), [(0, "00-00-00.000"), (2400, "00-00-02.400"), (3_723_004, "01-02-03.004")]
)
def test_a_frame_of_a_clip_is_named_by_its_time(at_ms: int, time: str) -> None:
    assert output_name("day 1/C0001.MP4", SHA, at_ms) == f"C0001_{time}_{SHA[:12]}.jpg"


@settings(max_examples=200)
@given(NAMES | SNEAKY)
@example("\ud800")
@example("a\udc80b")
@example("_" + "CON" + " " * 200)
@example("\u0301x")
@example("_\u0301con")
def test_a_folder_is_one_safe_component(name: str) -> None:
    try:
        folder = safe_folder(name)
    except GalleryError:
        return
    assert folder not in {"", ".", ".."}
    assert not FORBIDDEN.search(folder)
    assert not folder.startswith(("_", ".", " "))
    assert not folder.endswith((".", " "))
    assert not RESERVED.fullmatch(folder)
    assert len(folder.encode("utf-8")) <= 255
    assert folder == unicodedata.normalize("NFC", folder)
    assert not any(unicodedata.category(c) == "Cc" or c in BIDI for c in folder)
    assert safe_folder(folder) == folder
    assert folder_key(folder) != folder_key(UNKNOWN_FOLDER)


@given(NAMES | SNEAKY)
@settings(max_examples=50)
def test_a_folder_can_be_made_and_is_found_again(
    tmp_path_factory: pytest.TempPathFactory, name: str
) -> None:
    try:
        folder = safe_folder(name)
    except GalleryError:
        return
    root = tmp_path_factory.mktemp("folders")
    (root / folder).mkdir()
    assert [entry.name for entry in root.iterdir()] == [folder]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Anna", "anna"),
        ("ANNA", "anna"),
        ("Zo\u00eb", "Zoe\u0308"),
        ("straße", "STRASSE"),
        ("ﬁona", "fiona"),
        ("ΣΊΣΥΦΟΣ", "σίσυφος"),
    ],
)
def test_folders_that_are_one_on_some_disk_have_one_key(one: str, other: str) -> None:
    assert folder_key(one) == folder_key(other)


@pytest.mark.parametrize(
    ("one", "other"), [("Anna", "Anne"), ("Anna", "Anna B"), ("Zoe", "Zoë"), ("a_b", "a-b")]
)
def test_folders_that_differ_everywhere_have_different_keys(one: str, other: str) -> None:
    assert folder_key(one) != folder_key(other)


def test_case_never_makes_two_folders() -> None:
    """NTFS, exFAT and APFS fold by single characters: none of those pairs may have two keys."""
    pairs = [
        (c, c.lower())
        for c in map(chr, range(0x10000))
        if len(c.lower()) == 1 and c.lower() != c and c.lower().upper() == c
    ]
    assert len(pairs) > 1000
    assert [pair for pair in pairs if folder_key(pair[0]) != folder_key(pair[1])] == []


@pytest.mark.parametrize(
    ("path", "stem"),
    [
        ("DSC00001.ARW", "DSC00001"),
        ("day 1/DSC00001.ARW", "DSC00001"),
        ("a.b.c.jpeg", "a.b.c"),
        ("no_suffix", "no_suffix"),
        ("dir/.jpg", "jpg"),
        ("dir/ .jpg", "photo"),
        ("dir/?.jpg", "_"),
        ("dir/a:b*c.jpg", "a_b_c"),
        ("dir/a\\..\\b.jpg", "a_.._b"),
        ("dir/a\nb.jpg", "a b"),
        ("CON.jpg", "CON_"),
        (" CON.x.jpg", "CON_.x"),
        ("-rf.jpg", "-rf"),
        ("Zoe\u0308.jpg", "Zo\u00eb"),
        ("\uefff.jpg", "\uefff"),  # a byte that is not UTF-8, as stored
        ("x" * 251 + ".jpg", "x" * 180),
        ("é" * 125 + ".jpg", "é" * 90),
    ],
)
def test_output_names_by_hand(path: str, stem: str) -> None:
    assert output_name(path, SHA) == f"{stem}_{SHA[:12]}.jpg"


@settings(max_examples=200)
@given(NAMES | SNEAKY, st.text(alphabet="0123456789abcdef", min_size=64, max_size=64))
def test_an_output_name_is_one_safe_component(path: str, sha256: str) -> None:
    name = output_name(path, sha256, at_ms=359_999_999)
    assert name.endswith(f"_99-59-59.999_{sha256[:12]}.jpg")
    assert "/" not in name
    assert not FORBIDDEN.search(name)
    assert not name.startswith((".", " "))
    assert not RESERVED.fullmatch(name)
    # with the name of the temporary file beside it, within the limit of every file system
    assert len(f".{name}.facesort-part".encode()) <= 255
    assert len(f".{name}.facesort-part".encode("utf-16-le")) // 2 <= 255


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such names")
def test_the_longest_name_a_disk_holds_gives_an_output_name_it_holds(tmp_path: Path) -> None:
    longest = tmp_path / ("é" * 125 + "x.jpg")
    longest.touch()
    partial = tmp_path / f".{output_name(longest.name, SHA)}.facesort-part"
    partial.touch()
    assert partial.exists()


def test_nobody_in_the_photo_no_copies() -> None:
    assert plan_writes(7, "a.jpg", [], SHA, 4) == ()


def test_everyone_gets_the_same_bytes() -> None:
    digest, data = Jpeg.of(b"jpeg")
    assert digest == hashlib.sha256(data).hexdigest()
    folders = [(1, "Anna"), (None, UNKNOWN_FOLDER)]
    assert plan_writes(7, "a.jpg", folders, digest, 4) == (
        PlannedWrite(7, 1, "Anna/a.jpg", digest, 4),
        PlannedWrite(7, None, "_unknown/a.jpg", digest, 4),
    )


def test_no_name_controls_what_shows_it() -> None:
    for text in NASTY:
        for name in (output_name(f"card/{text}.JPG", "0" * 64), safe_folder(f"x{text}")):
            assert not any(unicodedata.category(c) == "Cc" or c in BIDI for c in name), ascii(name)
    assert safe_folder("gpj.\u202eexe") == "gpj._exe"
    assert (
        safe_folder("\u0646\u200c\u0645") == "\u0646\u200c\u0645"
    )  # joins and parts letters of many scripts
