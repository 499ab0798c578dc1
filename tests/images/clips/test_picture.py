"""Samples look as on a screen: upright, of the right shape and of the right colours."""

from __future__ import annotations

import io
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from drawn_clips import Look, write_clip
from PIL import ExifTags, Image

from facesort.core.records import PhotoInfo, Pixels
from facesort.images.clips.clip import Part
from facesort.images.clips.clip_file import open_clip
from facesort.images.colour.conversion import from_space
from facesort.images.colour.spaces import of_code_points
from facesort.reasons import Remark

_COLOURS = [
    (200, 40, 40),
    (40, 180, 60),
    (50, 60, 190),
    (230, 200, 60),
    (128, 128, 128),
    (250, 250, 250),
]


def _patches(size: tuple[int, int] = (192, 128)) -> Pixels:
    """Six colours, three in a row."""
    grid = np.array(_COLOURS, np.uint8).reshape(2, 3, 3)
    return grid.repeat(size[1] // 2, axis=0).repeat(size[0] // 3, axis=1)


def _first(path: Path) -> tuple[Pixels, PhotoInfo]:
    with open_clip(path, path.name, max_megapixels=10) as clip:
        (sample,) = clip.samples(Part(0, 1, 1))
        assert sample.pixels is not None
        assert sample.pixels.shape[1::-1] == (clip.info.width, clip.info.height)
        return sample.pixels, clip.info


def _seen(pixels: Pixels) -> np.ndarray:
    """Colour in the middle of each patch, shape (2, 3, 3)."""
    height, width = pixels.shape[0] // 2, pixels.shape[1] // 3
    return pixels[height // 2 :: height, width // 2 :: width].astype(int)


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
@pytest.mark.parametrize("degrees", [90, 180, -90])
def test_frames_are_upright(tmp_path: Path, suffix: str, degrees: int) -> None:
    path = write_clip(tmp_path / f"a.{suffix}", [(0, _patches())], look=Look(turned=degrees))
    pixels, info = _first(path)
    upright = np.rot90(pixels, -degrees // 90)
    assert (info.width, info.height) == ((192, 128) if degrees == 180 else (128, 192))
    assert np.abs(_seen(upright).reshape(-1, 3) - _COLOURS).max() <= 6


def test_pictures_with_exif_are_upright(tmp_path: Path) -> None:
    exif, jpeg = Image.Exif(), io.BytesIO()
    exif[ExifTags.Base.Orientation] = 6
    Image.fromarray(_patches()).save(jpeg, "JPEG", exif=exif, quality=95)
    path = tmp_path / "a.avi"
    with av.open(str(path), "w") as file:
        stream = file.add_stream("mjpeg", rate=25)
        stream.width, stream.height, stream.pix_fmt = 192, 128, "yuvj420p"
        file.start_encoding()
        packet = av.Packet(jpeg.getvalue())
        packet.pts, packet.time_base, packet.stream = 0, Fraction(1, 25), stream
        file.mux(packet)
    pixels, info = _first(path)
    assert (info.width, info.height) == (128, 192)
    assert np.abs(_seen(np.rot90(pixels)).reshape(-1, 3) - _COLOURS).max() <= 6


def test_pixels_are_square(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4", [(0, _patches())], look=Look(pixel=Fraction(4, 3)))
    pixels, info = _first(path)
    assert (info.width, info.height) == (256, 128)
    assert np.abs(_seen(pixels).reshape(-1, 3) - _COLOURS).max() <= 6


@pytest.mark.parametrize("full_range", [False, True])
@pytest.mark.parametrize("depth", ["yuv420p", "yuv420p10le"])
@pytest.mark.parametrize(("matrix", "height"), [(1, 128), (6, 128), (2, 128), (1, 720), (6, 720)])
def test_colours_are_kept(
    tmp_path: Path, matrix: int, height: int, depth: str, full_range: bool
) -> None:
    look = Look(primaries=1, transfer=1, matrix=matrix, full_range=full_range)
    frame = _patches((height * 3 // 2, height))
    path = write_clip(tmp_path / "a.mp4", [(0, frame)], look=look, pixel_format=depth)
    assert np.abs(_seen(_first(path)[0]).reshape(-1, 3) - _COLOURS).max() <= 4


def test_large_frames_that_do_not_say_have_the_matrix_of_hd(tmp_path: Path) -> None:
    def seen(matrix: int) -> np.ndarray:
        look = Look(primaries=1, transfer=1, matrix=matrix)
        return _seen(_first(write_clip(tmp_path / f"{matrix}.mp4", [(0, frame)], look=look))[0])

    frame = _patches((1080, 720))
    assert np.abs(seen(2) - seen(1)).max() > 10  # written with BT.601, which it does not say


@pytest.mark.parametrize(("transfer", "name"), [(16, "PQ"), (18, "HLG")])
def test_high_dynamic_range_is_brought_to_srgb(tmp_path: Path, transfer: int, name: str) -> None:
    signals = (_patches().astype(np.uint16) * 257 * 0.6).astype(np.uint16)
    look = Look(primaries=9, transfer=transfer, matrix=9)
    path = write_clip(
        tmp_path / f"{name}.mp4", [(0, signals)], look=look, pixel_format="yuv420p10le"
    )
    pixels, info = _first(path)
    wanted = from_space(signals, of_code_points(9, transfer))
    assert info.remarks == (Remark.TONE_MAPPED,)
    # The brightest light of the picture, which tells how far it is dimmed, is at an edge that the codec sharpens.
    assert np.abs(_seen(pixels) - _seen(wanted)).max() <= 15


def test_wide_gamut_is_brought_to_srgb(tmp_path: Path) -> None:
    look = Look(primaries=9, transfer=14, matrix=9)
    path = write_clip(tmp_path / "a.mp4", [(0, _patches())], look=look)
    wanted = from_space(_patches(), of_code_points(9, 14))
    assert np.abs(_seen(_first(path)[0]) - _seen(wanted)).max() <= 8


def test_frames_of_two_fields_become_whole(tmp_path: Path) -> None:
    def moving() -> Iterator[tuple[int, Pixels]]:
        for number in range(10):
            pixels = np.full((128, 192, 3), 60, np.uint8)
            pixels[64:] = np.where((np.arange(64) // 2 % 2)[:, None, None], 200, 60)  # stands still
            for field in (0, 1):
                left = 4 * (2 * number + field)
                pixels[field:60:2, left : left + 30] = 220
            yield 40 * number, pixels

    options = {"x264-params": "tff=1", "crf": "4"}
    path = write_clip(tmp_path / "a.mp4", moving(), options=options, look=Look(fields=True))
    with open_clip(path, path.name, max_megapixels=1) as clip:
        for sample in clip.samples(Part(0, 400, 40)):
            assert sample.pixels is not None
            grey = sample.pixels[..., 1].astype(int)
            combed = np.abs(grey[5:51] - grey[4:50])  # bwdif leaves a few rows at the top
            assert combed.max() < 40  # 160 as it is stored
            if 0 < sample.ms < 360:
                still = grey[68:124].reshape(-1, 4, 192)
                assert np.abs(still - np.array([60, 60, 200, 200])[:, None]).max() < 20
