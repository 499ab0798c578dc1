"""Of a damaged JPEG it is said how much of it is affected; what is only odd is read."""

from __future__ import annotations

import random
import re
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from images.damaged_jpegs import (
    DAMAGE,
    HEIGHT,
    KINDS,
    ODDITIES,
    WIDTH,
    Fate,
    by_pillow,
    encoders,
    fate,
    load,
    picture,
    refused,
    segment,
)
from PIL import Image

from facesort.core.records import Pixels
from facesort.images.jpeg.codec import decode_scaled
from facesort.images.jpeg.damage import examine, looks_erased
from facesort.reasons import Reason


def share_told(text: str) -> float:
    (percent,) = re.findall(r"(\d+) % of the picture is missing or wrong", text)
    return int(percent) / 100


def share_wrong(found: Pixels, whole: Pixels) -> float:
    """Share of the rows from the first one that is not as it was."""
    differ = (np.abs(found.astype(int) - whole) > 8).any(axis=(1, 2))
    return 1 - int(np.argmax(differ)) / len(differ) if differ.any() else 0.0


@pytest.mark.parametrize("name", ODDITIES)
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_only_odd_is_read(name: str, kind: str) -> None:
    whole = by_pillow(0, **KINDS[kind])
    data = ODDITIES[name](whole, random.Random(0))

    found = load(data)

    assert found.info.remarks == ()
    assert (found.pixels == load(whole).pixels).all()


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("kept", [0.3, 0.9])
def test_a_file_that_ends_too_early_is_truncated(mode: str, kind: str, kept: float) -> None:
    image = picture().convert(mode)
    data = by_pillow(image, **KINDS[kind])
    data = data[: int(kept * len(data))]

    error = refused(data)

    assert error.reason is Reason.TRUNCATED
    told = share_told(error.detail)
    if kind == "progressive":  # scans are missing: all of it lacks detail
        assert told == 1.0 or kept > 0.8
    else:
        assert told == pytest.approx(1 - kept, abs=0.1)


@pytest.mark.parametrize("kind", ["baseline", "restart markers"])
@pytest.mark.parametrize("length", [512, 4096])
def test_of_a_hole_it_is_said_how_much_it_spoils(kind: str, length: int) -> None:
    whole = by_pillow(0, **KINDS[kind])
    at = len(whole) // 2
    data = whole[:at] + bytes(length) + whole[at + length :]

    error, found = refused(data), load(data, accept_damaged=True)

    assert error.reason is Reason.CORRUPT
    assert error.detail == f"{found.damage}; photos.accept_damaged = true takes it nevertheless"
    assert found.info.remarks == ("damaged",)
    wrong = (np.abs(found.pixels.astype(int) - load(whole).pixels) > 8).any(axis=2)
    if kind == "restart markers":  # only the intervals that lie in it are lost
        assert share_told(error.detail) == pytest.approx(wrong.any(axis=1).mean(), abs=0.06)
        assert share_told(error.detail) < 0.3
    else:
        assert share_told(error.detail) == pytest.approx(
            share_wrong(found.pixels, load(whole).pixels), abs=0.06
        )


@pytest.mark.parametrize("kind", KINDS)
def test_damage_is_seen_whatever_the_size_at_which_it_is_decoded(kind: str) -> None:
    def warning(data: bytes, divisor: int) -> str:
        try:
            decode_scaled(data, (WIDTH, HEIGHT), divisor)
        except ValueError as error:
            return str(error)
        return ""

    one, other = (by_pillow(seed, **KINDS[kind]) for seed in (0, 1))
    chance = random.Random(kind)
    for damage in DAMAGE.values():
        for _ in range(8):
            data = damage(one, other, chance)
            assert len({warning(data, divisor) for divisor in (1, 2, 4, 8)}) == 1


@pytest.mark.parametrize("options", [{}, {"optimize": True}])
def test_a_flat_picture_is_no_erased_one(options: dict[str, object]) -> None:
    """Its data are zeros, where the shortest code stands for a block without detail."""
    data = by_pillow(Image.new("RGB", (2000, 1500), (0, 0, 0)), **options)
    assert load(data).info.remarks == ()
    grey = by_pillow(Image.new("L", (2000, 1500), 128), **options)
    assert not looks_erased(grey)
    assert load(grey).info.remarks == ()


def test_a_progressive_picture_that_ends_between_two_scans_is_truncated() -> None:
    data = by_pillow(0, progressive=True)
    last = data.rindex(b"\xff\xc4")
    assert "scans are missing" in refused(data[:last]).detail
    assert examine(data)[1] is None


FIELD = "field/damaged-jpeg-accepted"
# As `expected` in the reports of users: what was told of each, by name.
REPORTED = {
    "missing_eoi_only": None,
    "one_bit_flipped": Reason.CORRUPT,
    "spliced_with_another": Reason.CORRUPT,
    "whole": None,
    "zeros_512_bytes_inside": Reason.CORRUPT,
    "zeros_from_here_but_eoi": Reason.CORRUPT,
}


@pytest.mark.parametrize("name", REPORTED)
def test_the_files_of_the_report(assets: Path, name: str) -> None:
    data = (assets / FIELD / f"{name}.jpg").read_bytes()
    reason = REPORTED[name]
    if reason is None:
        assert load(data).info.remarks == ()
        return
    assert refused(data).reason is reason
    assert load(data, accept_damaged=True).info.remarks == ("damaged",)


def outcomes(kind: str, damage: str, count: int) -> Counter[Fate]:
    one, other = (by_pillow(seed, **KINDS[kind]) for seed in (0, 1))
    whole, chance = load(one).pixels, random.Random(f"{kind} {damage}")
    return Counter(fate(DAMAGE[damage](one, other, chance), whole) for _ in range(count))


# Shares of 1,000 that are noticed, less three standard deviations of so few as the fast suite tries.
AT_LEAST = {
    ("baseline", "flips"): 0.05, ("baseline", "holes"): 0.95, ("baseline", "splices"): 0.6,
    ("progressive", "flips"): 0.15, ("progressive", "holes"): 0.85, ("progressive", "splices"): 0.85,
    ("restart markers", "flips"): 0.05, ("restart markers", "holes"): 0.95,
    ("restart markers", "splices"): 0.7,
}  # fmt: skip


def odd_but_whole(number: int) -> tuple[str, bytes, bytes]:
    """What was done to a whole picture, the picture, and what became of it."""
    chance = random.Random(number)
    size = chance.randrange(1, 200), chance.randrange(1, 200)
    encoder = chance.choice(sorted(encoders()))
    modes = {"Pillow": ("RGB", "RGB", "L", "CMYK"), "OpenCV": ("RGB", "L")}
    image = picture(number % 5).resize(size).convert(chance.choice(modes.get(encoder, ("RGB",))))
    data = encoders()[encoder](image, chance)
    oddity = chance.choice(sorted(ODDITIES))
    return f"{encoder} {size} {image.mode}: {oddity}", data, ODDITIES[oddity](data, chance)


@pytest.mark.parametrize(("kind", "damage"), AT_LEAST)
def test_a_share_of_the_damage_is_noticed(kind: str, damage: str) -> None:
    found = outcomes(kind, damage, 40)
    assert found[Fate.NOTICED] >= 40 * AT_LEAST[kind, damage], found


def test_no_whole_picture_is_refused() -> None:
    for number in range(150):
        what, whole, odd = odd_but_whole(number)
        assert (load(odd).pixels == load(whole).pixels).all(), what


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "damage"), AT_LEAST)
def test_a_thousand_of_each_damage(
    kind: str, damage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    found = outcomes(kind, damage, 1_000)
    with capsys.disabled():
        sys.stdout.write(
            f"\n{kind}, {damage}: " + ", ".join(f"{found[f]} {f}" for f in Fate) + "\n"
        )
    assert found[Fate.NOTICED] >= 1_000 * AT_LEAST[kind, damage]


@pytest.mark.slow
def test_no_whole_picture_of_a_thousand_is_refused() -> None:
    for number in range(1_000):
        what, whole, odd = odd_but_whole(number)
        assert (load(odd).pixels == load(whole).pixels).all(), what


@pytest.mark.parametrize("kind", KINDS)
def test_zeros_in_a_table_of_quantisation_are_noticed(kind: str) -> None:
    whole = by_pillow(0, **KINDS[kind])
    at = whole.index(b"\xff\xdb") + 20
    error = refused(whole[:at] + bytes(30) + whole[at + 30 :])
    assert error.reason is Reason.CORRUPT
    assert share_told(error.detail) == 1


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("after", [0, 33])
def test_a_huffman_table_whose_marker_is_lost_is_noticed(kind: str, after: int) -> None:
    whole = by_pillow(0, **KINDS[kind])
    at = whole.index(b"\xff\xc4") + after
    assert refused(whole[:at] + bytes(4) + whole[at + 4 :]).reason is Reason.CORRUPT


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("length", [4, 40])
def test_no_thumbnail_is_taken_for_the_picture(kind: str, length: int) -> None:
    """Of a segment with a thumbnail the beginning is lost, or that of the thumbnail too."""
    whole, small = by_pillow(0, **KINDS[kind]), by_pillow(picture(1, 160, 120))
    small = small[:2] + small[20:]
    data = whole[:20] + segment(0xE1, b"Exif\0\0" + bytes(30) + small) + whole[20:]
    assert load(data).pixels.shape == (HEIGHT, WIDTH, 3)
    assert refused(data[:20] + bytes(length) + data[20 + length :]).reason is Reason.CORRUPT


def test_zeros_in_a_table_between_two_scans_are_no_damage() -> None:
    """A table with one code has fifteen zeros, and its symbol is the sixteenth."""
    data = by_pillow(Image.new("RGB", (200, 200), (90, 120, 50)), progressive=True)
    assert bytes(16) in data[data.index(b"\xff\xda") :]
    assert not looks_erased(data)
    assert load(data).info.remarks == ()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("kept", [0.0, 0.5])
def test_a_file_whose_rest_is_erased_flash_memory_is_truncated(kind: str, kept: float) -> None:
    whole = by_pillow(1, **KINDS[kind])
    data = whole[: max(2, int(len(whole) * kept))] + b"\xff" * 2_000_000

    assert refused(data).reason is Reason.TRUNCATED


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_picture_shows_nothing_of_one_that_was_decoded_before(kind: str) -> None:
    whole, other = by_pillow(1, **KINDS[kind]), by_pillow(2)
    at = whole.index(b"\xff\xda") + 200
    damaged = whole[:at] + b"\xff\x9d" + whole[at:]  # libjpeg-turbo gives up at it

    seen = []
    for _ in range(20):
        before = load(other).pixels.copy()
        seen.append(load(damaged, accept_damaged=True).pixels)
        assert (seen[-1] == before).all(axis=2).mean() < 0.2
    assert all((pixels == seen[0]).all() for pixels in seen)
