"""RAW files that decoders turn black: floats, and raw data or developments that show nothing."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rawpy
from images.synthetic_photos import STORED, dng, encoded, held, scene
from images.tiffs import Page, of_float24, page, tiff
from numpy.typing import NDArray
from PIL import Image

from facesort.errors import ImageError
from facesort.images import LoadedPhoto, load_photo, look_at
from facesort.reasons import Reason

_DNG = {
    "t50706": (1, b"\1\4\0\0"), "t50708": (2, b"Maker Model\0"), "t271": (2, b"Maker\0"), "t272": (2, b"Model\0"),
    "t50721": (10, tuple(v for x in (3.2406, -1.5372, -0.4986, -0.9689, 1.8758, 0.0415, 0.0557, -0.2040, 1.0570)
                         for v in (round(x * 10000), 10000))),
    "t50728": (5, (1, 1) * 3), "t50778": (3, (21,)),
}  # fmt: skip
_CFA = {"t33421": (3, (2, 2)), "t33422": (1, b"\0\1\1\2")}
_WHITE_1 = {"t50717": (4, (1,))}


def read(data: bytes) -> LoadedPhoto:
    photo = load_photo(data, "x.dng", max_megapixels=1)
    assert look_at(data, "x.dng", max_megapixels=1) == photo.info
    assert photo.info.format == "DNG"
    return photo


def looks_like_the_scene(photo: LoadedPhoto) -> bool:
    """Whether it is what a DNG of integers with the same light shows."""
    wanted = _developed()
    close = photo.pixels.shape == wanted.shape
    return close and float(np.abs(photo.pixels.astype(int) - wanted).mean()) < 6


@cache
def _developed() -> NDArray[Any]:
    developed = load_photo(dng(scene()), "x.dng", max_megapixels=1).pixels.astype(int)
    assert np.corrcoef(developed.ravel(), np.asarray(scene()).ravel())[0, 1] > 0.95
    return developed


def linear(image: Image.Image, *, mosaic: bool) -> NDArray[np.float64]:
    """Linear light with noise; shape (height, width, 3 or 1)."""
    light = (np.asarray(image).astype(float) / 255) ** 2.2
    if mosaic:
        light = np.where(
            np.indices(light.shape[:2]).sum(0) % 2, light[..., 1],
            np.where(np.indices(light.shape[:2])[0] % 2, light[..., 2], light[..., 0]),
        )[..., None]  # fmt: skip
    noise = np.random.default_rng(0).normal(0, 0.002, light.shape)
    return np.clip(light + noise, 0, None)


def raw_page(samples: NDArray[Any], **options: Any) -> Page:
    mosaic = samples.shape[2] == 1
    return page(
        samples, photometric=32803 if mosaic else 34892, **(_CFA if mosaic else {}), **options
    )


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("mosaic", [False, True])
@pytest.mark.parametrize("kind", ["f2", "f4"])
@pytest.mark.parametrize(
    "layout",
    [
        {}, {"deflate": True}, {"deflate": True, "predictor": 3}, {"tile": (32, 48)},
        {"deflate": True, "predictor": 34894, "tile": (32, 48)}, {"deflate": True, "predictor": 34895},
    ],
    ids=str,
)  # fmt: skip
@pytest.mark.parametrize("white", [{}, _WHITE_1], ids=["no white level", "white level 1"])
def test_a_merge_of_floats_is_developed(
    layout: dict[str, Any], kind: str, mosaic: bool, order: str, white: dict[str, Any]
) -> None:
    samples = linear(scene(), mosaic=mosaic).astype(kind)
    data = tiff(raw_page(samples, order=order, **layout, **_DNG, **white), order=order)
    photo = read(data)
    assert looks_like_the_scene(photo)
    assert photo.info.camera == "Maker Model"


@pytest.mark.parametrize(
    ("scale", "offset", "levels"),
    [
        (1 / 5000, 0.0, {}),
        (8.0, 0.0, {}),
        (16383.0, 0.0, {"t50717": (4, (16383,))}),
        (15000.0, 512.0, {"t50717": (4, (15512,)), "t50714": (5, (512, 1))}),
        (1 / 32, 0.0, {}),
    ],
)
def test_levels_of_floats(scale: float, offset: float, levels: dict[str, Any]) -> None:
    samples = (linear(scene(), mosaic=True) * scale + offset).astype("f4")
    assert looks_like_the_scene(read(tiff(raw_page(samples, **_DNG, **levels))))


def test_each_place_of_the_mosaic_has_its_black() -> None:
    blacks = np.tile([[1.0, 2.0], [2.0, 3.0]], (32, 48))[..., None]
    samples = (linear(scene(), mosaic=True) + blacks).astype("f4")
    levels: dict[str, Any] = {
        "t50713": (3, (2, 2)),
        "t50714": (5, (1, 1, 2, 1, 2, 1, 3, 1)),
        "t50717": (4, (3,)),
    }
    assert looks_like_the_scene(read(tiff(raw_page(samples, **_DNG, **levels))))


@pytest.mark.parametrize("kind", ["u2", "f4"])
def test_a_sensor_without_colours_gives_a_grey_picture(kind: str) -> None:
    light = linear(scene(), mosaic=False).mean(axis=2, keepdims=True)
    samples = (light * 65535 if kind == "u2" else light).clip(0, 65535).astype(kind)
    pixels = read(tiff(page(samples, photometric=34892, **_DNG))).pixels
    assert pixels.shape == (64, 96, 3)
    assert np.corrcoef(pixels[..., 0].ravel(), np.sqrt(light).ravel())[0, 1] > 0.95


@pytest.mark.parametrize(
    ("tags", "words"),
    [
        ({"t259": (3, (52546,))}, "compression 52546"),
        ({"t259": (3, (7,))}, "compression 7"),
        ({"t258": (3, (12,))}, "12 bits"),
    ],
)
def test_floats_that_no_dng_has_are_named(tags: dict[str, Any], words: str) -> None:
    samples = linear(scene(), mosaic=True).astype("f2")
    for look in (load_photo, look_at):
        with pytest.raises(ImageError, match=words) as caught:
            look(tiff(raw_page(samples, **_DNG | tags)), "x.dng", max_megapixels=1)
        assert caught.value.reason is Reason.UNSUPPORTED_FORMAT


def test_damaged_floats_are_taken_if_the_user_says_so() -> None:
    samples = linear(scene(), mosaic=False).astype("f4")
    damaged = raw_page(samples, rows=8, deflate=True, **_DNG)
    damaged.blocks[2] = b"no data"
    data = tiff(damaged)
    with pytest.raises(ImageError, match="12 % of the picture") as caught:
        load_photo(data, "x.dng", max_megapixels=1)
    assert caught.value.reason is Reason.CORRUPT
    photo = load_photo(data, "x.dng", max_megapixels=1, accept_damaged=True)
    assert photo.info.remarks == ("damaged",)
    assert photo.pixels[16:24].mean() < photo.pixels.mean() / 2


_CAMERA = np.array(
    [[0.8813, -0.3210, -0.1036], [-0.4703, 1.2868, 0.2021], [-0.1054, 0.1940, 0.6129]]
)  # Nikon D500
_TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


def colours(matrix: NDArray[Any], neutral: NDArray[Any]) -> dict[str, Any]:
    """ColorMatrix1 and AsShotNeutral."""
    return _DNG | {
        "t50721": (10, tuple(v for x in matrix.ravel() for v in (round(x * 10000), 10000))),
        "t50728": (5, tuple(v for x in neutral for v in (round(x * 1_000_000), 1_000_000))),
    }


@pytest.mark.parametrize("kind", ["u2", "f4"])
def test_a_cameras_matrix_and_neutral_give_the_colours(kind: str) -> None:
    to_camera = _CAMERA @ _TO_XYZ
    neutral = to_camera.sum(axis=1)
    samples = linear(scene(), mosaic=False) @ to_camera.T
    samples = (samples / samples.max() * (65535 if kind == "u2" else 1)).clip(0).astype(kind)
    photo = read(tiff(raw_page(samples, **colours(_CAMERA, neutral / neutral.max()))))
    # By DNG's rules it is the scene again, but brighter.
    light = linear(scene(), mosaic=False)
    gains = np.linspace(1, 2.5, 31)
    wanted = [255 * (gain * light).clip(0, 1) ** (1 / 2.2) for gain in gains]
    assert min(float(np.abs(photo.pixels - each).mean()) for each in wanted) < 3


@pytest.mark.parametrize("kind", ["u2", "f4"])
def test_the_unit_matrix_stands_for_no_matrix(kind: str) -> None:
    samples = linear(scene(), mosaic=False) * (65535 if kind == "u2" else 1)
    data = tiff(raw_page(samples.clip(0, 65535).astype(kind), **colours(np.eye(3), np.ones(3))))
    assert looks_like_the_scene(read(data))


@pytest.mark.parametrize("mosaic", [False, True])
def test_floats_of_24_bits(mosaic: bool) -> None:
    samples = linear(scene(), mosaic=mosaic).astype("f4")
    assert looks_like_the_scene(read(tiff(of_float24(raw_page(samples, rows=16, **_DNG)))))


@pytest.mark.parametrize("orientation", STORED)
def test_a_merge_behind_its_thumbnail(orientation: int) -> None:
    samples = linear(held(scene(), orientation), mosaic=False).astype("f2")
    thumbnail = np.asarray(held(scene(24, 16), orientation))
    tag: dict[str, Any] = {"t274": (3, (orientation,)), "t254": (4, (1,))}
    data = tiff(page(thumbnail, children=(raw_page(samples, deflate=True),), **tag, **_DNG))
    assert looks_like_the_scene(read(data))


def test_an_integer_dng_is_not_touched() -> None:
    assert looks_like_the_scene(read(dng(scene())))


def mosaic_dng(mosaic: NDArray[Any], preview: bytes = b"") -> bytes:
    """The DNG of the scene with other raw data."""
    whole = dng(scene(), preview=preview)
    raw = mosaic.astype("<u2").tobytes()
    return whole[:8] + raw + whole[8 + len(raw) :]


def noisy(level: float, deviation: float) -> NDArray[Any]:
    """Raw data of 64 x 96 px; white is 60,000."""
    return np.clip(np.random.default_rng(1).normal(level, deviation, (64, 96)), 0, 60_000)


@pytest.mark.parametrize("deviation", [3, 30, 300])
def test_a_photo_with_the_lens_cap_on_is_a_photo(deviation: float) -> None:
    for level in (0, 500):
        assert read(mosaic_dng(noisy(level, deviation))).pixels.shape == (64, 96, 3)


def test_an_overexposed_photo_is_a_photo() -> None:
    assert read(mosaic_dng(np.full((64, 96), 60_000))).pixels.min() > 250


@pytest.mark.parametrize("level", [0, 500, 30_000])
def test_raw_data_without_noise_are_refused(level: int) -> None:
    dead = np.full((64, 96), level)
    dead[-8:] = noisy(level + 50, 20)[-8:]  # not the end of the file: that is looked at elsewhere
    dead[-8:, 4:] = level
    with pytest.raises(ImageError) as caught:
        load_photo(mosaic_dng(dead), "x.dng", max_megapixels=1)
    assert caught.value.reason in {Reason.CORRUPT, Reason.TRUNCATED}


def dark(lamp: int) -> bytes:
    """Raw data below their black level, with hot pixels, and a lamp of so many px at night."""
    chance = np.random.default_rng(2)
    samples = chance.normal(400, 20, (400, 600))
    hot = chance.random(samples.shape) < 0.002
    samples[hot] = chance.uniform(600, 9000, hot.sum())
    samples[200 : 200 + lamp, 300 : 300 + lamp] = 9000
    return tiff(raw_page(samples[..., None].astype("u2"), **_DNG, t50714=(5, (512, 1))))


def test_a_black_photo_is_refused_although_it_has_hot_pixels() -> None:
    with pytest.raises(ImageError, match="the raw data are black") as caught:
        load_photo(dark(0), "x.dng", max_megapixels=1)
    assert caught.value.reason is Reason.CORRUPT


@pytest.mark.parametrize("lamp", [8, 30])
def test_a_lamp_at_night_is_a_photo(lamp: int) -> None:
    pixels = read(dark(lamp)).pixels
    assert pixels[200 : 200 + lamp, 300 : 300 + lamp].mean() > 100


def test_the_black_photo_of_a_camera_is_refused(assets: Path) -> None:
    data = (assets / "formats/raw/real/DSC8695.dng").read_bytes()
    with pytest.raises(ImageError, match="the raw data are black"):
        load_photo(data, "DSC8695.dng", max_megapixels=50)


@pytest.mark.parametrize("develop", [np.zeros_like, lambda pixels: np.full_like(pixels, 90)])
def test_a_blank_development_is_refused(
    develop: Callable[[NDArray[Any]], NDArray[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    postprocess = rawpy.RawPy.postprocess

    class Blank(rawpy.RawPy):
        def postprocess(self, params: rawpy.Params) -> NDArray[Any]:
            return develop(postprocess(self, params))

    def opened(file: Any) -> Blank:
        raw = Blank()
        raw.open_buffer(file)
        return raw

    monkeypatch.setattr(rawpy, "imread", opened)
    with pytest.raises(ImageError, match=r"LibRaw develops the raw data to .* export") as caught:
        load_photo(dng(scene()), "x.dng", max_megapixels=1)
    assert caught.value.reason is Reason.UNSUPPORTED_FORMAT


@pytest.mark.parametrize("level", [0, 128])
def test_a_blank_preview_is_not_taken_for_the_photo(level: int) -> None:
    blank = encoded(Image.new("RGB", scene().size, (level,) * 3), "JPEG")
    assert looks_like_the_scene(read(dng(scene(), preview=blank)))


def test_the_merge_from_the_field(assets: Path) -> None:
    photo = read((assets / "field/float-dng-black/hdr_merge_float32.dng").read_bytes())
    assert (photo.info.width, photo.info.height) == (240, 176)
    assert photo.pixels.mean() == pytest.approx(135, abs=2)
