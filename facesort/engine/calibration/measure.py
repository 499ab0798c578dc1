"""Measures a model pack on a user's photos: thresholds to start from, error rates, speed and memory."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

import numpy as np
import psutil

from facesort.core.calibration.rates import Rate
from facesort.core.calibration.starting import (
    PERSONS,
    LabelledFaces,
    Starting,
    from_labels,
    from_photos,
    refuse_unsure,
)
from facesort.core.calibration.tail import Estimate
from facesort.core.records import Analysis, PhotoRef
from facesort.core.sources.files import KnownFiles
from facesort.core.text.words import several
from facesort.engine.analysis.analyse import Analyser, Task, analyse_file, load_models
from facesort.engine.analysis.lost import WORKER_FAILURES, reason_of
from facesort.engine.analysis.pool import LocalPool
from facesort.engine.calibration.labelled import analysed, files_of, labelled_faces
from facesort.engine.gallery.left_out import LeftOut
from facesort.engine.gallery.person_folders import person_folders
from facesort.engine.scan.places import find_roots
from facesort.engine.scan.walk import Walk
from facesort.errors import InsufficientTrialsError, ResourceError
from facesort.faces.packs.measured import MeasuredRate, Measurement
from facesort.faces.protocol import ModelPack
from facesort.reasons import Reason
from facesort.settings import PhotoSettings

log = logging.getLogger(__name__)

SPEED_S = 20.0
"""Seconds for which speed and memory are measured."""

_EVERY_S = 0.02
_SPEED_PHOTOS = 200
_SMALLEST_QUALITY = 0.3  # as in `groups.threshold`: tiny faces in the background look alike


@dataclass(frozen=True, slots=True)
class Speed:
    """What one worker did, its models loaded and one photo analysed before.

    Parameters
    ----------
    photos, faces : int
    cpu_s : float
        CPU time in seconds.
    peak_mb : float
        Largest resident memory, in MB.
    """

    photos: int
    faces: int
    cpu_s: float
    peak_mb: float


@dataclass(frozen=True, slots=True)
class Measured:
    """A measurement, as it is stored, and what it comes from."""

    measurement: Measurement
    found: Starting
    speed: Speed
    left_out: tuple[LeftOut, ...] = ()
    refused: Mapping[Reason, int] = field(default_factory=dict)
    """Numbers of photos that were not used, by reason."""


def measure_pack(
    pack: ModelPack,
    date: datetime,
    *,
    labelled: Path | None = None,
    photos: Path | None = None,
    workers: int = 1,
    limits: PhotoSettings | None = None,
    on_photo: Callable[[int, int], None] | None = None,
) -> Measured:
    """Measure a pack by the analysis of a sort; stores nothing.

    Parameters
    ----------
    labelled : Path, optional
        One folder per person.
    photos : Path, optional
        Photos of which some show several people; used without `labelled`.
    workers : int
        Processes for the analysis; speed is measured in one.
    limits : PhotoSettings, optional
        As of a workspace; default: the usual ones.
    on_photo : callable of (done, total), optional
        Called after every photo.

    Raises
    ------
    GalleryError, SourceGoneError
        If the folder has no photos, or these cannot be what they are taken for, see `refuse_unsure`.
    InsufficientTrialsError
        If there are too few people to be sure of LOOSE.
    """
    limits = limits or PhotoSettings()
    with LocalPool.of(workers, limits) as pool:
        if labelled is not None:
            sample = _by_labels(pack, labelled, limits, pool, on_photo)
        elif photos is not None:
            sample = _by_photos(pack, photos, limits, pool, on_photo)
        else:
            raise ValueError("give labelled photos, or photos")
        refuse_unsure(sample.found)
        speed = measure_speed(sample.analyser, sample.readable, pool)
    record = _record(pack, date, sample.on, sample.found, speed)
    return Measured(record, sample.found, speed, sample.left_out, sample.refused)


@dataclass(frozen=True, slots=True)
class _Sample:
    """What photos tell about a pack; `on` are the photos in words, `readable` those to measure speed with."""

    found: Starting
    on: str
    analyser: Analyser
    readable: Sequence[PhotoRef]
    refused: Mapping[Reason, int]
    left_out: tuple[LeftOut, ...] = ()


def _by_labels(
    pack: ModelPack,
    root: Path,
    limits: PhotoSettings,
    pool: Executor,
    on_photo: Callable[[int, int], None] | None,
) -> _Sample:
    folders = person_folders(root)
    analyser, files = Analyser({"": Path("/")}, pack, limits), files_of(folders)
    seen = labelled_faces(root, folders, analysed(analyser, files, pool, on_photo=on_photo))
    used = [folders.candidates[number] for number in seen.photos]
    _, persons = np.unique(seen.names, return_inverse=True)
    faces = LabelledFaces(
        np.stack([face.embedding for face in seen.faces]),
        persons.astype(np.int64),
        np.array([face.quality for face in seen.faces]),
        tuple(f"{candidate.name}/{candidate.path.name}" for candidate in used),
    )
    people = several(len(set(seen.names)), "person", "people")
    return _Sample(
        from_labels(faces),
        f"{several(len(seen.faces), 'labelled photo')} of {people}",
        analyser,
        [files[number] for number in seen.photos],
        seen.refused,
        seen.left_out,
    )


def _by_photos(
    pack: ModelPack,
    root: Path,
    limits: PhotoSettings,
    pool: Executor,
    on_photo: Callable[[int, int], None] | None,
) -> _Sample:
    listing = Walk(find_roots({"photos": root.absolute()}), KnownFiles(), {}, ()).run()
    paths = sorted(file.path for file in listing.files)
    files = [PhotoRef(i, path, source="photos") for i, path in enumerate(paths)]
    if not files:
        raise InsufficientTrialsError(f"there is no photo in {root}")
    analyser = Analyser({"photos": root.absolute()}, pack, limits)
    analyses = [
        replace(analysis, jpeg=b"")
        for analysis in analysed(analyser, files, pool, on_photo=on_photo)
    ]
    several_faces = _several(analyses)
    boxes_and_embeddings = [
        (np.stack([f.box for f in photo.faces]), np.stack([f.embedding for f in photo.faces]))
        for photo in several_faces
    ]
    found = from_photos(boxes_and_embeddings, pack.strict)
    return _Sample(
        found,
        f"{several(found.pairs, 'pair')} of faces in {several(len(several_faces), 'photo')}",
        analyser,
        [ref for ref, a in zip(files, analyses, strict=True) if a.failure is None],
        Counter(a.failure for a in analyses if a.failure is not None),
    )


def _several(analyses: Iterable[Analysis]) -> list[Analysis]:
    """Photos with several good faces, each content once."""
    kept: dict[str, Analysis] = {}
    for analysis in analyses:
        good = tuple(
            face for face in analysis.faces if face.quality >= _SMALLEST_QUALITY and not face.track
        )
        if analysis.failure is None and len(good) > 1:
            kept.setdefault(analysis.sha256, replace(analysis, faces=good))
    return list(kept.values())


def _record(pack: ModelPack, date: datetime, on: str, found: Starting, speed: Speed) -> Measurement:
    return Measurement(
        pack_id=pack.pack_id,
        pack=pack.name,
        date=date.isoformat(timespec="seconds"),
        measured_on=on,
        strict=found.strict,
        loose=found.loose,
        widest_loose=found.widest_loose,
        persons=PERSONS,
        fpir=_rate(found.fpir),
        counted=None if found.counted is None else _rate(found.counted),
        gallery=found.gallery,
        fnir=None if found.fnir is None else _rate(found.fnir),
        faces_per_cpu_second=speed.faces / speed.cpu_s,
        photos_per_cpu_second=speed.photos / speed.cpu_s,
        peak_mb=speed.peak_mb,
    )


def _rate(estimate: Estimate | Rate) -> MeasuredRate:
    return MeasuredRate(value=estimate.value, low=estimate.low, high=estimate.high)


def measure_speed(analyser: Analyser, files: Sequence[PhotoRef], pool: Executor) -> Speed:
    """Analyse some photos, evenly chosen, in one worker, until `SPEED_S` are over.

    Parameters
    ----------
    files : sequence of PhotoRef
        Some that could be analysed before.

    Raises
    ------
    ResourceError
        If the worker died or hung again and again.
    """
    some = files[:: len(files) // _SPEED_PHOTOS + 1]
    why: Exception | None = None
    for chosen in filter(None, (some, some[::2], some[1::2])):  # one of them may be too much
        try:
            return pool.submit(_analyse_some, analyser, [Task(ref) for ref in chosen]).result()
        except WORKER_FAILURES as error:
            why = error
            log.warning("speed is measured again, with other photos: %s", reason_of(error).value)
    raise ResourceError(
        "speed cannot be measured, as the worker process died or hung three times: close other programs, and measure "
        "again"
    ) from why


def _analyse_some(analyser: Analyser, tasks: Sequence[Task]) -> Speed:
    """Of a worker: what it takes once it is warm."""
    load_models(analyser)
    analyse_file(analyser, tasks[0])
    with _Peak() as peak:
        started, before, photos, faces = time.monotonic(), time.process_time(), 0, 0
        for task in tasks:
            faces += len(analyse_file(analyser, task).faces)
            photos += 1
            if time.monotonic() - started > SPEED_S:
                break
        cpu_s = time.process_time() - before
    return Speed(photos, faces, max(cpu_s, 1e-6), peak.found / 1e6)


class _Peak(threading.Thread):
    """Largest resident memory of this process while the block runs, in bytes."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.found, self._done = 0, threading.Event()

    def run(self) -> None:
        process = psutil.Process()
        while True:
            self.found = max(self.found, process.memory_info().rss)
            if self._done.wait(_EVERY_S):
                return

    def __enter__(self) -> _Peak:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self.join()
