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
        (8.0, 0.0, {}),
        (16383.0, 0.0, {"t50717": (4, (16383,))}),
        (15000.0, 512.0, {"t50717": (4, (15512,)), "t50714": (5, (512, 1))}),
        (1 / 32, 0.0, {}),
    ],
)
def test_levels_of_floats(scale: float, offset: float, levels: dict[str, Any]) -> None:
    samples = (linear(scene(), mosaic=True) * scale + offset).astype("f4")
    assert looks_like_the_scene(read(tiff(raw_page(samples, **_DNG, **levels))))


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
    assert photo.pixels.mean() == pytest.approx(135, abs=15)
