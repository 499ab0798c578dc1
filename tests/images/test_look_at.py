"""Reading size and metadata without decoding pixels."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from images.synthetic_photos import STORED, dng, encoded, exif, held, scene
from PIL import ImageFile

from facesort.errors import ImageError
from facesort.images import load_photo, look_at
from facesort.reasons import Reason

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL", "ignore::DeprecationWarning:PIL")

_TAGS = {
    "Make": "Canon",
    "Model": "Canon EOS R6",
    "DateTimeOriginal": "2024:06:01 12:30:45",
    "SubsecTimeOriginal": "25",
    "OffsetTimeOriginal": "+02:00",
    "GPSLatitudeRef": "N",
    "GPSLatitude": (48.0, 8.0, 15.0),
    "GPSLongitudeRef": "E",
    "GPSLongitude": (11.0, 34.0, 30.0),
}


@pytest.fixture
def no_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the decoding of pixels fail."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("decodes pixels")

    monkeypatch.setattr(ImageFile.ImageFile, "load", refuse)
    monkeypatch.setattr("facesort.images.raster.decode_photo", refuse)
    monkeypatch.setattr("facesort.images.raw.photo._developed", refuse)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIF"])
@pytest.mark.parametrize("orientation", STORED)
def test_it_sees_what_load_photo_sees(kind: str, orientation: int) -> None:
    tags = exif(**_TAGS, Orientation=orientation)
    data = encoded(held(scene(), orientation), kind, exif=tags)
    info = load_photo(data, "x", max_megapixels=1).info
    assert look_at(data, "x", max_megapixels=1) == info
    assert (info.width, info.height, info.camera) == (96, 64, "Canon EOS R6")
    assert info.utc_offset == 120
    assert info.position is not None


@pytest.mark.parametrize(
    "data",
    [
        encoded(scene(), "JPEG", exif=exif(**_TAGS)),
        encoded(scene(), "PNG"),
        encoded(scene(), "HEIF", exif=exif(**_TAGS)),
        encoded(scene(), "TIFF", exif=exif(**_TAGS)),
        encoded(scene(), "GIF"),
        encoded(scene(), "BMP"),
        dng(scene(), orientation=6),
        dng(scene(), preview=encoded(scene(), "JPEG")),
    ],
)
@pytest.mark.usefixtures("no_pixels")
def test_no_pixels_are_decoded(data: bytes) -> None:
    info = look_at(data, "x", max_megapixels=1)
    assert (info.width, info.height) == (96, 64)


def test_a_png_may_have_its_exif_behind_the_pixels() -> None:
    whole = encoded(scene(), "PNG", exif=exif(Orientation=6))
    at = whole.index(b"eXIf") - 4
    end = at + 12 + int.from_bytes(whole[at : at + 4], "big")
    tail = len(whole) - 12  # IEND
    data = whole[:at] + whole[end:tail] + whole[at:end] + whole[tail:]
    assert look_at(data, "x", max_megapixels=1).width == 64
    assert load_photo(data, "x", max_megapixels=1).info.width == 64


@pytest.mark.parametrize("look", [load_photo, look_at])
@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", Reason.EMPTY_FILE),
        (b"text", Reason.NOT_AN_IMAGE),
        (b"8BPS\0\1" + bytes(100), Reason.UNSUPPORTED_FORMAT),
        (b"\xff\xd8\xff", Reason.TRUNCATED),
        (dng(scene())[:-300], Reason.CORRUPT),
        (encoded(scene(2000, 2000), "JPEG"), Reason.TOO_LARGE),
        (dng(scene(), compression=9)[:100], Reason.CORRUPT),
    ],
)
def test_it_refuses_as_load_photo_does(
    look: Callable[..., object], data: bytes, reason: Reason
) -> None:
    with pytest.raises(ImageError) as caught:
        look(data, "x.gpr", max_megapixels=1)
    if reason is Reason.CORRUPT:
        assert caught.value.reason in {Reason.CORRUPT, Reason.TRUNCATED}
    else:
        assert caught.value.reason is reason


@pytest.mark.parametrize("orientation", [1, 6])
def test_a_gopro_raw_is_read_from_its_preview(orientation: int) -> None:
    stored = held(scene(), orientation)
    data = dng(scene(), orientation=orientation, preview=encoded(stored, "JPEG"), compression=9)
    info = load_photo(data, "x.GPR", max_megapixels=1).info
    assert (info.format, info.width, info.height) == ("GPR", 96, 64)
    assert look_at(data, "x.GPR", max_megapixels=1) == info


def test_a_gopro_raw_without_a_preview_says_what_to_do() -> None:
    with pytest.raises(
        ImageError, match="this GPR: convert it to DNG with Adobe DNG Converter, or"
    ):
        load_photo(dng(scene(), compression=9), "x.GPR", max_megapixels=1)
