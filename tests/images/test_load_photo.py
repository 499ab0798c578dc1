"""Decoding synthetic photos to upright sRGB pixels."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import pytest
from images.synthetic_photos import (
    STORED,
    distance,
    dng,
    encoded,
    exif,
    held,
    linear_profile,
    scene,
    swapped_profile,
)
from PIL import Image

from facesort.core.records import Position
from facesort.images import load_photo

_FORMATS = ["JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIF"]


@pytest.mark.parametrize("kind", _FORMATS)
@pytest.mark.parametrize("orientation", STORED)
def test_every_orientation_of_every_format_is_upright_once(kind: str, orientation: int) -> None:
    tags = exif(Orientation=orientation)
    photo = load_photo(encoded(held(scene(), orientation), kind, exif=tags), "x", max_megapixels=1)
    assert distance(photo.pixels, scene()) < 4
    assert (photo.info.width, photo.info.height, photo.scale) == (96, 64, 1.0)
    assert photo.info.format == kind


@pytest.mark.parametrize("kind", _FORMATS)
def test_what_a_file_says_of_how_it_hangs_is_told_from_a_missing_tag(kind: str) -> None:
    for orientation in (1, 6) if kind != "AVIF" else (6,):  # Pillow writes no 1 there
        data = encoded(scene(), kind, exif=exif(Orientation=orientation))
        assert load_photo(data, "x", max_megapixels=1).hangs
    for tags in (exif(), exif(Make="Maker")) if kind != "TIFF" else ():  # Pillow writes it always
        assert not load_photo(encoded(scene(), kind, exif=tags), "x", max_megapixels=1).hangs


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_finer_working_image_is_given_when_asked_for(kind: str) -> None:
    data = encoded(scene(4400, 24), kind)
    small, fine = (load_photo(data, "x", max_megapixels=1, edge=edge) for edge in (2048, 4400))
    assert small.pixels.shape[1] == 2200
    assert fine.pixels.shape == (24, 4400, 3)
    assert (small.scale, fine.scale) == (2.0, 1.0)
    assert small.info == fine.info


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_raw_is_upright_from_its_preview_and_developed(orientation: int) -> None:
    picture = scene(600, 400)
    preview = encoded(held(picture, orientation), "JPEG")
    developed = load_photo(dng(picture, orientation=orientation), "x.dng", max_megapixels=1)
    by_preview = load_photo(
        dng(picture, orientation=orientation, preview=preview), "x.dng", max_megapixels=1
    )
    assert distance(by_preview.pixels, picture) < 3
    assert distance(developed.pixels, picture) < 20  # demosaiced, and its brightness chosen anew
    assert (by_preview.info.width, by_preview.info.height) == (600, 400)
    assert (developed.info.width, developed.info.height) == (600, 400)


@pytest.mark.parametrize("orientation", STORED)
def test_a_preview_without_orientation_takes_the_raw_files(orientation: int) -> None:
    picture = scene(600, 400)
    jpeg = encoded(held(picture, orientation), "JPEG", exif=exif(Make="Maker"))
    preview = jpeg[:2] + jpeg[20:]  # EXIF first, without JFIF: then LibRaw adds no EXIF of its own
    photo = load_photo(
        dng(picture, orientation=orientation, preview=preview), "x.dng", max_megapixels=1
    )
    assert distance(photo.pixels, picture) < 3


@pytest.mark.parametrize(
    "preview",
    [
        encoded(scene(300, 200), "JPEG"),  # too small
        encoded(scene(600, 600), "JPEG"),  # another frame
        encoded(scene(600, 400), "JPEG")[:2000].ljust(4000, b"\0"),  # broken
    ],
    ids=["small", "square", "broken"],
)
def test_a_preview_that_does_not_show_the_photo_is_not_used(preview: bytes) -> None:
    with_preview = load_photo(dng(scene(600, 400), preview=preview), "x.dng", max_megapixels=1)
    without = load_photo(dng(scene(600, 400)), "x.dng", max_megapixels=1)
    assert np.array_equal(with_preview.pixels, without.pixels)


@pytest.mark.parametrize(
    ("size", "kind", "wanted"),
    [
        ((1, 1), "JPEG", (1, 1)),
        ((4096, 100), "JPEG", (2048, 50)),
        ((4095, 100), "JPEG", (4095, 100)),
        ((4096, 100), "PNG", (4096, 100)),
        ((6000, 300), "JPEG", (3000, 150)),
        ((6000, 300), "PNG", (3000, 150)),
        ((300, 9000), "JPEG", (75, 2250)),
        ((300, 9000), "PNG", (75, 2250)),
        ((40000, 1), "JPEG", (2500, 1)),  # decoded at 1/8, then averaged by 2
    ],
)
def test_the_working_image_has_a_long_edge_of_2048_to_4096(
    size: tuple[int, int], kind: str, wanted: tuple[int, int]
) -> None:
    photo = load_photo(encoded(scene(*size), kind), "x", max_megapixels=10)
    assert photo.pixels.shape == (wanted[1], wanted[0], 3)
    assert (photo.info.width, photo.info.height) == size
    assert photo.scale == pytest.approx(max(size) / max(wanted))
    assert distance(photo.pixels, scene(*wanted)) < 8


@pytest.mark.parametrize("orientation", [1, 6])
def test_scale_times_the_working_size_is_the_full_size(orientation: int) -> None:
    stored = held(scene(6000, 4000), orientation)
    photo = load_photo(
        encoded(stored, "JPEG", exif=exif(Orientation=orientation)), "x", max_megapixels=24
    )
    height, width = photo.pixels.shape[:2]
    assert (width * photo.scale, height * photo.scale) == (photo.info.width, photo.info.height)
    assert (photo.info.width, photo.info.height) == (6000, 4000)


@pytest.mark.parametrize(
    ("mode", "kind", "tolerance"),
    [
        ("L", "JPEG", 2),
        ("1", "PNG", 0),
        ("P", "PNG", 0),
        ("P", "GIF", 0),
        ("RGB", "BMP", 0),
        ("RGBA", "PNG", 0),
        ("LA", "PNG", 0),
        ("CMYK", "JPEG", 4),
        ("CMYK", "TIFF", 0),
        ("YCbCr", "TIFF", 0),
    ],
)
def test_every_colour_mode_becomes_rgb(mode: str, kind: str, tolerance: float) -> None:
    image = scene().convert(mode)
    photo = load_photo(encoded(image, kind), "x", max_megapixels=1)
    assert distance(photo.pixels, image.convert("RGB")) <= tolerance


def test_lab_becomes_srgb() -> None:
    lab = Image.merge(
        "LAB", [Image.new("L", (8, 8), value) for value in (136, 208, 195)]
    )  # sRGB red
    pixels = load_photo(encoded(lab, "TIFF"), "x.tif", max_megapixels=1).pixels
    assert np.abs(pixels.astype(int) - (255, 0, 0)).max() < 12


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_16_bit_grey_is_scaled_not_clipped(kind: str) -> None:
    levels = np.linspace(0, 65535, 256).astype(np.uint16).reshape(16, 16)
    pixels = load_photo(encoded(Image.fromarray(levels), kind), "x", max_megapixels=1).pixels
    assert np.array_equal(pixels[..., 0].ravel(), np.arange(256))


@pytest.mark.parametrize("white", [1, 3])
def test_floats_reach_from_0_to_1_and_farther_only_if_the_picture_does(white: int) -> None:
    values = np.tile(np.linspace(0, white, 256, dtype=np.float32), (16, 1))
    pixels = load_photo(encoded(Image.fromarray(values), "TIFF"), "x", max_megapixels=1).pixels
    assert np.allclose(pixels[0, :, 1], np.arange(256), rtol=0, atol=white - 1)


@pytest.mark.parametrize(
    "image",
    [
        Image.new("RGBA", (8, 8), (255, 0, 0, 0)),
        Image.new("LA", (8, 8), (0, 0)),
        Image.new("RGBA", (6000, 8), (255, 0, 0, 0)),
    ],
    ids=["rgba", "la", "reduced"],
)
def test_transparent_parts_are_white(image: Image.Image) -> None:
    assert (load_photo(encoded(image, "PNG"), "x", max_megapixels=1).pixels == 255).all()


def test_a_transparent_colour_of_a_palette_is_white() -> None:
    image = Image.new("P", (8, 8), 0)
    image.putpalette([10, 20, 30, 40, 50, 60])
    image.paste(1, (0, 0, 4, 8))
    pixels = load_photo(encoded(image, "PNG", transparency=0), "x", max_megapixels=1).pixels
    assert pixels[0, 0].tolist() == [40, 50, 60]
    assert pixels[0, 7].tolist() == [255, 255, 255]


@pytest.mark.parametrize("kind", _FORMATS)
def test_colours_go_through_the_embedded_profile(kind: str) -> None:
    red = Image.new("RGB", (16, 16), (255, 0, 0))
    data = encoded(red, kind, icc_profile=swapped_profile())
    pixels = load_photo(data, "x", max_megapixels=1).pixels
    assert np.abs(pixels.astype(int) - (0, 0, 255)).max() < 12


@pytest.mark.parametrize("profile", [b"", b"no profile", swapped_profile()[:200]])
def test_a_broken_profile_means_srgb(profile: bytes) -> None:
    data = encoded(scene(), "PNG", icc_profile=profile)
    assert distance(load_photo(data, "x", max_megapixels=1).pixels, scene()) == 0


def test_a_grey_picture_may_have_a_colour_profile() -> None:
    grey = Image.new("L", (8, 8), 128)
    data = encoded(grey, "PNG", icc_profile=linear_profile())
    pixels = load_photo(data, "x", max_megapixels=1).pixels.astype(int)
    light = (128 / 255 + 0.055) / 1.055
    srgb = 255 * (1.055 * light ** (1 / 2.4) - 0.055)
    assert np.abs(pixels - srgb).max() <= 2


def test_exif_gives_the_time_and_the_camera() -> None:
    tags = exif(
        Make="Canon", Model="Canon EOS R6", DateTime="2030:01:01 00:00:00",
        DateTimeOriginal="2024:06:01 12:30:45", SubsecTimeOriginal="25",
    )  # fmt: skip
    info = load_photo(encoded(scene(), "JPEG", exif=tags), "x", max_megapixels=1).info
    assert info.captured_at == datetime(2024, 6, 1, 12, 30, 45, 250000)
    assert info.camera == "Canon EOS R6"


def test_raw_gives_the_time_the_place_and_the_camera() -> None:
    info = load_photo(dng(scene()), "x.dng", max_megapixels=1).info
    assert info.captured_at == datetime(2024, 6, 1, 12, 30, 45, 250000)
    assert info.utc_offset == 120
    assert info.position == Position(pytest.approx(-33.858333), pytest.approx(151.2), -2.5)
    assert (info.camera, info.format) == ("Maker Model", "DNG")


def test_a_fraction_belongs_to_its_own_time() -> None:
    tags = exif(DateTime="2030:01:01 00:00:00", SubsecTimeOriginal="25")
    info = load_photo(encoded(scene(), "JPEG", exif=tags), "x", max_megapixels=1).info
    assert info.captured_at == datetime(2030, 1, 1)


@pytest.mark.parametrize("text", ["", "0000:00:00 00:00:00", "    :  :     :  :  ", "yesterday"])
def test_an_invalid_time_is_ignored(text: str) -> None:
    data = encoded(scene(), "JPEG", exif=exif(DateTimeOriginal=text))
    assert load_photo(data, "x", max_megapixels=1).info.captured_at is None


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
def test_broken_exif_is_no_error() -> None:
    whole = encoded(scene(), "JPEG", exif=exif(Make="Maker", Orientation=1))
    broken = whole.replace(b"MM\0*\0\0\0\x08", b"MM\0*\0\xff\xff\xff")
    assert broken != whole
    info = load_photo(broken, "x", max_megapixels=1).info
    assert (info.camera, info.captured_at, info.width) == ("", None, 96)


@pytest.mark.parametrize(
    ("kind", "name"), [("PNG", "x.jpg"), ("JPEG", "x.ARW"), ("TIFF", "x.NEF"), ("HEIF", "x.jpg")]
)
def test_the_content_decides_the_format(kind: str, name: str) -> None:
    assert load_photo(encoded(scene(), kind), name, max_megapixels=1).info.format == kind


@pytest.mark.parametrize("name", ["x.dng", "x.tif", "x.jpg", "x"])
def test_raw_is_identified_under_any_name(name: str) -> None:
    assert load_photo(dng(scene()), name, max_megapixels=1).info.format == "DNG"


def test_the_first_frame_counts() -> None:
    other = Image.new("RGB", scene().size, "black")
    for kind in ("GIF", "TIFF", "WEBP", "MPO", "PNG"):
        data = encoded(scene(), kind, save_all=True, append_images=[other])
        assert distance(load_photo(data, "x", max_megapixels=1).pixels, scene()) < 12, kind
