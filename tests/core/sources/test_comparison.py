"""Which known file is which found one, by size and time; and when a shifted clock is believed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import pytest
from hypothesis import example, given, strategies as st

from facesort.core.records import File
from facesort.core.sources.comparison import compare
from facesort.core.sources.files import (
    FileState,
    FoundFile,
    KnownFile,
    KnownFiles,
    Listing,
    Place,
    ScanResult,
    SkippedFile,
)

SECOND = 1_000_000_000
HOUR = 3600 * SECOND
NOON = 1_780_000_000 * SECOND


def known(
    *names: str,
    mtime_ns: int = NOON,
    size: int = 10,
    state: FileState = FileState.PRESENT,
    first: int = 1,
    sha256: str | None = None,
) -> list[KnownFile]:
    """Files that hold their own names, unless they are said to hold something else."""
    return [
        KnownFile(File(i, "card-1", n, size, mtime_ns), state, n if sha256 is None else sha256)
        for i, n in enumerate(names, start=first)
    ]


def found(*names: str, mtime_ns: int = NOON, size: int = 10) -> list[FoundFile]:
    return [FoundFile("card-1", name, size, mtime_ns) for name in names]


class Disk:
    """Tells what a file holds, and remembers who asked."""

    def __init__(self, content: Mapping[str, str] | None = None) -> None:
        self.content = content or {}
        self.asked: list[str] = []

    def __call__(self, place: Place) -> str:
        self.asked.append(place[1])
        held = self.content.get(place[1], place[1])
        if held == "unreadable":
            raise OSError("unreadable")
        return held


def compared(
    files: list[FoundFile],
    before: list[KnownFile],
    disk: Disk | None = None,
    unreadable: set[Place] | None = None,
    everything: bool = False,
) -> ScanResult:
    return compare(
        Listing(files, {}, unreadable or set()),
        KnownFiles.of(before),
        lambda found: found.path,
        disk or Disk(),
        everything=everything,
    )


def test_nothing_changes_and_nothing_is_asked() -> None:
    disk = Disk()
    assert compared(found("a.jpg", "d/b.jpg"), known("a.jpg", "d/b.jpg"), disk) == ScanResult()
    assert disk.asked == []


def test_what_is_not_known_is_new() -> None:
    assert compared(found("b.jpg", "a.jpg"), []).new == (*found("a.jpg"), *found("b.jpg"))


def test_what_is_not_found_is_gone_once() -> None:
    assert compared([], known("a.jpg")) == ScanResult(gone=(1,))
    assert compared([], known("a.jpg", state=FileState.GONE)) == ScanResult()
    assert compared([], known("a.jpg", state=FileState.REPLACED)) == ScanResult()


@pytest.mark.parametrize("state", [FileState.GONE, FileState.REPLACED])
def test_what_was_gone_and_is_found_as_it_was_is_back(state: FileState) -> None:
    disk = Disk()
    assert compared(found("a.jpg"), known("a.jpg", state=state), disk) == ScanResult(back=(1,))
    assert disk.asked == []


@pytest.mark.parametrize(
    "change", [{"size": 11}, {"mtime_ns": NOON + 1}, {"mtime_ns": NOON + HOUR}]
)
def test_what_was_gone_and_is_found_otherwise_is_another_file(change: dict[str, int]) -> None:
    other = found("a.jpg", **change)
    result = compared(other, known("a.jpg", state=FileState.GONE))
    assert result == ScanResult(new=tuple(other), replaced=(1,))


@pytest.mark.parametrize("moved", [0, HOUR])
@pytest.mark.parametrize("size", [9, 11])
def test_another_size_is_another_file(moved: int, size: int) -> None:
    other = found("a.jpg", size=size, mtime_ns=NOON + moved)
    assert compared(other, known("a.jpg")) == ScanResult(new=tuple(other), replaced=(1,))


# --- a shifted clock --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("moved", "same"),
    [
        (HOUR, True),  # summer time
        (-HOUR, True),
        (HOUR + 2 * SECOND, True),  # FAT keeps even seconds
        (HOUR - 2 * SECOND, True),
        (HOUR + 2 * SECOND + 1, False),
        (45 * 60 * SECOND + SECOND, True),  # a second card may look like this: see below
        (5 * HOUR + HOUR // 2, True),  # India
        (5 * HOUR + 3 * HOUR // 4, True),  # Nepal
        (5 * HOUR + HOUR // 3, False),
        (26 * HOUR, True),  # from one end of the world to the other
        (-26 * HOUR - 2 * SECOND, True),
        (26 * HOUR + HOUR // 4, False),
        (365 * 24 * HOUR, False),
        # No clock was shifted: somebody touched it, or wrote it anew.
        (1, False),
        (2 * SECOND, False),
        (-SECOND, False),
    ],
)
def test_a_shift_is_of_whole_quarter_hours(moved: int, same: bool) -> None:
    names = ("d/a.jpg", "d/b.jpg")
    now = found(*names, mtime_ns=NOON + moved)
    expected = (
        ScanResult(shifted={1: NOON + moved, 2: NOON + moved})
        if same
        else ScanResult(new=tuple(now), replaced=(1, 2))
    )
    assert compared(now, known(*names)) == expected


@given(
    st.integers(-104, 104).filter(bool),
    st.integers(-2 * SECOND, 2 * SECOND),
    st.integers(1, 9),
    st.data(),
)
def test_another_card_with_the_same_names_sizes_and_any_shift_is_told_by_content(
    quarters: int, rest: int, count: int, data: st.DataObject
) -> None:
    """45 min 1 s, for example: shared/field/second-card-same-name-and-size."""
    names = [f"DSC{i}.BMP" for i in range(count)]
    now = found(*names, mtime_ns=NOON + quarters * HOUR // 4 + rest)
    disk = Disk(dict.fromkeys(names, "another photo"))
    result = compared(now, known(*names), disk)
    assert result == ScanResult(new=tuple(now), replaced=tuple(range(1, count + 1)))


@pytest.mark.parametrize("other", range(3))
def test_of_up_to_three_files_each_is_asked(other: int) -> None:
    names = [f"{i}.jpg" for i in range(3)]
    now = found(*names, mtime_ns=NOON + HOUR)
    disk = Disk({names[other]: "another photo"})
    assert compared(now, known(*names), disk).replaced == (1, 2, 3)


def test_of_many_files_the_first_the_last_and_one_between_are_asked() -> None:
    names = [f"{i:03d}.jpg" for i in range(100)]
    disk = Disk()
    result = compared(found(*names, mtime_ns=NOON + HOUR), known(*names), disk)
    assert len(result.shifted) == 100
    assert disk.asked == ["000.jpg", "049.jpg", "099.jpg"]


def test_files_that_were_never_read_cannot_be_asked() -> None:
    now = found("a.jpg", "b.jpg", mtime_ns=NOON + HOUR)
    never = known("a.jpg", "b.jpg", sha256="")
    assert compared(now, never) == ScanResult(new=tuple(now), replaced=(1, 2))
    one = [*known("a.jpg", sha256=""), *known("b.jpg", first=2)]
    assert compared(now, one).shifted == {1: NOON + HOUR, 2: NOON + HOUR}


def test_a_file_that_cannot_be_read_confirms_no_shift() -> None:
    now = found("a.jpg", mtime_ns=NOON + HOUR)
    result = compared(now, known("a.jpg"), Disk({"a.jpg": "unreadable"}))
    assert result == ScanResult(new=tuple(now), replaced=(1,))


def test_every_file_of_the_folder_must_have_moved() -> None:
    now = [*found("d/a.jpg", mtime_ns=NOON + HOUR), *found("d/b.jpg")]
    disk = Disk()
    result = compared(now, known("d/a.jpg", "d/b.jpg"), disk)
    assert result == ScanResult(new=(now[0],), replaced=(1,))
    assert disk.asked == []


def test_every_file_of_the_folder_must_have_moved_alike() -> None:
    now = [*found("d/a.jpg", mtime_ns=NOON + HOUR), *found("d/b.jpg", mtime_ns=NOON + 2 * HOUR)]
    assert compared(now, known("d/a.jpg", "d/b.jpg")).replaced == (1, 2)


def test_other_folders_and_files_of_another_size_say_nothing_about_a_shift() -> None:
    before = known("d/a.jpg", "d/edited.jpg", "e/c.jpg", "d/deep/f.jpg", "d/gone.jpg")
    now = [
        *found("d/a.jpg", mtime_ns=NOON + HOUR),
        *found("d/edited.jpg", size=11, mtime_ns=NOON + 5),
        *found("e/c.jpg", "d/deep/f.jpg", "d/new.jpg"),
    ]
    result = compared(now, before)
    assert result.shifted == {1: NOON + HOUR}
    assert (result.replaced, result.gone) == ((2,), (5,))
    assert [f.path for f in result.new] == ["d/edited.jpg", "d/new.jpg"]


def test_folders_of_two_sources_are_two_folders() -> None:
    before = KnownFiles.of(
        KnownFile(File(i, source, "a.jpg", 10, NOON), FileState.PRESENT, "a.jpg")
        for i, source in enumerate(("card-1", "card-2"), start=1)
    )
    files = [FoundFile("card-1", "a.jpg", 10, NOON), FoundFile("card-2", "a.jpg", 10, NOON + HOUR)]
    result = compare(Listing(files), before, lambda f: f, Disk())
    assert result == ScanResult(shifted={2: NOON + HOUR})


# --- what could not be looked at --------------------------------------------------------------


@pytest.mark.parametrize(
    ("unreadable", "gone"),
    [
        ("d/e", (3, 4)),
        ("d", (4,)),
        ("", ()),
        ("d/e/a.jpg", (2, 3, 4)),
        ("d/ee", (1, 2, 3, 4)),
        ("d/e/f", (1, 3, 4)),
    ],
)
def test_nothing_is_gone_where_nobody_could_look(unreadable: str, gone: tuple[int, ...]) -> None:
    before = known("d/e/a.jpg", "d/e/f/b.jpg", "d/c.jpg", "z.jpg")
    assert compared([], before, unreadable={("card-1", unreadable)}).gone == gone
    assert compared([], before, unreadable={("card-2", unreadable)}).gone == (1, 2, 3, 4)


# --- everything is checked --------------------------------------------------------------------


def test_a_silent_change_is_found_if_everything_is_checked() -> None:
    now, before = found("a.jpg", "b.jpg", "c.jpg"), known("a.jpg", "b.jpg", "c.jpg")
    disk = Disk({"b.jpg": "another photo"})
    assert compared(now, before, disk) == ScanResult()
    assert compared(now, before, disk, everything=True) == ScanResult(
        new=(now[1],), replaced=(2,), checked=3
    )


def test_a_check_asks_back_files_too_and_not_those_that_were_never_read() -> None:
    before = [*known("a.jpg", "b.jpg", state=FileState.GONE), *known("c.jpg", first=3, sha256="")]
    now = found("a.jpg", "b.jpg", "c.jpg")
    result = compared(now, before, Disk({"b.jpg": "another photo"}), everything=True)
    assert result == ScanResult(new=(now[1],), back=(1,), replaced=(2,), checked=2)


def test_a_file_that_cannot_be_checked_stays() -> None:
    disk = Disk({"a.jpg": "unreadable"})
    result = compared(found("a.jpg", "b.jpg"), known("a.jpg", "b.jpg"), disk, everything=True)
    assert result == ScanResult(unreadable=(("card-1", "a.jpg"),), checked=1)


def test_a_check_of_everything_asks_every_file_of_a_shifted_folder() -> None:
    names = [f"{i:02d}.jpg" for i in range(9)]
    now = found(*names, mtime_ns=NOON + HOUR)
    disk = Disk({"05.jpg": "another photo"})
    assert len(compared(now, known(*names), disk).shifted) == 9, "a sample of three did not see it"
    assert len(compared(now, known(*names), disk, everything=True).replaced) == 9


def test_a_check_tells_how_far_it_is() -> None:
    calls: list[tuple[int, int]] = []
    names = ("a.jpg", "b.jpg", "c.jpg")
    compare(
        Listing(found(*names)),
        KnownFiles.of(known(*names)),
        lambda f: f,
        Disk({"b.jpg": "unreadable"}),
        everything=True,
        on_checked=lambda done, total: calls.append((done, total)),
    )
    assert calls == [(1, 3), (2, 3), (3, 3)]


# --- any history ------------------------------------------------------------------------------

NAMES = st.sampled_from([f"{d}{n}.jpg" for d in ("", "d/", "d/e/") for n in "abc"])
CONTENT = st.sampled_from(["one", "two", "three"])
TIMES = st.sampled_from([0, 1, SECOND, 900 * SECOND, 2701 * SECOND, HOUR, -HOUR])
STEP = st.one_of(
    st.tuples(st.just("write"), NAMES, CONTENT, TIMES),
    st.tuples(st.just("touch"), NAMES, TIMES),
    st.tuples(st.just("delete"), NAMES),
    st.tuples(st.just("rename"), NAMES, NAMES),
    st.tuples(st.just("shift"), st.sampled_from(["", "d", "d/e"]), TIMES),
    st.tuples(st.just("scan"), st.booleans()),
)


@given(st.lists(STEP, max_size=25))
@example(
    [
        ("write", "a.jpg", "one", 0),
        ("scan", False),
        ("write", "a.jpg", "two", HOUR),
        ("scan", False),
    ]
)
def test_after_any_history_the_known_files_are_those_on_the_disk(steps: list[tuple]) -> None:
    """At most three files a folder, so that each is asked; few times and sizes, so that they meet by accident."""
    disk: dict[str, tuple[str, int]] = {}  # path to content and time
    rows: dict[int, KnownFile] = {}
    for verb, *given_ in [*steps, ("scan", False), ("scan", True)]:
        match verb, given_:
            case "write", (name, content, time):
                disk[name] = (content, NOON + time)
            case "touch", (name, time) if name in disk:
                disk[name] = (disk[name][0], disk[name][1] + time)
            case "delete", (name,):
                disk.pop(name, None)
            case "rename", (name, other) if name in disk:
                disk[other] = disk.pop(name)
            case "shift", (folder, time):
                for name, (content, before) in disk.items():
                    if name.rpartition("/")[0] == folder:
                        disk[name] = (content, before + time)
            case "scan", (everything,):
                scan_and_store(disk, rows, everything)


def scan_and_store(
    disk: Mapping[str, tuple[str, int]], rows: dict[int, KnownFile], everything: bool
) -> None:
    """Do what the store does with a result, and compare with the disk."""
    newest = {("card-1", row.file.path): row for row in rows.values()}
    before = KnownFiles.of(newest.values())
    files = [FoundFile("card-1", name, len(held), time) for name, (held, time) in disk.items()]

    def sha256_of(place: Place) -> str:
        return hashlib.sha256(disk[place[1]][0].encode()).hexdigest()

    def scan() -> ScanResult:
        return compare(Listing(files), before, lambda f: f, sha256_of, everything=everything)

    result = scan()
    groups = [result.gone, result.replaced, result.back, list(result.shifted)]
    touched = [file_id for group in groups for file_id in group]
    assert len(touched) == len(set(touched)), "each file has one fate"
    for state, ids in zip(
        (FileState.GONE, FileState.REPLACED, FileState.PRESENT), groups, strict=False
    ):
        for file_id in ids:
            rows[file_id] = KnownFile(rows[file_id].file, state, rows[file_id].sha256)
    for file_id, time in result.shifted.items():
        file = rows[file_id].file
        rows[file_id] = KnownFile(
            File(file_id, file.source, file.path, file.size, time),
            FileState.PRESENT,
            rows[file_id].sha256,
        )
    for new in result.new:
        file = File(len(rows) + 1, *new)
        rows[file.file_id] = KnownFile(file, FileState.PRESENT, sha256_of((new.source, new.path)))
    present = [row for row in rows.values() if row.state is FileState.PRESENT]
    assert sorted((r.file.path, r.file.size, r.file.mtime_ns) for r in present) == sorted(
        (f.path, f.size, f.mtime_ns) for f in files
    )
    looked_unchanged = {(k.file.path, k.file.size, k.file.mtime_ns) for k in newest.values()}
    for row in present:
        key = (row.file.path, row.file.size, row.file.mtime_ns)
        if everything or key not in looked_unchanged:
            assert row.sha256 == sha256_of(("card-1", row.file.path)), "another photo is lost"
    before = KnownFiles.of(rows.values())
    again = scan()
    assert (again.new, again.gone, again.replaced, again.back) == ((), (), (), ())


def test_what_was_skipped_is_handed_on() -> None:
    skipped = {("card-1", "a.mov"): SkippedFile("video", 1, 2)}
    assert (
        compare(Listing([], skipped, set()), KnownFiles(), lambda f: f, Disk()).skipped == skipped
    )
