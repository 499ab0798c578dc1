"""What is known of a clip, and of a face that was followed through it.

Times are in milliseconds from the first frame, on the grid of the samples.  The frame at a time is the one that is on
the screen then: the last that begins at or before it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


def clock(ms: int) -> str:
    """A time in a clip as players show it: ``0:07``, ``1:02:03``."""
    minutes, seconds = divmod(ms // 1000, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def span(start_ms: int, end_ms: int) -> str:
    """All of the seconds that a part of a clip touches."""
    return f"{clock(start_ms)}\N{EN DASH}{clock(end_ms + 999)}"


@dataclass(frozen=True, slots=True)
class ClipInfo:
    """What a clip is, and how it was looked at.

    Parameters
    ----------
    duration_ms : int
        From the first frame to the end of the last.
    codec : str
        Of the video, as FFmpeg calls it: ``h264``, ``hevc`` ...
    decoder : str
        What decoded it, with its version.
    every_ms : int
        Time between two samples; 0: key frames only.
    samples : int
        Frames in which faces were looked for.
    """

    duration_ms: int
    codec: str
    decoder: str
    every_ms: int
    samples: int


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """When and where one face is seen in a clip.

    Parameters
    ----------
    start_ms, end_ms : int
        Half of the time between two samples before the first one with it, and after the last, within the clip.
    best_ms : int
        The sample with its best face.
    times_ms : ndarray of shape (n,), int32
        The samples in which it was detected, rising.
    boxes : ndarray of shape (n, 4), float32
        ``x_min, y_min, x_max, y_max`` in px of the upright, full-size frame.
    strip : tuple of (ms, bytes)
        A few of them as JPEG thumbnails, evenly spread over its time.
    """

    start_ms: int
    end_ms: int
    best_ms: int
    times_ms: NDArray[np.int32]
    boxes: NDArray[np.float32]
    strip: tuple[tuple[int, bytes], ...]

    @property
    def first_ms(self) -> int:
        """The first sample in which it was detected."""
        return int(self.times_ms[0])

    @property
    def last_ms(self) -> int:
        """The last one."""
        return int(self.times_ms[-1])
