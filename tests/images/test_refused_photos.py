"""Files that are no photos, or incomplete, and the reasons given."""

from __future__ import annotations

import struct
import zlib

import pytest
from hypothesis import given, settings, strategies as st
from images.synthetic_photos import dng, encoded, scene

from facesort.errors import ImageError
from facesort.images import LoadedPhoto, load_photo
from facesort.reasons import Reason

# What decoders warn about on broken files is not the question here.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL")

_WHOLE = {
    kind: encoded(scene(), kind)
    for kind in ("JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIF", "GIF", "BMP")
} | {"DNG": dng(scene()), "DNG with preview": dng(scene(), preview=encoded(scene(), "JPEG"))}

# As CharLS starts one that says its colours: with a SPIFF segment.
_JPEG_LS = bytes.fromhex(
    "ffd8ffe800205350494646000200000300000140000001e00a0806010000012c0000012cffe800080000000100000000"
    "fff7000b08014001e001011100ffda0008010100000000"
)
# A lossless JPEG (ITU-T T.81, annex H) of 8 x 8 px in grey.
_LOSSLESS = bytes.fromhex(
    "ffd8ffc40017000101010100000000000000000000000004050208ffc3000b080008000801001100ffda000801000006"
    "0000e7fdef7bdef7618c6318c6586318c6319618c6318c6586318c6319618c6318c6586318c6319618c6318c60ffd9"
)


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size and has one byte of pixels."""

    def chunk(name: bytes, content: bytes) -> bytes:
        crc = zlib.crc32(name + content)
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", crc)

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0"))
        + chunk(b"IEND", b"")
    )


def reason_of(data: bytes, name: str = "x", max_megapixels: float = 50) -> Reason:
    with pytest.raises(ImageError) as caught:
        load_photo(data, name, max_megapixels=max_megapixels)
    assert caught.value.detail
    return caught.value.reason


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", Reason.EMPTY_FILE),
        (b"\0", Reason.NOT_AN_IMAGE),
        (b"version https://git-lfs.github.com/spec/v1\n", Reason.NOT_AN_IMAGE),
        (b"\0\0\0\x18ftypqt  \0\0\0\0" + bytes(64), Reason.NOT_AN_IMAGE),  # a QuickTime video
        (b"\xff\xd8\xff", Reason.TRUNCATED),
        (b"II*\0", Reason.CORRUPT),
        (b"\x89PNG\r\n\x1a\n", Reason.TRUNCATED),
        (encoded(scene(), "ICO"), Reason.UNSUPPORTED_FORMAT),
        (_JPEG_LS, Reason.UNSUPPORTED_FORMAT),
        (_LOSSLESS, Reason.UNSUPPORTED_FORMAT),
        (encoded(scene(), "PPM"), Reason.UNSUPPORTED_FORMAT),
        (png_header(100_000, 100_000), Reason.TOO_LARGE),
        (png_header(2_000_000_000, 2_000_000_000), Reason.TOO_LARGE),
        (png_header(0, 10), Reason.CORRUPT),
        (png_header(10, 10), Reason.CORRUPT),
    ],
)
def test_files_that_are_no_photos_have_a_reason(data: bytes, reason: Reason) -> None:
    assert reason_of(data) is reason


@pytest.mark.parametrize("kind", _WHOLE)
def test_the_limit_on_megapixels_is_the_users(kind: str) -> None:
    assert reason_of(_WHOLE[kind], max_megapixels=0.005) is Reason.TOO_LARGE
    assert load_photo(_WHOLE[kind], "x", max_megapixels=0.007).info.width == 96


def test_a_jpeg_of_12_bits_is_not_called_corrupt() -> None:
    frame = _WHOLE["JPEG"].index(b"\xff\xc0") + 4
    deep = _WHOLE["JPEG"][:frame] + b"\x0c" + _WHOLE["JPEG"][frame + 1 :]
    assert reason_of(deep) is Reason.UNSUPPORTED_FORMAT


def test_pillows_size_limit_does_not_apply() -> None:
    photo = load_photo(encoded(scene(20_000, 9_000), "JPEG"), "x", max_megapixels=200)  # 180 MP
    assert (photo.info.width, photo.info.height) == (20_000, 9_000)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "HEIF", "AVIF", "GIF", "DNG with preview"])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_a_file_that_ends_early_is_truncated(kind: str, share: float) -> None:
    whole = _WHOLE[kind]
    assert reason_of(whole[: int(len(whole) * share)], "x.dng") is Reason.TRUNCATED


def test_truncated_raw_data_are_found_behind_a_complete_preview() -> None:
    preview = encoded(scene(), "JPEG")
    whole = dng(scene(), preview=preview)
    at = whole.rindex(struct.pack("<HHI", 279, 4, 1)) + 8  # the byte count of the raw data
    for count in (len(whole) + 1, 0xFFFFFFF0):
        cut = whole[:at] + struct.pack("<I", count) + whole[at + 4 :]
        assert reason_of(cut, "x.dng") is Reason.TRUNCATED


def test_a_truncated_preview_is_no_error() -> None:
    whole = dng(scene(), preview=encoded(scene(), "JPEG"))
    at = whole.index(struct.pack("<HHI", 279, 4, 1)) + 8  # the byte count of the preview
    cut = whole[:at] + struct.pack("<I", len(whole)) + whole[at + 4 :]
    assert load_photo(cut, "x.dng", max_megapixels=1).info.format == "DNG"


def test_raw_data_without_noise_are_refused() -> None:
    assert reason_of(_with_lower_half(0), "x.dng") is Reason.TRUNCATED
    assert reason_of(_with_lower_half(30_000), "x.dng") is Reason.TRUNCATED


def test_saturated_raw_data_may_lack_noise() -> None:
    assert load_photo(_with_lower_half(60_000), "x.dng", max_megapixels=1).info.format == "DNG"


def _with_lower_half(level: int) -> bytes:
    """A RAW file with a lower half of one level; 60,000 is white."""
    whole = bytearray(dng(scene()))
    half = scene().width * scene().height  # in bytes: two per pixel
    whole[8 + half : 8 + 2 * half] = struct.pack("<H", level) * (half // 2)
    return bytes(whole)


@pytest.mark.parametrize("kind", _WHOLE)
def test_trailing_garbage_is_fine(kind: str) -> None:
    noisy = _WHOLE[kind] + bytes(range(1, 256)) * 20
    assert load_photo(noisy, "x", max_megapixels=1).info.width == 96


def outcome(data: bytes, name: str) -> LoadedPhoto | Reason:
    """The only two ways that a file may end; anything else fails the test that calls this."""
    try:
        return load_photo(data, name, max_megapixels=1)
    except ImageError as error:
        return error.reason


@settings(max_examples=300)
@given(data=st.data(), kind=st.sampled_from(sorted(_WHOLE)))
def test_a_cut_at_any_byte_ends_in_a_photo_or_a_reason(data: st.DataObject, kind: str) -> None:
    whole = _WHOLE[kind]
    cut = data.draw(st.integers(0, len(whole) - 1))
    ended = outcome(whole[:cut], "x.dng")
    if isinstance(ended, LoadedPhoto):  # what is missing is not part of the picture
        assert cut > 0.9 * len(whole)
        assert ended.pixels.shape == (64, 96, 3)


@settings(max_examples=300)
@given(data=st.data(), kind=st.sampled_from(sorted(_WHOLE)))
def test_wrong_bytes_anywhere_end_in_a_photo_or_a_reason(data: st.DataObject, kind: str) -> None:
    broken = bytearray(_WHOLE[kind])
    spots = st.tuples(st.integers(0, len(broken) - 1), st.integers(0, 255))
    for at, value in data.draw(st.lists(spots, min_size=1, max_size=8)):
        broken[at] = value
    ended = outcome(bytes(broken), "x.dng")
    if isinstance(ended, LoadedPhoto):
        assert ended.pixels.ndim == 3
        assert ended.scale >= 1


@settings(max_examples=200)
@given(
    start=st.sampled_from(
        [whole[:16] for whole in _WHOLE.values()] + [b"", b"FUJIFILMCCD-RAW", b"IIU\0"]
    ),
    rest=st.binary(max_size=300),
)
def test_random_bytes_end_in_a_reason(start: bytes, rest: bytes) -> None:
    assert isinstance(outcome(start + rest, "x.arw"), Reason)
