"""Capture time, offset and position from EXIF."""

from __future__ import annotations

import math
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given, strategies as st
from images.synthetic_photos import encoded, exif, scene
from PIL import ExifTags, Image
from PIL.TiffImagePlugin import IFDRational

from facesort.core.records import PhotoInfo, Position
from facesort.images import look_at
from facesort.images.boxes import canon_exif
from facesort.images.metadata import captured_at
from facesort.images.position import position

_MUNICH = {
    "GPSLatitudeRef": "N",
    "GPSLatitude": (48.0, 8.0, 15.0),
    "GPSLongitudeRef": "E",
    "GPSLongitude": (11.0, 34.0, 30.0),
}
_ZERO = _MUNICH | {"GPSLatitude": (0.0, 0.0, 0.0), "GPSLongitude": (0.0, 0.0, 0.0)}


def seen(**tags: object) -> PhotoInfo:
    return look_at(encoded(scene(), "JPEG", exif=exif(**tags)), "x", max_megapixels=1)


@pytest.mark.parametrize(
    ("offset", "minutes"),
    [
        ("+09:00", 540), ("-03:30", -210), ("+00:00", 0), ("Z", 0), ("+0545", 345), ("+14:00", 840),
        ("+15:00", None), ("+09:60", None), ("   :  ", None), ("", None), ("9", None), ("UTC", None),
    ],
)  # fmt: skip
def test_the_offset_of_the_clock(offset: str, minutes: int | None) -> None:
    info = seen(DateTimeOriginal="2024:06:01 12:30:45", OffsetTimeOriginal=offset)
    assert info.utc_offset == minutes
    assert info.captured_at == datetime(2024, 6, 1, 12, 30, 45)


def test_each_time_has_its_own_fraction_and_offset() -> None:
    tags: dict[str, object] = {
        "DateTime": "2030:01:01 00:00:00", "SubsecTime": "1", "OffsetTime": "+01:00",
        "DateTimeDigitized": "2029:01:01 00:00:00", "SubsecTimeDigitized": "02", "OffsetTimeDigitized": "+02:00",
        "DateTimeOriginal": "2028:01:01 00:00:00", "SubsecTimeOriginal": "123456789", "OffsetTimeOriginal": "+03:00",
    }  # fmt: skip
    info = seen(**tags)
    assert (info.captured_at, info.utc_offset) == (datetime(2028, 1, 1, 0, 0, 0, 123456), 180)
    info = seen(**tags | {"DateTimeOriginal": "0000:00:00 00:00:00"})
    assert (info.captured_at, info.utc_offset) == (datetime(2029, 1, 1, 0, 0, 0, 20000), 120)
    info = seen(**tags | {"DateTimeOriginal": "", "DateTimeDigitized": ""})
    assert (info.captured_at, info.utc_offset) == (datetime(2030, 1, 1, 0, 0, 0, 100000), 60)


def test_offset_time_stands_in() -> None:
    info = seen(DateTimeOriginal="2024:06:01 12:30:45", OffsetTime="-05:00")
    assert info.utc_offset == -300


def test_an_offset_without_a_time_means_nothing() -> None:
    assert seen(OffsetTime="-05:00").utc_offset is None


@pytest.mark.parametrize(
    ("refs", "latitude", "longitude"),
    [("NE", 48.1375, 11.575), ("SE", -48.1375, 11.575), ("NW", 48.1375, -11.575), ("sw", -48.1375, -11.575)],
)  # fmt: skip
def test_the_references_give_the_signs(refs: str, latitude: float, longitude: float) -> None:
    place = seen(**_MUNICH | {"GPSLatitudeRef": refs[0], "GPSLongitudeRef": refs[1]}).position
    assert place == Position(pytest.approx(latitude), pytest.approx(longitude))


@pytest.mark.parametrize(
    ("tags", "altitude"),
    [
        ({"GPSAltitude": 519.5}, 519.5),
        ({"GPSAltitude": 519.5, "GPSAltitudeRef": b"\0"}, 519.5),
        ({"GPSAltitude": 430.0, "GPSAltitudeRef": b"\1"}, -430.0),
        ({"GPSAltitude": IFDRational(1, 0), "GPSAltitudeRef": b"\0"}, None),
        ({"GPSAltitude": 4e9}, None),
        ({"GPSAltitudeRef": b"\1"}, None),
    ],
)
def test_the_altitude(tags: dict[str, object], altitude: float | None) -> None:
    place = seen(**_MUNICH, **tags).position
    assert place is not None
    assert place.altitude == (None if altitude is None else pytest.approx(altitude))


@pytest.mark.parametrize(
    "change",
    [
        {"GPSLatitudeRef": "X"},
        {"GPSLongitudeRef": ""},
        {"GPSLatitude": (91.0, 0.0, 0.0)},
        {"GPSLongitude": (180.0, 0.0, 1.0)},
        {"GPSLatitude": (48.0, 61.0, 0.0)},
        {"GPSLatitude": (IFDRational(48, 0), 0.0, 0.0)},
        {"GPSLatitude": (48.0, 8.0, IFDRational(0, 0))},
        {"GPSLatitude": (48.0, 8.0)},
        {"GPSLatitude": 48.0},
        {"GPSStatus": "V"},
    ],
)
def test_a_broken_position_is_none(change: dict[str, object]) -> None:
    assert seen(**_MUNICH).position is not None
    assert seen(**_MUNICH | change).position is None


@pytest.mark.parametrize("tag", sorted(_MUNICH))
def test_half_a_position_is_none(tag: str) -> None:
    assert seen(**{name: value for name, value in _MUNICH.items() if name != tag}).position is None


def test_zero_is_a_place_unless_the_receiver_says_that_it_saw_no_satellites() -> None:
    assert seen(**_ZERO).position == Position(0.0, 0.0)
    assert seen(**_ZERO, GPSStatus="A", GPSSatellites="10").position == Position(0.0, 0.0)
    assert seen(**_ZERO, GPSStatus="V").position is None
    assert seen(**_ZERO, GPSSatellites="00").position is None


_NUMBERS = st.builds(IFDRational, st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))
_VALUES = st.one_of(
    st.binary(max_size=4), st.text(max_size=4), st.integers(), _NUMBERS, st.tuples(_NUMBERS, _NUMBERS, _NUMBERS)
)  # fmt: skip


@given(tags=st.dictionaries(st.sampled_from(list(ExifTags.GPS)), _VALUES))
def test_any_tags_give_a_place_on_earth_or_none(tags: dict[int, object]) -> None:
    made = Image.Exif()
    made.get_ifd(ExifTags.IFD.GPSInfo).update(tags)
    place = position(made)
    if place is not None:
        assert abs(place.latitude) <= 90
        assert abs(place.longitude) <= 180
        assert place.altitude is None or math.isfinite(place.altitude)


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
def test_positions_of_real_files(assets: Path) -> None:
    def place(name: str) -> Position | None:
        path = assets / name
        return look_at(path.read_bytes(), path.name, max_megapixels=200).position

    assert place("broken/pillow/empty_gps_ifd.jpg") is None
    assert place("broken/pillow/exif_gps_typeerror.jpg") is None
    assert place("broken/pillow/exif_gps.jpg") is None
    stonehenge = Position(pytest.approx(51.178281), pytest.approx(-1.826639), 97.0)
    assert place("formats/heic/exiv2/Stonehenge.heic") == stonehenge
    desert = place("photos/vladmandic-human/group-5.jpg")
    assert desert is not None
    assert desert.altitude == -41.0


def test_real_heif_and_raw_give_the_offset(assets: Path) -> None:
    for name, minutes in (("heic/exiv2/IMG_3578.heic", -360), ("raw/real/DSC8695.dng", 60)):
        data = (assets / "formats" / name).read_bytes()
        assert look_at(data, name, max_megapixels=200).utc_offset == minutes


def test_a_cr3_has_its_directories_in_boxes(assets: Path) -> None:
    exif = canon_exif((assets / "formats/raw/exiv2/Canon-R6-pruned.CR3").read_bytes())
    assert captured_at(exif) == (datetime(2021, 5, 12, 12, 21, 21, 920000), 120)
    assert exif[ExifTags.Base.Model] == "Canon EOS R6"
    assert ExifTags.GPS.GPSVersionID in exif.get_ifd(ExifTags.IFD.GPSInfo)
