"""Damage to other files than JPEGs: how much of the picture it spoils, and what is only odd."""

from __future__ import annotations

import random
import zlib

import numpy as np
import pytest
from images.damaged_jpegs import picture
from images.synthetic_photos import encoded
from PIL import Image

from facesort.errors import ImageError
from facesort.images import LoadedPhoto, load_photo
from facesort.images.png.chunks import SIGNATURE, chunk, chunks
from facesort.reasons import Reason

PHOTO = picture(0, 300, 200)
PNG = encoded(PHOTO, "PNG")


def load(data: bytes, *, accept_damaged: bool = False) -> LoadedPhoto:
    return load_photo(data, "x", max_megapixels=50, accept_damaged=accept_damaged)


def refused(data: bytes) -> ImageError:
    with pytest.raises(ImageError) as raised:
        load(data)
    return raised.value


def in_small_chunks(data: bytes, length: int = 4096) -> bytes:
    """A PNG as most programs write it: its pixels in many chunks."""
    parts = [(name, whole[8:-4]) for name, whole in chunks(data)]
    pixels = b"".join(content for name, content in parts if name == b"IDAT")
    pieces = [pixels[at : at + length] for at in range(0, len(pixels), length)]
    middle = b"".join(chunk(b"IDAT", piece) for piece in pieces)
    return SIGNATURE + chunk(*parts[0]) + middle + chunk(b"IEND", b"")


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "P", "1"])
@pytest.mark.parametrize("small", [False, True])
def test_every_flip_in_the_pixels_of_a_png_is_noticed(mode: str, small: bool) -> None:
    data = encoded(PHOTO.convert(mode), "PNG")
    data = in_small_chunks(data) if small and mode != "P" else data
    start, end = data.index(b"IDAT"), data.rindex(b"IEND") - 8
    chance = random.Random(mode)
    for _ in range(30):
        changed = bytearray(data)
        changed[chance.randrange(start + 4, end)] ^= 1 << chance.randrange(8)
        try:  # only the checksum itself may be flipped: all pixels are there then
            assert (load(bytes(changed)).pixels == load(data).pixels).all()
        except ImageError as error:
            assert error.reason is Reason.CORRUPT
            assert "of the picture is missing or wrong" in error.detail


def test_a_png_says_up_to_how_much_is_spoiled() -> None:
    data = in_small_chunks(PNG)
    at = len(data) // 2
    changed = data[:at] + bytes(64) + data[at + 64 :]

    assert "PNG: up to 5" in refused(changed).detail
    found = load(changed, accept_damaged=True)
    assert found.info.remarks == ("damaged",)
    assert (found.pixels[:90] == load(data).pixels[:90]).all()


def test_a_png_that_ends_too_early() -> None:
    cut = PNG[: len(PNG) * 6 // 10]
    assert refused(cut).reason is Reason.TRUNCATED
    assert " 40 % of" in refused(cut).detail or " 41 % of" in refused(cut).detail
    assert (load(cut, accept_damaged=True).pixels[:110] == load(PNG).pixels[:110]).all()


@pytest.mark.parametrize("lost", [1, 12, 16])
def test_a_png_that_lacks_no_pixel_is_read(lost: int) -> None:
    """The end, or the checksum of the last pixels, is missing."""
    found = load(PNG[:-lost])
    assert found.info.remarks == ()
    assert (found.pixels == np.asarray(PHOTO)).all()


def test_a_wrong_checksum_of_pixels_that_are_right_is_read() -> None:
    at = PNG.rindex(b"IEND") - 8
    changed = PNG[:at] + bytes(4) + PNG[at + 4 :]
    assert (load(changed).pixels == np.asarray(PHOTO)).all()


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "P"])
def test_a_png_that_lacks_rows_although_its_checksums_are_right(mode: str) -> None:
    image = PHOTO.convert(mode)
    parts = [(name, whole[8:-4]) for name, whole in chunks(encoded(image, "PNG"))]
    rows = zlib.decompress(b"".join(content for name, content in parts if name == b"IDAT"))

    def with_rows(count: int) -> bytes:
        packed = zlib.compress(rows[: len(rows) * count // image.height])
        front = [chunk(*part) for part in parts if part[0] not in {b"IDAT", b"IEND"}]
        return b"".join([SIGNATURE, *front, chunk(b"IDAT", packed), chunk(b"IEND", b"")])

    assert load(with_rows(200)).info.remarks == ()
    assert "10 % of the picture is missing" in refused(with_rows(180)).detail
    assert refused(with_rows(199)).reason is Reason.CORRUPT


def test_black_rows_at_the_end_of_a_png_are_no_damage() -> None:
    image = PHOTO.copy()
    image.paste(0, (0, 100, 300, 200))
    assert load(encoded(image, "PNG")).info.remarks == ()


def interlaced(image: Image.Image) -> bytes:
    pixels = np.asarray(image)
    passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4)]
    passes += [(0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
    rows = [
        b"\0" + row.tobytes()
        for x, y, right, down in passes
        for row in pixels[y::down, x::right]
        if row.size
    ]
    header = image.width.to_bytes(4, "big") + image.height.to_bytes(4, "big") + b"\x08\2\0\0\1"
    packed = zlib.compress(b"".join(rows))
    return SIGNATURE + chunk(b"IHDR", header) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


@pytest.mark.parametrize("size", [(300, 200), (3, 5), (1, 1)])
def test_an_interlaced_png(size: tuple[int, int]) -> None:
    image = PHOTO.resize(size)
    data = interlaced(image)
    assert (load(data[:-12]).pixels == np.asarray(image)).all()
    if size == (300, 200):
        assert refused(data[: len(data) // 2]).reason is Reason.TRUNCATED


@pytest.mark.parametrize(
    ("kind", "options"),
    [("TIFF", {}), ("BMP", {}), ("GIF", {})],
)
def test_what_pillow_could_not_decode_is_measured(kind: str, options: dict[str, object]) -> None:
    data = encoded(PHOTO.convert("P") if kind == "GIF" else PHOTO, kind, **options)
    cut = data[: len(data) * 6 // 10]

    error, found = refused(cut), load(cut, accept_damaged=True)

    assert error.reason is Reason.TRUNCATED
    (share,) = (int(word) for word in error.detail.split() if word.isdigit() and int(word) > 20)
    assert 35 <= share <= 45
    assert found.damage == error.detail.partition(";")[0]
    same = (found.pixels == load(data).pixels).all(axis=(1, 2))
    assert 0.5 < same.mean() < 0.65


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_adobe_deflate"])
def test_a_tiff_that_cannot_be_unpacked(compression: str) -> None:
    data = bytearray(encoded(PHOTO, "TIFF", compression=compression))
    data[len(data) // 2 : len(data) // 2 + 200] = random.Random(1).randbytes(200)
    assert refused(bytes(data)).reason is Reason.CORRUPT
    assert " % of the picture is missing" in refused(bytes(data)).detail
    assert load(bytes(data), accept_damaged=True).info.remarks == ("damaged",)


@pytest.mark.parametrize("kind", ["WEBP", "AVIF", "HEIF"])
def test_what_gives_no_pixels_cannot_be_accepted(kind: str) -> None:
    data = encoded(PHOTO, kind)
    with pytest.raises(ImageError) as raised:
        load(data[: len(data) // 2], accept_damaged=True)
    assert raised.value.reason is Reason.TRUNCATED


@pytest.mark.parametrize("size", [(300, 200), (1200, 900)])
def test_zeros_in_a_heif_are_noticed(size: tuple[int, int]) -> None:
    """The decoder guesses without a word, but HEVC has no such bytes."""
    data = encoded(PHOTO.resize(size), "HEIF")
    assert load(data).info.remarks == ()
    chance = random.Random(1)
    for _ in range(5):
        at = chance.randrange(len(data) // 4, len(data) - 600)
        changed = data[:at] + bytes(512) + data[at + 512 :]
        assert "up to 100 %" in refused(changed).detail
        assert load(changed, accept_damaged=True).info.remarks == ("damaged",)


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_adobe_deflate", "tiff_deflate", "jpeg"])
def test_zeros_in_a_strip_of_a_tiff_are_noticed(compression: str) -> None:
    data = encoded(PHOTO, "TIFF", compression=compression)
    assert load(data).info.remarks == ()
    at = len(data) // 2
    changed = data[:at] + bytes(64) + data[at + 64 :]
    assert " % of the picture is missing or wrong" in refused(changed).detail
    assert load(changed, accept_damaged=True).info.remarks == ("damaged",)


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_adobe_deflate", "jpeg", "packbits"])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_a_flat_tiff_is_no_damaged_one(compression: str, mode: str) -> None:
    for shade in (0, 255):
        image = Image.new("RGB", (700, 500), (shade,) * 3).convert(mode)
        assert load(encoded(image, "TIFF", compression=compression)).info.remarks == ()
