"""Frames of an open file in the order in which they are shown, and which of them are damaged."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import av
from av.container import InputContainer
from av.logging import Capture
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

Damaged = set[int]
"""Times of pictures of which pixels are missing or guessed, in ticks of the stream."""

# PyAV uses what FFmpeg read from a broken file unchecked.  A disk's own errors are none of these.
FFMPEG_ERRORS = (av.FFmpegError, LookupError, ValueError, ArithmeticError, AssertionError)
"""Exceptions that mean that a clip cannot be opened or decoded."""

# Said of whole clips of which the beginning was not decoded: a picture that is to be forgotten is not known.
_HARMLESS = "mmco: unref short failure"


def frames_of(
    file: InputContainer,
    stream: VideoStream,
    seek: int | None,
    damaged: Damaged,
    *,
    by: int | None = None,
) -> Iterator[VideoFrame]:
    """Decode from a key frame on.

    Parameters
    ----------
    seek : int or None
        From the last key frame at or before this time, in ticks of the stream, as far as the container finds it; None:
        from the first one.
    damaged : Damaged
        Grows.
    by : int, optional
        If no frame was decoded when what belongs to this time is read, there is none: for damage that is long.

    Yields
    ------
    VideoFrame
        Each with its time.
    """
    key: int | None = None
    for packet in packets_of(file, stream, seek, damaged):
        if packet is not None:
            if by is not None and packet.dts is not None and packet.dts > by:
                return
            if key is None and packet.is_keyframe:
                key = packet.pts
        if key is None:
            continue
        # Pictures that are shown before the key frame refer to others, which were not decoded.
        of_interest = packet is not None and packet.pts is not None and packet.pts >= key
        for frame in _decoded(stream, packet, damaged if of_interest else set()):
            if frame.pts is not None and frame.pts >= key:
                by = None  # found
                if frame.is_corrupt:
                    damaged.add(frame.pts)
                yield frame


def packets_of(
    file: InputContainer, stream: VideoStream, seek: int | None, damaged: Damaged
) -> Iterator[Packet[VideoStream] | None]:
    """What the stream holds, as far as it can be read; at the end None, at which a decoder gives what it still has."""
    last: int | None = None
    with _Ear() as ear:
        if seek is not None:
            file.seek(seek, stream=stream)
        packets = file.demux(stream)
    while not ear.failed:
        with _Ear() as ear:
            packet = next(packets, None)
        if ear.heard and last is not None:
            damaged.add(last)
        if packet is None or ear.failed:
            break
        if packet.size:
            last = packet.pts
            yield packet
    yield None


def listen() -> None:
    """Have FFmpeg say what is wrong: by default it is silent."""
    if (av.logging.get_level() or av.logging.PANIC) < av.logging.ERROR:
        av.logging.set_level(av.logging.ERROR)
    av.logging.set_skip_repeated(False)


def _decoded(
    stream: VideoStream, packet: Packet[VideoStream] | None, damaged: Damaged
) -> list[VideoFrame]:
    frames: list[VideoFrame] = []
    with _Ear() as ear:
        frames = stream.codec_context.decode(packet)
    if packet is not None and packet.pts is not None and (ear.heard or packet.is_corrupt):
        damaged.add(packet.pts)
    return frames


class _Ear:
    """Hears what FFmpeg says in this thread, and takes its errors.

    Attributes
    ----------
    heard, failed : bool
        Whether it complained; whether it gave up.
    """

    def __init__(self) -> None:
        self.heard = self.failed = False
        self._capture = Capture()

    def __enter__(self) -> _Ear:
        self._said = self._capture.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: Any) -> bool:
        self._capture.__exit__(kind, *rest)
        self.failed = kind is not None and issubclass(kind, FFMPEG_ERRORS)
        self.heard = self.failed or any(
            level <= av.logging.ERROR and not words.startswith(_HARMLESS)
            for level, _, words in self._said
        )
        return self.failed
