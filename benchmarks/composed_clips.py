"""Clips composed of labelled photos: who can be seen from when to when is known exactly.

A shot is a wide scene in which portraits stand or walk, and a camera that pans and zooms over it, with the motion blur
of a shutter that is open for 1/100 s.  A clip is one shot after the other.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from facesort.core.records import Pixels

RATE = 30
SHUTTER_MS = 10
SIZE = (1280, 720)
BRIDGED_MS = 1000
"""Whoever is covered for no longer is taken to be seen all the time."""

_CONTEXT = 0.6  # of the face's side, around it
_SEEN = 0.5  # share of a face that must be in the frame, and not behind another
_TICKS = 90_000

Place = tuple[float, float, float]
"""Centre x, y of a face and its side, in px of the scene."""

Camera = tuple[float, float, float]
"""Centre x, y in px of the scene, and its zoom."""


@dataclass(frozen=True, slots=True, eq=False)
class Portrait:
    """A labelled photo with one face; box in px."""

    pixels: Pixels
    box: NDArray[np.float32]


Cast = Mapping[str, Sequence[Portrait]]


@dataclass(frozen=True, slots=True)
class Walk:
    """Who is in a scene from when to when, and goes from where to where; another photo of them every so often."""

    person: str
    start_ms: float
    end_ms: float
    come: Place
    go: Place
    swap_ms: float = 0
    photo: int = 0

    def at(self, ms: float) -> Place:
        return _between(self.come, self.go, (ms - self.start_ms) / (self.end_ms - self.start_ms))

    def portrait(self, cast: Cast, ms: float) -> Portrait:
        swaps = int((ms - self.start_ms) / self.swap_ms) if self.swap_ms else 0
        photos = cast[self.person]
        return photos[(self.photo + swaps) % len(photos)]


@dataclass(frozen=True, slots=True)
class Shot:
    """Those nearer to the camera come later."""

    length_ms: float
    walks: tuple[Walk, ...]
    come: Camera = (SIZE[0] / 2, SIZE[1] / 2, 1)
    go: Camera = (SIZE[0] / 2, SIZE[1] / 2, 1)

    def camera(self, ms: float) -> Camera:
        return _between(self.come, self.go, ms / self.length_ms)


Box = tuple[float, float, float, float]
Seen = dict[str, Box]
"""Boxes of those who can be seen, in px of the frame."""


def _between(one: Place, other: Place, share: float) -> Place:
    x, y, z = (a + share * (b - a) for a, b in zip(one, other, strict=True))
    return x, y, z


def frames(shots: Sequence[Shot], cast: Cast, seed: int) -> Iterator[tuple[float, Pixels, Seen]]:
    """Frames with their times in ms, and who can be seen in them."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(0, 3, (*SIZE[::-1], 3)).astype(np.int16)
    started = 0.0
    for shot in shots:
        wall = cv2.resize(rng.integers(60, 190, (9, 16, 3), np.uint8), SIZE)
        for number in range(round(shot.length_ms * RATE / 1000)):
            ms = number * 1000 / RATE
            pixels, seen = _frame(shot, cast, ms, wall)
            grain = np.roll(noise, rng.integers(0, SIZE[1]), axis=0)
            yield started + ms, cv2.add(pixels, grain, dtype=cv2.CV_8U), seen
        started += round(shot.length_ms * RATE / 1000) * 1000 / RATE


def _frame(shot: Shot, cast: Cast, ms: float, wall: Pixels) -> tuple[Pixels, Seen]:
    cx, cy, zoom = shot.camera(ms)
    next_x, _, _ = shot.camera(ms + SHUTTER_MS)
    pixels, covered, faces = wall.copy(), np.zeros(SIZE[::-1], np.uint8), []
    present = [w for w in shot.walks if w.start_ms <= ms < w.end_ms]
    for number, walk in enumerate(present, 1):
        x, y, side = walk.at(ms)
        portrait = walk.portrait(cast, ms)
        place = ((x - cx) * zoom + SIZE[0] / 2, (y - cy) * zoom + SIZE[1] / 2, side * zoom)
        faces.append((walk.person, _paste(pixels, covered, number, portrait, place), number))
    seen = {name: box for name, box, number in faces if _visible(box, covered, number)}
    return _blurred(pixels, (next_x - cx) * zoom), seen


def _paste(pixels: Pixels, covered: Pixels, number: int, portrait: Portrait, place: Place) -> Box:
    """Draw a portrait, and say where its face is."""
    x_min, y_min, x_max, y_max = map(float, portrait.box)
    x, y, side = place
    scale = side / max(x_max - x_min, y_max - y_min)
    middle = ((x_min + x_max) / 2, (y_min + y_max) / 2)
    matrix = np.array([[scale, 0, x - scale * middle[0]], [0, scale, y - scale * middle[1]]])
    shape = np.zeros(portrait.pixels.shape[:2], np.uint8)
    reach = (0.5 + _CONTEXT) * max(x_max - x_min, y_max - y_min)
    low = (int(max(middle[0] - reach, 0)), int(max(middle[1] - reach, 0)))
    cv2.rectangle(shape, low, (int(middle[0] + reach), int(middle[1] + reach)), 255, -1)
    smooth = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    drawn = cv2.warpAffine(portrait.pixels, matrix, SIZE, flags=smooth)
    mask = cv2.warpAffine(shape, matrix, SIZE, flags=cv2.INTER_NEAREST)
    cv2.copyTo(drawn, mask, pixels)
    covered[mask > 0] = number
    half_w, half_h = scale * (x_max - x_min) / 2, scale * (y_max - y_min) / 2
    return x - half_w, y - half_h, x + half_w, y + half_h


def _visible(box: Box, covered: Pixels, number: int) -> bool:
    x_min, y_min, x_max, y_max = (round(v) for v in box)
    part = covered[max(y_min, 0) : max(y_max, 0), max(x_min, 0) : max(x_max, 0)]
    whole = max((x_max - x_min) * (y_max - y_min), 1)
    return bool((part == number).sum() >= _SEEN * whole)


def _blurred(pixels: Pixels, dx: float) -> Pixels:
    """Blurred along a motion to the side, in px."""
    return np.asarray(cv2.blur(pixels, (max(round(abs(dx)), 1), 1)), np.uint8)


@dataclass(frozen=True, slots=True)
class Film:
    """A clip to be composed; `times` says which of its frames are kept."""

    name: str
    shots: tuple[Shot, ...]
    codec: str = "libx264"
    pixel_format: str = "yuv420p"
    turned: bool = False
    times: Callable[[random.Random], bool] = lambda _: True


Truth = list[tuple[float, Seen]]
"""Who is seen in each frame, with its time in ms."""

Spans = list[tuple[float, float]]
"""From when to when, in ms."""


def compose(path: Path, film: Film, cast: Cast, seed: int = 0) -> Truth:
    """Write a clip, and say who is in it."""
    rng = random.Random(seed)
    seen: Truth = []
    with av.open(str(path), "w") as file:
        stream = file.add_stream(film.codec, rate=RATE)
        stream.options = {"crf": "23", "preset": "veryfast"}
        stream.pix_fmt = film.pixel_format
        stream.width, stream.height = SIZE[::-1] if film.turned else SIZE
        stream.time_base = stream.codec_context.time_base = Fraction(1, _TICKS)
        for ms, pixels, people in frames(film.shots, cast, seed):
            if seen and not film.times(rng):
                continue
            seen.append((ms, people))
            shown = np.ascontiguousarray(np.rot90(pixels)) if film.turned else pixels
            frame = av.VideoFrame.from_ndarray(shown, format="rgb24")
            frame.pts, frame.time_base = round(ms * _TICKS / 1000), Fraction(1, _TICKS)
            file.mux(stream.encode(frame))
        file.mux(stream.encode())
    if film.turned:
        _turn(path)
    return seen


def intervals(seen: Truth) -> dict[str, Spans]:
    """When each person is seen."""
    ends = [ms for ms, _ in seen[1:]] + [seen[-1][0] + 1000 / RATE] if seen else []
    truth: dict[str, Spans] = {}
    for (ms, people), end in zip(seen, ends, strict=True):
        for name in people:
            spans = truth.setdefault(name, [])
            if spans and ms - spans[-1][1] <= BRIDGED_MS:
                spans[-1] = (spans[-1][0], end)
            else:
                spans.append((ms, end))
    return truth


def _turn(path: Path) -> None:
    """Say in the header of an MP4 that it is to be shown turned by a quarter clockwise (ISO/IEC 14496-12, 8.3.2)."""
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 4 + 40  # of version 0
    quarter = (0, 1 << 16, 0, -(1 << 16), 0, 0, 0, 0, 1 << 30)
    data[at : at + 36] = b"".join(v.to_bytes(4, "big", signed=True) for v in quarter)
    path.write_bytes(data)


def films(people: Sequence[str], seed: int = 0) -> Iterator[Film]:
    """One of each kind."""
    rng = random.Random(seed)
    some = iter(rng.sample(people, len(people)))

    def take(n: int) -> list[str]:
        return [next(some) for _ in range(n)]

    yield Film("still", (Shot(4000, (_stands(take(1)[0], 4000),)), Shot(2000, ())))
    yield Film("pan", (_pan(take(6), 12_000),))
    yield Film("fast pan", (_pan(take(6), 3000),))
    yield Film("zoom", (_zoom(take(3)),))
    yield Film("cuts", tuple(_cuts(take(8), rng)))
    yield Film("crossing", (_crossing(take(4)),))
    yield Film("poses", (Shot(8000, (_stands(take(1)[0], 8000, swap_ms=900),)),))
    yield Film("crowd", (_crowd(take(14), rng),))
    mixed = (_pan(take(5), 5000), *_cuts(take(4), rng), _crossing(take(2)))
    yield Film("rotation flag", mixed, turned=True)
    yield Film("variable rate", mixed, times=lambda r: r.random() < 0.4)
    yield Film("10-bit HEVC", mixed, codec="libx265", pixel_format="yuv420p10le")


def _stands(
    person: str, until_ms: float, x: float = 640, side: float = 160, swap_ms: float = 0
) -> Walk:
    place = (x, 360.0, side)
    return Walk(person, 0, until_ms, place, place, swap_ms)


def _pan(people: Sequence[str], length_ms: float) -> Shot:
    step = 420
    walks = tuple(_stands(p, length_ms, n * step, 130) for n, p in enumerate(people))
    return Shot(length_ms, walks, (-500, 360, 1), (step * len(people) + 100, 360, 1))


def _zoom(people: Sequence[str]) -> Shot:
    walks = tuple(_stands(p, 6000, 640 + 260 * (n - 1), 100) for n, p in enumerate(people))
    return Shot(6000, walks, (640, 360, 0.4), (640, 360, 2.2))


def _cuts(people: Sequence[str], rng: random.Random) -> Iterator[Shot]:
    for person in people:
        length = rng.uniform(700, 3000)
        yield Shot(length, (_stands(person, length, 640 + rng.randint(-30, 30)),))


def _crossing(people: Sequence[str]) -> Shot:
    walks = []
    for n, person in enumerate(people):
        left, right = (-100.0 - 200 * (n // 2), 360.0, 140), (1380.0, 360.0, 140)
        walks.append(Walk(person, 0, 5000 + 500 * n, *((left, right), (right, left))[n % 2]))
    return Shot(5000 + 500 * len(people), tuple(walks))


def _crowd(people: Sequence[str], rng: random.Random) -> Shot:
    walks = []
    for n, person in enumerate(people):
        x, y, side = 100 + 180 * (n % 7), 200 + 300 * (n // 7), rng.uniform(50, 80)
        start, end = rng.choice([0, 1500, 3000]), rng.choice([5500, 8000, 10_000])
        near = (x + rng.uniform(-20, 20), y + rng.uniform(-30, 30), side * 1.1)
        walks.append(Walk(person, start, end, (x, y, side), near, 1700))
    return Shot(10_000, tuple(walks))
