"""TIFF files: which of their pictures is the photo, and which kinds are read."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from images.synthetic_photos import STORED, distance, encoded, exif, held, scene
from images.tiffs import Page, page, tiff
from numpy.typing import NDArray
from PIL import Image

from facesort.errors import ImageError
from facesort.images import LoadedPhoto, load_photo, look_at
from facesort.images.tiff.directories import read_directories
from facesort.reasons import Reason

_RGB = np.asarray(scene())
_SMALL = np.asarray(scene(24, 16))
_REDUCED = {"t254": (4, (1,))}
_TEXT = {
    "t271": (2, b"Canon\0"),
    "t272": (2, b"Canon EOS R6\0"),
    "t306": (2, b"2024:06:01 12:30:45\0"),
}


def read(data: bytes) -> LoadedPhoto:
    photo = load_photo(data, "x.tif", max_megapixels=1)
    assert look_at(data, "x.tif", max_megapixels=1) == photo.info
    return photo


def refused(data: bytes) -> str:
    details = set()
    for look in (load_photo, look_at):
        with pytest.raises(ImageError) as caught:
            look(data, "x.tif", max_megapixels=1)
        assert caught.value.reason is Reason.UNSUPPORTED_FORMAT
        details.add(caught.value.detail)
    (detail,) = details
    assert "export the picture as JPEG" in detail
    return detail


def samples(kind: str) -> NDArray[np.generic]:
    whole = np.dtype(kind)
    if whole.kind == "f":
        return (_RGB / 255).astype(whole)
    return _RGB.astype(whole) * (np.iinfo(whole).max // 255)


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    "layout",
    [
        {}, {"rows": 7}, {"tile": (48, 32)}, {"tile": (16, 80), "deflate": True}, {"planar": True},
        {"planar": True, "rows": 7, "deflate": True}, {"rows": 7, "deflate": True, "predictor": 2},
    ],
    ids=str,
)  # fmt: skip
@pytest.mark.parametrize("kind", ["u1", "u2", "u4", "f2", "f4", "f8"])
def test_every_layout_of_every_sample_type(
    kind: str, layout: dict[str, object], order: str, big: bool
) -> None:
    if kind[0] == "f" and layout.get("predictor") == 2:
        layout = layout | {"predictor": 3}
    for picture in (samples(kind), samples(kind)[..., :1]):
        data = tiff(page(picture, order=order, **layout), order=order, big=big)  # type: ignore[arg-type]
        wanted = scene() if picture.shape[2] == 3 else Image.fromarray(_RGB[..., 0])
        assert distance(read(data).pixels, wanted) < 0.6


@pytest.mark.parametrize(
    "compression",
    ["tiff_lzw", "tiff_adobe_deflate", "tiff_deflate", "packbits", "lzma", "zstd", "jpeg"],
)
def test_compressions(compression: str) -> None:
    for mode in ("RGB", "L", "CMYK") if compression == "jpeg" else ("RGB", "L", "CMYK", "P"):
        picture = scene().convert(mode)
        data = encoded(picture, "TIFF", compression=compression)
        assert distance(read(data).pixels, picture) < 1.5, mode


@pytest.mark.parametrize("compression", ["tiff_lzw", "packbits", "lzma", "zstd"])
@pytest.mark.parametrize("kind", ["u2", "f4"])
def test_compressions_of_wide_samples(compression: str, kind: str) -> None:
    grey = Image.fromarray(samples(kind)[..., 0])
    got = read(encoded(grey, "TIFF", compression=compression)).pixels
    assert distance(got, Image.fromarray(_RGB[..., 0])) < 0.6


def test_jpeg_in_a_bigtiff_with_tables_of_its_own() -> None:
    for mode in ("RGB", "L"):
        picture = scene().convert(mode)
        data = encoded(picture, "TIFF", compression="jpeg", quality=95, big_tiff=True)
        assert distance(read(data).pixels, picture) < 1.5


@pytest.mark.parametrize("channels", [3, 4])
def test_webp_inside(channels: int) -> None:
    picture = scene() if channels == 3 else scene().convert("RGBA")
    written = page(
        np.asarray(picture), rows=32, t259=(3, (50001,)), t338=(3, (2,) * (channels - 3))
    )
    written.blocks = [
        encoded(picture.crop((0, top, 96, top + 32)), "WEBP", lossless=True) for top in (0, 32)
    ]
    assert distance(read(tiff(written)).pixels, scene()) == 0


@pytest.mark.parametrize("sampling", [(1, 1), (2, 1), (2, 2)])
def test_subsampled_ycbcr_without_compression(sampling: tuple[int, int]) -> None:
    across, down = sampling
    planes = [np.asarray(plane) for plane in scene().convert("YCbCr").split()]
    luma = planes[0].reshape(64 // down, down, 96 // across, across).transpose(0, 2, 1, 3)
    units = [luma.reshape(64 // down, 96 // across, -1)]
    units += [plane[::down, ::across, None] for plane in planes[1:]]
    written = page(
        _RGB,
        photometric=6,
        t530=(3, sampling),
        t532=(5, (0, 1, 255, 1, 128, 1, 255, 1, 128, 1, 255, 1)),
    )
    written.blocks = [np.concatenate(units, axis=2).tobytes()]
    assert distance(read(tiff(written)).pixels, scene()) < 2


def test_fax_and_white_is_zero() -> None:
    drawn = scene().convert("1")
    for compression in ("tiff_ccitt", "group3", "group4"):
        assert distance(read(encoded(drawn, "TIFF", compression=compression)).pixels, drawn) == 0
    for kind in ("u1", "u2", "f4"):
        grey = samples(kind)[..., :1]
        negative = (1 if kind == "f4" else np.iinfo(kind).max) - grey
        data = tiff(page(negative.astype(kind), photometric=0))
        assert distance(read(data).pixels, Image.fromarray(_RGB[..., 0])) < 0.6


def test_grey_of_12_bits() -> None:
    grey = samples("u2")[..., :1] >> 4
    even, odd = grey[:, ::2, 0], grey[:, 1::2, 0]
    packed = np.stack([even >> 4, (even & 15) << 4 | odd >> 8, odd & 255], axis=-1)
    written = page(grey, t258=(3, (12,)))
    written.blocks = [packed.astype(np.uint8).tobytes()]
    assert distance(read(tiff(written)).pixels, Image.fromarray(_RGB[..., 0])) < 0.6


def test_floats_brighter_than_white_are_brought_back_and_infinity_is_white() -> None:
    bright = samples("f4") * 4
    bright[0, 0] = np.inf
    bright[1, 0] = np.nan
    got = read(tiff(page(bright))).pixels
    assert tuple(got[0, 0]) == (255, 255, 255)
    assert tuple(got[1, 0]) == (0, 0, 0)
    assert np.abs(got[2:] - _RGB[2:] / _RGB.max() * 255).mean() < 1
    dark = samples("f4") / 8
    assert read(tiff(page(dark))).pixels.mean() == pytest.approx(_RGB.mean() / 8, abs=1)
    assert read(tiff(page(samples("u2") // 300))).pixels.max() <= 1  # a dark photo stays dark


@pytest.mark.parametrize("kind", ["u1", "u2", "f4"])
def test_transparent_parts_are_white(kind: str) -> None:
    whole = 1 if kind == "f4" else np.iinfo(kind).max
    picture = np.concatenate([samples(kind), np.full((64, 96, 1), whole, kind)], axis=2)
    picture[:, :48, 3] = 0
    got = read(tiff(page(picture, t338=(3, (2,))))).pixels
    assert got[:, :48].min() == 255
    assert np.abs(got[:, 48:].astype(int) - _RGB[:, 48:]).max() <= 1


def _main() -> Page:
    return page(_RGB, **{"t254": (4, (0,))})


@pytest.mark.parametrize(
    ("pages", "further"),
    [
        ([page(_SMALL, **_REDUCED), _main()], False),
        ([page(_SMALL, t255=(3, (2,))), page(_RGB, t255=(3, (1,)))], False),
        ([page(_SMALL, **_REDUCED, children=(_main(),))], False),
        ([page(_SMALL, children=(_main(), page(_SMALL, **_REDUCED)))], False),
        ([_main(), page(_SMALL, **_REDUCED)], False),
        ([page(_RGB, children=(page(_RGB[::2, ::2]), page(_RGB[::4, ::4])))], False),
        ([_main(), page(_RGB[::-1], **{"t254": (4, (4,))})], False),
        ([_main(), page(_RGB[::-1])], True),
        ([page(_RGB, t254=(4, (2,))), page(_RGB[::-1, :90], t254=(4, (2,)))], True),
        ([page(_SMALL), page(_RGB)], True),
        ([page(_RGB, **_REDUCED)], False),
    ],
)  # fmt: skip
@pytest.mark.parametrize("big", [False, True])
def test_the_photo_is_the_full_picture_and_further_pages_are_told(
    pages: list[Page], further: bool, big: bool
) -> None:
    photo = read(tiff(*pages, big=big))
    assert distance(photo.pixels, scene()) == 0
    assert photo.info.remarks == (("pages",) if further else ())


@pytest.mark.parametrize("orientation", STORED)
@pytest.mark.parametrize("big", [False, True])
def test_the_thumbnail_tells_how_to_turn_the_photo_and_who_took_it(
    orientation: int, big: bool
) -> None:
    turned = np.asarray(held(scene(), orientation))
    tag = {"t274": (3, (orientation,))}
    thumbnail = page(turned[::4, ::4], **_REDUCED, **tag, **_TEXT)  # type: ignore[arg-type]
    own = page(turned, **tag, **_TEXT)  # type: ignore[arg-type]
    for data in (tiff(thumbnail, page(turned), big=big), tiff(own, big=big)):
        photo = read(data)
        assert distance(photo.pixels, scene()) == 0
        assert photo.info.camera == "Canon EOS R6"
        assert photo.info.captured_at is not None


def test_another_page_does_not_turn_the_photo() -> None:
    photo = read(tiff(page(_SMALL, t274=(3, (6,))), page(_RGB)))
    assert distance(photo.pixels, scene()) == 0


def test_exif_of_a_tiff_that_pillow_wrote() -> None:
    tags = exif(Make="Canon", DateTimeOriginal="2024:06:01 12:30:45", OffsetTimeOriginal="+02:00")
    for big in (False, True):
        info = read(encoded(scene(), "TIFF", exif=tags, big_tiff=big)).info
        assert (info.camera, info.utc_offset) == ("Canon", 120)


@pytest.mark.parametrize(
    ("tags", "word"),
    [
        ({"t259": (3, (34712,))}, "JPEG 2000"),
        ({"t259": (3, (34887,))}, "LERC"),
        ({"t259": (3, (52546,))}, "JPEG XL"),
        ({"t259": (3, (65000,))}, "compression 65000"),
        ({"t258": (3, (10, 10, 10))}, "10+10+10 bits"),
        ({"t258": (3, (16, 8, 8))}, "16+8+8 bits"),
        ({"t262": (3, (9,))}, "photometric interpretation 9"),
        ({"t339": (3, (5, 5, 5)), "t258": (3, (32, 32, 32))}, "32+32+32 bits"),
        ({"t339": (3, (3, 3, 3)), "t258": (3, (20, 20, 20))}, "20+20+20 float bits"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_named(tags: dict[str, object], word: str) -> None:
    assert word in refused(tiff(page(_RGB, **tags)))  # type: ignore[arg-type]


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw"])
def test_pillows_size_limit_does_not_apply(
    compression: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    data = encoded(scene(), "TIFF", compression=compression)
    assert distance(read(data).pixels, scene()) == 0


def without_piece(data: bytes, number: int, *, offset: int = 0, count: int = 0) -> bytes:
    """Another offset and byte count for a strip or tile."""
    changed = bytearray(data)
    (main,) = read_directories(data)
    for tag, value in zip((324, 325) if 324 in main else (273, 279), (offset, count), strict=True):
        struct.pack_into(f"{main.order}I", changed, main.entries[tag][2] + 4 * number, value)
    return bytes(changed)


@pytest.mark.parametrize("kind", ["u1", "u2", "u4", "f4"])
@pytest.mark.parametrize(
    "layout",
    [{"rows": 16}, {"rows": 16, "deflate": True}, {"tile": (16, 96), "deflate": True, "predictor": 2}],
    ids=str,
)  # fmt: skip
def test_strips_and_tiles_that_are_left_out_are_black(layout: dict[str, object], kind: str) -> None:
    if kind[0] == "f" and "predictor" in layout:
        layout = layout | {"predictor": 3}
    data = without_piece(tiff(page(samples(kind), **layout)), 1)  # type: ignore[arg-type]
    photo = read(data)
    assert photo.info.remarks == ()
    assert photo.pixels[16:32].max() == 0
    assert np.abs(photo.pixels[32:].astype(int) - _RGB[32:]).max() <= 1


def test_a_tiff_without_any_data_is_corrupt() -> None:
    data = tiff(page(_RGB, rows=32))
    for number in range(2):
        data = without_piece(data, number)
    with pytest.raises(ImageError, match="no data") as caught:
        load_photo(data, "x.tif", max_megapixels=1, accept_damaged=True)
    assert caught.value.reason is Reason.CORRUPT


def test_left_out_strips_of_a_jpeg_are_named() -> None:
    data = encoded(scene(96, 640), "TIFF", compression="jpeg", strip_size=20_000)
    assert "strips or tiles that are left out" in refused(without_piece(data, 1))


@pytest.mark.parametrize("kind", ["u4", "f2", "f4"])
@pytest.mark.parametrize(
    ("spoil", "share"),
    [
        (lambda data: without_piece(data, 1, offset=0, count=100), 25),
        (lambda data: without_piece(data, 1, offset=8, count=0), 25),
        (lambda data: without_piece(data, 1, offset=8, count=3), 25),
        (lambda data: without_piece(data, 3, offset=len(data) - 20, count=4000), 25),
    ],
)
@pytest.mark.parametrize("deflate", [False, True])
def test_of_damaged_wide_samples_the_rest_is_taken_on_request(
    kind: str, spoil: Callable[[bytes], bytes], share: int, deflate: bool
) -> None:
    data = spoil(tiff(page(samples(kind), rows=16, deflate=deflate)))
    with pytest.raises(ImageError, match=f"{share} % of the picture is missing") as caught:
        load_photo(data, "x.tif", max_megapixels=1)
    assert caught.value.reason in {Reason.CORRUPT, Reason.TRUNCATED}
    photo = load_photo(data, "x.tif", max_megapixels=1, accept_damaged=True)
    assert photo.info.remarks == ("damaged",)
    assert np.abs(photo.pixels[:16].astype(int) - _RGB[:16]).max() <= 1


def test_the_start_of_a_damaged_strip_is_kept() -> None:
    noise = np.random.default_rng(0).random((64, 96, 3)).astype("f4")
    whole = page(noise, deflate=True)
    data = whole.blocks[0]
    for spoiled in (data[: len(data) // 2], data[: len(data) // 2] + bytes(len(data) // 2)):
        whole.blocks = [spoiled]
        photo = load_photo(tiff(whole), "x.tif", max_megapixels=1, accept_damaged=True)
        assert photo.info.remarks == ("damaged",)
        assert "% of the picture" in photo.damage
        assert np.abs(photo.pixels[:24] - noise[:24] * 255).max() <= 1


def test_a_broken_tiff_is_corrupt() -> None:
    without_blue = page(samples("u2"), planar=True)
    without_blue.blocks.pop()
    short = page(samples("f4"), deflate=True)
    short.blocks = [short.blocks[0][:-100]]
    for data in (
        tiff(page(samples("f4"), deflate=True))[:2000],
        tiff(without_blue),
        tiff(short),
        tiff(page(samples("f4"), tile=(16, 16), t323=(4, (0,)))),
    ):
        with pytest.raises(ImageError) as caught:
            load_photo(data, "x.tif", max_megapixels=1)
        assert caught.value.reason in {Reason.CORRUPT, Reason.TRUNCATED}


def test_tiffs_from_the_field(assets: Path) -> None:
    folder = assets / "field/tiff-kinds"
    photos = {path.stem: read(path.read_bytes()) for path in folder.glob("*.tif")}
    assert {name: photo.pixels.shape[:2] for name, photo in photos.items()} == {
        "bigtiff": (240, 480), "float32": (120, 240), "thumbnail_first": (240, 480), "two_pages": (240, 480),
    }  # fmt: skip
    assert {name for name, photo in photos.items() if photo.info.remarks} == {"two_pages"}
    whole = np.asarray(Image.open(io.BytesIO((folder / "two_pages.tif").read_bytes())))
    assert whole.shape == (60, 80, 3)  # the first page is the smaller one
    assert all(photo.pixels.mean() > 130 for photo in photos.values())
