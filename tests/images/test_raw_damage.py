"""Raw data that a copy has not filled: zeros in their place."""

from __future__ import annotations

from pathlib import Path

import pytest
from images.synthetic_photos import dng, encoded, scene

from facesort.errors import ImageError
from facesort.images import load_photo
from facesort.images.raw.damage import erased_raw
from facesort.reasons import Reason

RAW = dng(scene(320, 240), preview=encoded(scene(320, 240), "JPEG"))


def zeros_from(data: bytes, share: float, length: int | None = None) -> bytes:
    at = int(share * len(data))
    length = len(data) - at if length is None else length
    return data[:at] + bytes(length) + data[at + length :]


def refused(data: bytes) -> ImageError:
    with pytest.raises(ImageError) as raised:
        load_photo(data, "x.dng", max_megapixels=50)
    return raised.value


def test_a_whole_one_has_no_zeros() -> None:
    assert erased_raw(RAW) is None
    assert load_photo(RAW, "x.dng", max_megapixels=50).info.remarks == ()


def test_raw_data_that_end_in_zeros_are_truncated_although_the_preview_is_whole() -> None:
    assert refused(zeros_from(RAW, 0.7)).reason is Reason.TRUNCATED


def test_where_zeros_may_be_black_they_are_no_damage() -> None:
    """These data are not packed, and their black is 0."""
    data = zeros_from(dng(scene(320, 240)), 0.5, 2000)
    found = erased_raw(data)
    assert found is not None
    assert not found.at_end
    assert not found.packed
    assert load_photo(data, "x.dng", max_megapixels=50).info.remarks == ()


@pytest.mark.parametrize("name", ["A_004_o8_cmp_nopreview", "group6_015_o1_cmp_nopreview"])
def test_a_hole_in_raw_data_that_are_developed_is_damage(assets: Path, name: str) -> None:
    data = (assets / "formats/arw" / f"{name}.ARW").read_bytes()
    hole = zeros_from(data, 0.6, 65_536)

    error = refused(hole)

    assert error.reason is Reason.CORRUPT
    assert "up to 40 % of the picture" in error.detail
    taken = load_photo(hole, "x.ARW", max_megapixels=50, accept_damaged=True)
    assert taken.info.remarks == ("damaged",)


def test_a_hole_beside_a_whole_preview_spoils_nothing(assets: Path) -> None:
    data = (assets / "formats/arw/A_001_o1_cmp.ARW").read_bytes()
    found = load_photo(zeros_from(data, 0.6, 65_536), "x.ARW", max_megapixels=50)
    assert found.info.remarks == ()


def test_a_crw_that_ends_too_early_is_truncated(assets: Path) -> None:
    data = (assets / "formats/raw/real/CRW.CRW").read_bytes()
    assert refused(data[: len(data) * 7 // 10]).reason is Reason.TRUNCATED
