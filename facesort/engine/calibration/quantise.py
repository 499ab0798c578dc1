"""Makes a quantised copy of a model pack, if it decides as the original does about faces it was not calibrated with."""

from __future__ import annotations

import hashlib
import os
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from facesort.core.calibration.agreement import (
    FEWEST_NAMED,
    NEEDED,
    Agreement,
    agreement,
    decisions,
)
from facesort.core.records import Analysis, Crops, Detections, Embeddings
from facesort.core.text.words import several, share
from facesort.engine.analysis.analyse import Analyser, Task, engine_of, look_for_faces
from facesort.engine.analysis.lost import WORKER_FAILURES, reason_of, result_of_two
from facesort.engine.analysis.pool import LocalPool
from facesort.engine.analysis.reading import read_photo
from facesort.engine.calibration.labelled import files_of, labelled_faces
from facesort.engine.gallery.left_out import LeftOut
from facesort.engine.gallery.person_folders import person_folders
from facesort.errors import ImageError, InsufficientTrialsError, PackError, because
from facesort.faces.engines.load import load_engine
from facesort.faces.packs.add import add_packs, refuse_name
from facesort.faces.packs.assemble import copy_in
from facesort.faces.packs.description import (
    DESCRIPTION,
    DescribedDetector,
    DescribedRecogniser,
    DescribedThresholds,
    Description,
)
from facesort.faces.packs.files import model_sha256, read_pack
from facesort.faces.packs.onnx_graph import LARGEST_MODEL
from facesort.faces.protocol import Detector, Licence, ModelPack, Recogniser
from facesort.files import scratch_folder, sweep_scratch, write_synced
from facesort.reasons import Reason
from facesort.settings import PhotoSettings

_MOST_CALIBRATED, _FEWEST_CALIBRATED, _FEWEST_CHECKED = 300, 50, 200
_ROUNDS, _TIMED = 5, 40
_LONGEST_S = 3600.0
_SCRATCH = "facesort-quantise-"
_MOST_ABOUT = 240  # characters of what thresholds were measured on


_Cut = tuple[Analysis, Crops | None]


@dataclass(frozen=True, slots=True)
class Quantised:
    """What came of it.

    Parameters
    ----------
    pack : ModelPack or None
        The new one; None if it was refused.
    calibrated : int
        Faces that the ranges were taken from.
    bytes_before, bytes_after : int
        Size of the recogniser's file.
    speed_ups : tuple of float
        Times as fast, in CPU time, round by round; both took turns on the same faces.
    ms_before, ms_after : float
        CPU time per face, median.
    refused : mapping of Reason to int
        Numbers of photos that were not used, by reason.
    left_out : tuple of LeftOut
        What else is in the folder.
    """

    pack: ModelPack | None
    agreement: Agreement
    calibrated: int
    bytes_before: int
    bytes_after: int
    speed_ups: tuple[float, ...]
    ms_before: float
    ms_after: float
    refused: Mapping[Reason, int] = field(default_factory=dict)
    left_out: tuple[LeftOut, ...] = ()


@dataclass(frozen=True, slots=True)
class Aligned:
    """Aligned faces of each person; `refused` and `left_out` are as of `Labelled`."""

    crops: Mapping[str, Sequence[Crops]]
    refused: Mapping[Reason, int] = field(default_factory=dict)
    left_out: tuple[LeftOut, ...] = ()


def quantise_pack(
    pack: ModelPack,
    photos: Path,
    target: Path,
    *,
    workers: int = 1,
    on_photo: Callable[[int, int], None] | None = None,
) -> Quantised:
    """Quantise the recogniser of a pack, and write a new pack if enough decisions agree.

    The people are split: the faces of one half calibrate, those of the other are checked.

    Parameters
    ----------
    photos : Path
        One folder per person.
    target : Path
        Folder of the new pack, which must not be there.

    Raises
    ------
    GalleryError, InsufficientTrialsError
        If there are too few photos.
    PackError
        If the pack has no ONNX recogniser, or the target is there or cannot be written.
    """
    if not pack.recogniser.runs_in_onnx or pack.path is None:
        raise PackError(f"model pack {pack.name} has no ONNX recogniser to quantise")
    if os.path.lexists(target):
        raise PackError(f"{target} is there already: give another folder with --to")
    refuse_name(target.name, "give another folder with --to")
    sweep_scratch(_SCRATCH)
    try:
        with (
            scratch_folder(_SCRATCH) as scratch,
            LocalPool(workers, _LONGEST_S, PhotoSettings().max_worker_mb) as pool,
        ):
            made = scratch / "new" / target.name
            made.mkdir(parents=True)
            found = _quantise(pack, photos, made, scratch, pool, on_photo)
            if not found.agreement.accepted:
                return found
            return replace(found, pack=add_packs(made, target.parent)[0].pack)
    except OSError as error:
        raise PackError(f"{target} cannot be written {because(error)}, and try again") from error


def _quantise(
    pack: ModelPack,
    photos: Path,
    made: Path,
    scratch: Path,
    pool: LocalPool,
    on_photo: Callable[[int, int], None] | None,
) -> Quantised:
    """Write a pack into `made`, and compare it with the original."""
    aligned = _aligned(pack, photos, pool, on_photo)
    faces = aligned.crops
    names = sorted(faces)
    calibrating = [crop for name in names[::2] for crop in faces[name]]
    checked = {name: faces[name] for name in names[1::2]}
    references = [crops[0] for crops in checked.values() if len(crops) > 1]
    others = [c for crops in checked.values() for c in (crops[1:] if len(crops) > 1 else crops)]
    if len(calibrating) < _FEWEST_CALIBRATED or len(others) < _FEWEST_CHECKED or not references:
        raise InsufficientTrialsError(
            f"{several(len(calibrating), 'face')} to calibrate with and {several(len(others), 'face')} to check are "
            f"too few: at least {_FEWEST_CALIBRATED} and {_FEWEST_CHECKED} are needed; add photos of more people"
        )
    step = len(calibrating) // _MOST_CALIBRATED + 1
    calibrating = calibrating[::step]
    pool.submit(_write, pack, np.stack(calibrating), made, scratch).result()
    new = read_pack(made)
    stacks = np.stack(references), np.stack(others)
    before, after, times = pool.submit(_compare, pack, new, *stacks).result()
    found = agreement(
        decisions(before[1], before[0], pack.strict, pack.loose),
        decisions(after[1], after[0], pack.strict, pack.loose),
    )
    if found.named < FEWEST_NAMED:
        raise InsufficientTrialsError(
            f"{pack.name} names {found.named:,} of the {several(found.faces, 'face')} to check: at least "
            f"{FEWEST_NAMED} are needed; add second photos of more people"
        )
    sizes = [_size(one) for one in (pack, new)]
    per_face = [1000 * statistics.median(side) / min(_TIMED, len(others)) for side in times]
    return Quantised(
        None,
        found,
        len(calibrating),
        sizes[0],
        sizes[1],
        tuple(one / other for one, other in zip(*times, strict=True)),
        per_face[0],
        per_face[1],
        aligned.refused,
        aligned.left_out,
    )


def refusal(found: Quantised) -> str:
    """Why no pack was written, in a sentence."""
    told = found.agreement
    agreed = share(told.same / told.faces)
    return (
        f"nothing was written: {told.same:,} of {told.faces:,} decisions ({agreed}) are those of the original, "
        f"{told.same_named:,} of {told.named:,} where it names somebody, and {share(NEEDED)} of both are "
        "needed; keep the original"
    )


def _aligned(
    pack: ModelPack,
    root: Path,
    pool: LocalPool,
    on_photo: Callable[[int, int], None] | None,
) -> Aligned:
    """Aligned faces of each person, from the photos that `labelled_faces` uses."""
    folders = person_folders(root)
    analyser = Analyser({"": Path("/")}, pack, PhotoSettings())
    crops = dict[int, Crops]()

    def analyses() -> Iterator[Analysis]:
        tasks = [Task(ref) for ref in files_of(folders)]
        running = [pool.submit_within(analyser.photos, _cut_out, analyser, task) for task in tasks]
        for number, (task, future) in enumerate(zip(tasks, running, strict=True)):
            analysis, crop = _result(future, pool, analyser, task)
            if crop is not None:
                crops[number] = crop
            yield analysis
            if on_photo is not None:
                on_photo(number + 1, len(tasks))

    seen = labelled_faces(root, folders, analyses())
    found: dict[str, list[Crops]] = defaultdict(list)
    for name, number in zip(seen.names, seen.photos, strict=True):
        found[name].append(crops[number])
    return Aligned(dict(found), seen.refused, seen.left_out)


def _result(future: Future[_Cut], pool: LocalPool, analyser: Analyser, task: Task) -> _Cut:
    """Wait for a photo, which fails alone, as in a sort."""
    try:
        return result_of_two(
            future, lambda: pool.submit_within(analyser.photos, _cut_out, analyser, task)
        )
    except WORKER_FAILURES as error:
        return Analysis(task.ref.photo_id, "", failure=reason_of(error)), None


def _cut_out(analyser: Analyser, task: Task) -> _Cut:
    """Of a worker: what is in a photo, and its face aligned, if there is exactly one, upright."""
    number, sha256 = task.ref.photo_id, ""
    try:
        data = read_photo(analyser.path_of(task.ref), analyser.photos.max_file_mb)
        sha256 = hashlib.sha256(data).hexdigest()
        loaded, faces = look_for_faces(analyser, data, task.ref.path)
    except ImageError as error:
        return Analysis(number, sha256, failure=error.reason, detail=error.detail), None
    if len(faces) != 1:
        return Analysis(number, sha256, faces=faces), None
    if faces[0].turn:
        return Analysis(number, sha256, failure=Reason.EXTREME_POSE), None
    shrink = np.float32(1 / loaded.scale)
    one = Detections(
        faces[0].box[None] * shrink,
        faces[0].landmarks[None] * shrink,
        np.array([faces[0].score], np.float32),
    )
    crop = np.asarray(engine_of(analyser).align(loaded.pixels, one)[0])
    return Analysis(number, sha256, faces=faces), crop


def _write(pack: ModelPack, crops: Crops, folder: Path, scratch: Path) -> None:
    """Of a worker: the files of the new pack."""
    from facesort.faces.engines.quantise import quantise_recogniser  # needs onnx

    told, original = pack.recogniser, scratch / "original"
    original.mkdir()
    detector = _copied(pack, pack.detector, folder)
    known = _copied(pack, told, original)
    recogniser = folder / f"{known.stem}_int8.onnx"
    dim = int(load_engine(pack, threads=1).embed(crops[:1]).shape[1])
    quantise_recogniser(replace(pack, path=original), crops, recogniser, scratch)
    said = Description(
        detector=DescribedDetector(
            kind=pack.detector.kind,  # type: ignore[arg-type]
            file=detector.name,
            sha256=model_sha256(detector),
            **_stated(pack.detector.licence),
        ),
        recogniser=DescribedRecogniser(
            kind=told.kind,  # type: ignore[arg-type]
            file=recogniser.name,
            sha256=model_sha256(recogniser),
            **_stated(told.licence),
            origin=f"quantised from {told.file}, SHA-256 {told.sha256}",
            side=crops.shape[1],
            colour=told.colour,
            mean=told.mean,
            scale=told.scale,
            dim=dim,
        ),
        thresholds=_thresholds(pack) if pack.calibrated else None,
    )
    write_synced(folder / DESCRIPTION, said.toml().encode())


def _copied(pack: ModelPack, half: Detector | Recogniser, folder: Path) -> Path:
    """Copy a file of a pack, and see that it is the one that the pack was read with."""
    name, source = half.file or "", (pack.path or Path()) / (half.file or "")
    if copy_in(source, folder, name, most=LARGEST_MODEL) != half.sha256:
        raise PackError(f"{source} has changed meanwhile: run the same command again")
    return folder / name


def _thresholds(pack: ModelPack) -> DescribedThresholds:
    on = pack.measured_on[:_MOST_ABOUT] or "nothing, but recommended for another pack"
    return DescribedThresholds(
        strict=pack.strict,
        loose=pack.loose,
        widest_loose=pack.widest_loose,
        measured_on=f"{on} (those of the pack that this was quantised from)",
    )


def _stated(licence: Licence) -> dict[str, Any]:
    return {
        "licence": licence.name,
        "licence_source": licence.source or "not known: ask its publisher",
        "paid_work": licence.paid_work,
        "trained_on": licence.trained_on,
    }


def _compare(
    pack: ModelPack, new: ModelPack, references: Crops, others: Crops
) -> tuple[Sequence[Embeddings], Sequence[Embeddings], tuple[list[float], list[float]]]:
    """Of a worker: embeddings by both, references first, and CPU seconds for some faces, in turns."""
    engines = [load_engine(one, threads=1) for one in (pack, new)]
    before, after = ([engine.embed(references), engine.embed(others)] for engine in engines)
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(_ROUNDS):
        for engine, taken in zip(engines, times, strict=True):
            started = time.process_time()
            engine.embed(others[:_TIMED])
            taken.append(max(time.process_time() - started, 1e-9))
    return before, after, times


def _size(pack: ModelPack) -> int:
    return ((pack.path or Path()) / pack.files[1][0]).stat().st_size
