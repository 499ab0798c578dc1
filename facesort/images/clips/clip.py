"""What both decoders give: a clip that is open, and the samples of a part of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from facesort.core.records import PhotoInfo, Pixels


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a clip: the samples at ``k * every_ms`` with ``start_ms <= k * every_ms < end_ms``.

    Parameters
    ----------
    start_ms, end_ms : int
        From the first frame of the clip.
    every_ms : int
        0: the key frames that begin within the part, each at its own time.
    """

    start_ms: int
    end_ms: int
    every_ms: int


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """The frame that is on the screen at one time.

    Parameters
    ----------
    ms : int
        From the first frame of the clip.
    pixels : Pixels or None
        Upright sRGB of the size that it is shown in; None: the same frame as at the sample before, in the same part.
    """

    ms: int
    pixels: Pixels | None


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A part of a clip, without its sound.

    Parameters
    ----------
    from_ms : int
        Its first frame, from the first frame of the clip.
    mp4 : bytes
    """

    from_ms: int
    mp4: bytes


class Clip(Protocol):
    """A clip that is open; a context manager that closes it.

    Attributes
    ----------
    info : PhotoInfo
        Format, size as shown (upright, with square pixels), time and camera, as far as the file says.
    duration_ms : int
        As the file says, or 0 if it does not; the last part tells the truth.
    codec, decoder : str
        As in `facesort.core.clips.ClipInfo`.
    complaints : int
        Pictures, in the parts that were read to their ends, of which pixels are missing or guessed, as far as the
        decoder says.
    ended_ms : int or None
        End of the last frame, once the end was reached.
    """

    info: PhotoInfo
    duration_ms: int
    codec: str
    decoder: str
    complaints: int
    ended_ms: int | None

    def samples(self, part: Part) -> Iterator[Sample]:
        """The samples of a part, in order; the same whatever was read before.

        Raises
        ------
        ImageError
            ``corrupt`` if nothing can be decoded any more.
        """
        ...

    def __enter__(self) -> Clip: ...

    def __exit__(self, *_: object) -> None: ...
