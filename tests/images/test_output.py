"""Output JPEGs and thumbnails."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from images.synthetic_photos import distance, encoded, exif, scene, swapped_profile

from facesort.images import decode_jpeg, encode_crop, encode_output, load_photo

_APP0, _START_OF_SCAN = 0xE0, 0xDA
_PICTURE = {0xDB, 0xC0, 0xC4, _START_OF_SCAN}  # tables, baseline frame, Huffman, scan


def markers(jpeg: bytes) -> list[tuple[int, bytes]]:
    """Every segment up to the scan, as (marker, content); what follows it must be the scan and EOI."""
    found, at = [], 2
    while True:
        lead, marker, length = struct.unpack_from(">BBH", jpeg, at)
        assert lead == 0xFF
        found.append((marker, jpeg[at + 4 : at + 2 + length]))
        at += 2 + length
        if marker == _START_OF_SCAN:
            break
    scan = jpeg[at:]
    inside = [scan[i + 1] for i in range(len(scan) - 2) if scan[i] == 0xFF and scan[i + 1] != 0]
    assert inside == []  # no segment hides behind the scan
    assert scan[-2:] == b"\xff\xd9"
    return found


def test_the_output_has_nothing_but_the_jfif_header_and_the_picture() -> None:
    source = encoded(
        scene(), "JPEG", exif=exif(Make="M", Orientation=6), icc_profile=swapped_profile(),
        xmp=b"<x:xmpmeta/>", comment=b"secret",
    )  # fmt: skip
    found = markers(encode_output(load_photo(source, "x.jpg", max_megapixels=1).pixels))
    assert {marker for marker, _ in found} <= _PICTURE | {_APP0}
    headers = [content for marker, content in found if marker == _APP0]
    assert [len(content) for content in headers] == [14]  # JFIF without a thumbnail
    assert headers[0].startswith(b"JFIF\0")


@pytest.mark.parametrize(
    ("size", "wanted"),
    [
        ((1, 1), (1, 1)),
        ((2048, 10), (2048, 10)),
        ((10, 2048), (10, 2048)),
        ((2049, 1000), (2048, 1000)),
        ((3000, 2000), (2048, 1365)),
        ((1000, 4096), (500, 2048)),
        ((4096, 1), (2048, 1)),
    ],
)
def test_the_long_edge_is_at_most_2048_and_never_enlarged(
    size: tuple[int, int], wanted: tuple[int, int]
) -> None:
    pixels = np.asarray(scene(*size))
    assert decode_jpeg(encode_output(pixels)).shape == (wanted[1], wanted[0], 3)


def test_the_output_looks_like_its_pixels_and_is_the_same_each_time() -> None:
    pixels = np.asarray(scene(300, 200))
    first = encode_output(pixels)
    assert first == encode_output(pixels.copy())
    assert distance(decode_jpeg(first), scene(300, 200)) < 2


@pytest.mark.parametrize(
    ("box", "wanted"),
    [
        ((10, 10, 10, 10), (1, 1)),
        ((20, 20, 40, 30), (40, 30)),  # 10 px of context on each side
        ((0, 0, 20, 20), (30, 30)),
        ((-50, -50, -40, -40), (1, 1)),
        ((90, 60, 500, 400), (96, 64)),
        ((500, 400, 510, 410), (1, 1)),
    ],
)
def test_a_crop_is_the_box_with_context_clipped_to_the_image(
    box: tuple[int, ...], wanted: tuple[int, int]
) -> None:
    crop = encode_crop(np.asarray(scene()), box, context=0.5, edge=160, quality=80)
    assert decode_jpeg(crop).shape == (wanted[1], wanted[0], 3)


def test_a_crop_shows_what_is_in_its_box() -> None:
    pixels = np.asarray(scene(400, 400))
    crop = decode_jpeg(encode_crop(pixels, (300, 0, 400, 100), context=0, edge=50, quality=90))
    assert crop.shape == (50, 50, 3)
    assert np.abs(crop.mean(axis=(0, 1)) - pixels[:100, 300:].mean(axis=(0, 1))).max() < 3


@settings(max_examples=50)
@given(box=st.lists(st.floats(-1e6, 1e6), min_size=4, max_size=4), context=st.floats(0, 3))
def test_any_box_gives_a_crop_within_the_edge(box: list[float], context: float) -> None:
    crop = decode_jpeg(encode_crop(np.asarray(scene()), box, context=context, edge=32, quality=80))
    assert 1 <= min(crop.shape[:2]) <= max(crop.shape[:2]) <= 32
