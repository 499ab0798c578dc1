"""When, where and with what a clip was taken, as far as its tags can be believed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import av
import pytest
from av.bitstream import BitStreamFilterContext
from drawn_clips import every, numbered, write_clip

from facesort.core.records import PhotoInfo, Position
from facesort.images.clips.clip_file import open_clip
from facesort.images.clips.tags import avchd_tags, described

_NOON = datetime(2026, 5, 1, 12, 30, 15)


def _told(tags: Mapping[str, str]) -> PhotoInfo:
    return described("MP4", (96, 64), tags)


def test_a_phone_tells_its_clock_its_place_and_its_name(tmp_path: Path) -> None:
    path = write_clip(
        tmp_path / "a.mov",
        numbered([0, 40]),
        tags={
            "creation_time": "2026-05-01T10:30:15Z",
            "com.apple.quicktime.creationdate": "2026-05-01T12:30:15+0200",
            "com.apple.quicktime.make": "Apple",
            "com.apple.quicktime.model": "iPhone 17",
            "com.apple.quicktime.location.ISO6709": "+48.1374+011.5755+519.120/",
        },
        muxer={"movflags": "use_metadata_tags"},
    )
    with open_clip(path, path.name, max_megapixels=1) as clip:
        assert clip.info == PhotoInfo(
            "MOV", 96, 64, _NOON, "Apple iPhone 17", 120, Position(48.1374, 11.5755, 519.12)
        )


@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv", "webm"])
def test_containers_count_in_utc(tmp_path: Path, suffix: str) -> None:
    options = {"codec": "libvpx-vp9", "options": {"lossless": "1"}} if suffix == "webm" else {}
    path = write_clip(
        tmp_path / f"a.{suffix}",
        numbered([0, 40]),
        tags={"creation_time": "2026-05-01T12:30:15Z"},
        **options,
    )
    with open_clip(path, path.name, max_megapixels=1) as clip:
        assert clip.info.format == suffix.upper()
        assert (clip.info.captured_at, clip.info.utc_offset) == (_NOON, 0)


def test_a_clock_without_zone_has_no_offset() -> None:
    info = _told({"creation_time": "2026-05-01 12:30:15"})  # of AVI
    assert (info.captured_at, info.utc_offset) == (_NOON, None)


@pytest.mark.parametrize(
    "written",
    ["", "1904-01-01T00:00:00Z", "1970-01-01T00:00:00.000000Z", "2026-13-01T00:00:00Z", "\x1b[2Jx"],
)
def test_a_clock_that_is_not_set_tells_nothing(written: str) -> None:
    info = _told({"creation_time": written, "com.apple.quicktime.creationdate": written})
    assert (info.captured_at, info.utc_offset) == (None, None)


@pytest.mark.parametrize(
    ("written", "position"),
    [
        ("+48.1374+011.5755/", Position(48.1374, 11.5755)),
        ("-33.8688-151.2093-12.5CRSWGS_84/", Position(-33.8688, -151.2093, -12.5)),
        ("+00.0000+000.0000/", None),
        ("+91.0000+011.0000/", None),
        ("+48.1374+181.0000/", None),
        ("+4808.24+01134.53/", None),  # minutes
        ("+48.1374+011.5755+999999999/", Position(48.1374, 11.5755)),
        ("48.1374, 11.5755", None),
        ("+48.1374+011.5755/<script>", None),
    ],
)
def test_places_are_believed_if_they_can_be(written: str, position: Position | None) -> None:
    assert _told({"location": written}).position == position


def test_other_phones_name_themselves_too() -> None:
    tags = {"com.android.manufacturer": "Google", "com.android.model": "Google Pixel 9"}
    assert _told(tags).camera == "Google Pixel 9"
    assert _told({"make": "SONY\0x", "model": " ILCE-7M4 "}).camera == "SONY ILCE-7M4"


def _avchd(zone: int, *packs: str) -> bytes:
    listed = bytes([0x18, zone]) + b"".join(map(bytes.fromhex, packs))
    return bytes.fromhex("17ee8c60f84d11d98cd60800200c9a66") + b"MDPM\x03" + listed


def test_a_camcorder_tells_its_clock_in_the_video(tmp_path: Path) -> None:
    message = _avchd(0x05, "202605", "1901123015")  # no zeros: they would end the text
    filtering = b"h264_metadata=sei_user_data=" + message[:16].hex().encode() + b"+" + message[16:]
    path = write_clip(tmp_path / "whole.mp4", numbered(every(40, 1000)))
    with av.open(str(path)) as source, av.open(str(tmp_path / "a.mts"), "w", "mpegts") as target:
        stream = source.streams.video[0]
        copied = target.add_stream_from_template(stream)
        tagging = BitStreamFilterContext(filtering, stream, copied)
        for packet in source.demux(stream):
            for tagged in tagging.filter(packet) if packet.size else ():
                tagged.stream = copied
                target.mux(tagged)
    with open_clip(tmp_path / "a.mts", "a.mts", max_megapixels=1) as clip:
        assert (clip.info.captured_at, clip.info.utc_offset) == (_NOON, 150)


@pytest.mark.parametrize(
    ("zone", "offset"), [(0x04, 120), (0x05, 150), (0x24, -120), (0x44, 120), (0xFF, None)]
)
def test_the_packs_of_avchd_are_read(zone: int, offset: int | None) -> None:
    x264 = bytes(16) + b"x264 - core 165"
    tags = avchd_tags([x264, _avchd(zone, "202605", "1901123015", "e001080000")])
    info = described("MTS", (96, 64), {}, {}, tags)
    assert (info.captured_at, info.utc_offset, info.camera) == (_NOON, offset, "Sony")


@pytest.mark.parametrize("cut", range(0, 36, 3))
def test_packs_that_are_cut_off_tell_less(cut: int) -> None:
    message = _avchd(0x04, "202605", "19ffffffff", "e0ffff")
    assert described("MTS", (96, 64), avchd_tags([message[:cut]])).captured_at is None
