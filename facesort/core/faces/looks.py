"""Where the detector looks in a photo, and what it looks at next, given what it has found.

A detector sees the whole photo at 640 px: it misses faces below 16 px there, and takes faces that lie on their side or
head for others, with a low score or the eyes where the mouth is.  So a large photo is looked at in tiles, and a photo
in which no face is sure is turned.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from facesort.core.faces.turns import tilt
from facesort.core.records import Detections

Window = tuple[int, int, int, int]
"""``left, top, right, bottom`` in px of the image."""

_PANORAMA = 2.0  # long edge by short edge
# Side of a tile in px of the full-size photo: one of 2400 px shows a face of 100 px at 27, where all are found; one of
# 1280 px shows faces that are too small to be recognised.
_LARGEST_TILE, _LARGEST_IF_SMALL, _SMALLEST_TILE = 2400, 2048, 1280
_OVERLAP = 0.3
_LARGEST_DETAIL = 64e6  # px

_TILTED = 45.0  # degrees
_GAIN = 0.05  # of score: more than a turn gives or takes by itself
_LEAST_TURNED = 0.6  # below, what nobody saw upright is more often no face
_FILLS = 0.8  # of the short edge
_SAME = 0.5  # of the smaller box
_PADDING = 0.5
# Long edge in px of a quick look, which shows faces of 250 px in 24 MP for a fifth of the price: enough for heads that
# lie in a photo whose file says how it hangs.  Others are turned in full.
_QUICK = 256
_QUICK_PADDED, _PADDED = 160, 320


@dataclass(frozen=True, slots=True)
class Look:
    """One pass of the detector.

    Parameters
    ----------
    window : Window
        Part of the image.
    turn : int
        Degrees clockwise by which it is turned: 0, 90, 180 or 270.
    edge : int or None
        Long edge in px to which it is shrunk first; None: whatever the detector takes.
    padding : float
        Black border on all sides, as a share of the long edge: SCRFD misses what exceeds the frame.
    """

    window: Window
    turn: int = 0
    edge: int | None = None
    padding: float = 0.0

    @property
    def is_quick(self) -> bool:
        """Whether it only tells whether to look properly: its landmarks are coarse."""
        return self.edge in {_QUICK, _QUICK_PADDED}


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What a look gave, in px of the image that is not turned."""

    look: Look
    found: Detections

    @property
    def best(self) -> float:
        """The highest score; 0 if there is no face."""
        return float(self.found.scores.max(initial=0.0))


@dataclass(frozen=True, slots=True)
class Sight:
    """What is known of a photo before it is looked at.

    Parameters
    ----------
    size : (int, int)
        Width and height in px of the image that is looked at.
    scale : float
        Full size of the photo divided by it.
    told : bool
        Whether the photo's file says how it hangs.
    small : bool
        Look for small faces whatever it costs: in tiles, and all turns in full.
    sure : float
        Score from which a face that is upright by its landmarks is one (`FaceEngine.sure`).
    """

    size: tuple[int, int]
    scale: float = 1.0
    told: bool = False
    small: bool = False
    sure: float = 0.0


def detail_edge(size: tuple[int, int], *, small: bool) -> int | None:
    """Long edge in px at which a photo is decoded to look for small faces in it; None if the usual one will do."""
    long, short = max(size), max(min(size), 1)
    if long <= _SMALLEST_TILE or not (small or long >= _PANORAMA * short):
        return None
    return long // math.ceil(math.sqrt(max(long * short / _LARGEST_DETAIL, 1.0)))


def next_looks(sight: Sight, seen: Sequence[Seen]) -> tuple[Look, ...]:
    """What to look at next; nothing if all was seen.

    1. The whole photo as it hangs; in tiles too if it is a panorama, or small faces are asked for.
    2. If no face is sure: a look at each turn, a quick one if the file says how the photo hangs, and at the photo with
       a border around it, which shows faces that fill it or are cut by its edge.
    3. In full what the best of these showed, if that is clearly better than what was seen as it hangs.
    """
    windows = _windows(sight)
    if not seen:
        return tuple(map(Look, windows))
    plain = [s for s in seen if s.look.turn == 0 and not s.look.padding]
    whole = Look(windows[0], edge=_PADDED, padding=_PADDING)
    done = {s.look for s in seen}
    if len(plain) == len(seen):
        if not is_sure(plain, sight.sure):
            edge = _QUICK if sight.told and not sight.small else None
            turned = [Look(window, turn, edge) for turn in (90, 270, 180) for window in windows]
            any_seen = any(len(s.found) for s in plain) or not sight.told
            return (*turned, *([replace(whole, edge=_QUICK_PADDED)] if any_seen else []))
        return (whole,) if _fills(plain[0], windows[0]) else ()
    full = [Look(window, turn) for turn in _better_turns(seen) for window in windows]
    if _best(s for s in seen if s.look.padding) > 0:
        full.append(whole)
    return tuple(look for look in full if look not in done)


def is_sure(seen: Sequence[Seen], sure: float) -> bool:
    """Whether the best face is one, and upright."""
    best = max(seen, key=lambda s: s.best)
    if best.best < sure or not len(best.found):
        return False
    return not tilt(best.found.landmarks[int(np.argmax(best.found.scores))]) > _TILTED


def merged(seen: Sequence[Seen]) -> tuple[Detections, NDArray[np.int64]]:
    """Every face once, best score first, as it was seen best, and the turn of each.

    Of two boxes of which one covers half of the other, the one with the lower score is left out: the share is of the
    smaller box, since a tile may show a part of a face.
    """
    turns = {0, *_better_turns(seen)}
    kept = [s for s in seen if not s.look.is_quick and s.look.turn in turns]
    if len(kept) == 1:
        return kept[0].found, np.full(len(kept[0].found), kept[0].look.turn)
    counts = [len(s.found) for s in kept]
    boxes = np.concatenate([s.found.boxes for s in kept])
    scores = np.concatenate([s.found.scores for s in kept])
    landmarks = np.concatenate([s.found.landmarks for s in kept])
    chosen = _distinct(boxes, scores, np.repeat(np.arange(len(kept)), counts))
    turn = np.repeat([s.look.turn for s in kept], counts)[chosen]
    return Detections(boxes[chosen], landmarks[chosen], scores[chosen]), turn


def _windows(sight: Sight) -> list[Window]:
    """The whole image, and tiles if it is to be looked at in tiles."""
    width, height = sight.size
    whole = (0, 0, width, height)
    full = round(width * sight.scale), round(height * sight.scale)
    if detail_edge(full, small=sight.small) is None:
        return [whole]
    side = math.ceil(
        _tile(min(full), _LARGEST_IF_SMALL if sight.small else _LARGEST_TILE) / sight.scale
    )
    tiles = [
        (left, top, min(left + side, width), min(top + side, height))
        for top in _starts(height, side)
        for left in _starts(width, side)
    ]
    return [whole, *(tile for tile in tiles if tile != whole)]


def _tile(short: int, largest: int) -> float:
    """Side of the tiles that cover a short edge in as few rows as can be."""
    rows = max(math.ceil((short / largest - 1) / (1 - _OVERLAP)), 0) + 1
    return max(short / (1 + (rows - 1) * (1 - _OVERLAP)), _SMALLEST_TILE)


def _starts(length: int, side: int) -> Iterator[int]:
    """Where tiles begin: evenly, with an overlap of at least `_OVERLAP`."""
    rest = max(length - side, 0)
    count = math.ceil(rest / (side * (1 - _OVERLAP)))
    return (round(rest * number / max(count, 1)) for number in range(count + 1))


def _better_turns(seen: Sequence[Seen]) -> list[int]:
    """The turn that shows a face clearly better than the photo as it hangs; none, if none does."""
    as_it_hangs = _best(s for s in seen if s.look.turn == 0)
    by_turn = {turn: _best(s for s in seen if s.look.turn == turn) for turn in (90, 270, 180)}
    best = max(by_turn, key=lambda turn: by_turn[turn])
    return [best] if by_turn[best] >= max(as_it_hangs + _GAIN, _LEAST_TURNED) else []


def _best(seen: Iterable[Seen]) -> float:
    return max((s.best for s in seen), default=0.0)


def _fills(seen: Seen, window: Window) -> bool:
    """Whether a face may exceed the image."""
    sizes = (seen.found.boxes[:, 2:] - seen.found.boxes[:, :2]).max(axis=1, initial=0.0)
    return bool((sizes > _FILLS * min(window[2:])).any())


def _distinct(
    boxes: NDArray[np.float32], scores: NDArray[np.float32], looks: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Indices of the boxes that no better one of another look covers by half, best score first."""
    left = np.argsort(-scores, kind="stable")
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    chosen = []
    while len(left):
        first, left = left[0], left[1:]
        chosen.append(first)
        ends = np.minimum(boxes[left, 2:], boxes[first, 2:])
        shared = np.maximum(ends - np.maximum(boxes[left, :2], boxes[first, :2]), 0).prod(axis=1)
        is_same = shared >= _SAME * np.minimum(areas[left], areas[first])
        left = left[(looks[left] == looks[first]) | ~is_same]
    return np.array(chosen, dtype=np.int64)
