"""Clips that no camera wrote, through whole jobs: each ends as a result or a reason, and hangs nothing."""

from __future__ import annotations

import multiprocessing
import random
import struct
from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from drawn_clips import Actor, every, stage, write_clip
from filmed_event import with_photos
from synthetic_event import make_workspace
from torture.campaign import Ledger, chance, share
from torture.mutations import mutated
from torture.test_garbage import sort_all

from facesort.store.queries import reports
from facesort.workspace import Workspace

LIMITS = {"videos": True, "timeout_s": 20, "max_worker_mb": 1500, "max_megapixels": 200.0}
KINDS: dict[str, dict[str, Any]] = {
    "h264.mp4": {},
    "first.mp4": {"muxer": {"movflags": "faststart"}},
    "pieces.mp4": {"muxer": {"movflags": "frag_keyframe+empty_moov"}},
    "hevc.mov": {"codec": "libx265", "options": {"x265-params": "log-level=none"}},
    "mjpeg.mov": {"codec": "mjpeg", "pixel_format": "yuvj420p", "ticks": 25},
    "h264.mkv": {},
    "vp9.webm": {"codec": "libvpx-vp9", "options": {"cpu-used": "8", "deadline": "realtime"}},
    "h264.mts": {"container": "mpegts"},
    "mpeg2.mts": {"codec": "mpeg2video", "container": "mpegts", "ticks": 25},
    "mpeg4.avi": {"codec": "mpeg4", "ticks": 25},
    "mjpeg.avi": {"codec": "mjpeg", "pixel_format": "yuvj420p", "ticks": 25},
}


@cache
def originals() -> dict[str, bytes]:
    """A clip of two seconds of each kind, with a known person."""
    with TemporaryDirectory() as folder:
        return {
            name: write_clip(
                Path(folder) / name,
                stage([Actor(1, 0, 1500)], every(40, 2000), (240, 176)),
                **kind,
            ).read_bytes()
            for name, kind in KINDS.items()
        }


def cut(data: bytes, _: bytes, chance: random.Random) -> bytes:
    return data[: chance.randrange(len(data))]


def flipped(data: bytes, _: bytes, chance: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(chance.choice([1, 10, 100, 1000])):
        changed[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def spliced(data: bytes, other: bytes, chance: random.Random) -> bytes:
    """The beginning of one and the end of another, as from a card whose files share clusters."""
    return data[: chance.randrange(len(data))] + other[chance.randrange(len(other)) :]


def fuzzed(data: bytes, _: bytes, chance: random.Random) -> bytes:
    """Lengths, offsets and counts at both ends, where indexes are, that say something else."""
    place = chance.choice([0, max(len(data) - 3000, 0)])
    return data[:place] + mutated(data[place : place + 3000], chance) + data[place + 3000 :]


def whole(data: bytes, _: bytes, chance: random.Random) -> bytes:
    """Only its suffix is wrong."""
    return data


DAMAGE: tuple[Callable[[bytes, bytes, random.Random], bytes], ...] = (
    *(cut, flipped, spliced, fuzzed, fuzzed, whole),
)


def make_damaged(folder: Path, number: int, random: random.Random) -> str:
    """A damaged clip; returns what was done to it."""
    kind, other = random.choice(sorted(KINDS)), random.choice(sorted(KINDS))
    damage = random.choice(DAMAGE)
    suffix = Path(random.choice([other, "a.jpg"]) if damage is whole else kind).suffix
    data = damage(originals()[kind], originals()[other], random)
    # Bytes after the end: whole ones are not one content.
    folder.mkdir(exist_ok=True, parents=True)
    path = folder / f"{number:03d}-{damage.__name__}-{Path(kind).stem}{suffix}"
    path.write_bytes(data + b"%d" % number * (damage is whole))
    return path.name


def remarks_of(workspace: Workspace) -> Counter[str]:
    with workspace.open_store(read_only=True) as store:
        return Counter(r for (rs,) in store.rows("SELECT remarks FROM photo") for r in rs or ())


@pytest.mark.parametrize("job", range(share(1, 4)))
def test_damaged_clips(
    job: int, ledger: Ledger, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clips, random = share(20, 50), chance("clips", job)
    for number in range(clips):
        make_damaged(tmp_path / "source", number, random)
    workspace, pack = make_workspace(tmp_path, tmp_path / "source")
    workspace = with_photos(workspace, **LIMITS, key_frames_only=job % 4 == 3)

    ended = sort_all(workspace, pack, ledger, 2)

    ledger.count("files fed: damaged clips", clips)
    ledger.note(f"job {job}: {dict(ended)}, of these {dict(remarks_of(workspace))}")
    assert ended["timeout"] == ended["worker_died"] == ended["too_large"] == 0
    assert "Traceback" not in caplog.text
    assert multiprocessing.active_children() == []


def claiming(data: bytes, box: bytes, at: int, claim: bytes, number: int = 0) -> bytes:
    """An MP4 in which the n-th of these boxes says something else, so many bytes after its name."""
    place = -1
    for _ in range(number + 1):
        place = data.index(box, place + 1)
    place += 4 + at
    return data[:place] + claim + data[place + len(claim) :]


def giants() -> dict[str, bytes]:
    """Clips that claim far more than is in them, by where they do; each box is of version 0."""
    mp4, mkv, avi = (originals()[name] for name in ("first.mp4", "h264.mkv", "mpeg4.avi"))
    most = b"\xff" * 4
    return {
        "wide.mp4": claiming(claiming(mp4, b"avc1", 24, most), b"tkhd", 76, most * 2),
        "years.mp4": claiming(claiming(mp4, b"mdhd", 16, most), b"mvhd", 16, most),
        "seconds.mp4": claiming(
            claiming(mp4, b"mdhd", 12, b"\0\0\0\1" + most), b"mvhd", 12, b"\0\0\0\1" + most
        ),
        "day.mp4": claiming(mp4, b"mdhd", 12, struct.pack(">II", 1, 86_000)),
        "still.mp4": claiming(mp4, b"stts", 12, most),
        "often.mp4": claiming(mp4, b"stts", 8, most),
        "many.mp4": claiming(mp4, b"stsz", 8, most),
        "large.mp4": claiming(mp4, b"stsz", 12, b"\x7f\xff\xff\xff"),
        "far.mp4": claiming(mp4, b"stco", 8, most),
        "profile.mp4": claiming(mp4, b"avcC", 8, most),
        "wide.mkv": mkv.replace(b"\xb0\x81\xf0\xba\x81\xb0", b"\xb0\x81\xf0\xba\x81\x00", 1),
        "wide.avi": avi.replace(struct.pack("<II", 240, 176), struct.pack("<II", 1 << 30, 1 << 30)),
        "slow.avi": avi.replace(b"\x01\0\0\0\x19\0\0\0", most + b"\1\0\0\0", 1),
    }


def test_claims(ledger: Ledger, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for name, data in giants().items():
        (tmp_path / "source").mkdir(exist_ok=True)
        (tmp_path / "source" / name).write_bytes(data)
        assert data not in originals().values(), name
    large = stage(
        [Actor(1, 0, 1000, lambda _: (2000, 2000))],
        [0, 40],
        (share(4000, 12_000), share(3000, 8000)),
    )
    write_clip(
        tmp_path / "source" / "large.avi", large, codec="mjpeg", pixel_format="yuvj420p", ticks=25
    )
    workspace, pack = make_workspace(tmp_path, tmp_path / "source")

    ended = sort_all(with_photos(workspace, **LIMITS), pack, ledger, 2)

    ledger.count("files fed: damaged clips", len(giants()) + 1)
    with workspace.open_store(read_only=True) as store:
        failed = {
            path: (reason, detail)
            for path, reason, detail in reports.failed_photos(store, limit=100)
        }
        spans = store.rows(
            "SELECT path, samples, c.duration_ms FROM clip c JOIN place USING (photo_id) ORDER BY 1"
        )
    ledger.note(f"{dict(ended)}; {failed}; {spans}")
    assert ended["timeout"] == ended["worker_died"] == 0
    assert all(samples <= 50 for _, samples, _ in spans)  # one part, whatever they claim
    assert ended["matched"] >= 4
    assert "Traceback" not in caplog.text
