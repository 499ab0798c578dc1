"""JPEGs with sampling factors that simplejpeg does not know: damage to them is noticed too."""

from __future__ import annotations

import random
import re
import struct
from collections import Counter
from contextlib import suppress

import numpy as np
import pytest
from images.damaged_jpegs import (
    DAMAGE,
    HEIGHT,
    WIDTH,
    Fate,
    by_pillow,
    fate,
    load,
    picture,
    refused,
)
from PIL import Image

from facesort.images.jpeg.codec import decode_smallest
from facesort.images.jpeg.damage import examine
from facesort.images.jpeg.head import read_head
from facesort.images.jpeg.huffman import coded_damage
from facesort.reasons import Reason

_ENDED = b"\xff\xd9"


def segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def one_scan(seed: int = 0, **options: object) -> bytes:
    """Twice as much of one chroma as of light, in one scan: the blocks of a CMYK JPEG, read as another kind."""
    data = by_pillow(picture(seed).convert("CMYK"), **options)
    head, start = read_head(data)
    tables = b"".join(part for part in head.parts[1:] if part[1] in {0xC4, 0xDB, 0xDD})
    size = struct.pack(">BHH", 8, HEIGHT, 2 * WIDTH)
    frame = segment(0xC0, size + bytes([3, 1, 0x11, 0, 2, 0x21, 0, 3, 0x11, 0]))
    scan = segment(0xDA, bytes([3, 1, 0, 2, 0, 3, 0, 0, 63, 0]))
    return b"\xff\xd8" + tables + frame + scan + data[start:]


def apart(seed: int = 0, **options: object) -> bytes:
    """Chroma at a quarter of the width and half of the height, each component in scans of its own."""
    light, *chroma = picture(seed).convert("YCbCr").split()
    planes = [light, *(plane.resize((WIDTH // 4, HEIGHT // 2)) for plane in chroma)]
    parts = []
    for number, plane in enumerate(planes, 1):
        data = by_pillow(Image.fromarray(np.asarray(plane)), **options)
        head, start = read_head(data)
        used = b"".join(part for part in head.parts if part[1] in {0xC4, 0xDA, 0xDB, 0xDD})
        scans = (used + data[start:-2]).replace(
            b"\xff\xda\0\x08\1\1", bytes([255, 0xDA, 0, 8, 1, number])
        )
        parts.append(scans)
    size = struct.pack(">BHH", 8, HEIGHT, WIDTH)
    marker = 0xC2 if options.get("progressive") else 0xC0
    frame = segment(marker, size + bytes([3, 1, 0x42, 0, 2, 0x11, 0, 3, 0x11, 0]))
    return b"".join((b"\xff\xd8", frame, *parts, _ENDED))


def progressive(seed: int = 0, **options: object) -> bytes:
    return apart(seed, progressive=True, **options)


KINDS = {"one scan": one_scan, "three scans": apart, "progressive": progressive}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("options", [{}, {"restart_marker_rows": 1}, {"optimize": True}], ids=str)
def test_a_whole_one_is_read(kind: str, options: dict[str, object]) -> None:
    data = KINDS[kind](**options)
    with pytest.raises(ValueError, match="subsampling"):
        decode_smallest(data)
    assert load(data).info.remarks == ()
    assert load(data[:-2]).info.remarks == ()  # nothing but the marker of the end is missing
    assert load(data[:-2] + bytes(100) + _ENDED).info.remarks == ()


def test_the_picture_of_three_scans_is_right() -> None:
    pixels = load(apart()).pixels.astype(int)
    assert np.abs(pixels - np.asarray(picture())).mean() < 12


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("kept", [0.3, 0.9])
def test_one_that_ends_too_early_is_truncated(kind: str, kept: float) -> None:
    data = KINDS[kind]()
    data = data[: int(kept * len(data))]

    error = refused(data)

    assert error.reason is Reason.TRUNCATED
    assert load(data, accept_damaged=True).info.remarks == ("damaged",)
    if kind == "one scan":
        told = int(error.detail.split(" %")[0].split()[-1])
        assert told == pytest.approx(100 * (1 - kept), abs=10)


@pytest.mark.parametrize("kind", ["one scan", "three scans"])
def test_a_hole_between_restart_markers_spoils_some_rows(kind: str) -> None:
    whole = KINDS[kind](restart_marker_rows=1)
    at = len(whole) // 2
    error = refused(
        whole[:at] + random.Random(0).randbytes(400).replace(b"\xff", b"\0") + whole[at + 400 :]
    )
    assert error.reason is Reason.CORRUPT
    (told,) = [int(word) for word in error.detail.split() if word.isdigit()][:1]
    assert told < 60


@pytest.mark.parametrize("kind", KINDS)
def test_damage_is_noticed_as_often_as_in_other_jpegs(kind: str) -> None:
    one, other = KINDS[kind](0), KINDS[kind](1)
    usual, usual_other = by_pillow(0), by_pillow(1)
    whole, usual_whole = load(one).pixels, load(usual).pixels
    for damage in DAMAGE.values():
        seen: Counter[str] = Counter()
        for number in range(20):
            here, there = random.Random(number), random.Random(number)
            seen["here"] += fate(damage(one, other, here), whole) is Fate.NOT_NOTICED
            seen["there"] += (
                fate(damage(usual, usual_other, there), usual_whole) is Fate.NOT_NOTICED
            )
        assert seen["here"] <= seen["there"] + 4


@pytest.mark.parametrize(
    "options", [{}, {"restart_marker_rows": 1}, {"optimize": True}, {"progressive": True}], ids=str
)
def test_all_that_libjpeg_turbo_warns_of_is_found_by_reading_the_codes(
    options: dict[str, object],
) -> None:
    one, other = by_pillow(0, **options), by_pillow(1, **options)
    chance = random.Random(0)
    for damage in DAMAGE.values():
        for _ in range(10):
            data = damage(one, other, chance)
            try:
                warned = examine(data)[1]
                head, start = read_head(data)
            except ValueError:
                continue
            end = data.find(_ENDED, start)
            body = data[start:] if end < 0 else data[start:end]
            if warned is not None and not re.search("zeros|scans are missing", warned.found):
                with suppress(ValueError, LookupError, ArithmeticError):
                    assert coded_damage(head, body, Reason.CORRUPT) is not None, warned
    head, start = read_head(one)
    assert coded_damage(head, one[start:-2], Reason.CORRUPT) is None
