"""Files with more than one picture, other than TIFF: the primary one is the photo; only pages are told."""

from __future__ import annotations

import io

import pillow_heif
import pytest
from images.synthetic_photos import distance, encoded, scene
from PIL import Image

from facesort.images import LoadedPhoto, load_photo, look_at

_OTHER = Image.new("RGB", (48, 32), "black")


def read(data: bytes) -> LoadedPhoto:
    photo = load_photo(data, "x", max_megapixels=1)
    assert look_at(data, "x", max_megapixels=1) == photo.info
    assert distance(photo.pixels, scene()) < 6
    return photo


@pytest.mark.parametrize("primary", [0, 1])
def test_of_several_pictures_in_heif_the_primary_one_is_the_photo(primary: int) -> None:
    pictures = [scene(), _OTHER] if primary == 0 else [_OTHER, scene()]
    file = io.BytesIO()
    made = pillow_heif.HeifFile()
    for picture in pictures:
        made.add_from_pillow(picture)
    made.save(file, quality=95, primary_index=primary)
    assert read(file.getvalue()).info.remarks == ("pages",)


@pytest.mark.parametrize("kind", ["HEIF", "AVIF", "JPEG", "PNG", "WEBP", "GIF"])
def test_a_file_with_one_picture_has_no_remark(kind: str) -> None:
    assert read(encoded(scene(), kind)).info.remarks == ()


def test_what_an_mpo_adds_is_no_page() -> None:
    file = io.BytesIO()
    scene().save(file, "MPO", save_all=True, append_images=[scene(48, 32)], quality=95)
    assert read(file.getvalue()).info.remarks == ()


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "AVIF", "PNG"])
def test_frames_are_no_pages(kind: str) -> None:
    frames = [scene(), Image.new("RGB", scene().size)]
    data = encoded(frames[0], kind, save_all=True, append_images=frames[1:], duration=100)
    assert read(data).info.remarks == ()
