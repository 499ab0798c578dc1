"""Metadata of any size, number and kind: they never fail a photo, and are read where they say something."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from images.charts import chunk
from images.synthetic_photos import distance, encoded, exif, held, scene, swapped_profile
from PIL import Image, PngImagePlugin

from facesort.errors import ImageError
from facesort.images import LoadedPhoto, load_photo, look_at
from facesort.images.png.chunks import tidied

_MB = 1 << 20
_XMP_6 = b'<x:xmpmeta><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'


def read(data: bytes) -> LoadedPhoto:
    photo = load_photo(data, "x", max_megapixels=1)
    assert look_at(data, "x", max_megapixels=1) == photo.info
    return photo


def is_upright(photo: LoadedPhoto) -> bool:
    return distance(photo.pixels, scene()) < 4


# JPEG

_ON_ITS_SIDE = encoded(held(scene(), 6), "JPEG")


def segment(content: bytes, marker: int = 0xE1) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, 2 + len(content)) + content


def jpeg(*segments: bytes, picture: bytes = _ON_ITS_SIDE) -> bytes:
    return picture[:2] + b"".join(segments) + picture[2:]


def block(**tags: object) -> bytes:
    return exif(**tags).tobytes()


@pytest.mark.parametrize(
    "behind", [b"", segment(b"comment", 0xFE), segment(b"http://ns.adobe.com/xap/1.0/\0<x/>")]
)
def test_the_second_exif_segment_counts(behind: bytes) -> None:
    photo = read(jpeg(segment(block(Make="Canon")), behind, segment(block(Orientation=6))))
    assert is_upright(photo)
    assert photo.info.camera == "Canon"
    where = {"GPSLatitudeRef": "N", "GPSLatitude": (48.0, 8.0, 15.0),
             "GPSLongitudeRef": "E", "GPSLongitude": (11.0, 34.0, 30.0)}  # fmt: skip
    when = {"DateTimeOriginal": "2024:06:01 12:30:45", "OffsetTimeOriginal": "+02:00"}
    info = read(jpeg(segment(block(Orientation=6, **when)), behind, segment(block(**where)))).info
    assert info.position is not None
    assert info.utc_offset == 120


def test_of_a_tag_in_two_segments_the_last_counts_as_for_exiftool() -> None:
    first, second = segment(block(Orientation=3, Make="A")), segment(block(Orientation=6))
    photo = read(jpeg(first, second))
    assert is_upright(photo)
    assert photo.info.camera == "A"


def test_one_exif_in_several_segments() -> None:
    whole = block(Orientation=6, Make="Canon", ImageDescription="x" * 150_000)
    pieces = [whole[at : at + 60_000] for at in range(0, len(whole), 60_000)]
    photo = read(jpeg(segment(pieces[0]), *(segment(b"Exif\0\0" + piece) for piece in pieces[1:])))
    assert is_upright(photo)
    assert photo.info.camera == "Canon"


@pytest.mark.parametrize(
    "odd", [b"\0\0\0\0Exif\0\0", b"EXIF\0\0", b"Exif\0\1", b"Exif\0\0Exif\0\0"]
)
def test_odd_exif_headers(odd: bytes) -> None:
    assert is_upright(read(jpeg(segment(odd + block(Orientation=6)[6:]))))


@pytest.mark.parametrize(
    "broken", [b"Exif\0\0", b"Exif\0\0MM\0*", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0rubbish"]
)
@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
def test_a_broken_segment_costs_only_itself(broken: bytes) -> None:
    good = segment(block(Orientation=6, Make="Canon"))
    for segments in (
        (segment(broken), segment(b"x", 0xFE), good),
        (good, segment(b"x", 0xFE), segment(broken)),
    ):
        photo = read(jpeg(*segments))
        assert is_upright(photo)
        assert photo.info.camera == "Canon"


def test_xmp_gives_the_orientation_only_if_exif_has_none() -> None:
    xmp = segment(b"http://ns.adobe.com/xap/1.0/\0" + _XMP_6)
    assert is_upright(read(jpeg(xmp)))
    assert is_upright(read(jpeg(segment(block(Make="A")), xmp, segment(block(Model="B")))))
    upright = encoded(scene(), "JPEG")
    assert is_upright(read(jpeg(segment(block(Orientation=1)), xmp, picture=upright)))


def test_sixty_segments_and_a_profile_in_pieces_out_of_order() -> None:
    profile = swapped_profile() + bytes(200_000)
    profile = struct.pack(">I", len(profile)) + profile[4:]
    parts = [profile[at : at + 60_000] for at in range(0, len(profile), 60_000)]
    pieces = [
        segment(b"ICC_PROFILE\0" + bytes([number, len(parts)]) + part, 0xE2)
        for number, part in enumerate(parts, start=1)
    ]
    rest = [segment(b"x" * 65_000, 0xE0 + number % 16) for number in range(60)]
    photo = read(jpeg(*reversed(pieces), *rest, segment(block(Orientation=6))))
    blue_and_red = Image.merge("RGB", scene().split()[::-1])
    assert distance(photo.pixels, blue_and_red) < 12


# PNG


def png(*chunks: bytes, late: bytes = b"", picture: bytes = b"") -> bytes:
    whole = picture or encoded(held(scene(), 6), "PNG")
    return whole[:33] + b"".join(chunks) + whole[33:-12] + late + whole[-12:]


_EXIF_6 = chunk(b"eXIf", block(Orientation=6, Make="Canon")[6:])
_BOMB = zlib.compress(bytes(20 * _MB), 9)
_BULK = {
    "large iTXt": chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + b"<x/>" * _MB),
    "packed iTXt": chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(b"<x/>" * _MB)),
    "large zTXt": chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(3 * _MB))),
    "large tEXt": chunk(b"tEXt", b"Comment\0" + b"x" * 3 * _MB),
    "large unknown": chunk(b"abCd", bytes(3 * _MB)),
    "bomb in zTXt": chunk(b"zTXt", b"Comment\0\0" + _BOMB),
    "bomb in iTXt": chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + _BOMB),
    "many bombs": chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(bytes(15 * _MB))) * 200,
    "bomb in a profile": chunk(b"iCCP", b"x\0\0" + _BOMB),
    "bomb in a raw profile": chunk(b"zTXt", b"Raw profile type exif\0\0" + _BOMB),
    "broken zlib": chunk(b"zTXt", b"Comment\0\0rubbish") + chunk(b"iCCP", b"x\0\0rubbish"),
    "unknown packing": chunk(b"zTXt", b"Comment\0\7x") + chunk(b"iCCP", b"x\0\7x"),
    "short chunks": chunk(b"gAMA", b"\0") + chunk(b"cHRM", b"\0") + chunk(b"sRGB", b""),
    "wrong checksum": chunk(b"tEXt", b"Comment\0x")[:-1] + b"\xff",
    "no keyword": chunk(b"tEXt", b"") + chunk(b"zTXt", b"") + chunk(b"iTXt", b"") + chunk(b"iCCP", b""),
    "animation out of order": chunk(b"acTL", bytes(8)) + chunk(b"fcTL", b"\0\0\0\7" + bytes(22)),
    "very many": chunk(b"tEXt", b"k\0v") * 20_000,
}  # fmt: skip


@pytest.mark.parametrize("name", _BULK)
def test_bulk_in_a_png_is_left_out_and_the_rest_is_read(name: str) -> None:
    for data in (
        png(_BULK[name], _EXIF_6),
        png(_EXIF_6, late=_BULK[name]),
        png(_BULK[name], late=_EXIF_6),
    ):
        photo = read(data)
        assert is_upright(photo), name
        assert photo.info.camera == "Canon"


def test_profiles_and_exif_of_more_than_a_megabyte_count() -> None:
    profile = swapped_profile()
    profile = struct.pack(">I", len(profile) + 3 * _MB) + profile[4:] + bytes(3 * _MB)
    data = png(chunk(b"iCCP", b"x\0\0" + zlib.compress(profile)), picture=encoded(scene(), "PNG"))
    assert distance(read(data).pixels, Image.merge("RGB", scene().split()[::-1])) < 12
    large = block(Orientation=6, ImageDescription="x" * 2 * _MB)
    assert is_upright(read(png(chunk(b"eXIf", large[6:]))))
    xmp = b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(b" " * 2 * _MB + _XMP_6)
    assert is_upright(read(png(chunk(b"iTXt", xmp))))
    assert is_upright(read(png(late=chunk(b"iTXt", xmp))))


@pytest.mark.parametrize("kind", ["exif", "APP1"])
def test_raw_profiles_of_imagemagick(kind: str) -> None:
    body = block(Orientation=6)
    digits = body.hex().encode()
    lines = b"\n".join(digits[at : at + 72] for at in range(0, len(digits), 72))
    text = b"\nexif\n%8d\n%s\n" % (len(body), lines)
    key = b"Raw profile type " + kind.encode() + b"\0"
    for made in (chunk(b"zTXt", key + b"\0" + zlib.compress(text)), chunk(b"tEXt", key + text)):
        assert is_upright(read(png(made)))
        assert is_upright(read(png(late=made)))


def test_an_animated_png_shows_its_default_image() -> None:
    frames = [scene(), Image.new("RGB", scene().size)]
    data = encoded(frames[0], "PNG", save_all=True, append_images=frames[1:])
    photo = read(data)
    assert distance(photo.pixels, scene()) == 0
    assert photo.info.remarks == ()


_SPOTS = st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), min_size=1, max_size=4)


@given(spots=_SPOTS, cut=st.integers(0, 10_000))
@settings(max_examples=200)
@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
def test_damage_ends_in_a_photo_or_a_reason(spots: list[tuple[int, int]], cut: int) -> None:
    whole = bytearray(png(_BULK["broken zlib"], _EXIF_6, late=chunk(b"tEXt", b"a\0b")))
    for at, value in spots:
        whole[at % len(whole)] = value
    data = bytes(whole[: max(8, cut % (2 * len(whole)))])
    try:
        load_photo(data, "x", max_megapixels=1)
    except ImageError:
        return


def test_a_plain_png_stays_as_it_is() -> None:
    data = encoded(scene(), "PNG")
    assert tidied(data) is data


def test_the_limit_for_profiles_is_set() -> None:
    assert PngImagePlugin.MAX_TEXT_CHUNK == 16 * _MB


# HEIF, AVIF, WebP, TIFF


@pytest.mark.parametrize("kind", ["HEIF", "AVIF", "WEBP", "TIFF"])
def test_large_metadata_in_other_formats(kind: str) -> None:
    tags = exif(Orientation=6, Make="Canon", ImageDescription="x" * 4 * _MB)
    profile = swapped_profile()
    profile = struct.pack(">I", len(profile) + 3 * _MB) + profile[4:] + bytes(3 * _MB)
    options = {"exif": tags, "icc_profile": profile}
    if kind != "TIFF":
        options["xmp"] = b"<x:xmpmeta/>" + b" " * 4 * _MB
    photo = read(encoded(held(scene(), 6), kind, **options))
    assert photo.pixels.shape == (64, 96, 3)
    assert distance(photo.pixels, Image.merge("RGB", scene().split()[::-1])) < 14
    assert photo.info.camera == "Canon"


def test_files_from_the_field(assets: Path) -> None:
    sideways = assets / "field/two-exif-segments/two_exif_segments_orientation6.jpg"
    photo = read(sideways.read_bytes())
    assert (photo.info.width, photo.info.height, photo.info.camera) == (480, 240, "Canon")
    folder = assets / "field/png-metadata-over-1mb"
    one, other = (read(path.read_bytes()).pixels for path in sorted(folder.glob("*.png")))
    assert one.shape == (240, 480, 3)
    assert np.array_equal(one, other)
