"""Engine without a model, for tests and demonstrations: it decodes drawn squares that stand for faces.

A face is a square of 18 x 18 units: a black border of one unit, a magenta ring of two, and inside it 6 x 6 black or
white cells of two units: 6 orientation marks, 12 bits of identity, 8 of variation, 10 of checksum.  Photos that are
rotated or mirrored show no faces.  The code survives JPEG at quality 85, and resizing as long as a square keeps about
32 px, and 20 px when the photo is scaled to a long edge of 640 px.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Mapping, Sequence
from types import MappingProxyType

import cv2
import numpy as np
from numpy.typing import NDArray

from facesort.core.records import Crops, Detections, Embeddings, Pixels
from facesort.faces.protocol import ModelPack

IDENTITIES = 4096
"""Number of identities: 0 up to this, exclusive."""

_VARIATIONS = 256
_LARGEST_NOISE = 1.2  # length of the noise vector, relative to the identity's, at variation 255
_UNITS = 18
_SIDE = 126  # of a crop; 7 px a unit
_CELLS = 6
# The corners and the neighbours of the first one: a pattern without symmetry.
_MARKS: Mapping[int, int] = MappingProxyType({0: 1, 1: 1, 6: 0, 5: 0, 30: 0, 35: 0})
_CHECK_BITS = 10
_MAGENTA = (255, 0, 255)
_SEARCH_SIDE = 640  # px of the long edge
_SMALLEST = 10  # px of a ring at that size
_SQUARENESS = 1.25
_CONTRAST = 120  # grey levels by which red and blue must exceed green
_DIM = 128
_SCORE = 0.95
# left eye, right eye, nose, corners of the mouth, as shares of the square
_POINTS = np.array([[0.3, 0.35], [0.7, 0.35], [0.5, 0.55], [0.35, 0.75], [0.65, 0.75]])


_Box = tuple[float, float, float, float]


class SyntheticEngine:
    """Finds and decodes drawn squares; needs no files and is deterministic on all platforms.

    Parameters
    ----------
    pack : ModelPack
        Of kind ``synthetic``.
    """

    def __init__(self, pack: ModelPack) -> None:
        self.pack = pack

    @property
    def sure(self) -> float:
        """It finds no faces that are turned, so each is upright."""
        return 0.0

    @property
    def edge(self) -> None:
        """It does not average."""

    def detect(self, pixels: Pixels, *, quick: bool = False) -> Detections:  # noqa: ARG002
        """Find the squares in one image, from left to right; all have the same score."""
        boxes = [box for box in _candidates(pixels) if _read(_cut(pixels, box)) is not None]
        array = np.array(sorted(boxes), dtype=np.float32).reshape(-1, 4)
        corner, size = array[:, None, :2], array[:, None, 2:] - array[:, None, :2]
        return Detections(
            boxes=array,
            landmarks=(corner + size * _POINTS).astype(np.float32),
            scores=np.full(len(array), _SCORE, dtype=np.float32),
        )

    def align(self, pixels: Pixels, detections: Detections) -> Crops:
        """Crop the squares; shape (n, 126, 126, 3)."""
        crops = [_cut(pixels, (x0, y0, x1, y1)) for x0, y0, x1, y1 in detections.boxes.tolist()]
        return np.array(crops, dtype=np.uint8).reshape(-1, _SIDE, _SIDE, 3)

    def embed(self, crops: Crops) -> Embeddings:
        """Embed squares; shape (n, 128), L2-normalised.  A crop without a code gets a direction from its hash."""
        vectors = np.empty((len(crops), _DIM), dtype=np.float32)
        for vector, crop in zip(vectors, crops, strict=True):
            code = _read(crop)
            vector[:] = _direction(crop.tobytes()) if code is None else synthetic_embedding(*code)
        return vectors


def draw_synthetic_face(
    pixels: Pixels, box: Sequence[int], identity: int, *, variation: int | None = None
) -> None:
    """Draw a synthetic face into an image, in place.

    Parameters
    ----------
    pixels : ndarray of shape (height, width, 3), uint8
    box : sequence of four int
        ``x_min, y_min, x_max, y_max`` in px, inside the image; a square, 32 px or more.
    identity : int
        From 0 up to `IDENTITIES`, exclusive.
    variation : int, optional
        From 0 to 255: direction and length of the noise added to the identity's embedding.  By default derived from
        the box; faces of one person are then about 0.3 to 0.9 apart.

    Raises
    ------
    ValueError
        If the box or a number is out of range.
    """
    x0, y0, x1, y1 = (int(edge) for edge in box)
    height, width = pixels.shape[:2]
    if not (0 <= x0 < x1 <= width and 0 <= y0 < y1 <= height and x1 - x0 == y1 - y0):
        raise ValueError(f"box must be a square inside {width} x {height} px, but is {tuple(box)}")
    if variation is None:
        variation = 60 + zlib.crc32(f"{x0} {y0} {x1}".encode()) % 100
    units = np.zeros((_UNITS, _UNITS, 3), dtype=np.uint8)
    units[1:-1, 1:-1] = _MAGENTA
    cells = np.array(_encode(identity, variation), dtype=np.uint8).reshape(_CELLS, _CELLS) * 255
    units[3:-3, 3:-3] = np.kron(cells, np.ones((2, 2), dtype=np.uint8))[:, :, None]
    at = np.arange(x1 - x0) * _UNITS // (x1 - x0)
    pixels[y0:y1, x0:x1] = units[at[:, None], at]


def synthetic_embedding(identity: int, variation: int) -> NDArray[np.float32]:
    """Embedding of a synthetic face, shape (128,).

    A random direction for the identity plus one for the pair, up to 1.2 times as long.  Different identities are about
    1.41 apart; two faces of one with variations of 85 about 0.5, of 255 about 1.1.
    """
    noise = _direction(f"{identity} {variation}".encode())
    vector = _direction(f"{identity}".encode()) + noise * (
        _LARGEST_NOISE * variation / (_VARIATIONS - 1)
    )
    return np.asarray(vector / np.linalg.norm(vector), dtype=np.float32)


def _direction(seed: bytes) -> NDArray[np.float64]:
    """Unit vector from a hash: unlike numpy's generators, stable across versions."""
    digest = hashlib.shake_256(seed).digest(_DIM * 4)
    vector = np.frombuffer(digest, dtype="<i4").astype(np.float64)
    return np.asarray(vector / np.linalg.norm(vector))


def _encode(identity: int, variation: int) -> list[int]:
    """Cells in row order: 36 bits."""
    if not (0 <= identity < IDENTITIES and 0 <= variation < _VARIATIONS):
        raise ValueError(
            f"identity must be in [0, {IDENTITIES}) and variation in [0, {_VARIATIONS}), "
            f"but they are {identity} and {variation}"
        )
    number = identity << 8 | variation
    number = number << _CHECK_BITS | _checksum(number)
    cells = [number >> bit & 1 for bit in range(_CELLS * _CELLS - len(_MARKS))]
    for place, mark in sorted(_MARKS.items()):
        cells.insert(place, mark)
    return cells


def _checksum(number: int) -> int:
    return zlib.crc32(number.to_bytes(4, "big")) % (1 << _CHECK_BITS)


def _read(crop: Pixels) -> tuple[int, int] | None:
    """Identity and variation of a crop; None if it is no valid square."""
    step = _SIDE // _UNITS
    inner = crop.reshape(_UNITS, step, _UNITS, step, 3)[
        :, 1:-1:2, :, 1:-1:2
    ]  # away from the borders of units
    units = inner.mean(axis=(1, 3), dtype=np.float32)
    ring = np.concatenate([units[1, 1:-1], units[-2, 1:-1], units[1:-1, 1], units[1:-1, -2]])
    if (ring[:, [0, 2]].min(axis=1) - ring[:, 1]).mean() < _CONTRAST / 2:
        return None
    cells = units[3:-3, 3:-3].reshape(_CELLS, 2, _CELLS, 2, 3).mean(axis=(1, 3, 4)).ravel()
    if ((cells > 110) & (cells < 145)).any():
        return None
    bits = (cells > 127).astype(int).tolist()
    if any(bits[place] != mark for place, mark in _MARKS.items()):
        return None
    code = [bit for place, bit in enumerate(bits) if place not in _MARKS]
    number = sum(bit << place for place, bit in enumerate(code))
    number, check = number >> _CHECK_BITS, number % (1 << _CHECK_BITS)
    return divmod(number, _VARIATIONS) if check == _checksum(number) else None


def _candidates(pixels: Pixels) -> list[_Box]:
    """Boxes around everything magenta and roughly square, searched on a subsampled image."""
    step = -(-max(pixels.shape[:2]) // _SEARCH_SIDE)
    magenta = _magenta(pixels[::step, ::step])
    if not magenta.any():
        return []
    # Not SciPy's: its import is a third of the start of a worker, and OpenCV is loaded anyway.
    _, _, stats, _ = cv2.connectedComponentsWithStats(magenta.view(np.uint8), connectivity=4)
    found = []
    for left, top, width, height in stats[1:, :4].tolist():  # the first is all the rest
        sides = height, width
        if min(sides) >= _SMALLEST and max(sides) <= min(sides) * _SQUARENESS:
            window = tuple(
                slice(max(0, (start - 1) * step), (start + side + 1) * step)
                for start, side in ((top, height), (left, width))
            )
            found.append(_outer_box(_magenta(pixels[window]), window))
    return found


def _magenta(pixels: Pixels) -> NDArray[np.bool_]:
    """Mask of magenta pixels."""
    weaker = np.minimum(pixels[..., 0], pixels[..., 2]).astype(np.int16)
    return np.asarray(weaker - pixels[..., 1] > _CONTRAST)


def _outer_box(ring: NDArray[np.bool_], window: tuple[slice, ...]) -> _Box:
    """Box of a square, in whole px, from the mask of its ring in a window of the image."""
    edges = []
    for axis, span in enumerate(window):
        marked = np.flatnonzero(ring.any(axis=1 - axis)) + span.start
        border = (marked[-1] + 1 - marked[0]) / (_UNITS - 2)
        edges.append((float(round(marked[0] - border)), float(round(marked[-1] + 1 + border))))
    (top, bottom), (left, right) = edges
    return left, top, right, bottom


def _cut(pixels: Pixels, box: _Box) -> Pixels:
    """Crop a box at 126 x 126 px, by nearest neighbour."""
    left, top, right, bottom = box
    centres = (np.arange(_SIDE) + 0.5) / _SIDE
    rows = (top + centres * (bottom - top)).astype(int).clip(0, pixels.shape[0] - 1)
    columns = (left + centres * (right - left)).astype(int).clip(0, pixels.shape[1] - 1)
    return np.asarray(pixels[rows[:, None], columns])
