from __future__ import annotations

import os

import pytest
from hypothesis import example, given, strategies as st

from facesort.core.text.paths import from_text, to_text

# The 128 private characters that stand for bytes; a name that really has one is given up, as documented.
STAND_INS = {chr(0xEF80 + i) for i in range(128)}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (b"", ""),
        (b"a/b.jpg", "a/b.jpg"),
        ("Zoë/été.jpg".encode(), "Zoë/été.jpg"),
        (
            "Zoë.jpg".encode("latin-1"),
            "Zo\uefeb.jpg",
        ),  # an old CD, an old Mac, a wrong mount option
        (b"\xff\xfe\x80.jpg", "\uefff\ueffe\uef80.jpg"),
    ],
)
def test_names_by_hand(name: bytes, text: str) -> None:
    assert to_text(os.fsdecode(name)) == text
    assert from_text(text) == os.fsdecode(name)


@pytest.mark.skipif(os.name == "nt", reason="names are not bytes on Windows")
@given(st.binary())
@example("\uefff".encode()[:2])
@example("\udc80".encode("utf-8", "surrogatepass"))
def test_every_byte_name_can_be_stored_and_comes_back(name: bytes) -> None:
    path = os.fsdecode(name)
    stored = to_text(path)
    stored.encode("utf-8")  # what the database does
    if STAND_INS.isdisjoint(path):
        assert os.fsencode(from_text(stored)) == name


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_ordinary_text_is_stored_as_it_is(name: str) -> None:
    assert to_text(name) == name


@given(st.binary(max_size=8), st.binary(max_size=8))
def test_two_names_never_become_one(a: bytes, b: bytes) -> None:
    first, second = os.fsdecode(a), os.fsdecode(b)
    if STAND_INS.isdisjoint(first + second):
        assert (to_text(first) == to_text(second)) == (a == b)
