"""Telling photos, videos and other files by how they start, as `load_photo` does."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st
from images.synthetic_photos import dng, encoded, scene

from facesort.errors import ImageError
from facesort.images import HEAD_BYTES, PhotoKind, kind_by_content, load_photo
from facesort.reasons import Reason

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL", "ignore::DeprecationWarning:PIL")

_READ = {
    kind: encoded(scene(), kind)
    for kind in ("JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIF", "GIF", "BMP", "MPO")
} | {"DNG": dng(scene()), "BigTIFF": encoded(scene(), "TIFF", big_tiff=True)}


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(content), kind) + content


def ftyp(*brands: bytes) -> bytes:
    return box(b"ftyp", brands[0] + bytes(4) + b"".join(brands)) + box(b"mdat", bytes(64))


_JP2_SIGNATURE = box(b"jP  ", b"\r\n\x87\n")
_REFUSED = {
    "JPEG XL": bytes.fromhex("ff0afb4142712100138802007c92bd83c6155d19302d9e120000151a9244010c"),
    "JPEG XL in boxes": box(b"JXL ", b"\r\n\x87\n") + ftyp(b"jxl "),
    "JPEG 2000": bytes.fromhex("ff4fff510029000000000060") + bytes(100),
    "JPEG 2000 in boxes": _JP2_SIGNATURE + ftyp(b"jp2 "),
    "JPEG 2000 part 2": _JP2_SIGNATURE + ftyp(b"jpx ", b"jp2 "),
    "JPEG-LS": b"\xff\xd8\xff\xf7" + bytes(100),
    "JPEG XR": b"II\xbc\1" + bytes(100),
    "PSD": b"8BPS\0\1" + bytes(100),
    "OpenEXR": b"v/1\1\2\0\0\0" + bytes(100),
    "Radiance HDR": b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 64 +X 96\n" + bytes(100),
    "GIMP": b"gimp xcf v011\0" + bytes(100),
    "PPM": encoded(scene(), "PPM"),
    "SGI": encoded(scene(), "SGI"),
    "PCX": encoded(scene(), "PCX"),
    "ICO": encoded(scene(), "ICO"),
    "DDS": encoded(scene(), "DDS"),
}
_VIDEOS = {
    "MP4": ftyp(b"isom", b"iso2", b"avc1", b"mp41"),
    "MOV": ftyp(b"qt  "),
    "old MOV": box(b"wide", b"") + box(b"mdat", bytes(100)),
    "M4V": ftyp(b"M4V "),
    "3GP": ftyp(b"3gp5"),
    "Sony": ftyp(b"XAVC", b"mp42"),
    "Motion JPEG 2000": _JP2_SIGNATURE + ftyp(b"mjp2"),
    "AVI": b"RIFF" + struct.pack("<I", 200) + b"AVI LIST" + bytes(100),
    "MKV": bytes.fromhex("1a45dfa3a34286810142f7810142f2810442f381084282886d6174726f736b61")
    + bytes(9),
    "WebM": bytes.fromhex("1a45dfa39f4286810142f7810142f2810442f381084282847765626d") + bytes(9),
    "MPEG-TS": (b"G" + bytes(187)) * 12,
    "AVCHD": (bytes(4) + b"G" + bytes(187)) * 12,
    "MPEG-PS": bytes.fromhex("000001ba44000401") + bytes(100),
    "WMV": bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c") + bytes(100),
}
_OTHERS = {
    "nothing": b"",
    "text": b"Dear photographer,\nhere are the names.\n",
    "text that starts like a BMP": b"BMW, Opel and Ford: who came in which car, and who drove home with whom?\n",
    "text that starts like a TIFF": b"II* and so on, at the door from 8 p.m.\n",
    "text that starts like a PPM": b"P6 is the room where 25 guests sleep\n",
    "latin-1 text that starts like a JPEG XL": b"\xff\n" + b"Guests: 12, among them J\xf6rg\n" * 9,
    "PDF": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n",
    "ZIP": b"PK\3\4\x14\0" + bytes(100),
    "MP3": b"\xff\xfb\x90\x64" + bytes(100),
    "MP3 with tags": b"ID3\4\0\0" + bytes(100),
    "WAV": b"RIFF" + struct.pack("<I", 200) + b"WAVEfmt " + bytes(100),
    "M4A": ftyp(b"M4A ", b"mp42", b"isom"),
    "zeros": bytes(5000),
    "font": b"\0\1\0\0\0\x10" + bytes(100),
    "SVG": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
    "LFS pointer": b"version https://git-lfs.github.com/spec/v1\n",
}  # fmt: skip


def kind_of(data: bytes) -> PhotoKind:
    return kind_by_content(data[:HEAD_BYTES], len(data))


def outcome(data: bytes, name: str = "x") -> Reason | None:
    try:
        load_photo(data, name, max_megapixels=200)
    except ImageError as error:
        return error.reason
    return None


@pytest.mark.parametrize("data", _READ.values(), ids=_READ)
def test_what_can_be_read_is_a_photo(data: bytes) -> None:
    assert kind_of(data) is PhotoKind.PHOTO
    assert outcome(data) is None


@pytest.mark.parametrize(("name", "data"), _REFUSED.items(), ids=_REFUSED)
def test_a_picture_that_cannot_be_read_is_counted_and_says_what_to_do(
    name: str, data: bytes
) -> None:
    assert kind_of(data) is PhotoKind.PHOTO
    with pytest.raises(ImageError) as caught:
        load_photo(data, "x.jpg", max_megapixels=1)
    assert caught.value.reason is Reason.UNSUPPORTED_FORMAT
    shown = name.partition(" in boxes")[0].partition(" part")[0]
    assert caught.value.detail == (
        f"{shown} files cannot be read: save or export the picture as JPEG"
    )


@pytest.mark.parametrize("data", _VIDEOS.values(), ids=_VIDEOS)
def test_a_video_is_no_photo(data: bytes) -> None:
    assert kind_of(data) is PhotoKind.VIDEO
    assert outcome(data, "x.jpg") is Reason.NOT_AN_IMAGE


@pytest.mark.parametrize("data", _OTHERS.values(), ids=_OTHERS)
def test_other_files_are_no_photos(data: bytes) -> None:
    assert kind_of(data) is PhotoKind.OTHER
    assert outcome(data, "x.jpg") in {Reason.NOT_AN_IMAGE, Reason.EMPTY_FILE}


@pytest.mark.parametrize(
    ("data", "command"),
    [
        (b"/annex/objects/SHA256E-s31390--f50d7ac4.jpg\n", "git annex get"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n", "git lfs pull"),
    ],
)  # fmt: skip
def test_a_picture_that_was_not_fetched_says_how_to_fetch_it(data: bytes, command: str) -> None:
    with pytest.raises(ImageError, match=f"`{command}` fetches the picture") as caught:
        load_photo(data, "x.jpg", max_megapixels=1)
    assert caught.value.reason is Reason.NOT_AN_IMAGE


_ALL = [*_READ.values(), *_REFUSED.values(), *_VIDEOS.values(), *_OTHERS.values()]


@settings(max_examples=500)
@given(start=st.sampled_from(_ALL), cut=st.integers(0, 200), rest=st.binary(max_size=100))
def test_any_start_gives_a_kind_and_the_same_as_the_analysis(
    start: bytes, cut: int, rest: bytes
) -> None:
    data = start[:cut] + rest
    no_photo = outcome(data) in {Reason.NOT_AN_IMAGE, Reason.EMPTY_FILE}
    assert (kind_of(data) is not PhotoKind.PHOTO) == no_photo


@given(head=st.binary(max_size=64), size=st.integers(0, 1 << 40))
def test_any_bytes_give_a_kind(head: bytes, size: int) -> None:
    assert kind_by_content(head, size) in {PhotoKind.PHOTO, PhotoKind.VIDEO, PhotoKind.OTHER}


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("IMG_0001.insp", None),
        ("IMG_0003_no_suffix", None),
        ("photo.jxl", Reason.UNSUPPORTED_FORMAT),
        ("jxl_named.jpg", Reason.UNSUPPORTED_FORMAT),
    ],
)
def test_photos_whose_suffix_was_left_out(assets: Path, name: str, reason: Reason | None) -> None:
    data = (assets / "field/photo-suffix-left-out" / name).read_bytes()
    assert kind_of(data) is PhotoKind.PHOTO
    assert outcome(data, name) is reason
