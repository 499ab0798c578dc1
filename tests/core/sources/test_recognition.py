"""Which source a folder is."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given, strategies as st

from facesort.core.sources.recognition import (
    COMPARED,
    LOOKED_AT,
    SAMPLE,
    Marker,
    MarkerFile,
    Match,
    Stamp,
    recognise,
    recognise_elsewhere,
    spread,
)

SECOND = 10**9
NOON = datetime(2026, 5, 4, 12)


@dataclass(frozen=True)
class Shot:
    """A file of a drawn folder."""

    content: str
    size: int
    mtime_ns: int
    taken_at: datetime | None = None

    @property
    def stamp(self) -> Stamp:
        return Stamp(self.size, self.mtime_ns)


@dataclass
class Drawn:
    """A folder in memory that counts what is asked of it."""

    files: dict[str, Shot]
    stats: int = 0
    read: list[str] = field(default_factory=list)

    def at(self, path: str) -> Stamp | None:
        self.stats += 1
        return self.files[path].stamp if path in self.files else None

    def some(self, limit: int) -> Sequence[tuple[str, Stamp]]:
        return [(path, shot.stamp) for path, shot in sorted(self.files.items())[:limit]]

    def sha256(self, path: str) -> str:
        self.read.append(path)
        return hashlib.sha256(self.files[path].content.encode()).hexdigest()

    def taken_at(self, path: str) -> datetime | None:
        self.read.append(path)
        return self.files[path].taken_at


def card(
    number: int, camera: str = "A", first: int = 1, *, size: int = 0, dated: bool = True
) -> dict[str, Shot]:
    """Photos as a camera numbers them."""
    return {
        f"DCIM/100/DSC{first + i:05d}.JPG": Shot(
            f"{camera}{first + i}",
            size or 4_000_000 + hash_of(camera, first + i) % 3_000_000,
            (1_000_000 + 10 * i + 3600 * ord(camera[0])) * SECOND,
            NOON + timedelta(hours=ord(camera[0]), seconds=10 * i) if dated else None,
        )
        for i in range(number)
    }


def hash_of(*parts: object) -> int:
    return int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:6])


def marker(files: dict[str, Shot], *, read: bool = True) -> Marker:
    known = [
        MarkerFile(
            path,
            shot.stamp,
            hashlib.sha256(shot.content.encode()).hexdigest() if read else "",
            shot.taken_at if read else None,
        )
        for path, shot in files.items()
    ]
    return Marker(len(known), spread(known, SAMPLE), lambda: known)


def renamed(files: dict[str, Shot]) -> dict[str, Shot]:
    return {f"Anna {i:04d}.jpg": shot for i, shot in enumerate(files.values())}


def shifted(files: dict[str, Shot], seconds: float) -> dict[str, Shot]:
    return {
        path: replace(shot, mtime_ns=shot.mtime_ns + int(seconds * SECOND))
        for path, shot in files.items()
    }


def edited(files: dict[str, Shot]) -> dict[str, Shot]:
    return {
        path: replace(
            shot, content=f"{shot.content}'", size=shot.size - 1000, mtime_ns=shot.mtime_ns + 7
        )
        for path, shot in files.items()
    }


CARD = card(300)
KEPT = dict(list(CARD.items())[:150])
NEW = card(200, first=5001)

HERE = {
    "as it was": (CARD, Match.SAME),
    "one file left of all": (dict([list(CARD.items())[177]]), Match.SAME),
    "half overwritten": (KEPT | NEW, Match.SAME),
    "one file left among new ones": (dict([list(CARD.items())[177]]) | NEW, Match.SAME),
    "renamed": (renamed(CARD), Match.RENAMED),
    "some renamed, the others deleted": (renamed(KEPT), Match.RENAMED),
    "renamed among new ones": (renamed(KEPT) | NEW, Match.RENAMED),
    "in another folder": ({f"x/{path}": shot for path, shot in CARD.items()}, Match.RENAMED),
    "clock changed": (shifted(CARD, 3600), Match.SAME),
    "clock changed by half a minute": (shifted(CARD, 31), Match.SAME),
    "copied without times and renamed": (shifted(renamed(CARD), 5e6), Match.RENAMED),
    "edited": (edited(CARD), Match.EDITED),
    "another card": (card(300, "B", 2001), Match.OTHER),
    "another card that counts the same": (card(300, "B"), Match.OTHER),
    "another card of files of one size": (card(300, "B", 2001), Match.OTHER),
    "another card with copies of some": (dict(list(renamed(CARD).items())[:9]) | NEW, Match.OTHER),
    "formatted and used again": (NEW, Match.OTHER),
    "empty": ({}, Match.EMPTY),
}  # fmt: skip


@pytest.mark.parametrize("case", HERE)
def test_what_is_in_the_place_of_a_source_is_told_by_a_few_files(case: str) -> None:
    files, expected = HERE[case]
    folder = Drawn(files)
    assert recognise(marker(CARD), folder) is expected
    assert folder.stats <= SAMPLE
    assert len(folder.read) <= 2 * COMPARED


@pytest.mark.parametrize(
    ("there", "expected"),
    [
        (card(60, "A", size=50_000_000), Match.SAME),
        (shifted(card(60, "A", size=50_000_000), 3600), Match.SAME),
        (renamed(card(60, "A", size=50_000_000)), Match.RENAMED),
        (card(60, "B", size=50_000_000), Match.OTHER),
        (shifted(card(60, "A", 61, size=50_000_000), -600), Match.OTHER),
    ],
    ids=["same", "clock", "renamed", "another", "the next sixty"],
)
def test_raw_files_of_one_size_are_told_apart(there: dict[str, Shot], expected: Match) -> None:
    assert recognise(marker(card(60, "A", size=50_000_000)), Drawn(there)) is expected


def test_files_that_say_no_time_and_have_the_same_names_are_taken_for_edits() -> None:
    """So it was ever: nothing is lost, and what was delivered stays."""
    assert (
        recognise(marker(card(30, dated=False)), Drawn(card(30, "B", dated=False))) is Match.EDITED
    )


@pytest.mark.parametrize("number", [1, 2])
def test_one_or_two_photos_that_were_replaced_are_no_other_card(number: int) -> None:
    assert recognise(marker(card(number)), Drawn(card(number, "B"))) is Match.EDITED


@pytest.mark.parametrize("change", [dict, renamed])
def test_a_source_that_was_never_read_is_known_by_sizes_and_times(change: type[dict]) -> None:  # type: ignore[type-arg]
    known = marker(card(20), read=False)
    assert recognise(known, Drawn(change(card(20)))).is_certain
    assert recognise(known, Drawn(card(20, "B", 500))) is Match.OTHER


ELSEWHERE = {
    "as it was": (CARD, Match.SAME),
    "with new ones": (CARD | NEW, Match.SAME),
    "two thirds of it": (dict(list(CARD.items())[100:]), Match.SAME),
    "copied without times": (shifted(CARD, 5e6), Match.SAME),
    "renamed": (renamed(CARD), Match.RENAMED),
    "edited": (edited(CARD), Match.OTHER),
    "a selection of it": (renamed(dict(list(CARD.items())[:20])), Match.OTHER),
    "a selection under the same names": (dict(list(CARD.items())[:20]), Match.OTHER),
    "some of it among others": (renamed(KEPT) | card(900, "B"), Match.OTHER),
    "another card": (card(300, "B"), Match.OTHER),
    "empty": ({}, Match.EMPTY),
}


@pytest.mark.parametrize("case", ELSEWHERE)
def test_in_another_place_most_of_a_source_must_be_there(case: str) -> None:
    files, expected = ELSEWHERE[case]
    folder = Drawn(files)
    assert recognise_elsewhere(marker(CARD), folder) is expected
    assert folder.stats <= SAMPLE
    assert len(folder.read) <= 2 * COMPARED


def test_a_large_source_takes_no_longer() -> None:
    files = card(4_000)
    for change in (renamed, edited):
        folder = Drawn(change(files))
        assert recognise(marker(files), folder).is_certain == (change is renamed)
        assert folder.stats <= SAMPLE
        assert len(folder.read) <= 2 * COMPARED


sizes = st.sampled_from([1000, 2000, 3000])
drawn = st.dictionaries(
    st.sampled_from([f"{c}.jpg" for c in "abcdefgh"]),
    st.builds(Shot, st.sampled_from("mnopqrst"), sizes, st.integers(0, 3).map(SECOND.__mul__)),
    min_size=1,
)


@given(drawn, st.data())
def test_whatever_is_left_of_a_source_is_recognised(
    files: dict[str, Shot], data: st.DataObject
) -> None:
    """Any of its files, as they were, under other names or with other times, beside any others."""
    left = data.draw(st.dictionaries(st.sampled_from(sorted(files)), st.booleans(), min_size=1))
    there = {(f"new {path}" if moved else path): files[path] for path, moved in left.items()}
    there = shifted(there, data.draw(st.sampled_from([0, 0, 3600, 11.5])))
    assert recognise(marker(files), Drawn(there)).is_certain


@given(drawn, drawn)
def test_a_folder_is_taken_for_a_source_only_for_a_reason(
    files: dict[str, Shot], there: dict[str, Shot]
) -> None:
    match = recognise(marker(files), Drawn(there))
    contents = {shot.content for shot in files.values()}
    as_it_was = {
        path for path, shot in there.items() if path in files and files[path].stamp == shot.stamp
    }
    if match.is_certain:
        assert as_it_was or contents & {shot.content for shot in there.values()}
    elif match is Match.EDITED:
        assert files.keys() & there.keys() and not as_it_was
    else:
        assert match is Match.OTHER and not files.keys() & there.keys()


@given(drawn, drawn)
def test_another_place_needs_more_than_the_place_where_it_was(
    files: dict[str, Shot], there: dict[str, Shot]
) -> None:
    if recognise_elsewhere(marker(files), Drawn(there)).is_certain:
        assert recognise(marker(files), Drawn(there)) is not Match.OTHER


@pytest.mark.parametrize(("items", "number"), [(0, 3), (2, 3), (3, 3), (4, 3), (LOOKED_AT, SAMPLE)])
def test_a_sample_is_spread(items: int, number: int) -> None:
    found = spread(range(items), number)
    assert len(found) == min(items, number)
    assert found == sorted(set(found))
    if items > number:
        assert found[-1] >= items - 2 * items / number
