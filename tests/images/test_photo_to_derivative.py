"""From a photo file of any kind to its smaller versions: upright, sRGB, on white, without metadata."""

from __future__ import annotations

import io

import numpy as np
import pytest
from images.charts import (
    ADOBE,
    P3,
    deep_png,
    farthest,
    iccp,
    lossless,
    numbers,
    picture,
    power,
    profile,
    tags,
)
from images.synthetic_photos import STORED, distance, encoded, exif, held, scene
from PIL import Image

from facesort.core.derivatives import Derivative, Variant
from facesort.images import derive, encode_output, load_photo

_KINDS = "webp", "jpeg", "avif"
_NEAR = 8.0  # dE2000 of the strongest colour, after chroma was halved and quantised twice
_NO_METADATA = (b"Exif", b"ICC_PROFILE", b"http://ns.adobe.com", b"Secret", b"iCCP", b"mime")


def derived(data: bytes, *edges: int) -> list[tuple[Derivative, np.ndarray]]:
    """What a sort makes of a file, and its pixels as a viewer shows them that heeds no tag."""
    jpeg = encode_output(load_photo(data, "x", max_megapixels=1).pixels)
    made = derive(jpeg, [Variant(kind, edge, 90) for kind in _KINDS for edge in edges])  # type: ignore[arg-type]
    return [(one, np.asarray(Image.open(io.BytesIO(one.data)))) for one in made]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIF"])
@pytest.mark.parametrize("orientation", STORED)
def test_every_orientation_is_upright_without_a_tag(kind: str, orientation: int) -> None:
    told = exif(Orientation=orientation, Make="Secret", GPSLatitudeRef="N")
    found = derived(encoded(held(scene(), orientation), kind, exif=told), 48, 96)
    assert len(found) == 6
    for made, pixels in found:
        wanted = scene().resize((made.width, made.height), Image.Resampling.LANCZOS)
        assert distance(pixels, wanted) < 6
        assert not any(word in made.data for word in _NO_METADATA)


_P3_PROFILE, _ADOBE_PROFILE = profile(P3, 2.2), profile(ADOBE, 563 / 256)
_P3, _ADOBE = numbers(P3, power(2.2)), numbers(ADOBE, power(563 / 256))


@pytest.mark.parametrize(
    "data",
    [
        lossless(picture(numbers()), "JPEG"),
        lossless(picture(_P3), "JPEG", icc_profile=_P3_PROFILE),
        lossless(picture(_P3), "HEIF", icc_profile=_P3_PROFILE),
        lossless(picture(_ADOBE), "JPEG", icc_profile=_ADOBE_PROFILE),
        lossless(picture(_ADOBE), "JPEG", exif=tags(index="R03")),
        lossless(picture(_ADOBE), "TIFF", icc_profile=_ADOBE_PROFILE),
        deep_png(numbers()),
        deep_png(_P3, iccp(_P3_PROFILE)),
    ],
    ids=["sRGB", "P3", "P3 HEIF", "Adobe", "Adobe by EXIF", "Adobe TIFF", "16 bit", "16 bit P3"],
)
def test_every_colour_space_is_shown_as_srgb(data: bytes) -> None:
    for made, pixels in derived(data, 96):
        assert farthest(pixels) < _NEAR
        assert not any(word in made.data for word in _NO_METADATA)


@pytest.mark.parametrize(
    ("mode", "kind"),
    [
        ("CMYK", "JPEG"),
        ("CMYK", "TIFF"),
        ("L", "JPEG"),
        ("I;16", "PNG"),
        ("P", "GIF"),
        ("1", "PNG"),
    ],
)
def test_every_colour_mode_is_shown_as_rgb(mode: str, kind: str) -> None:
    grey = Image.fromarray((np.asarray(scene().convert("L")).astype(np.uint16)) * 257)
    image = grey if mode == "I;16" else scene().convert(mode)
    wanted = scene().convert("L") if mode == "I;16" else image
    for made, pixels in derived(encoded(image, kind), 96):
        assert pixels.shape == (64, 96, 3)
        assert distance(pixels, wanted) < (
            14 if mode in {"1", "P"} else 6
        )  # their dots are smoothed
        assert made.variant.edge == 96


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF", "AVIF"])
def test_what_is_transparent_is_white(kind: str) -> None:
    image = scene().convert("RGBA")
    image.paste((255, 0, 0, 0), (48, 0, 96, 64))
    for _, pixels in derived(encoded(image, kind), 96):
        assert pixels.shape == (64, 96, 3)
        assert distance(pixels[:, :40], scene().crop((0, 0, 40, 64))) < 6
        assert (pixels[:, 56:] > 245).all()


def test_a_small_photo_is_not_enlarged() -> None:
    sizes = {(made.width, made.height) for made, _ in derived(encoded(scene(), "PNG"), 512, 1024)}
    assert sizes == {(96, 64)}
    assert len(derived(encoded(scene(), "PNG"), 512, 1024)) == 3
