"""Clips through PyAV: frames by presentation time, each part decoded on its own from the key frame before it."""

from __future__ import annotations

import io
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from fractions import Fraction
from importlib import metadata
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, overload

import av
from av.container import InputContainer
from av.logging import Capture
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream

from facesort.core.records import Pixels
from facesort.errors import ImageError
from facesort.images.clips.clip import Excerpt, Part, Sample
from facesort.images.clips.containers import CONVERT, Container
from facesort.images.clips.excerpt import can_be_played, to_mp4
from facesort.images.clips.parts import places_before, taken
from facesort.images.clips.picture import Shown, pixels_of, shape_of, side_data, space_of
from facesort.images.clips.reading import FFMPEG_ERRORS, Damaged, frames_of, listen, packets_of
from facesort.images.clips.tags import avchd_tags, described
from facesort.reasons import Reason, Remark

_BUFFER = 1 << 20  # bytes that are read at once
_DELAY_MS = 1000  # that a decoder holds frames back, at most, so that they come in order
_HEALED_MS = 10_000
_LONGEST_MS = 24 * 3_600_000  # no camera writes a longer file
_LONGEST_STILL_MS = 3_600_000  # of one frame; beyond it, times of frames are broken
_MICROSECONDS = 1000  # per ms: the unit of a container's duration


class PyavClip:
    """A `Clip`."""

    def __init__(
        self, source: Path | bytes, container: Container, *, max_megapixels: float
    ) -> None:
        self._source = source
        self._container = container
        self._max_pixels = int(max_megapixels * 1e6)
        self._reformatter = VideoReformatter()
        self.decoder = f"PyAV {metadata.version('av')}"
        self.complaints = 0
        self.ended_ms: int | None = None
        listen()
        with self._opened() as (file, stream):
            self.codec = stream.codec_context.name
            self._tick: Fraction = stream.time_base or Fraction(1, 1000)
            first = next(frames_of(file, stream, None, set()), None)
            if first is None or first.pts is None:
                raise ImageError(Reason.CORRUPT, "no frame of the video can be decoded")
            self._first_pts = first.pts
            self._interlaced = first.interlaced_frame
            self._shape = shape_of(first, stream.sample_aspect_ratio)
            self._refuse_large(*self._shape.upright)
            self.duration_ms = self._declared_ms(file, stream)
            if self.duration_ms > _LONGEST_MS:
                raise ImageError(
                    Reason.CORRUPT,
                    f"a clip of {self.duration_ms // 3_600_000} hours, says the file",
                )
            own = avchd_tags(side_data(first, "SEI_UNREGISTERED"))
            info = described(
                container.format, self._shape.upright, file.metadata, stream.metadata, own
            )
            remarks = (Remark.TONE_MAPPED,) if space_of(first).is_hdr else ()
        self.info = replace(info, remarks=remarks)

    def __enter__(self) -> PyavClip:
        return self

    def __exit__(self, *_: object) -> None:
        pass  # each part opens the file for itself

    def samples(self, part: Part) -> Iterator[Sample]:
        """As `Clip.samples`."""
        damaged: Damaged = set()
        with closing(self._shown(part, damaged)) as frames:
            for ms, shown in taken(frames, part):
                yield Sample(ms, None if shown is None else self._pixels(shown))
        self.complaints += sum(part.start_ms <= self._ms(pts) < part.end_ms for pts in damaged)

    def excerpt(self, start_ms: int, end_ms: int, limit: int) -> Excerpt | None:
        """A part from the last key frame before it on, of so many bytes at most; None if no browser plays it."""
        for place in places_before(start_ms):
            try:
                with self._opened() as (file, stream):
                    if not can_be_played(stream):
                        return None
                    packets = packets_of(file, stream, self._pts(place), set())
                    found = to_mp4(stream, filter(None, packets), self._pts(end_ms), limit)
            except FFMPEG_ERRORS:  # of damage, which the beginning may not have
                continue
            if found is not None and (place is None or self._ms(found[0]) <= start_ms):
                return Excerpt(self._ms(found[0]), found[1])
        return None

    def _pixels(self, shown: Shown) -> Pixels:
        return pixels_of(shown, self._shape, self._reformatter)

    def _shown(self, part: Part, damaged: Damaged) -> Generator[Shown]:
        before: VideoFrame | None = None
        frame: VideoFrame | None = None
        since, duration = 0, 1
        for after in self._from(part, damaged):
            until = self._ms(after.pts)
            if frame is not None and until - since > _LONGEST_STILL_MS:
                damaged.add(frame.pts or 0)
                break
            if frame is not None and until > since:
                yield Shown(since, until, frame, before, after)
                duration = until - since
            before, frame, since = frame, after, until
        if frame is None:
            self.ended_ms = 0
            return
        told = self._ms((frame.pts or 0) + frame.duration) - since
        self.ended_ms = since + (told if 0 < told <= _LONGEST_STILL_MS else duration)
        if not part.every_ms:  # of the frames after the last key frame only the file knows
            self.ended_ms = max(self.ended_ms, self.duration_ms)
        yield Shown(since, self.ended_ms, frame, before, None)

    def _from(self, part: Part, damaged: Damaged) -> Iterator[VideoFrame]:
        """Frames from the last key frame before a part, or some that come before that one."""
        for place in places_before(part.start_ms):
            with self._opened(key_frames=not part.every_ms) as (file, stream):
                by = None if place is None else self._pts(part.start_ms + _DELAY_MS)
                frames = frames_of(file, stream, self._pts(place), damaged, by=by)
                head = tuple(islice(frames, 2 if self._interlaced else 1))
                if place is None or self._may_begin(head, part.start_ms):
                    yield from head
                    yield from frames
                    return

    @overload
    def _pts(self, ms: int) -> int: ...

    @overload
    def _pts(self, ms: int | None) -> int | None: ...

    def _pts(self, ms: int | None) -> int | None:
        return None if ms is None else self._first_pts + int(ms / 1000 / self._tick)

    def _may_begin(self, head: Sequence[VideoFrame], start: int) -> bool:
        """Whether all is whole at the start of a part: where there are no key frames, pictures heal piece by piece."""
        if not head:
            return False
        return self._ms(head[-1].pts) <= (start if head[0].key_frame else start - _HEALED_MS)

    def _ms(self, pts: int | None) -> int:
        """From the first frame, rounded up: a frame is on the screen at `t` if this is at most `t`."""
        since = (pts or 0) - self._first_pts
        return -(-1000 * since * self._tick.numerator // self._tick.denominator)

    def _declared_ms(self, file: InputContainer, stream: VideoStream) -> int:
        if stream.duration:
            return max(0, int(1000 * stream.duration * self._tick))
        return max(0, file.duration or 0) // _MICROSECONDS

    @contextmanager
    def _opened(self, *, key_frames: bool = False) -> Iterator[tuple[InputContainer, VideoStream]]:
        with self._bytes() as data:
            try:
                with Capture():
                    file: InputContainer = av.open(
                        data,
                        "r",
                        format=self._container.ffmpeg,
                        options={"max_pixels": str(self._max_pixels)},
                        metadata_errors="replace",
                        buffer_size=_BUFFER,
                        io_open=_refuse,
                    )
                    stream = file.streams.best("video")
            except FFMPEG_ERRORS as error:
                raise self._not_opened(error) from error
            with file:
                if not isinstance(stream, VideoStream):
                    raise ImageError(
                        Reason.NOT_AN_IMAGE, "the file has no video, or no frame of it"
                    )
                self._prepare(stream, key_frames)
                yield file, stream

    def _not_opened(self, error: Exception) -> ImageError:
        if "moov atom not found" in str(error):
            return ImageError(
                Reason.TRUNCATED,
                f"{self._container.format}: the index is missing, which is written last: the recording or the copy was"
                " not finished",
            )
        said = error.strerror if isinstance(error, av.FFmpegError) else type(error).__name__
        return ImageError(
            Reason.CORRUPT, f"{self._container.format}: FFmpeg cannot open it ({said})"
        )

    def _prepare(self, stream: VideoStream, key_frames: bool) -> None:
        decoder = stream.codec_context
        if decoder is None:
            raise ImageError(
                Reason.UNSUPPORTED_FORMAT, f"its video cannot be decoded by FFmpeg: {CONVERT}"
            )
        self._refuse_large(decoder.width, decoder.height)
        decoder.options = {"max_pixels": str(self._max_pixels)}
        decoder.thread_count = 1  # there is a worker for each core
        if key_frames:
            decoder.skip_frame = "NONKEY"

    def _refuse_large(self, width: int, height: int) -> None:
        if width * height > self._max_pixels:
            limit = self._max_pixels / 1e6
            raise ImageError(
                Reason.TOO_LARGE,
                f"frames of {width} x {height} px are more than {limit:g} megapixels",
            )

    def _bytes(self) -> BinaryIO:
        if isinstance(self._source, bytes):
            return io.BytesIO(self._source)
        return self._source.open("rb")


def _refuse(url: str, *_: Any) -> Any:
    raise PermissionError(f"a clip may not open other files: {url}")
