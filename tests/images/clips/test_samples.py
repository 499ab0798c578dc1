"""Samples of clips: the frame on the screen at each time, whatever is read first."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from drawn_clips import every, number_of, numbered, write_clip

from facesort.errors import ImageError
from facesort.images.clips.clip import Part
from facesort.images.clips.clip_file import frame_at, open_clip
from facesort.reasons import Reason


def _read(path: Path, part: Part) -> list[tuple[int, int | None]]:
    with open_clip(path, path.name, max_megapixels=1) as clip:
        return [
            (sample.ms, None if sample.pixels is None else number_of(sample.pixels))
            for sample in clip.samples(part)
        ]


def test_the_frame_at_a_time_is_the_last_that_begins_by_then(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4", numbered([0, 100, 150, 700, 1000]))
    assert _read(path, Part(0, 10_000, 200)) == [
        (0, 0), (200, 2), (400, None), (600, None), (800, 3), (1000, 4),
    ]  # fmt: skip


def test_time_starts_at_the_first_frame(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mkv", numbered(every(100, 1000)), starts_ms=5352)
    assert _read(path, Part(0, 10_000, 500)) == [(0, 0), (500, 5)]


def test_a_part_has_the_samples_from_its_start_and_before_its_end(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4", numbered(every(100, 2000)))
    assert _read(path, Part(500, 1000, 250)) == [(500, 5), (750, 7)]
    assert _read(path, Part(2000, 3000, 250)) == []


def test_the_end_is_known_once_it_was_reached(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4", numbered(every(100, 2000)))
    with open_clip(path, path.name, max_megapixels=1) as clip:
        list(clip.samples(Part(0, 1000, 100)))
        assert clip.ended_ms is None
        list(clip.samples(Part(1000, 10_000, 100)))
        assert clip.ended_ms == 2000


def test_key_frames_come_at_their_own_times(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4", numbered(every(40, 3000)))
    assert [ms for ms, _ in _read(path, Part(500, 3000, 0))] == [1000, 2000]


def test_among_key_frames_a_clip_lasts_as_long_as_its_file_says(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4", numbered(every(40, 1600)))
    with open_clip(path, path.name, max_megapixels=1) as clip:
        assert [sample.ms for sample in clip.samples(Part(0, 30_000, 0))] == [0, 1000]
        assert clip.ended_ms == 1600


def test_a_poster_is_the_sample(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4", numbered(every(40, 2000)))
    with open_clip(path, path.name, max_megapixels=1) as clip:
        for sample in clip.samples(Part(0, 2000, 200)):
            assert sample.pixels is not None
            assert np.array_equal(frame_at(clip, sample.ms), sample.pixels)
        with pytest.raises(ImageError, match=r"there is no frame at 2\.000 s"):
            frame_at(clip, 2000)


def test_frames_that_are_too_large_are_refused(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4", numbered([0]))
    with pytest.raises(ImageError, match="96 x 64 px are more than") as caught:
        open_clip(path, path.name, max_megapixels=0.005)
    assert caught.value.reason is Reason.TOO_LARGE
