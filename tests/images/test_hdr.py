"""Pictures of high dynamic range become pictures of the usual one: skin stays skin, and brighter stays brighter."""

from __future__ import annotations

import io

import numpy as np
import pillow_heif
import pytest
from images.charts import (
    BT2020,
    CHART,
    P3,
    SKIN,
    Floats,
    deep_avif,
    deep_heif,
    deep_png,
    farthest,
    hlg,
    iccp,
    lab,
    large,
    linear,
    numbers,
    patches,
    picture,
    png,
    pq,
    profile,
    with_nclx,
    with_tag,
)
from images.synthetic_photos import encoded
from PIL import Image

from facesort.images import LoadedPhoto, load_photo, look_at

_CURVES = {"PQ": (pq, 16), "HLG": (hlg, 18)}
_WHITE_SHEET = 203  # cd/m2


def photo(light: Floats, curve: str, kind: str) -> bytes:
    """Light of sRGB's primaries, where 1 is a white sheet of paper, as a picture in BT.2020."""
    transfer, code = _CURVES[curve]
    values = numbers(BT2020, transfer, light)
    if kind == "PNG":
        return deep_png(values, (b"cICP", bytes((9, code, 0, 1))))
    if kind == "PNG of 8 bits":
        stored = io.BytesIO()
        picture(values).save(stored, "PNG")
        tagged = deep_png(values, (b"cICP", bytes((9, code, 0, 1))))
        start = tagged.index(b"cICP") - 4
        return stored.getvalue()[:33] + tagged[start : start + 16] + stored.getvalue()[33:]
    if kind == "AVIF":
        return with_nclx(deep_avif(values), 9, code)
    return with_nclx(deep_heif(values, twelve=kind == "HEIF of 12 bits"), 9, code)


def loaded(data: bytes) -> LoadedPhoto:
    return load_photo(data, "x", max_megapixels=1)


def with_highlights(brightest: float) -> Floats:
    """The chart, and under it greys from a white sheet of paper up to some cd/m2."""
    greys = np.geomspace(1, brightest / _WHITE_SHEET, 6)
    return np.concatenate([linear(), np.repeat(greys[None, :, None], 3, axis=2)])


_KINDS = ["PNG", "PNG of 8 bits", "HEIF", "HEIF of 12 bits", "AVIF"]


@pytest.mark.parametrize("curve", _CURVES)
@pytest.mark.parametrize("kind", _KINDS)
def test_without_highlights_colours_are_those_of_srgb(kind: str, curve: str) -> None:
    pixels = loaded(photo(linear(), curve, kind)).pixels
    assert farthest(pixels) < (2 if kind in {"PNG", "HEIF", "HEIF of 12 bits"} else 4)


@pytest.mark.parametrize("curve", _CURVES)
@pytest.mark.parametrize("kind", _KINDS)
@pytest.mark.parametrize("brightest", [400, 1000, 4000])
def test_skin_keeps_its_lightness_and_its_hue(kind: str, curve: str, brightest: float) -> None:
    shown = lab(patches(loaded(photo(with_highlights(brightest), curve, kind)).pixels))[0]
    wanted = lab(np.array(SKIN))
    darker = wanted[:, 0] - shown[:, 0]
    # As white paper does, very pale skin makes room for highlights; all other skin stays as light as it is.
    assert darker.min() > -2
    assert darker[0] < {400: 6, 1000: 11, 4000: 18}[brightest]
    assert darker[3:].max() < {400: 2, 1000: 3, 4000: 6}[brightest]
    turned = np.degrees(np.arctan2(*shown.T[2:0:-1]) - np.arctan2(*wanted.T[2:0:-1]))
    assert np.abs(turned).max() < 6
    chroma = np.hypot(*shown.T[1:]) / np.hypot(*wanted.T[1:])
    assert chroma.min() > 0.8
    assert chroma.max() < 1.15


@pytest.mark.parametrize("matrix", [0, 1, 6, 9])
@pytest.mark.parametrize("full", [0, 1])
def test_the_decoder_has_undone_matrix_and_range(matrix: int, full: int) -> None:
    data = deep_heif(numbers(BT2020, pq), matrix_coefficients=matrix, full_range_flag=full)
    assert farthest(loaded(with_nclx(data, 9, 16)).pixels) < 2


def test_a_heif_without_colours() -> None:
    greys = large((numbers(BT2020, pq)[2:, :, 1] * 65535).round().astype(np.uint16))
    file = io.BytesIO()
    pillow_heif.from_bytes("I;16L", greys.shape[::-1], greys.tobytes()).save(file, quality=95)
    pixels = loaded(with_nclx(file.getvalue(), 9, 16)).pixels
    assert farthest(pixels, CHART[2:]) < 1


@pytest.mark.parametrize("curve", _CURVES)
@pytest.mark.parametrize("peak", [100, 203, 600, 1000, 4000, 10000])
def test_a_brighter_grey_is_never_darker(curve: str, peak: float) -> None:
    greys = np.repeat(np.linspace(0, peak / _WHITE_SHEET, 512)[None, :, None], 3, axis=2)
    transfer, code = _CURVES[curve]
    samples = (numbers(BT2020, transfer, greys) * 65535).round().astype(np.uint16)
    pixels = loaded(png(samples, (b"cICP", bytes((9, code, 0, 1))))).pixels.astype(int)
    assert np.ptp(pixels, axis=2).max() <= 1  # grey
    assert np.diff(pixels[0, :, 1]).min() >= 0
    assert pixels[0, 0, 1] == 0
    assert pixels[0, -1, 1] == 255 or peak < _WHITE_SHEET


@pytest.mark.parametrize("curve", _CURVES)
def test_a_bright_light_in_a_strong_colour_stays_that_colour(curve: str) -> None:
    lights = np.array([[[4.0, 0.3, 0.2], [0.3, 4.0, 0.3], [0.3, 0.3, 4.0], [4.0, 2.0, 0.3]]])
    pixels = patches(loaded(photo(lights, curve, "PNG")).pixels)[0]
    assert pixels.argmax(axis=1)[:3].tolist() == [0, 1, 2]
    assert pixels.max(axis=1).min() > 240
    assert pixels.min(axis=1).max() < 110


def test_a_few_glints_do_not_darken_the_picture() -> None:
    samples = large((numbers(BT2020, pq) * 65535).round().astype(np.uint16))
    samples = np.tile(samples, (6, 6, 1))
    samples[:4, :4] = 65535  # 16 of 221,184 px
    pixels = loaded(png(samples, (b"cICP", bytes((9, 16, 0, 1))))).pixels
    assert farthest(pixels[-64:, -96:]) < 1


@pytest.mark.parametrize("curve", _CURVES)
@pytest.mark.parametrize("kind", _KINDS)
def test_it_is_told(kind: str, curve: str) -> None:
    data = photo(linear(), curve, kind)
    assert loaded(data).info.remarks == ("tone_mapped",)
    assert look_at(data, "x", max_megapixels=1) == loaded(data).info


@pytest.mark.parametrize("curve", _CURVES)
def test_transparent_parts_are_white_paper(curve: str) -> None:
    transfer, code = _CURVES[curve]
    values = np.concatenate([numbers(BT2020, transfer), np.ones((4, 6, 1))], axis=2)
    values[0, :, 3] = 0
    pixels = loaded(deep_png(values, (b"cICP", bytes((9, code, 0, 1))))).pixels
    wanted = CHART.copy()
    wanted[0] = 255
    assert farthest(pixels, wanted) < 1


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_a_profile_can_say_that_it_is_pq(kind: str) -> None:
    tag = b"cicp\0\0\0\0" + bytes((9, 16, 0, 1))
    made = with_tag(profile(BT2020, 2.2), b"cicp", tag)
    options = {"lossless": True} if kind == "WEBP" else {}
    data = encoded(picture(numbers(BT2020, pq)), kind, icc_profile=made, **options)
    assert farthest(loaded(data).pixels) < 4
    assert loaded(data).info.remarks == ("tone_mapped",)


def test_pq_of_nclx_counts_more_than_a_profile_that_cannot_say_it() -> None:
    data = encoded(
        picture(numbers(BT2020, pq)), "AVIF", icc_profile=profile(BT2020, 2.2), subsampling="4:4:4"
    )
    assert farthest(loaded(with_nclx(data, 9, 16)).pixels) < 6  # 8 bits, and YCbCr in between


def test_sixteen_bits_go_through_a_profile_with_all_their_bits() -> None:
    data = deep_png(numbers(BT2020, lambda light: light), iccp(profile(BT2020, 1.0)))
    assert farthest(loaded(data).pixels) < 1
    assert loaded(data).info.remarks == ()


def test_a_gain_map_behind_a_jpeg_is_not_the_photo() -> None:
    """Ultra HDR and ISO 21496-1 both append it as a multi-picture file does."""
    base = Image.fromarray(np.asarray(picture(numbers(P3))))
    map_of_it = Image.new("L", (48, 32), 200)
    data = encoded(base, "MPO", save_all=True, append_images=[map_of_it], icc_profile=profile(P3, 2.2))  # fmt: skip
    assert data.count(b"\xff\xd8\xff") == 2
    plain = encoded(base, "JPEG", icc_profile=profile(P3, 2.2))
    assert np.abs(loaded(data).pixels.astype(int) - loaded(plain).pixels).max() <= 3
    assert loaded(data).info.remarks == ()


def test_a_gain_map_in_a_heif_is_not_the_photo() -> None:
    stored = picture(numbers(P3)).convert("RGBA")
    stored.putalpha(100)
    data = encoded(stored, "HEIF", chroma=444)
    # libheif treats all auxiliary pictures alike whose kind it does not know, Apple's gain map among them.
    data = data.replace(b"urn:mpeg:hevc:2015:auxid:1", b"urn:com:apple:aux:gainmap1")
    photo = loaded(with_nclx(data, 12, 13))
    assert farthest(photo.pixels) < 2
    assert photo.info.remarks == ()
