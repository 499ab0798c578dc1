"""Clips through OpenCV, where PyAV is missing.

It gives the same frames at the same times of clips that are whole, progressive and of standard range.  It does not say
what is damaged, leaves fields and high dynamic range as they are, and tells neither time, camera nor place.
"""

from __future__ import annotations

import io
import math
import os
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from facesort.core.records import PhotoInfo, Pixels
from facesort.errors import ImageError
from facesort.images.clips.clip import Part, Sample
from facesort.images.clips.containers import Container, width_shown
from facesort.images.clips.parts import places_before, taken
from facesort.reasons import Reason

# FFmpeg's names by what the containers call them.
_CODECS = {
    **dict.fromkeys(("avc1", "avc3"), "h264"),
    **dict.fromkeys(("hev1", "hvc1"), "hevc"),
    **dict.fromkeys(("fmp4", "mp4v", "xvid", "divx"), "mpeg4"),
    "vp80": "vp8",
    "vp90": "vp9",
    "vp09": "vp9",
    "av01": "av1",
}
_KEY = ord("I")


@dataclass(frozen=True, slots=True, eq=False)
class _Shown:
    """A frame with the time that it is on the screen, in ms."""

    since: int
    until: int
    pixels: Pixels


class OpencvClip:
    """A `Clip`; what `complaints` counts is not known."""

    def __init__(
        self, source: Path | bytes, container: Container, *, max_megapixels: float
    ) -> None:
        # What it prints would stand between facesort's own lines; nobody can tell from it which clip is meant.
        os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
        self._source = source
        self.decoder = f"OpenCV {cv2.__version__}"
        self.complaints = 0
        self.ended_ms: int | None = None
        with self._opened() as video:
            size = (
                int(video.get(cv2.CAP_PROP_FRAME_WIDTH)),
                int(video.get(cv2.CAP_PROP_FRAME_HEIGHT)),
            )
            if size[0] * size[1] > max_megapixels * 1e6:
                raise ImageError(
                    Reason.TOO_LARGE,
                    f"frames of {size[0]} x {size[1]} px are more than {max_megapixels:g} megapixels",
                )
            self._size = self._with_square_pixels(video, size)
            rate = video.get(cv2.CAP_PROP_FPS)
            self._interval = 1000 / rate if rate > 0 else 1.0
            self.duration_ms = max(0, round(video.get(cv2.CAP_PROP_FRAME_COUNT) * self._interval))
            code = (
                int(video.get(cv2.CAP_PROP_FOURCC)).to_bytes(4, "little").decode("latin-1").lower()
            )
            self.codec = _CODECS.get(code, code)
            if not video.grab():
                raise ImageError(Reason.CORRUPT, "no frame of the video can be decoded")
        self.info = PhotoInfo(container.format, *self._size)

    def __enter__(self) -> OpencvClip:
        return self

    def __exit__(self, *_: object) -> None:
        pass  # each part opens the file for itself

    def samples(self, part: Part) -> Iterator[Sample]:
        """As `Clip.samples`."""
        with closing(self._shown(part)) as frames:
            for ms, shown in taken(frames, part):
                yield Sample(ms, None if shown is None else shown.pixels)

    def _shown(self, part: Part) -> Generator[_Shown]:
        before: tuple[int, Pixels] | None = None
        interval = round(self._interval)
        for since, pixels in self._frames(part):
            if before is not None and since > before[0]:
                yield _Shown(before[0], since, before[1])
                interval = since - before[0]
            before = since, pixels
        if before is not None:
            self.ended_ms = before[0] + interval
            if not part.every_ms:  # of the frames after the last key frame only the file knows
                self.ended_ms = max(before[0] + round(self._interval), self.duration_ms)
            yield _Shown(before[0], self.ended_ms, before[1])

    def _frames(self, part: Part) -> Iterator[tuple[int, Pixels]]:
        for place in places_before(part.start_ms):
            with self._opened() as video:
                if place is not None:
                    video.set(cv2.CAP_PROP_POS_MSEC, place)
                frames = self._decoded(video, key_frames=not part.every_ms)
                first = next(frames, None)
                if first is not None and (place is None or first[0] <= part.start_ms):
                    yield first
                    yield from frames
                    return

    def _decoded(
        self, video: cv2.VideoCapture, *, key_frames: bool
    ) -> Iterator[tuple[int, Pixels]]:
        while video.grab():
            if key_frames and video.get(cv2.CAP_PROP_FRAME_TYPE) != _KEY:
                continue
            fine, frame = video.retrieve()
            if fine:
                # To the microsecond, since FFmpeg's fraction of a second went through a float.
                ms = math.ceil(round(video.get(cv2.CAP_PROP_POS_MSEC), 3))
                pixels = cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
                yield ms, np.asarray(cv2.resize(pixels, self._size), np.uint8)

    def _with_square_pixels(
        self, video: cv2.VideoCapture, size: tuple[int, int]
    ) -> tuple[int, int]:
        """Width and height as shown; OpenCV has turned the frames already."""
        wide, high = video.get(cv2.CAP_PROP_SAR_NUM), video.get(cv2.CAP_PROP_SAR_DEN)
        pixel = Fraction(int(wide), int(high)) if wide > 0 and high > 0 else None
        if video.get(cv2.CAP_PROP_ORIENTATION_META) % 180:
            return size[0], width_shown(size[1], pixel)
        return width_shown(size[0], pixel), size[1]

    @contextmanager
    def _opened(self) -> Iterator[cv2.VideoCapture]:
        with (
            io.BytesIO(self._source)
            if isinstance(self._source, bytes)
            else self._source.open("rb") as data
        ):
            reader: Any = data  # OpenCV's stubs know only its own readers
            level = cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
            video = cv2.VideoCapture(reader, cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
            try:
                if not video.isOpened():
                    raise ImageError(Reason.CORRUPT, "OpenCV cannot open it")
                yield video
            finally:
                video.release()
                cv2.utils.logging.setLogLevel(level)
