"""Real files from the test assets: formats, orientations, broken files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from facesort.errors import ImageError
from facesort.images import (
    HEAD_BYTES,
    LoadedPhoto,
    PhotoKind,
    encode_output,
    kind_by_content,
    load_photo,
    look_at,
)
from facesort.reasons import Reason

# What decoders warn about on broken files is not the question here.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL", "ignore::DeprecationWarning:PIL")

_REASONS_OF_A_FILE = {
    Reason.EMPTY_FILE,
    Reason.NOT_AN_IMAGE,
    Reason.UNSUPPORTED_FORMAT,
    Reason.TRUNCATED,
    Reason.CORRUPT,
    Reason.TOO_LARGE,
}
_REASONS_OF_NO_PHOTO = {Reason.EMPTY_FILE, Reason.NOT_AN_IMAGE}


def load(path: Path) -> LoadedPhoto:
    return load_photo(path.read_bytes(), path.name, max_megapixels=200)


def reason_of(path: Path) -> Reason:
    with pytest.raises(ImageError) as caught:
        load(path)
    return caught.value.reason


def small(pixels: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.int64]:
    resized = Image.fromarray(pixels).resize(size, Image.Resampling.BOX)
    return np.asarray(resized).astype(np.int64)


@pytest.mark.parametrize(
    "folder",
    [
        "formats/variants",
        "formats/exif-orientation",
        "formats/heic",
        "formats/raw",
        "formats/arw",
        "broken",
    ],
)
def test_every_file_is_a_photo_or_a_reason(assets: Path, folder: str) -> None:
    files = [path for path in sorted((assets / folder).rglob("*")) if path.is_file()]
    assert len(files) >= 10
    photos = 0
    for path in files:
        data = path.read_bytes()
        a_photo = kind_by_content(data[:HEAD_BYTES], len(data)) is PhotoKind.PHOTO
        try:
            photo = load(path)
        except ImageError as error:
            assert error.reason in _REASONS_OF_A_FILE, path.name
            assert a_photo != (error.reason in _REASONS_OF_NO_PHOTO), path.name
            continue
        assert a_photo, path.name
        assert look_at(data, path.name, max_megapixels=200) == photo.info, path.name
        photos += 1
        long_edge, full = max(photo.pixels.shape[:2]), max(photo.info.width, photo.info.height)
        assert photo.pixels.dtype == np.uint8, path.name
        assert long_edge == full or 2048 <= long_edge <= 4096, path.name
        assert long_edge * photo.scale == pytest.approx(full), path.name
    assert photos >= (2 if folder == "formats/raw" else 3)  # its third whole one is black


@pytest.mark.parametrize(
    ("first", "others"),
    [
        ("formats/exif-orientation/Portrait_1.jpg", "formats/exif-orientation/Portrait_[2-8].jpg"),
        (
            "formats/exif-orientation/exif-samples/landscape_1.jpg",
            "formats/exif-orientation/exif-samples/landscape_[2-8].jpg",
        ),
        (
            "formats/exif-orientation/exif-samples/portrait_1.jpg",
            "formats/exif-orientation/exif-samples/portrait_[2-8].jpg",
        ),
        ("formats/variants/A_005_exif1.jpg", "formats/variants/A_005_exif[2-8].jpg"),
    ],
)
def test_the_eight_orientations_show_the_same_picture(
    assets: Path, first: str, others: str
) -> None:
    upright = load(assets / first).pixels
    turned = sorted(assets.glob(others))
    assert len(turned) == 7
    for path in turned:
        pixels = load(path).pixels
        assert pixels.shape == upright.shape, path.name
        difference = np.abs(small(pixels, (60, 60)) - small(upright, (60, 60)))
        assert difference.mean() < 3, (
            path.name
        )  # the sample pictures have their own number painted in


@pytest.mark.parametrize(
    ("raw", "photo"),
    [
        ("A_001_o1_cmp.ARW", "001_A.jpg"),
        ("A_002_o6_cmp.ARW", "002_A.jpg"),
        ("A_004_o8_cmp_nopreview.ARW", "004_A.jpg"),
        ("A_005_o1_unc.ARW", "005_A.jpg"),
        ("A_006_o3_cmp.ARW", "006_A.jpg"),
        ("B_008_o6_cmp.ARW", "008_B.jpg"),
        ("group6_015_o1_cmp_nopreview.ARW", "015_6.jpg"),
    ],
)
def test_an_arw_shows_the_photo_it_was_made_from(assets: Path, raw: str, photo: str) -> None:
    pixels = small(load(assets / "formats/arw" / raw).pixels, (60, 60)).ravel()
    wanted = small(load(assets / "photos/compreface" / photo).pixels, (60, 60)).ravel()
    assert np.corrcoef(pixels, wanted)[0, 1] > 0.95  # colours and brightness are developed anew


def test_heic_is_rotated_once(assets: Path) -> None:
    """The same object, taken with the camera held in four ways: always upright in the end."""
    sizes = {
        path.name.split("_")[3]: load(path).pixels.shape[:2]
        for path in sorted((assets / "formats/heic/exiv2").glob("issue_9292_sony_*.HIF"))
    }
    assert sizes == {"1": (1558, 2336), "3": (1558, 2336), "6": (2336, 1558), "8": (2336, 1558)}
    heic = small(load(assets / "formats/variants/A_002.heic").pixels, (60, 60))
    png = small(load(assets / "formats/variants/A_002.png").pixels, (60, 60))
    assert np.abs(heic - png).mean() < 3


@pytest.mark.parametrize(
    "variant",
    ["A_002.webp", "A_002_cmyk.jpg", "A_002_palette.png", "A_002_progressive.jpg", "A_002_q.JPEG"],
)
def test_variants_of_one_photo_have_close_hashes(assets: Path, variant: str) -> None:
    folder = assets / "formats/variants"
    wanted = small(load(folder / "A_002.png").pixels, (60, 60))
    assert np.abs(small(load(folder / variant).pixels, (60, 60)) - wanted).mean() < 6


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("formats/variants/empty.jpg", Reason.EMPTY_FILE),
        ("formats/variants/text_named.jpg", Reason.NOT_AN_IMAGE),
        ("formats/variants/A_005_header_only.jpg", Reason.TRUNCATED),
        ("formats/variants/A_005_trunc50.jpg", Reason.TRUNCATED),
        ("formats/variants/A_005_trunc95.jpg", Reason.TRUNCATED),
        ("formats/variants/A_002_trunc60.heic", Reason.TRUNCATED),
        ("broken/arw/empty.ARW", Reason.EMPTY_FILE),
        ("broken/arw/random.ARW", Reason.NOT_AN_IMAGE),
        ("broken/arw/lfs_pointer.arw", Reason.NOT_AN_IMAGE),
        ("broken/arw/trunc_header.ARW", Reason.TRUNCATED),
        ("broken/arw/trunc_in_preview.ARW", Reason.TRUNCATED),
        ("broken/arw/trunc70_previewok.ARW", Reason.TRUNCATED),
        ("broken/pillow/decompression_bomb.gif", Reason.TOO_LARGE),
        ("broken/pillow/hopper.psd", Reason.UNSUPPORTED_FORMAT),
        ("broken/compreface/einstein.ico", Reason.UNSUPPORTED_FORMAT),
        ("formats/heic/libheif/data/uncompressed_comp_RGB.heif", Reason.UNSUPPORTED_FORMAT),
        ("formats/heic/libheif/data/rgb_generic_compressed_zlib.heif", Reason.UNSUPPORTED_FORMAT),
        ("formats/heic/exiv2/pr_2612_poc.heic", Reason.CORRUPT),
        ("formats/raw/exiftool_t_images/DNG.dng", Reason.TRUNCATED),
        ("formats/raw/exiftool_t_images/Panasonic.rw2", Reason.TRUNCATED),
    ],
)
def test_a_broken_file_says_what_is_wrong(assets: Path, name: str, reason: Reason) -> None:
    assert reason_of(assets / name) is reason


def test_every_truncated_raw_is_found(assets: Path) -> None:
    files = sorted((assets / "broken/raw-truncated").iterdir())
    assert len(files) >= 7
    assert {path.name: reason_of(path) for path in files} == {
        path.name: Reason.TRUNCATED for path in files
    }


def test_a_complete_raw_with_a_broken_preview_is_developed(assets: Path) -> None:
    whole = load(assets / "formats/arw/A_001_o1_cmp.ARW")
    developed = load(assets / "broken/arw/bad_preview_rawok.ARW")
    assert developed.pixels.shape == whole.pixels.shape
    one, other = (small(photo.pixels, (60, 60)).ravel() for photo in (whole, developed))
    assert np.corrcoef(one, other)[0, 1] > 0.95


def test_misnamed_files_are_read_by_content(assets: Path) -> None:
    assert load(assets / "formats/variants/png_named.jpg").info.format == "PNG"
    assert load(assets / "broken/arw/jpeg_named.ARW").info.format == "JPEG"
    assert load(assets / "formats/variants/A_005_trailing_garbage.jpg").info.format == "JPEG"


@pytest.mark.parametrize(
    "name", ["formats/arw/A_004_o8_cmp_nopreview.ARW", "formats/raw/real/CRW.CRW"]
)
def test_developing_gives_the_same_bytes_again(assets: Path, name: str) -> None:
    first, second = (encode_output(load(assets / name).pixels) for _ in range(2))
    assert first == second
