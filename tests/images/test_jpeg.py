"""Fast JPEG decoding returns Pillow's pixels, and tells warnings that Pillow swallows."""

from __future__ import annotations

import io

import numpy as np
import pytest
from images.synthetic_photos import encoded, scene
from PIL import Image

from facesort.images.jpeg.codec import decode_jpeg, decode_scaled, decode_smallest, encode_jpeg


def by_pillow(data: bytes, divisor: int) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.draft(None, (image.width // divisor, image.height // divisor))
    return image.convert("RGB")


@pytest.mark.parametrize("divisor", [1, 2, 4, 8])
@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0"])
@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("progressive", [False, True])
def test_pixels_equal_pillows(divisor: int, subsampling: str, mode: str, progressive: bool) -> None:
    picture = scene(803, 601).convert(mode)
    data = encoded(picture, "JPEG", subsampling=subsampling, progressive=progressive)
    found = decode_scaled(data, picture.size, divisor)
    assert (found == np.asarray(by_pillow(data, divisor))).all()


@pytest.mark.parametrize("kept", [-200, -2, 300])
def test_warnings_are_errors(kept: int) -> None:
    data = encoded(scene(), "JPEG")[:kept]
    with pytest.raises(ValueError, match=r"Premature end|not determine"):
        decode_scaled(data, scene().size, 1)
    with pytest.raises(ValueError, match=r"Premature end|not determine"):
        decode_smallest(data)


def test_a_part_of_a_picture_is_encoded_like_its_copy() -> None:
    pixels = np.asarray(scene(200, 100))
    part = pixels[10:60, 20:120]
    assert encode_jpeg(part, 85) == encode_jpeg(part.copy(), 85)
    assert decode_jpeg(encode_jpeg(part, 85)).shape == part.shape
