"""A part of a clip as a browser plays it: its packets as they are, in an MP4 of their own; nothing is encoded again."""

from __future__ import annotations

import io
from collections.abc import Iterable

import av
from av.packet import Packet
from av.video.stream import VideoStream

_PLAYED = frozenset({"h264", "hevc", "vp9", "av1"})  # by some browser


def can_be_played(stream: VideoStream) -> bool:
    """Whether some browser has a decoder for it."""
    return stream.codec.canonical_name in _PLAYED


def to_mp4(
    stream: VideoStream, packets: Iterable[Packet[VideoStream]], until_pts: int, limit: int
) -> tuple[int, bytes] | None:
    """Put packets into an MP4.

    Parameters
    ----------
    packets : iterable of Packet
        As they are stored.
    limit : int
        In bytes: what is beyond is left out.

    Returns
    -------
    (int, bytes) or None
        When the first frame is shown, and the file; None if nothing can be played alone.
    """
    target = io.BytesIO()
    first: int | None = None
    last = -int(
        1 / (stream.time_base or 1)
    )  # Matroska does not say when its first frames are decoded
    with av.open(target, "w", format="mp4") as file:
        copied = file.add_stream_from_template(stream)
        for packet in packets:
            if packet.pts is None or (first is None and not packet.is_keyframe):
                continue
            limit -= packet.size
            if limit < 0 or (packet.dts is not None and packet.dts > until_pts):
                break
            first = packet.pts if first is None else first
            if packet.pts < first:  # refers to pictures before the first one
                continue
            last = last + 1 if packet.dts is None else packet.dts - first
            packet.pts, packet.dts, packet.stream = packet.pts - first, last, copied
            file.mux(packet)
    return None if first is None else (first, target.getvalue())
