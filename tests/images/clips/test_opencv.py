"""Where PyAV is missing OpenCV gives the same frames at the same times."""

from __future__ import annotations

import random
import sys
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from drawn_clips import Look, every, number_of, numbered, write_clip

from facesort.errors import ImageError
from facesort.images.clips.clip import Part
from facesort.images.clips.clip_file import Decoder, open_clip, which_decoder
from facesort.reasons import Reason

_RNG = random.Random(1)
_VARYING = sorted({0, *(_RNG.randrange(4000) for _ in range(60))})
_HEVC = {"codec": "libx265", "options": {"x265-params": "log-level=none:keyint=12"}}
_VP9 = {"codec": "libvpx-vp9", "options": {"lossless": "1", "g": "12"}}
_KINDS: list[tuple[str, list[int], Mapping[str, Any]]] = [
    ("a.mp4", every(40, 4000), {"starts_ms": 1480}),
    ("a.mkv", _VARYING, {"options": {"g": "9", "crf": "12"}}),
    ("a.mov", every(40, 4000), _HEVC),
    ("a.webm", every(40, 4000), _VP9),
    ("a.mts", every(40, 4000), {"container": "mpegts", "options": {"g": "12", "crf": "12"}}),
    ("a.avi", every(40, 4000), {"codec": "mpeg4", "options": {"b": "4M"}, "ticks": 25}),
]


def _read(path: Path, decoder: Decoder, part: Part) -> tuple[list[tuple[int, int | None]], Any]:
    with open_clip(path, path.name, max_megapixels=1, decoder=decoder) as clip:
        found = [
            (sample.ms, None if sample.pixels is None else number_of(sample.pixels))
            for sample in clip.samples(part)
        ]
        return found, (clip.info.width, clip.info.height, clip.codec)


@pytest.mark.parametrize(("name", "times", "options"), _KINDS, ids=[kind[0] for kind in _KINDS])
def test_both_decoders_give_the_same(
    tmp_path: Path,
    name: str,
    times: list[int],
    options: Mapping[str, Any],
) -> None:
    path = write_clip(tmp_path / name, numbered(times), **options)
    for part in [Part(0, 9000, 200), *(Part(ms, ms + 700, 100) for ms in range(0, 4200, 700))]:
        assert _read(path, "opencv", part) == _read(path, "pyav", part)


def test_frames_are_upright_with_square_pixels(tmp_path: Path) -> None:
    look = Look(turned=90, pixel=Fraction(4, 3))
    path = write_clip(tmp_path / "a.mp4", numbered(every(40, 400)), look=look)
    sizes = []
    for decoder in ("pyav", "opencv"):
        with open_clip(path, path.name, max_megapixels=1, decoder=decoder) as clip:
            (sample,) = clip.samples(Part(0, 1, 1))
            assert sample.pixels is not None
            sizes.append((clip.info.width, clip.info.height, sample.pixels.shape))
    assert sizes == [(64, 128, (128, 64, 3))] * 2


def test_what_is_refused_is_the_same(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4", numbered([0, 40]))
    whole = path.read_bytes()
    for data, most in [(whole[: len(whole) // 2], 1.0), (b"#EXTM3U\n", 1.0), (whole, 0.001)]:
        reasons = set()
        for decoder in ("pyav", "opencv"):
            with pytest.raises(ImageError) as caught:
                open_clip(data, "a.mp4", max_megapixels=most, decoder=decoder)
            reasons.add(caught.value.reason)
        assert reasons <= {Reason.TRUNCATED, Reason.CORRUPT} or len(reasons) == 1


def test_opencv_stands_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert which_decoder().startswith("PyAV ")
    monkeypatch.setitem(sys.modules, "av", None)  # as if it were not installed
    path = write_clip(tmp_path / "a.mp4", numbered([0, 40]))
    assert which_decoder().startswith("OpenCV ")
    with open_clip(path, path.name, max_megapixels=1) as clip:
        assert clip.decoder == which_decoder()
