"""The table in docs/reference/formats.md: every cell is what `load_photo` does with files of that format."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
import pytest
from images.charts import (
    ADOBE,
    BT2020,
    P3,
    deep_avif,
    deep_heif,
    deep_png,
    eight,
    farthest,
    hlg,
    lossless,
    numbers,
    picture,
    power,
    pq,
    profile,
    tags,
    with_index,
    with_nclx,
    with_tag,
)
from images.format_files import (
    FLOATS,
    PILLOW,
    PREVIEW,
    SMALL,
    TIFF,
    cut_off,
    flip,
    in_one_file,
    of_shadows,
    turned,
    whole,
    zeros,
)
from images.synthetic_photos import (
    STORED,
    bmp_with_profile,
    dng,
    encoded,
    float_dng,
    gif_with_profile,
    scene,
)

from facesort.core.records import Pixels
from facesort.errors import ImageError
from facesort.images import LoadedPhoto, load_photo
from facesort.images.colour.spaces import ADOBE_RGB
from facesort.images.colour.tags import exif_colour
from facesort.images.tiff.exif import exif_of
from facesort.reasons import Reason

FEATURES = (
    "Orientation", "ICC profile", "EXIF colour", "nclx, cICP", "16 bits", "HDR", "Cut off", "Zeros inside",
    "Flipped bit", "Several pictures",
)  # fmt: skip
# Format -> what docs/reference/formats.md says of each feature; a dash: `REASONS` says why it cannot be.
CELLS = {
    line.split("|")[0].strip(): tuple(cell.strip() for cell in line.split("|")[1:])
    for line in """
    JPEG               | yes | yes | yes | - | - | yes | yes | yes | some | first
    PNG                | yes | yes | yes | yes | yes | yes | yes | yes | yes | first
    TIFF, BigTIFF |yes|yes|yes|-|yes|yes|yes| with LZW, Deflate, LZMA, JPEG | with Deflate, LZMA | main, told
    WebP               | yes | yes | yes | - | - | yes | yes | no | some | first
    HEIC               | yes | yes | yes | yes | yes | yes | yes | yes | no | main, told
    AVIF               | yes | yes | yes | yes | as 8 bits | yes | yes | no | no | first
    GIF                | - | ignored | - | - | - | - | yes | yes | some | first
    BMP                | - | ignored | - | - | - | - | yes | no | no | -
    RAW by its preview | yes | yes | yes | - | as 8 bits | - | yes | yes | some | -
    RAW developed      | yes | ignored | ignored | - | yes | - | yes | with a black level | no | -
    DNG of floats      | yes | ignored | ignored | - | yes | yes | yes | with Deflate | with Deflate | -
    """.strip().splitlines()
} | {"JPEG XL": ("refused",) * 10}  # fmt: skip
REASONS = {
    "Orientation": "GIF and BMP have no tag for it.",
    "EXIF colour": "GIF and BMP have no EXIF.",
    "nclx, cICP": "JPEG, TIFF, WebP, GIF, BMP, RAW and DNG have no such tag; an ICC profile may hold one, see HDR.",
    "16 bits": "JPEG, WebP, GIF and BMP have 8 bits per channel; a JPEG of 12 bits is `unsupported_format`.",
    "HDR": "GIF and BMP cannot say it. RAW is the light of a sensor, which is developed for a standard screen.",
    "Several pictures": "BMP has one. What else there is in RAW and DNG are previews of the photo.",
}
# The codestream of a picture of one colour.
_JPEG_XL = bytes.fromhex("ff0afb4142712100138802007c92bd83c6155d19302d9e120000151a9244010c")
_TRIES = 12
_ADOBE_GAMMA = 563 / 256
_ADOBE_PROFILE = profile(ADOBE, _ADOBE_GAMMA)
_ADOBE = picture(numbers(ADOBE, power(_ADOBE_GAMMA)))
_CHART = picture(numbers())
_P3 = picture(numbers(P3))
_CLOSE = 3.0  # dE2000: a chart in 8 bits of YCbCr


def load(data: bytes) -> LoadedPhoto:
    return load_photo(data, "x", max_megapixels=1)


@lru_cache(maxsize=16)
def shown(data: bytes) -> Pixels:
    return load(data).pixels


def is_scene(data: bytes) -> bool:
    """Whether it shows the scene, upright; a developed one has a brightness of its own."""
    pixels, wanted = shown(data), np.asarray(scene())
    alike = pixels.shape == wanted.shape
    return alike and bool(np.corrcoef(pixels.ravel(), wanted.ravel())[0, 1] > 0.9)


# Orientation


def orientation(kind: str) -> str:
    upright = [is_scene(data) for turn in STORED for data in turned(kind, turn)]
    return "yes" if all(upright) else "wrong"


# Colours: a chart in Adobe RGB or Display P3, and the same file without the tag


def by_tag(tagged: bytes, plain: bytes, *, developed: bool = False) -> str:
    """Whether the tag of a picture counts."""
    if np.array_equal(shown(tagged), shown(plain)):
        return "ignored"
    return "yes" if not developed and farthest(shown(tagged)) < _CLOSE else "wrong"


def icc_profile(kind: str) -> str:
    few = _ADOBE.quantize(24)
    match kind:
        case "GIF":
            return by_tag(gif_with_profile(few, _ADOBE_PROFILE), encoded(few, "GIF"))
        case "BMP":
            return by_tag(bmp_with_profile(_ADOBE, _ADOBE_PROFILE), encoded(_ADOBE, "BMP"))
        case "RAW by its preview":
            jpeg = partial(lossless, _ADOBE, "JPEG")
            tagged = dng(_CHART, preview=jpeg(icc_profile=_ADOBE_PROFILE))
            return by_tag(tagged, dng(_CHART, preview=jpeg()))
        case "RAW developed":
            return by_tag(dng(_CHART, profile=_ADOBE_PROFILE), dng(_CHART), developed=True)
        case "DNG of floats":
            tagged = float_dng(_CHART, t34675=(7, _ADOBE_PROFILE))
            return by_tag(tagged, float_dng(_CHART), developed=True)
    made = partial(lossless, _ADOBE, PILLOW[kind])
    return by_tag(made(icc_profile=_ADOBE_PROFILE), made())


def exif_of_adobe(kind: str) -> str:
    match kind:
        case "RAW by its preview":
            made = partial(dng, _CHART, preview=lossless(_ADOBE, "JPEG"))
            return by_tag(made(interoperability="R03"), made())
        case "RAW developed":
            tagged = dng(_CHART, interoperability="R03")
            assert exif_colour(exif_of(tagged)) == ADOBE_RGB
            return by_tag(tagged, dng(_CHART), developed=True)
        case "DNG of floats":
            before = float_dng(_CHART, t34665=(4, (0xABCDEF01,)))
            pointed = before.replace(struct.pack("<I", 0xABCDEF01), struct.pack("<I", len(before)))
            tagged = pointed + struct.pack("<3HI2HI", 1, 40961, 3, 1, 2, 0, 0)
            assert exif_colour(exif_of(tagged)) == ADOBE_RGB
            return by_tag(tagged, float_dng(_CHART), developed=True)
    found = set()
    for tag in (tags(2), tags(index="R03")):
        data = lossless(_ADOBE, PILLOW[kind], exif=tag)
        data = with_index(data) if kind == TIFF else data
        found.add(by_tag(data, lossless(_ADOBE, PILLOW[kind])))
    return " or ".join(found)


def code_points(kind: str) -> str:
    if kind == "PNG":
        return by_tag(eight(_P3, (b"cICP", bytes((12, 13, 0, 1)))), eight(_P3))
    plain = with_nclx(lossless(_P3, PILLOW[kind]), 1, 13)
    return by_tag(with_nclx(plain, 12, 13), plain)


# Sixteen bits: shadows in linear light, of which 8 bits have 15 steps


def sixteen_bits(kind: str) -> str:
    if kind == PREVIEW:
        jpeg = encoded(scene(), "JPEG")
        same = np.array_equal(shown(dng(scene(), preview=jpeg)), shown(jpeg))
        return "as 8 bits" if same else "wrong"
    fine, coarse = (
        [len(np.unique(shown(data)[8::16, 8::16, 1])) for data in of_shadows(kind, steps)]
        for steps in (65535, 255)
    )
    assert max(coarse) <= 16
    return "yes" if min(fine) >= 20 else "as 8 bits" if max(fine) <= 16 else "wrong"


# HDR


def hdr(kind: str) -> str:
    if kind == FLOATS:
        return "yes" if is_scene(float_dng(scene(), brightness=8)) else "wrong"
    for curve, code in ((pq, 16), (hlg, 18)):
        values = numbers(BT2020, curve)
        match kind:
            case "PNG":
                data = deep_png(values, (b"cICP", bytes((9, code, 0, 1))))
            case "HEIC" | "AVIF":
                data = with_nclx((deep_heif if kind == "HEIC" else deep_avif)(values), 9, code)
            case _:
                tag = b"cicp\0\0\0\0" + bytes((9, code, 0, 1))
                said = with_tag(profile(BT2020, 2.2), b"cicp", tag)
                data = lossless(picture(values), PILLOW[kind], icc_profile=said)
        if farthest(shown(data)) > 4 or load(data).info.remarks != ("tone_mapped",):
            return "wrong"
    return "yes"


# Damage, at random places of the pixels' data


def is_noticed(kind: str, data: bytes, damaged: bytes) -> bool | None:
    """Whether damage is noticed; None if all pixels are right."""
    try:
        pixels = shown(damaged)
    except ImageError as error:
        assert error.reason in {Reason.CORRUPT, Reason.TRUNCATED}
        return True
    if np.array_equal(pixels, shown(data)):
        return None
    return kind == PREVIEW and np.array_equal(pixels, shown(dng(SMALL)))


def of_damage(kind: str, damage: Callable[[bytes, random.Random], bytes]) -> str:
    words = {}
    for name, data in whole(kind).items():
        chance = random.Random(f"{kind} {name}")
        found = [is_noticed(kind, data, damage(data, chance)) for _ in range(_TRIES)]
        seen, missed = found.count(True), found.count(False)
        assert seen + missed > _TRIES / 4
        words[name] = "yes" if not missed else "some" if seen else "no"
    sure = [name for name, word in words.items() if word == "yes"]
    if sure and len(sure) < len(words):
        return f"with {', '.join(sure)}"
    return next(iter(words.values())) if len(set(words.values())) == 1 else "some"


# Several pictures


def several_pictures(kind: str) -> str:
    files = in_one_file(kind)
    remarks = {load(data).info.remarks for data in files}
    if not all(is_scene(data) for data in files) or len(remarks) > 1:
        return "wrong"
    return {("pages",): "main, told", (): "first"}[remarks.pop()]


_SEEN: tuple[Callable[[str], str], ...] = (
    orientation, icc_profile, exif_of_adobe, code_points, sixteen_bits, hdr, partial(of_damage, damage=cut_off),
    partial(of_damage, damage=zeros), partial(of_damage, damage=flip), several_pictures,
)  # fmt: skip


@pytest.mark.filterwarnings("ignore::UserWarning:PIL", "ignore::RuntimeWarning")
@pytest.mark.parametrize("kind", CELLS)
@pytest.mark.parametrize("feature", FEATURES)
def test_a_cell_is_what_is_seen(kind: str, feature: str) -> None:
    column = FEATURES.index(feature)
    cell = CELLS[kind][column]
    if kind == "JPEG XL":
        with pytest.raises(ImageError, match=r"JPEG XL files cannot be read: .* JPEG") as caught:
            load(_JPEG_XL)
        assert (caught.value.reason, cell) == (Reason.UNSUPPORTED_FORMAT, "refused")
    elif cell == "-":
        assert kind.split()[0].strip(",") in REASONS[feature]
    else:
        assert _SEEN[column](kind) == cell


def test_the_table_in_the_docs_has_these_cells(checkout: Path) -> None:
    text = (checkout / "docs" / "reference" / "formats.md").read_text(encoding="utf-8")
    rows = [
        tuple(cell.strip() for cell in line.strip("|").split("|"))
        for line in text.partition("\n## ")[0].splitlines()
        if line.startswith("|")
    ]
    assert rows[0] == ("Format", *FEATURES)
    assert rows[2:] == [(kind, *cells) for kind, cells in CELLS.items()]
    for feature, reason in REASONS.items():
        assert f"- {feature}: {reason}" in text.replace("\n  ", " ")
