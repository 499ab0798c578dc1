"""A part gives the same samples as reading the whole clip, whatever the container, the codec and the times."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from drawn_clips import Look, every, number_of, numbered, write_clip

from facesort.images.clips.clip import Part, Sample
from facesort.images.clips.clip_file import open_clip

_PART_MS = 700
_END_MS = 4200


@dataclass(frozen=True)
class _Kind:
    name: str
    codec: str = "libx264"
    options: Mapping[str, str] | None = None
    muxer: Mapping[str, str] = field(default_factory=dict)
    times: tuple[int, ...] = tuple(every(40, 4000))
    container: str | None = None
    ticks: int = 90_000
    look: Look = field(default_factory=Look)


def _varying() -> tuple[int, ...]:
    rng = random.Random(3)
    times, ms = [], 0
    while ms < 4000:
        times.append(ms)
        ms += rng.choice([8, 17, 33, 34, 50, 120, 900])
    return tuple(times)


_OPEN = {"x264-params": "open-gop=1:keyint=12:min-keyint=12:bframes=3:scenecut=0", "crf": "12"}
_KINDS = {
    "closed": _Kind("a.mp4"),
    "open": _Kind("a.mp4", options=_OPEN),
    "varying": _Kind("a.mp4", times=_varying(), options={"g": "9", "bf": "2", "crf": "12"}),
    "one key frame": _Kind("a.mp4", options={"g": "999", "sc_threshold": "0", "crf": "12"}),
    "refreshed": _Kind(
        "a.mp4", options={"x264-params": "intra-refresh=1:keyint=12:bframes=0", "crf": "12"}
    ),
    "fragments": _Kind("a.mp4", muxer={"movflags": "frag_keyframe+empty_moov"}),
    "hevc": _Kind(
        "a.mov", "libx265", {"x265-params": "keyint=12:open-gop=1:bframes=3:log-level=none"}
    ),
    "mkv open": _Kind("a.mkv", options=_OPEN),
    "mkv without index": _Kind("a.mkv", muxer={"live": "1"}),
    "vp8": _Kind("a.webm", "libvpx", {"g": "12", "qmin": "1", "qmax": "4", "b": "5M"}, ticks=25),
    "vp9": _Kind("a.webm", "libvpx-vp9", {"g": "12", "lossless": "1"}),
    "av1": _Kind("a.mkv", "libsvtav1", {"g": "12", "preset": "10", "crf": "8"}),
    "mts": _Kind("a.mts", options=_OPEN, container="mpegts"),
    "m2ts": _Kind("a.m2ts", options=_OPEN, container="mpegts", muxer={"mpegts_m2ts_mode": "1"}),
    "mts of fields": _Kind(
        "a.mts",
        options={"x264-params": "tff=1:keyint=12:bframes=2", "crf": "12"},
        container="mpegts",
        look=Look(fields=True),
    ),
    "mpeg2": _Kind(
        "a.mts", "mpeg2video", {"g": "12", "bf": "2", "b": "4M"}, container="mpegts", ticks=25
    ),
    "avi": _Kind("a.avi", options={"g": "12", "bf": "0", "crf": "12"}, ticks=25),
    "avi mpeg4": _Kind("a.avi", "mpeg4", {"g": "12", "bf": "0", "b": "4M"}, ticks=25),
    "avi mjpeg": _Kind("a.avi", "mjpeg", {"qmin": "1", "qmax": "3"}, ticks=25),
}


def _samples(path: Path, part: Part) -> list[Sample]:
    with open_clip(path, path.name, max_megapixels=1) as clip:
        samples = list(clip.samples(part))
        assert clip.complaints == 0
        return samples


@pytest.mark.parametrize(
    ("kind", "starts_ms"),
    [
        pytest.param(kind, starts_ms, id=f"{name} from {starts_ms}")
        for name, kind in _KINDS.items()
        for starts_ms in ([0] if kind.name == "a.avi" else [0, 1480])  # AVI counts frames from 0
    ],
)
def test_parts_are_those_of_the_whole(tmp_path: Path, kind: _Kind, starts_ms: int) -> None:
    path = write_clip(
        tmp_path / kind.name,
        numbered(kind.times),
        codec=kind.codec,
        options=kind.options,
        pixel_format="yuvj420p" if kind.codec == "mjpeg" else "yuv420p",
        starts_ms=starts_ms,
        ticks=kind.ticks,
        container=kind.container,
        look=kind.look,
        muxer=kind.muxer,
    )
    whole = _samples(path, Part(0, 9000, 100))
    shown = [max(n for n, ms in enumerate(kind.times) if ms <= s.ms) for s in whole]
    last: Sample | None = None
    for sample, number in zip(whole, shown, strict=True):
        last = last if sample.pixels is None else sample
        assert last is not None
        assert last.pixels is not None
        assert number_of(last.pixels) == number

    for start in range(0, _END_MS, _PART_MS):
        wanted = [s for s in whole if start <= s.ms < start + _PART_MS]
        found = _samples(path, Part(start, start + _PART_MS, 100))
        assert [s.ms for s in found] == [s.ms for s in wanted]
        for one, other in zip(found, wanted, strict=True):
            if one.pixels is not None and other.pixels is not None:
                assert np.array_equal(one.pixels, other.pixels), (start, one.ms)
