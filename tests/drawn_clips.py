"""Clips of drawn faces: who is where and when is known exactly."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.codec.context import Flags as CodecFlags
from av.video.stream import VideoStream

from facesort.core.records import Pixels
from facesort.faces.engines.synthetic import draw_synthetic_face

_TICKS = 90_000
FACE_PX = 96
_PLACES = 12
_FIELDS = CodecFlags.interlaced_dct | CodecFlags.interlaced_me
_OPTIONS = {"libx264": {"crf": "12", "g": "25", "sc_threshold": "0"}}
# Rec. ITU-T H.273 to FFmpeg's numbers; a clip of this size that does not say it has that of BT.601.
_MATRICES = {1: 1, 2: 5, 5: 5, 6: 5, 9: 9}


@dataclass(frozen=True, slots=True)
class Actor:
    """A drawn face that is seen from one time to another, at a place that may move.

    Parameters
    ----------
    start_ms, end_ms : int
        Not seen at the end itself.
    at : callable of ms to (x, y)
        Upper left corner in px.
    """

    identity: int
    start_ms: int
    end_ms: int
    at: Callable[[int], tuple[int, int]] = lambda _: (60, 60)
    variation: int | None = None


def stage(
    actors: Iterable[Actor], times: Iterable[int], size: tuple[int, int] = (640, 240)
) -> Iterator[tuple[int, Pixels]]:
    """Frames with their times in ms; width and height in px."""
    actors = tuple(actors)
    for ms in times:
        pixels = np.full((size[1], size[0], 3), 128, np.uint8)
        for actor in actors:
            if actor.start_ms <= ms < actor.end_ms:
                x, y = actor.at(ms)
                box = (x, y, x + FACE_PX, y + FACE_PX)
                draw_synthetic_face(pixels, box, actor.identity, variation=actor.variation)
        yield ms, pixels


def numbered(
    times: Iterable[int], size: tuple[int, int] = (96, 64)
) -> Iterator[tuple[int, Pixels]]:
    """Frames that show their number in binary, as dark and light columns; see `number_of`."""
    for number, ms in enumerate(times):
        bits = [bool(number >> place & 1) for place in range(_PLACES)]
        columns = np.repeat(np.where(bits, 220, 30), size[0] // _PLACES).astype(np.uint8)
        yield ms, np.broadcast_to(columns[None, :, None], (size[1], len(columns), 3)).copy()


def number_of(pixels: Pixels) -> int:
    """Number of a frame of `numbered`, upright."""
    places = np.array_split(pixels.mean(axis=(0, 2)), _PLACES)
    return sum(int(column.mean() > 125) << place for place, column in enumerate(places))


def every(ms: float, until_ms: int) -> list[int]:
    """Times of frames at a constant rate."""
    return [round(number * ms) for number in range(int(until_ms / ms))]


@dataclass(frozen=True, slots=True)
class Look:
    """How a clip says that it is shown; None: nothing is said.

    Parameters
    ----------
    turned : int
        Degrees counterclockwise by which players turn it.
    pixel : Fraction or None
        Width of a pixel by its height.
    primaries, transfer, matrix : int
        Rec. ITU-T H.273; 2: not told.
    full_range : bool
    fields : bool
        Each frame is two fields, the upper one first.
    """

    turned: int = 0
    pixel: Fraction | None = None
    primaries: int = 2
    transfer: int = 2
    matrix: int = 2
    full_range: bool = False
    fields: bool = False


def write_clip(
    path: Path,
    frames: Iterable[tuple[int, Pixels]],
    *,
    codec: str = "libx264",
    pixel_format: str = "yuv420p",
    options: Mapping[str, str] | None = None,
    starts_ms: int = 0,
    container: str | None = None,
    look: Look = Look(),
    ticks: int = _TICKS,
    tags: Mapping[str, str] | None = None,
    muxer: Mapping[str, str] | None = None,
) -> Path:
    """Encode frames, each at its own time; a list of times with gaps makes a variable rate.

    Parameters
    ----------
    frames : iterable of (ms, pixels)
        Pixels of uint8 or, for deep colours, uint16.
    options : mapping, optional
        Of the encoder; by default of good quality, with a key frame each second at 25 per second.
    starts_ms : int
        Added to all times: of streams that do not begin at 0.
    ticks : int
        Per second, in which times are counted; AVI, MPEG-2 and MPEG-4 want those of the frames.
    tags, muxer : mapping, optional
        Metadata of the container, and its options.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", format=container, container_options=dict(muxer or {})) as file:
        file.metadata.update(tags or {})
        stream = file.add_stream(codec, rate=25)
        stream.options = dict(options or _OPTIONS.get(codec, {"g": "25"}))
        stream.pix_fmt = pixel_format
        stream.time_base = stream.codec_context.time_base = Fraction(1, ticks)
        _say(stream, look)
        for number, (ms, pixels) in enumerate(frames):
            if not number:
                stream.height, stream.width = pixels.shape[:2]
            frame = _frame(pixels, pixel_format, look)
            frame.time_base = Fraction(1, ticks)
            frame.pts = round((ms + starts_ms) * ticks / 1000)
            file.mux(stream.encode(frame))
        file.mux(stream.encode())
    return path


def _say(stream: VideoStream, look: Look) -> None:
    encoder = stream.codec_context
    encoder.color_primaries, encoder.color_trc = look.primaries, look.transfer
    encoder.colorspace, encoder.color_range = look.matrix, 2 if look.full_range else 1
    if look.pixel:
        encoder.sample_aspect_ratio = look.pixel
    if look.fields:
        encoder.flags |= _FIELDS
    if look.turned:
        stream.set_display_rotation(look.turned)


def _frame(pixels: Pixels, pixel_format: str, look: Look) -> av.VideoFrame:
    deep = pixels.dtype == np.uint16
    frame = av.VideoFrame.from_ndarray(pixels, format="rgb48le" if deep else "rgb24")
    frame = frame.reformat(
        format=pixel_format,
        dst_colorspace=_MATRICES[look.matrix],
        src_color_range=2,
        dst_color_range=2 if look.full_range else 1,
    )
    frame.color_primaries, frame.color_trc = look.primaries, look.transfer
    return frame
