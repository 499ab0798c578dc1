"""A decoded frame to pixels: what its numbers mean, the shape of its pixels, and how it hangs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from av.filter import Graph
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter

from facesort.core.records import Pixels
from facesort.images.clips.containers import width_shown
from facesort.images.colour.conversion import Samples, from_space, is_nearly_srgb
from facesort.images.colour.spaces import ColourSpace, of_code_points
from facesort.pixels import apply_orientation

_HD_HEIGHT = 720  # from here on, clips that do not say their matrix have that of BT.709
_FULL = 2  # AVCOL_RANGE_JPEG
# Rec. ITU-T H.273, table 4; RGB (0) has no matrix, and YCgCo (8) is not what cameras write.
_MATRICES = {
    1: Colorspace.ITU709,
    4: Colorspace.FCC,
    5: Colorspace.ITU601,
    6: Colorspace.ITU601,
    7: Colorspace.SMPTE240M,
    9: Colorspace.BT2020,
    10: Colorspace.BT2020,
}
_HOW = Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.BITEXACT
# Signs of the display matrix's a, b, c and d to the EXIF orientation that means the same.
_ORIENTATIONS = {
    "+ 0 0 +": 1,
    "- 0 0 +": 2,
    "- 0 0 -": 3,
    "+ 0 0 -": 4,
    "0 + + 0": 5,
    "0 + - 0": 6,
    "0 - - 0": 7,
    "0 - + 0": 8,
}
# The same by quarters of a turn counterclockwise, where the matrix cannot be read.
_TURNED = {1: 8, -1: 6, 2: 3, -2: 3}


@dataclass(frozen=True, slots=True)
class Shape:
    """How the frames of a clip become upright.

    Parameters
    ----------
    width, height : int
        With square pixels, before it is made upright, in px.
    orientation : int
        As in EXIF.
    """

    width: int
    height: int
    orientation: int

    @property
    def upright(self) -> tuple[int, int]:
        """Width and height as shown, in px."""
        size = self.width, self.height
        return size if self.orientation < 5 else size[::-1]


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """A frame with the time that it is on the screen, and what is shown before and after it.

    Parameters
    ----------
    since, until : int
        In ms from the first frame of the clip.
    before, after : VideoFrame or None
        None: it is the first, or the last.
    """

    since: int
    until: int
    frame: VideoFrame
    before: VideoFrame | None
    after: VideoFrame | None


def side_data(frame: VideoFrame, kind: str) -> list[bytes]:
    """What comes with a frame, of one kind."""
    try:
        every: Iterable[Any] = frame.side_data  # the stubs say that these are names
        return [bytes(data) for data in every if data.type.name == kind]
    except ValueError:  # PyAV stumbles over kinds that it does not know: EXIF, several views
        return []


def shape_of(frame: VideoFrame, pixel: Fraction | None) -> Shape:
    """Shape of the clip that a frame begins; `pixel`: width of one by its height."""
    return Shape(width_shown(frame.width, pixel), frame.height, _orientation(frame))


def space_of(frame: VideoFrame) -> ColourSpace:
    """Colour space of a frame, once it is RGB of full range."""
    return of_code_points(int(frame.color_primaries), int(frame.color_trc))


def pixels_of(shown: Shown, shape: Shape, reformatter: VideoReformatter) -> Pixels:
    """Upright sRGB of a frame."""
    frame = shown.frame
    space = space_of(frame)
    plain = is_nearly_srgb(space)
    default = Colorspace.ITU709 if frame.height >= _HD_HEIGHT else Colorspace.ITU601
    is_full = frame.color_range == _FULL or frame.format.name.startswith("yuvj")
    rgb = reformatter.reformat(
        _deinterlaced(shown) if frame.interlaced_frame else frame,
        width=shape.width,
        height=shape.height,
        format="rgb24" if plain else "rgb48le",
        src_colorspace=None if frame.format.is_rgb else _MATRICES.get(frame.colorspace, default),
        interpolation=_HOW,
        src_color_range=ColorRange.JPEG if is_full else ColorRange.MPEG,
        dst_color_range=ColorRange.JPEG,
        threads=1,
    )
    samples: Samples = rgb.to_ndarray()  # type: ignore[assignment]  # floats are of other formats
    pixels = samples.view(np.uint8) if plain else from_space(samples, space)
    return np.ascontiguousarray(apply_orientation(pixels, shape.orientation))


def _deinterlaced(shown: Shown) -> VideoFrame:
    """The field that is shown first as a whole frame; its neighbours tell what does not move, and stays sharp."""
    frame = shown.frame
    graph = Graph()
    graph.threads = 1
    nodes = (
        graph.add_buffer(
            width=frame.width, height=frame.height, format=frame.format, time_base=Fraction(1, 1000)
        ),
        graph.add("bwdif", "mode=send_frame:deint=all"),
        graph.add("buffersink"),
    )
    graph.link_nodes(*nodes).configure()
    is_second = shown.before is not None and _alike(shown.before, frame)
    if is_second:
        graph.vpush(shown.before)
    graph.vpush(frame)
    graph.vpush(shown.after if shown.after is not None and _alike(shown.after, frame) else None)
    if is_second:
        graph.vpull()
    return graph.vpull()


def _alike(one: VideoFrame, other: VideoFrame) -> bool:
    return (one.width, one.height, one.format.name) == (
        other.width,
        other.height,
        other.format.name,
    )


def _orientation(frame: VideoFrame) -> int:
    matrices = side_data(frame, "DISPLAYMATRIX")
    if not matrices:
        return _TURNED.get(round(frame.rotation / 90), 1)
    a, b, _, c, d = np.frombuffer(matrices[0], np.int32)[:5].tolist()
    turned = abs(b) + abs(c) > abs(a) + abs(d)
    kept = (0, b, c, 0) if turned else (a, 0, 0, d)
    return _ORIENTATIONS.get(" ".join("-0+"[1 + (n > 0) - (n < 0)] for n in kept), 1)
