"""Damaged clips and files that are none: a result or a reason each, and what is missing is counted."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest
from drawn_clips import Look, every, numbered, write_clip

from facesort.core.records import Pixels
from facesort.errors import ImageError
from facesort.images.clips.clip import Part
from facesort.images.clips.clip_file import open_clip
from facesort.reasons import Reason

_EVERY = 40
_PART_MS = 1000


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("clips")
    kinds = {
        "mp4": {},
        "fast.mp4": {"muxer": {"movflags": "faststart"}},
        "mkv": {},
        "mov": {"codec": "libx265", "options": {"x265-params": "log-level=none"}},
        "mts": {
            "container": "mpegts",
            "look": Look(fields=True),
            "options": {"x264-params": "tff=1:keyint=12"},
        },
        "avi": {"codec": "mpeg4", "options": {"b": "4M"}, "ticks": 25},
    }
    return {
        name: write_clip(folder / f"a.{name}", _noisy(), **options).read_bytes()
        for name, options in kinds.items()
    }


def _noisy(until_ms: int = 2000) -> Iterator[tuple[int, Pixels]]:
    """So that there are more pictures than headers in the file."""
    rng = np.random.default_rng(1)
    for ms, pixels in numbered(every(_EVERY, until_ms)):
        yield ms, pixels + rng.integers(0, 20, pixels.shape, np.uint8)


def _read(data: bytes, name: str = "a") -> tuple[int, int, int | None]:
    """Samples, complaints and the end."""
    with open_clip(data, name, max_megapixels=1) as clip:
        count = 0
        for start in range(0, clip.duration_ms + 1, _PART_MS):
            count += len(list(clip.samples(Part(start, start + _PART_MS, _EVERY))))
        return count, clip.complaints, clip.ended_ms


def _refused(data: bytes) -> tuple[Reason, str]:
    with pytest.raises(ImageError) as caught:
        _read(data)
    return caught.value.reason, caught.value.detail


def test_a_clip_without_its_index_is_truncated(clips: dict[str, bytes]) -> None:
    reason, detail = _refused(clips["mp4"][: len(clips["mp4"]) // 2])
    assert reason is Reason.TRUNCATED
    assert detail.startswith("MP4: the index is missing")


@pytest.mark.parametrize("kind", ["fast.mp4", "mkv", "mts", "avi"])
def test_what_is_left_of_a_cut_clip_is_read(clips: dict[str, bytes], kind: str) -> None:
    count, _, ended = _read(clips[kind][: len(clips[kind]) * 6 // 10])
    assert 10 < count < 40
    assert ended is not None
    assert count == -(-ended // _EVERY)


def test_a_missing_tail_is_told(clips: dict[str, bytes]) -> None:
    assert _read(clips["fast.mp4"][: len(clips["fast.mp4"]) * 6 // 10])[1] >= 1


@pytest.mark.parametrize("kind", ["mp4", "mkv", "mts", "avi"])
def test_damaged_pictures_are_counted(clips: dict[str, bytes], kind: str) -> None:
    data = bytearray(clips[kind])
    for at in range(len(data) // 3, len(data) * 2 // 3, len(data) // 20):
        data[at : at + 6] = b"\x00\xff\x55\xaa\x55\xff"
    count, complaints, _ = _read(bytes(data))
    assert count >= 40
    assert 1 <= complaints <= 50
    assert _read(clips[kind])[:2] == (50, 0)


def test_a_hole_shows_what_was_before_it(tmp_path: Path) -> None:
    options = {"g": "25", "sc_threshold": "0", "crf": "12"}
    path = write_clip(tmp_path / "a.mp4", _noisy(8000), options=options)
    data = bytearray(path.read_bytes())
    start, end = len(data) * 3 // 10, len(data) * 7 // 10
    data[start:end] = bytes(end - start)
    with open_clip(bytes(data), "a.mp4", max_megapixels=1) as clip:
        whole = list(clip.samples(Part(0, 9000, 200)))
        complaints = clip.complaints
    assert [sample.ms for sample in whole] == list(range(0, 8000, 200))
    assert sum(sample.pixels is None for sample in whole) > 10
    with open_clip(bytes(data), "a.mp4", max_megapixels=1) as clip:
        parts = [s for ms in range(0, 9000, 600) for s in clip.samples(Part(ms, ms + 600, 200))]
        assert clip.complaints == complaints >= 50
    assert [sample.ms for sample in parts] == [sample.ms for sample in whole]
    last = None
    for one, other in zip(parts, whole, strict=True):
        last = other.pixels if other.pixels is not None else last
        assert one.pixels is None or np.array_equal(one.pixels, last)


def test_files_that_hold_no_frames_are_refused(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "sound.mp4"), "w") as file:
        stream = file.add_stream("aac", rate=48000)
        frame = av.AudioFrame(format="fltp", layout="mono", samples=1024)
        frame.planes[0].update(bytes(4 * 1024))
        frame.sample_rate = 48000
        file.mux(stream.encode(frame))
        file.mux(stream.encode())
    with av.open(str(tmp_path / "none.mp4"), "w") as file:
        stream = file.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        file.start_encoding()
    for name in ("sound.mp4", "none.mp4"):
        assert _refused((tmp_path / name).read_bytes()) == (
            Reason.NOT_AN_IMAGE,
            "the file has no video, or no frame of it",
        )
    assert _refused(b"")[0] is Reason.EMPTY_FILE
    assert _refused(b"text, not a clip")[0] is Reason.NOT_AN_IMAGE
    assert _refused(b"FLV\1" + bytes(99)) == (
        Reason.UNSUPPORTED_FORMAT,
        "Flash cannot be read: convert the clip to MP4",
    )


@pytest.mark.parametrize(
    "text",
    [
        "#EXTM3U\n#EXTINF:1,\nfile://{0}\n",
        "ffconcat version 1.0\nfile '{0}'\n",
        "<?xml version='1.0'?><MPD><BaseURL>{0}</BaseURL></MPD>",
    ],
)
def test_lists_of_other_files_are_no_clips(tmp_path: Path, text: str) -> None:
    other = write_clip(tmp_path / "a.mp4", numbered([0, 40]))
    assert _refused(text.format(other).encode())[0] is Reason.NOT_AN_IMAGE


def test_a_clip_may_not_point_to_another_file(tmp_path: Path, clips: dict[str, bytes]) -> None:
    other = write_clip(tmp_path / "a.mp4", numbered(every(_EVERY, 2000)))
    reference = b"\0\0\0\x0curl \0\0\0\x01"  # "in this file"
    url = b"file://" + bytes(other) + b"\0"
    elsewhere = (12 + len(url)).to_bytes(4, "big") + b"url \0\0\0\0" + url
    data = clips["fast.mp4"]
    assert reference in data
    grown = data.replace(reference, elsewhere)
    for name in (b"moov", b"trak", b"mdia", b"minf", b"dinf", b"dref"):
        at = grown.index(name) - 4
        size = int.from_bytes(grown[at : at + 4], "big") + len(elsewhere) - len(reference)
        grown = grown[:at] + size.to_bytes(4, "big") + grown[at + 4 :]
    try:
        assert _read(grown)[0] <= 50
    except ImageError as error:
        assert error.reason in {Reason.CORRUPT, Reason.NOT_AN_IMAGE}


@pytest.mark.parametrize("kind", ["a.mp4", "a.mkv", "a.mts"])
def test_a_clip_ends_where_the_times_of_its_frames_jump(tmp_path: Path, kind: str) -> None:
    times = [*every(_EVERY, 1000), 23 * 3_600_000]
    container = "mpegts" if kind == "a.mts" else None
    path = write_clip(tmp_path / kind, numbered(times), container=container, ticks=1000)
    with open_clip(path, "a", max_megapixels=1) as clip:
        assert len(list(clip.samples(Part(0, 10_000, _EVERY)))) == 25
        assert (clip.ended_ms, clip.complaints) == (1000, 1)


@pytest.mark.parametrize("seed", range(60))
def test_any_damage_gives_a_result_or_a_reason(clips: dict[str, bytes], seed: int) -> None:
    rng = random.Random(seed)
    name = rng.choice(sorted(clips))
    data = bytearray(clips[name])
    for _ in range(rng.choice([1, 8, 40])):
        at = rng.randrange(len(data))
        match rng.randrange(4):
            case 0:
                data[at] ^= 1 << rng.randrange(8)
            case 1:
                data[rng.randrange(min(1500, len(data)))] = rng.randrange(256)
            case 2:
                del data[at : at + rng.randrange(200)]
            case _:
                data[at:at] = rng.randbytes(rng.randrange(50))
    try:
        assert _read(bytes(data[: rng.randrange(len(data) // 2, len(data) + 1)]), name)
    except ImageError as error:
        assert error.detail
