"""A clip is analysed part by part: whatever ends in between, the result is the same."""

from __future__ import annotations

import errno
import functools
import itertools
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from drawn_clips import Actor, every, stage, write_clip
from synthetic_event import write_photo

from facesort.core.records import Analysis, Face, PhotoRef
from facesort.engine.analysis import clips
from facesort.engine.analysis.analyse import Analyser, Task, render_file
from facesort.engine.analysis.clips import ClipAnalysis, analyse_part, part_of
from facesort.engine.analysis.in_order import analyse_in_order
from facesort.engine.analysis.lost import WorkerLost
from facesort.engine.analysis.parts import FoundPart, KeptParts
from facesort.faces.packs.find import synthetic_pack
from facesort.images.clips.clip import Part
from facesort.reasons import Reason, Remark
from facesort.settings import PhotoSettings

EVERY_MS = 500
LONG_MS = 24_000  # three parts


class Disturbed(Executor):
    """Threads that note which parts they look at, and may be disturbed before one."""

    def __init__(self, before: Callable[[int], object] = lambda start_ms: None) -> None:
        self.pool, self.before, self.parts = ThreadPoolExecutor(2), before, list[int]()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        return self.pool.submit(functools.partial(self._run, fn, *args))

    def _run(self, fn: Callable[..., Any], *args: Any) -> Any:
        if fn is analyse_part:
            self.parts.append(args[2].start_ms)
            self.before(args[2].start_ms)
        return fn(*args)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("card")
    crossing = [
        Actor(1, 0, 4000),
        Actor(2, 2000, 14_000, at=lambda ms: (200 + ms // 60, 80)),
        Actor(1, 12_000, LONG_MS),
    ]
    write_clip(folder / "long.mp4", stage(crossing, every(100, LONG_MS)))
    write_clip(folder / "nobody.mp4", stage([], every(100, 1000)))
    write_photo(folder / "picture.png", [3])
    (folder / "picture.png").rename(folder / "picture.mov")
    (folder / "called.jpg").write_bytes((folder / "nobody.mp4").read_bytes())
    (folder / "noise.mp4").write_bytes(bytes(range(256)) * 50)
    (folder / "empty.mp4").write_bytes(b"")
    return folder


@pytest.fixture
def analyser(source: Path) -> Analyser:
    return Analyser(
        {"card": source}, synthetic_pack(), PhotoSettings(videos=True, samples_per_second=2)
    )


def task(name: str) -> Task:
    return Task(PhotoRef(7, name, source="card"))


def analysed(
    analyser: Analyser, name: str, executor: Executor | None = None, **more: Any
) -> Analysis:
    return ClipAnalysis(analyser, executor or Disturbed(), task(name), **more).run()


def spans(found: Analysis) -> list[tuple[int, int]]:
    return [(f.track.start_ms, f.track.end_ms) for f in found.faces if f.track is not None]


def told(found: Analysis) -> list[object]:
    """All that a track is, so that it can be compared."""
    return [
        (
            *(face.box.tobytes(), face.embedding.tobytes(), face.crop, face.quality, face.score),
            *(track.start_ms, track.end_ms, track.best_ms),
            *(track.times_ms.tobytes(), track.boxes.tobytes(), track.strip),
        )
        for face in found.faces
        if (track := face.track) is not None
    ]


def test_a_track_for_each_appearance(analyser: Analyser) -> None:
    found = analysed(analyser, "long.mp4")
    assert found.failure is None
    assert found.clip is not None
    assert (found.clip.duration_ms, found.clip.samples) == (LONG_MS, LONG_MS // EVERY_MS)
    assert found.info is not None
    assert (found.info.width, found.info.height) == (640, 240)
    truth = [(0, 4000), (2000, 14_000), (12_000, LONG_MS)]
    assert np.abs(np.array(spans(found)) - truth).max() <= EVERY_MS
    assert found.detail == ""


def test_nobody_is_in_it(analyser: Analyser) -> None:
    found = analysed(analyser, "nobody.mp4")
    assert (found.failure, found.faces) == (None, ())
    assert found.clip is not None


def kept_in(root: Path) -> Callable[[str, str], KeptParts]:
    return lambda sha256, key: KeptParts(root / "clips" / sha256, root, key)


class Killed(Exception):
    """In the place of a SIGKILL."""


def test_a_killed_job_goes_on_after_the_parts_that_are_done(
    analyser: Analyser, tmp_path: Path
) -> None:
    alone, done = analysed(analyser, "long.mp4"), list[int]()

    def die() -> None:
        done.append(1)
        if len(done) == 2:
            raise Killed

    with pytest.raises(Killed):
        analysed(analyser, "long.mp4", kept=kept_in(tmp_path), on_part=die)
    again = Disturbed()
    found = analysed(analyser, "long.mp4", again, kept=kept_in(tmp_path))
    assert again.parts == [20_000]
    assert told(found) == told(alone)


def test_parts_of_other_settings_are_not_taken(analyser: Analyser, tmp_path: Path) -> None:
    analysed(analyser, "long.mp4", kept=kept_in(tmp_path))
    sparse = replace(analyser, photos=PhotoSettings(videos=True, samples_per_second=1))
    again = Disturbed()
    found = analysed(sparse, "long.mp4", again, kept=kept_in(tmp_path))
    assert sorted(again.parts) == [0, 10_000, 20_000]
    assert told(found) == told(analysed(sparse, "long.mp4"))


@pytest.mark.parametrize("spoil", [lambda data: b"", lambda data: data[:-9], lambda data: b"x"])
def test_a_spoiled_part_is_found_again(
    analyser: Analyser, tmp_path: Path, spoil: Callable[[bytes], bytes]
) -> None:
    alone = analysed(analyser, "long.mp4", kept=kept_in(tmp_path))
    (path,) = tmp_path.rglob("000001.npz")
    path.write_bytes(spoil(path.read_bytes()))
    again = Disturbed()
    assert told(analysed(analyser, "long.mp4", again, kept=kept_in(tmp_path))) == told(alone)
    assert again.parts == [10_000]


def test_the_parts_are_removed(analyser: Analyser, tmp_path: Path) -> None:
    found = analysed(analyser, "long.mp4", kept=kept_in(tmp_path))
    assert len(list(tmp_path.rglob("*.npz"))) == 3
    kept_in(tmp_path)(found.sha256, "").remove()
    assert not list((tmp_path / "clips").iterdir())


def test_a_part_that_kills_its_worker_is_left_out_and_told(analyser: Analyser) -> None:
    def die(start_ms: int) -> None:
        if start_ms == 10_000:
            raise WorkerLost(-11)

    found = analysed(analyser, "long.mp4", Disturbed(die))
    assert found.failure is None
    assert found.info is not None
    assert Remark.DAMAGED in found.info.remarks
    assert "1 parts were left out, from 0:10 (worker_died)" in found.detail
    assert [span for span in spans(found) if span[1] > 20_000]
    assert all(not 10_000 <= ms < 20_000 for f in found.faces for ms in f.track.times_ms)  # type: ignore[union-attr]


def test_a_worker_that_was_killed_from_outside_gets_its_part_again(analyser: Analyser) -> None:
    killed: list[int] = []

    def die_once(start_ms: int) -> None:
        if start_ms == 10_000 and not killed:
            killed.append(1)
            raise WorkerLost(-9)

    found = analysed(analyser, "long.mp4", Disturbed(die_once))
    assert killed
    assert told(found) == told(analysed(analyser, "long.mp4"))


def test_a_clip_of_which_every_part_hangs_is_given_up(analyser: Analyser) -> None:
    def hang(start_ms: int) -> None:
        raise TimeoutError

    hung = Disturbed(hang)
    found = analysed(analyser, "long.mp4", hung)
    assert found.failure is Reason.TIMEOUT
    assert "no part of it could be looked at" in found.detail


def test_what_was_given_up_is_told(source: Path) -> None:
    """Three parts in a row hang: nothing after them is tried."""
    frames = stage([Actor(1, 0, 60_000)], every(1000, 60_000))
    write_clip(source / "minute.mp4", frames)

    def hang(start_ms: int) -> None:
        if start_ms >= 10_000:
            raise TimeoutError

    slow = Analyser({"card": source}, synthetic_pack(), PhotoSettings(videos=True))
    found = analysed(slow, "minute.mp4", Disturbed(hang))
    assert found.faces
    assert "nothing from 0:40 on was looked at" in found.detail


def test_a_disk_that_fails_is_a_reason_of_the_clip(
    analyser: Analyser, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(clips, "open_clip", fail)
    found = analysed(analyser, "nobody.mp4")
    assert (found.failure, found.sha256) == (Reason.UNREADABLE, "")


def test_parts_of_a_clip_that_changes_are_not_kept(
    source: Path, analyser: Analyser, tmp_path: Path
) -> None:
    path = source / "changing.mp4"
    path.write_bytes((source / "long.mp4").read_bytes())

    def change(start_ms: int) -> None:
        if start_ms == 0:
            path.write_bytes((source / "nobody.mp4").read_bytes())

    found = analysed(analyser, "changing.mp4", Disturbed(change), kept=kept_in(tmp_path))
    assert (found.failure, found.sha256) == (Reason.UNREADABLE, "")
    assert not list(tmp_path.rglob("*.npz"))


def test_a_clip_that_is_changed_meanwhile_is_not_mixed(source: Path, analyser: Analyser) -> None:
    path = source / "growing.mp4"
    path.write_bytes((source / "long.mp4").read_bytes())

    def grow(start_ms: int) -> None:
        with path.open("ab") as stream:
            stream.write(b"more")

    found = analysed(analyser, "growing.mp4", Disturbed(grow))
    assert found.failure is Reason.UNREADABLE
    assert "changed while it was read" in found.detail


@pytest.mark.parametrize(
    ("name", "reason"),
    [("empty.mp4", Reason.EMPTY_FILE), ("gone.mp4", Reason.MISSING)],
)
def test_what_cannot_be_read_has_a_reason(analyser: Analyser, name: str, reason: Reason) -> None:
    found = analysed(analyser, name)
    assert (found.failure, found.faces) == (reason, ())


def test_noise_is_no_clip(analyser: Analyser) -> None:
    found = analysed(analyser, "noise.mp4")
    assert found.failure in {Reason.NOT_AN_IMAGE, Reason.CORRUPT, Reason.UNSUPPORTED_FORMAT}
    assert found.detail


def test_the_content_says_what_is_a_clip(analyser: Analyser) -> None:
    names = ["called.jpg", "picture.mov", "nobody.mp4"]
    tasks = [Task(PhotoRef(i, name, source="card")) for i, name in enumerate(names)]
    found = list(analyse_in_order(analyser, tasks, Disturbed()))
    assert [one.photo_id for one in found] == [0, 1, 2]
    assert [one.clip is not None for one in found] == [True, False, True]
    assert len(found[1].faces) == 1
    without = replace(analyser, photos=PhotoSettings())
    (photo,) = analyse_in_order(without, tasks[:1], Disturbed())
    assert photo.failure is Reason.NOT_AN_IMAGE


def test_of_two_clips_with_one_content_the_second_is_hashed(
    source: Path, analyser: Analyser
) -> None:
    (source / "again.mp4").write_bytes((source / "long.mp4").read_bytes())
    names = ["long.mp4", "again.mp4"]
    tasks = [
        Task(PhotoRef(i, name, source="card"), shared_size=True) for i, name in enumerate(names)
    ]
    executor = Disturbed()
    first, second = analyse_in_order(analyser, tasks, executor)
    assert first.faces
    assert second.known
    assert second.sha256 == first.sha256
    assert len(executor.parts) == 3


def test_a_frame_is_rendered_as_it_was_seen(analyser: Analyser) -> None:
    found = analysed(analyser, "long.mp4")
    track = found.faces[0].track
    assert track is not None
    ref = replace(task("long.mp4").ref, at_ms=track.best_ms)
    assert render_file(analyser, ref, found.sha256) == render_file(analyser, ref)
    with pytest.raises(Exception, match="another file has this name"):
        render_file(analyser, ref, "0" * 64)


def test_parts_are_kept_to_the_last_bit(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)

    def face(crop: bytes) -> Face:
        return Face(
            box=rng.normal(size=4).astype(np.float32),
            landmarks=rng.normal(size=(5, 2)).astype(np.float32),
            score=float(rng.random()),
            sharpness=float(rng.random() * 300),
            yaw=float(rng.random()),
            quality=float(rng.random()),
            embedding=rng.normal(size=512).astype(np.float32),
            crop=crop,
            turn=90,
        )

    still = (face(b"one"), face(b""))
    found = FoundPart(((0, still), (200, still), (400, ()), (600, (face(b"\0\0"),))), 3, 800)
    kept = kept_in(tmp_path)("ab" * 32, "key")
    for part in (found, FoundPart((), 0, None), FoundPart(((0, ()),), 1, 40)):
        kept.write(0, part)
        again = kept.read(0)
        assert again is not None
        assert (again.complaints, again.ended_ms) == (part.complaints, part.ended_ms)
        assert [ms for ms, _ in again.samples] == [ms for ms, _ in part.samples]
        for (_, old), (_, new) in zip(part.samples, again.samples, strict=True):
            for one, other in zip(old, new, strict=True):
                for name in ("box", "landmarks", "embedding"):
                    assert getattr(one, name).tobytes() == getattr(other, name).tobytes()
                for name in ("score", "sharpness", "yaw", "quality", "crop", "turn"):
                    assert getattr(one, name) == getattr(other, name)
    assert kept_in(tmp_path)("ab" * 32, "other").read(0) is None
    assert kept.read(1) is None


@pytest.mark.parametrize("every_ms", [0, 33, 200, 1000, 10_000])
def test_parts_follow_each_other_without_a_gap(every_ms: int) -> None:
    parts = [part_of(number, every_ms) for number in range(5)]
    assert parts[0].start_ms == 0
    assert all(a.end_ms == b.start_ms for a, b in itertools.pairwise(parts))
    assert parts[0] == Part(0, parts[0].end_ms, every_ms)
