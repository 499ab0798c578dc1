"""A part of a clip for a browser: the same pictures at the same times, from whatever it is stored in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from drawn_clips import Actor, Look, every, stage, write_clip

from facesort.errors import ImageError
from facesort.images.clips.clip_file import frame_at, open_clip
from facesort.images.clips.pyav import PyavClip

_ROOM = 10_000_000
_WITH_B_FRAMES = {"crf": "12", "g": "25", "bf": "3"}


def film(path: Path, codec: str = "libx264", **options: object) -> PyavClip:
    frames = stage([Actor(1, 0, 3000, lambda ms: (20 + ms // 10, 40))], every(40, 3000))
    written = write_clip(path, frames, codec=codec, **options)  # type: ignore[arg-type]
    return opened(written)


def opened(source: Path | bytes) -> PyavClip:
    clip = open_clip(source, "clip", max_megapixels=10, decoder="pyav")
    assert isinstance(clip, PyavClip)
    return clip


@pytest.mark.parametrize("name", ["clip.mp4", "clip.mov", "clip.mkv", "clip.mts"])
@pytest.mark.parametrize("start_ms", [0, 1300])
def test_it_shows_the_same_pictures(tmp_path: Path, name: str, start_ms: int) -> None:
    container = "mpegts" if name.endswith("mts") else None
    clip = film(tmp_path / name, options=_WITH_B_FRAMES, container=container, starts_ms=1400)
    found = clip.excerpt(start_ms, start_ms + 600, _ROOM)
    assert found is not None
    assert found.from_ms == start_ms // 1000 * 1000, "from the key frame on"
    excerpt = opened(found.mp4)
    for ms in (start_ms, start_ms + 240, start_ms + 560):
        shown = frame_at(excerpt, ms - found.from_ms)
        assert np.array_equal(shown, frame_at(clip, ms))
    assert excerpt.duration_ms < 2000


def test_it_hangs_as_the_clip_does(tmp_path: Path) -> None:
    clip = film(tmp_path / "clip.mov", look=Look(turned=90))
    found = clip.excerpt(0, 600, _ROOM)
    assert found is not None
    shown = frame_at(opened(found.mp4), 400)
    assert shown.shape[:2] == (640, 240)
    assert np.array_equal(shown, frame_at(clip, 400))


def test_it_ends_where_there_is_no_more_room(tmp_path: Path) -> None:
    clip = film(tmp_path / "clip.mp4")
    whole, part = clip.excerpt(0, 3000, _ROOM), clip.excerpt(0, 3000, 8000)
    assert whole is not None and part is not None
    assert len(part.mp4) < 10_000 < len(whole.mp4)
    assert 0 < opened(part.mp4).duration_ms < opened(whole.mp4).duration_ms
    assert clip.excerpt(0, 3000, 10) is None


@pytest.mark.parametrize("seed", range(12))
def test_of_a_damaged_clip_it_is_what_is_left_or_nothing(tmp_path: Path, seed: int) -> None:
    film(tmp_path / "clip.mp4", options=_WITH_B_FRAMES)
    content = bytearray((tmp_path / "clip.mp4").read_bytes())
    rng = np.random.default_rng(seed)
    for place in rng.integers(0, len(content), 60):
        content[place] ^= int(rng.integers(1, 256))
    try:
        clip = opened(bytes(content[: len(content) - 500 * (seed % 3)]))
    except ImageError:
        return
    found = clip.excerpt(1300, 2600, _ROOM)
    assert found is None or found.mp4[4:8] == b"ftyp"


def test_what_no_browser_plays_is_not_offered(tmp_path: Path) -> None:
    options = {"options": {"qmin": "2"}, "pixel_format": "yuvj420p"}
    assert film(tmp_path / "clip.avi", "mjpeg", **options).excerpt(0, 1000, _ROOM) is None
