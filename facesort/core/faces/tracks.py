"""Faces that are followed from sample to sample of a clip: detections become tracks."""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from facesort.core.clips import Track
from facesort.core.records import Face

_STRIP = 8  # thumbnails
# A face may be so far from the mean of its track, in parts of LOOSE: elsewhere, and how much more in the same place.
# In composed clips (benchmarks/video.py) strangers are at 1.03 and more, and at 1.20 in 99 of 100 samples.
_ELSEWHERE, _IN_PLACE = 0.9, 0.25
_LEAST_WEIGHT = 1e-3  # of a face without any quality, in the mean

Floats = NDArray[np.float64]


class Linker:
    """Links the faces of a clip, sample by sample.

    A face goes on with the track that it is like, in its place and in its looks; one that is like none begins a track.
    Faces of one sample are never of one track, and a face in the place of another, as after a cut, begins a new one.

    Parameters
    ----------
    every_ms : int
        Time between two samples; 0: key frames, which are as far from each other as they are.
    gap_ms : int
        A track ends if its face is not found for longer.  Among key frames it always reaches from one to the next.
    loose : float
        LOOSE of the pack: what is as far apart, or a little farther in the same place, may be one person.

    Notes
    -----
    Tracks of one sample are kept: at 2 samples per second, 3 of 11 were all that was seen of a person, and had the
    right name; none had a wrong one.  What is held grows by about 50 kB for each track, and by 20 bytes for each
    detection.
    """

    def __init__(self, every_ms: int, gap_ms: int = 1000, *, loose: float = 1.0) -> None:
        self._every_ms, self._gap_ms, self._loose = every_ms, gap_ms, loose
        self._samples = array("q")
        self._open: list[_Following] = []
        self._closed: list[_Following] = []

    def add(self, ms: int, faces: Sequence[Face]) -> None:
        """Take the faces of the next sample, in any order; samples may be left out.

        Raises
        ------
        ValueError
            If the sample is not later than the one before.
        """
        if self._samples and ms <= self._samples[-1]:
            raise ValueError(f"a sample at {ms} ms cannot follow one at {self._samples[-1]} ms")
        self._end_those_lost(ms)
        self._samples.append(ms)
        faces = sorted(faces, key=_content)
        linked = _assign(_likeness(self._open, ms, faces, self._loose))
        for number, face in enumerate(faces):
            if number in linked:
                self._open[linked[number]].add(ms, face)
            else:
                self._open.append(_Following(ms, face))

    def close(self, end_ms: int) -> tuple[Face, ...]:
        """End all tracks.

        Parameters
        ----------
        end_ms : int
            End of the clip.

        Returns
        -------
        tuple of Face
            One for each track, as `Face.track` says, by their start and then from left to right.
        """
        tracks = sorted(self._closed + self._open, key=lambda track: track.order)
        return tuple(track.face(*self._span(track, end_ms)) for track in tracks)

    def _end_those_lost(self, ms: int) -> None:
        still = []
        for track in self._open:
            reached = not self._every_ms and track.last_ms == self._samples[-1]
            if ms - track.last_ms <= self._gap_ms or reached:
                still.append(track)
            else:
                track.end()
                self._closed.append(track)
        self._open = still

    def _span(self, track: _Following, end_ms: int) -> tuple[int, int]:
        """Half-way to the samples without it, or to the end of the clip if there are none."""
        every = self._every_ms or math.inf
        before = bisect_left(self._samples, track.first_ms)
        after = bisect_right(self._samples, track.last_ms)
        earlier = self._samples[max(before - 1, 0) : before]
        later = self._samples[after : after + 1]
        start, end = 0.0, float(end_ms)
        if earlier or track.first_ms >= every:
            start = track.first_ms - min([every, *(track.first_ms - ms for ms in earlier)]) // 2
        if later or end_ms - track.last_ms > every:
            end = track.last_ms + min([every, *(ms - track.last_ms for ms in later)]) // 2
        return int(start), int(min(end, end_ms))


class _Following:
    """A track as far as it is known."""

    def __init__(self, ms: int, face: Face) -> None:
        self._times, self._boxes = array("i"), array("f")
        self._total = np.zeros(len(face.embedding))
        self._best, self._best_ms = face, ms
        self._strip: list[tuple[int, bytes]] = []
        self._apart_ms = 0
        self.add(ms, face)

    @property
    def first_ms(self) -> int:
        return self._times[0]

    @property
    def last_ms(self) -> int:
        return self._times[-1]

    @property
    def order(self) -> tuple[int, tuple[float, ...]]:
        return self.first_ms, tuple(self._boxes[:4])

    @property
    def embedding(self) -> Floats:
        """The mean over its faces, weighted with their quality."""
        length = np.linalg.norm(self._total)
        return self._total / length if length else self._best.embedding.astype(np.float64)

    def boxes_at(self, ms: int) -> tuple[Floats, Floats]:
        """Where it was, and where it is if it moves on as it did."""
        last = np.array(self._boxes[-4:], np.float64)
        if len(self._times) == 1:
            return last, last
        step = (ms - self._times[-1]) / (self._times[-1] - self._times[-2])
        return last, last + step * (last - self._boxes[-8:-4])

    def add(self, ms: int, face: Face) -> None:
        self._times.append(ms)
        self._boxes.extend(face.box.tolist())
        self._total += max(face.quality, _LEAST_WEIGHT) * face.embedding.astype(np.float64)
        if face.quality > self._best.quality:
            self._best, self._best_ms = face, ms
        if not self._strip or ms - self._strip[-1][0] >= self._apart_ms:
            self._strip.append((ms, face.crop))
        if len(self._strip) > 2 * _STRIP:
            del self._strip[1::2]
            self._apart_ms = (ms - self.first_ms) // _STRIP

    def end(self) -> None:
        """Give back what is not needed any more."""
        wanted = np.linspace(self.first_ms, self.last_ms, _STRIP)
        times = np.array([ms for ms, _ in self._strip])
        nearest = np.abs(times[:, None] - wanted).argmin(axis=0)
        self._strip = [self._strip[row] for row in np.unique(nearest)]

    def face(self, start_ms: int, end_ms: int) -> Face:
        self.end()
        track = Track(
            start_ms,
            end_ms,
            self._best_ms,
            np.array(self._times, np.int32),
            np.array(self._boxes, np.float32).reshape(-1, 4),
            tuple(self._strip),
        )
        return replace(self._best, embedding=self.embedding.astype(np.float32), track=track)


def _content(face: Face) -> tuple[list[float], float, bytes, bytes]:
    """An order of faces that depends on nothing but themselves."""
    return face.box.tolist(), face.score, face.embedding.tobytes(), face.crop


def _likeness(tracks: Sequence[_Following], ms: int, faces: Sequence[Face], loose: float) -> Floats:
    """How alike faces and tracks are, in place and looks; shape (n_faces, n_tracks), 0: not of one person."""
    if not faces or not tracks:
        return np.zeros((len(faces), len(tracks)))
    boxes = np.array([face.box for face in faces], np.float64)
    were, go = (np.array(places) for places in zip(*(t.boxes_at(ms) for t in tracks), strict=True))
    place = np.maximum(_overlap(boxes, were), _overlap(boxes, go))
    embeddings = np.array([face.embedding for face in faces], np.float64)
    means = np.array([track.embedding for track in tracks])
    distance = np.sqrt(np.maximum(2 - 2 * embeddings @ means.T, 0))
    limit = loose * (_ELSEWHERE + _IN_PLACE * place)
    return np.where(distance <= limit, place + 1 - distance / (2 * loose), 0)


def _overlap(one: Floats, other: Floats) -> Floats:
    """Intersection over union of each pair of boxes; shape (n_one, n_other)."""
    low = np.maximum(one[:, None, :2], other[None, :, :2])
    high = np.minimum(one[:, None, 2:], other[None, :, 2:])
    common = np.prod(np.maximum(high - low, 0), axis=2)
    areas = [np.prod(np.maximum(boxes[:, 2:] - boxes[:, :2], 0), axis=1) for boxes in (one, other)]
    both = areas[0][:, None] + areas[1][None, :] - common
    return np.asarray(common / np.where(both > 0, both, 1))


def _assign(likeness: Floats) -> dict[int, int]:
    """The track of each face that has one: those pairs that are the most alike together."""
    from scipy.optimize import linear_sum_assignment  # takes a tenth of the start of every command

    pairs = zip(*linear_sum_assignment(-likeness), strict=True)
    return {int(face): int(track) for face, track in pairs if likeness[face, track] > 0}
