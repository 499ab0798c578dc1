"""Pictures in other colour spaces come out as sRGB, by the tag that counts."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import numpy as np
import pytest
from images import tiffs
from images.charts import (
    ADOBE,
    BT2020,
    CHART,
    P3,
    PROPHOTO,
    chrm,
    chunk,
    deep_heif,
    deep_png,
    eight,
    farthest,
    gama,
    iccp,
    lab,
    large,
    lossless,
    numbers,
    picture,
    png,
    power,
    profile,
    tags,
    with_index,
    with_nclx,
)
from images.synthetic_photos import dng, encoded
from PIL import ExifTags, Image
from skimage.color import deltaE_ciede2000

from facesort.errors import ImageError
from facesort.images import load_photo
from facesort.images.boxes import canon_exif, nclx_of_primary_item
from facesort.images.colour.spaces import ADOBE_RGB
from facesort.images.colour.tags import exif_colour

_CLOSE = 2.0  # dE2000
_CLOSE_AFTER = {"AVIF": 3.0}  # whose YCbCr of 8 bits alone is off by two levels
_ADOBE_GAMMA = 563 / 256
_ADOBE_CHART = picture(numbers(ADOBE, power(_ADOBE_GAMMA)))
_P3_CHART = picture(numbers(P3))
_BT2020_CHART = picture(numbers(BT2020))
_ADOBE_PROFILE = profile(ADOBE, _ADOBE_GAMMA)
_WRONG = iccp(profile(PROPHOTO, 1.0))
_CICP_P3 = (b"cICP", bytes((12, 13, 0, 1)))
_PROPHOTO_CORNERS = chrm(".3457 .3585", ".7347 .2653", ".1596 .8404", ".0366 .0001")
_ADOBE_CORNERS = chrm(".3127 .3290", ".64 .33", ".21 .71", ".15 .06")
_SRGB_CORNERS = chrm(".3127 .3290", ".64 .33", ".30 .60", ".15 .06")


def off(data: bytes, name: str = "x") -> float:
    return farthest(load_photo(data, name, max_megapixels=1).pixels)


_FORMATS = ["JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIF"]


@pytest.mark.parametrize("kind", _FORMATS)
@pytest.mark.parametrize(
    "exif", [tags(index="R03"), tags(2), tags(None, "R03")], ids=["R03", "2", "R03 alone"]
)
def test_exif_says_adobe_rgb(kind: str, exif: Image.Exif) -> None:
    data = lossless(_ADOBE_CHART, kind, exif=exif)
    if kind == "TIFF":
        data = with_index(data)
    assert off(data) < _CLOSE_AFTER.get(kind, _CLOSE)


@pytest.mark.parametrize("kind", _FORMATS)
def test_a_profile_counts_more_than_exif_and_only_once(kind: str) -> None:
    exif = tags(index="R03")
    data = lossless(_ADOBE_CHART, kind, exif=exif, icc_profile=_ADOBE_PROFILE)
    assert off(data) < _CLOSE_AFTER.get(kind, _CLOSE)
    data = lossless(picture(numbers(P3, power(2.2))), kind, exif=exif, icc_profile=profile(P3, 2.2))
    assert off(data) < _CLOSE_AFTER.get(kind, _CLOSE)


@pytest.mark.parametrize("kind", _FORMATS)
@pytest.mark.parametrize(
    "exif",
    [tags(1), tags(), tags(index="R98"), tags(1, "R03"), tags(7, "no index")],
    ids=["1", "uncalibrated", "R98", "1 and R03", "nonsense"],
)
def test_other_exif_means_srgb(kind: str, exif: Image.Exif) -> None:
    assert off(lossless(picture(numbers()), kind, exif=exif)) < _CLOSE


@pytest.mark.parametrize("kind", _FORMATS)
@pytest.mark.parametrize("broken", [b"no profile" * 20, _ADOBE_PROFILE[:300]], ids=["none", "cut"])
def test_a_profile_that_is_none_leaves_it_to_the_next_tag(kind: str, broken: bytes) -> None:
    data = lossless(_ADOBE_CHART, kind, exif=tags(2), icc_profile=broken)
    assert off(data) < _CLOSE_AFTER.get(kind, _CLOSE)


def test_a_png_may_have_its_exif_behind_its_pixels() -> None:
    data = encoded(_ADOBE_CHART, "PNG")
    content = tags(2).tobytes()[6:]
    assert off(data[:-12] + chunk(b"eXIf", content) + data[-12:]) < _CLOSE


@pytest.mark.parametrize("late", [gama(1), _CICP_P3, _WRONG], ids=["gAMA", "cICP", "iCCP"])
def test_colours_behind_the_pixels_of_a_png_do_not_count(late: tuple[bytes, bytes]) -> None:
    data = encoded(picture(numbers()), "PNG")
    assert off(data[:-12] + chunk(*late) + data[-12:]) < 0.5


def test_a_grey_jpeg_in_adobe_rgb() -> None:
    grey = CHART.mean(axis=2).round().astype(np.uint8)
    light = np.where(grey <= 10, grey / 255 / 12.92, ((grey / 255 + 0.055) / 1.055) ** 2.4)
    stored = Image.fromarray(large((light ** (1 / _ADOBE_GAMMA) * 255).round().astype(np.uint8)))
    pixels = load_photo(
        encoded(stored, "JPEG", exif=tags(index="R03")), "x", max_megapixels=1
    ).pixels
    assert farthest(pixels, np.repeat(grey[..., None], 3, axis=2)) < _CLOSE


def test_a_preview_says_itself_or_the_raw_file_says_for_it() -> None:
    small = _ADOBE_CHART.resize((576, 384), Image.Resampling.NEAREST)
    silent = dng(small, preview=encoded(small, "JPEG"), interoperability="R03")
    assert np.abs(_shown(silent) - CHART).max() < 6
    plain = picture(numbers()).resize((576, 384), Image.Resampling.NEAREST)
    jpeg = encoded(plain, "JPEG", exif=tags(1))
    preview = jpeg[:2] + jpeg[20:]  # EXIF first, without JFIF: then LibRaw adds no EXIF of its own
    speaking = dng(plain, preview=preview, interoperability="R03")
    assert np.abs(_shown(speaking) - CHART).max() < 6


def test_the_converter_that_wrote_a_dng_knows_its_preview_better_than_the_camera() -> None:
    plain = picture(numbers()).resize((576, 384), Image.Resampling.NEAREST)
    of_srgb = dng(
        plain, preview=encoded(plain, "JPEG"), interoperability="R03", preview_colour_space=2
    )
    assert np.abs(_shown(of_srgb) - CHART).max() < 6
    adobe = _ADOBE_CHART.resize((576, 384), Image.Resampling.NEAREST)
    of_adobe = dng(adobe, preview=encoded(adobe, "JPEG"), preview_colour_space=3)
    assert np.abs(_shown(of_adobe) - CHART).max() < 6


def test_a_cr3_says_adobe_rgb() -> None:
    empty = struct.pack("<4sIHI", b"II*\0", 8, 0, 0)
    colour = struct.pack("<2HI2H", ExifTags.Base.ColorSpace, 3, 1, 0xFFFF, 0)
    pointer = struct.pack("<2H2I", ExifTags.IFD.Interop, 4, 1, 38)
    index = struct.pack("<3HI4sI", 1, 1, 2, 4, b"R03", 0)
    details = struct.pack("<4sIH", b"II*\0", 8, 2) + colour + pointer + bytes(4) + index
    boxes = b"".join(
        struct.pack(">I", 8 + len(part)) + name + part
        for name, part in ((b"CMT1", empty), (b"CMT2", details))
    )
    exif = canon_exif(b"uuid" + bytes.fromhex("85c0b687820f11e08111f4ce462b6a48") + boxes)
    assert exif_colour(exif) == ADOBE_RGB


def _shown(data: bytes) -> np.ndarray:
    pixels = load_photo(data, "x.dng", max_megapixels=1).pixels
    return pixels[48::96, 48::96].astype(int)


@pytest.mark.parametrize(
    "data",
    [
        eight(_P3_CHART, _CICP_P3),
        eight(_P3_CHART, _CICP_P3, _WRONG, (b"sRGB", b"\0"), gama(1)),
        eight(_P3_CHART, (b"sRGB", b"\0"), gama(1), _CICP_P3),
        eight(picture((16 + 219 * numbers(P3)) / 255), (b"cICP", bytes((12, 13, 0, 0)))),
        eight(_BT2020_CHART, (b"cICP", bytes((9, 13, 0, 1)))),
        eight(_ADOBE_CHART, iccp(_ADOBE_PROFILE), (b"sRGB", b"\0"), gama(1)),
        eight(_P3_CHART, (b"cICP", bytes((2, 2, 0, 1))), iccp(profile(P3, 2.2))),
        eight(picture(numbers()), (b"sRGB", b"\0"), gama(1), _PROPHOTO_CORNERS),
        eight(picture(numbers()), gama(0.45455), _SRGB_CORNERS),
        eight(picture(numbers()), gama(0.45455)),
        eight(picture(numbers()), gama(0)),
        eight(picture(numbers()), chrm("0 0", "0 0", "0 0", "0 0")),
        eight(picture(numbers()), chrm(".3 .3", ".3 .3", ".3 .3", ".3 .3")),
        eight(picture(numbers(transfer=power(1.8))), gama(1 / 1.8)),
        eight(_ADOBE_CHART, gama(0.4547), _ADOBE_CORNERS),
        eight(_ADOBE_CHART, _ADOBE_CORNERS, gama(0.45455)),
        deep_png(numbers(PROPHOTO, power(1.8)), _PROPHOTO_CORNERS, gama(1 / 1.8)),
        deep_png(numbers(transfer=lambda light: light), gama(1)),
        deep_png(numbers(BT2020), (b"cICP", bytes((9, 13, 0, 1)))),
    ],
    ids=[
        "cICP", "cICP first", "cICP last", "cICP narrow", "cICP BT.2020", "iCCP first",
        "cICP unspecified",
        "sRGB first", "gAMA and cHRM of sRGB", "gAMA of sRGB", "no gamma", "no corners",
        "one corner", "gAMA", "Adobe RGB", "cHRM and gAMA", "ProPhoto", "linear", "16 bits",
    ],
)  # fmt: skip
def test_a_png_by_the_chunk_that_counts(data: bytes) -> None:
    assert off(data) < _CLOSE


@pytest.mark.parametrize("deep", [False, True])
def test_a_grey_png_with_a_gamma(deep: bool) -> None:
    levels = np.arange(0, 256, 5, dtype=np.uint8)[None]
    light = np.where(levels <= 10, levels / 255 / 12.92, ((levels / 255 + 0.055) / 1.055) ** 2.4)
    gamma, most, form = (1.0, 65535, np.uint16) if deep else (1.8, 255, np.uint8)
    stored = (light ** (1 / gamma) * most).round().astype(form)[..., None]
    pixels = load_photo(png(stored, gama(1 / gamma)), "x", max_megapixels=1).pixels
    assert np.abs(pixels.astype(int) - levels[..., None]).max() <= (0 if deep else 3)


def test_a_palette_has_the_colours_of_its_profile() -> None:
    image = _ADOBE_CHART.quantize(24)
    palette = bytes(image.getpalette() or [])
    pixels = np.asarray(image)[..., None]
    assert off(png(pixels, iccp(_ADOBE_PROFILE), palette=palette)) < _CLOSE
    p3 = _P3_CHART.quantize(24)
    assert off(png(np.asarray(p3)[..., None], _CICP_P3, palette=bytes(p3.getpalette() or []))) < _CLOSE  # fmt: skip


@pytest.mark.parametrize("kind", ["HEIF", "AVIF"])
@pytest.mark.parametrize(
    ("chart", "primaries", "transfer"),
    [(_P3_CHART, 12, 13), (_BT2020_CHART, 9, 13), (picture(numbers()), 2, 2),
     (picture(numbers()), 1, 1), (picture(numbers()), 1, 11)],
    ids=["P3", "BT.2020", "unspecified", "BT.709", "xvYCC"],
)  # fmt: skip
def test_nclx_names_the_space(kind: str, chart: Image.Image, primaries: int, transfer: int) -> None:
    data = with_nclx(lossless(chart, kind), primaries, transfer)
    assert off(data) < _CLOSE_AFTER.get(kind, _CLOSE)


@pytest.mark.parametrize("matrix", [0, 1, 5, 6, 9])
@pytest.mark.parametrize("full", [0, 1])
def test_the_decoder_has_undone_matrix_and_range(matrix: int, full: int) -> None:
    data = lossless(_P3_CHART, "HEIF", matrix_coefficients=matrix, full_range_flag=full)
    assert off(with_nclx(data, 12, 13)) < _CLOSE
    if matrix == 6:  # the one that Pillow writes
        ranged = lossless(_P3_CHART, "AVIF", range="full" if full else "limited")
        assert off(with_nclx(ranged, 12, 13)) < _CLOSE_AFTER["AVIF"]


@pytest.mark.parametrize("kind", ["HEIF", "AVIF"])
def test_a_profile_counts_more_than_nclx(kind: str) -> None:
    data = lossless(_ADOBE_CHART, kind, icc_profile=_ADOBE_PROFILE)
    if kind == "AVIF":  # has both
        data = with_nclx(data, 12, 13)
    assert off(data) < _CLOSE


@pytest.mark.parametrize("kind", ["HEIF", "AVIF"])
def test_nclx_of_a_wide_space_counts_more_than_exif(kind: str) -> None:
    assert off(with_nclx(lossless(_P3_CHART, kind, exif=tags(index="R03")), 12, 13)) < _CLOSE


@pytest.mark.parametrize("twelve", [False, True])
def test_heif_of_10_and_12_bits(twelve: bool) -> None:
    assert off(with_nclx(deep_heif(numbers(P3), twelve=twelve), 12, 13)) < _CLOSE


def test_all_bits_count() -> None:
    steps = np.linspace(0.2, 0.3, 1024)[None, :, None].repeat(3, axis=2)
    samples = (steps**2.2 * 65535).round().astype(np.uint16)  # linear: 8 bits have 10 steps here
    pixels = load_photo(png(samples, gama(1)), "x", max_megapixels=1).pixels
    assert len(np.unique(pixels[..., 1])) >= 24


@pytest.mark.parametrize("kind", [np.uint16, np.float32])
@pytest.mark.parametrize("order", "<>")
def test_a_tiff_goes_through_its_profile_with_all_its_bits(kind: type, order: str) -> None:
    values = numbers(BT2020, lambda light: light)
    stored = values * 65535 if kind is np.uint16 else values
    made = profile(BT2020, 1.0)
    page = tiffs.page(large(stored.astype(kind)), order=order, t34675=(7, made))
    assert off(tiffs.tiff(page, order=order)) < 0.5


@pytest.mark.parametrize("damage", [b"", b"\0" * 12, b"\xff" * 12, b"\x7f\xff\xff\xff" * 3])
@pytest.mark.parametrize("tag", [b"rXYZ", b"gTRC", b"count"])
def test_a_profile_of_nonsense_means_srgb_or_a_picture(tag: bytes, damage: bytes) -> None:
    made = bytearray(profile(P3, 2.2))
    at = 128 if tag == b"count" else struct.unpack_from(">I", made, made.index(tag) + 4)[0] + 8
    made[at : at + len(damage)] = damage
    pixels = load_photo(eight(_P3_CHART, iccp(bytes(made))), "x", max_megapixels=1).pixels
    assert pixels.shape == (64, 96, 3)


@pytest.mark.parametrize("cut", [30, 60, 100, 150, 200, 250, 300])
def test_damaged_boxes_cost_the_colours_not_the_photo(cut: int) -> None:
    data = with_nclx(lossless(_P3_CHART, "AVIF"), 12, 13)
    assert nclx_of_primary_item(data) == (12, 13)
    assert nclx_of_primary_item(data[:cut]) in {None, (12, 13)}
    assert nclx_of_primary_item(data[:cut] + b"\xff" * 64 + data[cut + 64 :]) in {None, (12, 13)}


def test_the_field() -> None:
    shared = os.environ.get("FACESORT_ASSETS")
    folder = Path(shared or "") / "field" / "colour-tags-ignored"
    if not shared or not folder.is_dir():
        pytest.skip("needs the test assets")
    wanted = np.asarray(Image.open(folder / "expected_srgb.png").convert("RGB"))
    for path in sorted(folder.iterdir()):
        if path.suffix != ".md":
            pixels = load_photo(path.read_bytes(), path.name, max_megapixels=1).pixels
            assert np.median(deltaE_ciede2000(lab(pixels), lab(wanted))) < 1, path.name


@pytest.mark.parametrize("kind", ["PNG", "HEIF"])
def test_a_deep_picture_that_is_cut_off_is_refused_like_all_others(kind: str) -> None:
    data = deep_png(numbers(P3), _CICP_P3) if kind == "PNG" else deep_heif(numbers(P3))
    with pytest.raises(ImageError, match=kind):
        load_photo(data[: len(data) * 2 // 3], "x", max_megapixels=1)
