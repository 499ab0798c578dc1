"""Which files are of one exposure, and which of them is decided."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from facesort.core.records import PhotoInfo, PhotoRef
from facesort.core.sources.shots import (
    Kind,
    Pairs,
    candidates,
    companions,
    kind_by_name,
    kind_of,
    rank,
    same_shot,
    shot_name,
)

NOON = datetime(2026, 5, 4, 12, 0, 0, 250_000)
WHOLE = NOON.replace(microsecond=0)
SONY = "SONY ILCE-7M3"


def is_raw(suffix: str) -> bool:
    return suffix in {".arw", ".dng", ".cr3"}


def info(format: str, at: datetime | None = NOON, camera: str = SONY) -> PhotoInfo:
    return PhotoInfo(format, 6000, 4000, at, camera)


def pair(
    a: tuple[str, PhotoInfo], b: tuple[str, PhotoInfo], sources: tuple[str, str] = ("one", "one")
) -> bool:
    refs = [
        PhotoRef(i, p, source=s) for i, (p, s) in enumerate(zip((a[0], b[0]), sources, strict=True))
    ]
    found = same_shot(refs[0], a[1], refs[1], b[1])
    assert found == same_shot(refs[1], b[1], refs[0], a[1])
    return found


@pytest.mark.parametrize(
    ("raw", "jpeg", "same"),
    [
        (info("ARW"), info("JPEG"), True),
        (info("ARW", None, ""), info("JPEG"), True),  # edited by a program that drops what it says
        (info("ARW"), info("JPEG", None), True),
        (info("ARW"), info("JPEG", NOON, ""), True),
        (info("ARW", WHOLE), info("JPEG"), True),
        (info("ARW"), info("JPEG", NOON, "ILCE-7M3"), True),
        (info("ARW", NOON, "E-M1MarkII"), info("JPEG", NOON, "OLYMPUS E-M1 Mark II"), True),
        (info("ARW", WHOLE), info("JPEG", NOON + timedelta(seconds=1)), False),
        (info("ARW"), info("JPEG", NOON + timedelta(milliseconds=10)), False),
        (info("ARW"), info("JPEG", NOON, "NIKON D750"), False),
        (info("ARW", None), info("JPEG", NOON, "NIKON D750"), False),
        (info("CR2", NOON, "Canon EOS 5D"), info("JPEG", NOON, "Canon EOS 5D Mark II"), False),
    ],
)
def test_in_one_folder_the_name_decides_unless_times_or_cameras_differ(
    raw: PhotoInfo, jpeg: PhotoInfo, same: bool
) -> None:
    assert pair(("A/DSC1.ARW", raw), ("A/dsc1.jpg", jpeg)) is same
    assert pair(("A/DSC1.ARW", raw), ("A/DSC2.JPG", jpeg)) is False


@pytest.mark.parametrize("sources", [("one", "one"), ("one", "two")])
@pytest.mark.parametrize(
    ("raw", "jpeg", "same"),
    [
        (info("ARW"), info("JPEG"), True),
        (info("ARW", WHOLE), info("JPEG", WHOLE), True),
        (info("ARW", WHOLE), info("JPEG"), False),
        (info("ARW", None), info("JPEG", None), False),
        (info("ARW"), info("JPEG", NOON, ""), False),
        (info("ARW", NOON, ""), info("JPEG", NOON, ""), False),
        (info("ARW"), info("JPEG", NOON, "ILCE-7M4"), False),
    ],
)
def test_in_different_folders_both_must_state_the_same(
    raw: PhotoInfo, jpeg: PhotoInfo, same: bool, sources: tuple[str, str]
) -> None:
    assert pair(("raw/DSC1.ARW", raw), ("jpeg/DSC1.JPG", jpeg), sources) is same
    assert pair(("raw/DSC1.ARW", raw), ("jpeg/DSC2.JPG", jpeg), sources) is False


def test_another_source_is_another_folder() -> None:
    unknown = info("ARW", None), info("JPEG", None)
    for sources, same in ((("one", "one"), True), (("one", "two"), False)):
        assert pair(("DSC1.ARW", unknown[0]), ("DSC1.JPG", unknown[1]), sources) is same


@pytest.mark.parametrize(
    ("a", "b", "same"),
    [
        ("HEIF", "JPEG", True),
        ("ARW", "HEIF", True),
        ("ARW", "TIFF", True),
        ("ARW", "DNG", True),
        ("DNG", "JPEG", True),
        ("JPEG", "JPEG", False),
        ("ARW", "ARW", False),
        ("ARW", "NEF", False),
        ("JPEG", "PNG", False),
        ("PNG", "TIFF", False),
    ],
)
def test_a_shot_has_one_file_of_a_kind(a: str, b: str, same: bool) -> None:
    assert pair(("DSC1.x", info(a)), ("DSC1.y", info(b))) is same


def test_a_heif_and_a_jpeg_need_more_than_a_name() -> None:
    known, unknown = info("HEIF"), info("JPEG", None)
    assert not pair(("1.heic", known), ("1.jpg", unknown))
    assert pair(("1.heic", known), ("1.jpg", info("JPEG")))


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("IMG_1.JPG", "img_1.arw"),
        ("Z\u00fcri.JPG", "Zu\u0308ri.ARW"),
        ("IMG_1.JPG.", "IMG_1.ARW "),
        (
            "PXL_20210105_024452180.RAW-01.COVER.jpg",
            "PXL_20210105_024452180.RAW-02.ORIGINAL.dng",
        ),
    ],
)
def test_what_the_names_of_one_shot_have_in_common(a: str, b: str) -> None:
    assert shot_name("A/" + a) == shot_name("B/" + b)


def test_names_that_are_of_different_shots() -> None:
    assert (
        len({shot_name(n) for n in ("IMG_1.JPG", "IMG_1 (2).JPG", "1.2.JPG", "1.3.JPG", "1")}) == 5
    )


def test_kinds() -> None:
    names = ("a.ARW", "a.dng", "a.JPG", "a.HIF", "a.tiff", "a", "a.jpeg_large", "a.jpg.")
    assert [kind_by_name(name, is_raw).value for name in names] == (
        ["raw", "dng", "jpeg", "heif", "rendered", "jpeg", "jpeg", "jpeg"]
    )
    formats = ("ARW", "DNG", "JPEG", "HEIF", "TIFF", "AVIF", "CR3", "RAW")
    assert [kind_of(info(format)).value for format in formats] == (
        ["raw", "dng", "jpeg", "heif", "rendered", "rendered", "raw", "raw"]
    )


@pytest.mark.parametrize(
    ("kinds", "pairs", "expected"),
    [
        ([Kind.RAW, Kind.JPEG], "jpeg", (1,)),
        ([Kind.RAW, Kind.HEIF, Kind.JPEG], "jpeg", (2,)),
        ([Kind.RAW, Kind.RENDERED], "jpeg", (1,)),
        ([Kind.RAW], "jpeg", (0,)),
        ([Kind.JPEG, Kind.DNG], "raw", (1,)),
        ([Kind.JPEG, Kind.DNG, Kind.RAW], "raw", (2,)),
        ([Kind.HEIF, Kind.JPEG], "raw", (1,)),
        ([Kind.RAW, Kind.JPEG], "both", (0, 1)),
        ([], "jpeg", ()),
    ],
)
def test_which_file_of_a_shot_is_decided(
    kinds: list[Kind], pairs: Pairs, expected: tuple[int, ...]
) -> None:
    ranks = [rank(kind, pairs) for kind in kinds]
    first = [i for i, place in enumerate(ranks) if place == min(ranks)]
    assert tuple(first) == expected


def refs(*paths: str, first: int = 0) -> list[PhotoRef]:
    """Photos from "source:path"."""
    split = [path.split(":") for path in paths]
    return [PhotoRef(first + i, path, source=source) for i, (source, path) in enumerate(split)]


def test_a_raw_is_compared_with_the_jpegs_of_its_name_nearest_first() -> None:
    known = refs("b:A/1.JPG", "c:B/1.JPG", "a:B/1.JPG", "a:A/2.JPG", "a:A/1.HIF", "c:A/1.JPG")
    new = refs("a:A/1.ARW", "a:A/3.ARW", first=10)

    assert candidates(new, known, is_raw) == {10: tuple(known[i] for i in (4, 0, 5, 2, 1))}
    assert candidates([], known, is_raw) == {}


def test_of_new_files_the_later_is_compared_with_the_earlier() -> None:
    new = refs("a:1.ARW", "a:1.JPG", "b:1.JPG")
    assert candidates(new, [], is_raw) == {1: (new[0],), 2: (new[0],)}
    by_rank = sorted(new, key=lambda ref: rank(kind_by_name(ref.path, is_raw), "jpeg"))
    assert candidates(by_rank, [], is_raw) == {0: (new[1], new[2])}


def test_a_name_that_all_have_is_not_compared_without_end() -> None:
    names = [f"card-{i}:DCIM/IMG_1.{kind}" for i in range(2000) for kind in ("JPG", "ARW")]
    found = candidates(refs(*names), [], is_raw)
    assert max(map(len, found.values())) == 8
    own = {key: partners[0].photo_id for key, partners in found.items() if key % 2}
    assert own == {key: key - 1 for key in range(1, 4000, 2)}


def test_companions_belong_to_the_photo_of_their_name_and_folder() -> None:
    photos = refs("a:A/IMG_1.ARW", "a:A/IMG_1.JPG", "a:A/IMG_2.HEIC", "b:A/IMG_3.JPG")
    found = companions(
        photos,
        [
            ("a", "A/IMG_1.xmp"),
            ("a", "A/IMG_1.JPG.xmp"),
            ("a", "A/img_1.arw.XMP"),
            ("a", "A/IMG_2.MOV"),
            ("a", "A/IMG_2.AAE"),
            ("a", "B/IMG_2.MOV"),
            ("b", "A/IMG_3.THM"),
            ("a", "A/IMG_3.THM"),
            ("a", "A/MVI_9.MOV"),
        ],
    )
    assert found == {
        ("a", "A/IMG_1.xmp"): 0,
        ("a", "A/IMG_1.JPG.xmp"): 1,
        ("a", "A/img_1.arw.XMP"): 0,
        ("a", "A/IMG_2.MOV"): 2,
        ("a", "A/IMG_2.AAE"): 2,
        ("b", "A/IMG_3.THM"): 3,
    }
