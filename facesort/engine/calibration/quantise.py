"""Makes a quantised copy of a model pack, if it decides as the original does about faces it was not calibrated with."""

from __future__ import annotations

import shutil
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from facesort.core.calibration.agreement import NEEDED, Agreement, agreement, decisions
from facesort.core.records import Crops, Detections, Embeddings
from facesort.core.words import several, share
from facesort.engine.analysis.analyse import Analyser, Task, engine_of, look_for_faces
from facesort.engine.analysis.pool import LocalPool
from facesort.engine.analysis.reading import read_photo
from facesort.engine.calibration.labelled import files_of
from facesort.engine.gallery.person_folders import person_folders
from facesort.errors import ImageError, InsufficientTrialsError, PackError, because
from facesort.faces.engines.load import load_engine
from facesort.faces.packs.description import (
    DESCRIPTION,
    DescribedDetector,
    DescribedRecogniser,
    DescribedThresholds,
    Description,
)
from facesort.faces.packs.files import model_sha256, read_pack
from facesort.faces.protocol import Licence, ModelPack
from facesort.files import publish, write_synced
from facesort.settings import PhotoSettings

_MOST_CALIBRATED, _FEWEST_CALIBRATED, _FEWEST_CHECKED = 300, 50, 200
_ROUNDS, _TIMED = 5, 40
_LONGEST_S = 3600.0


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
    """

    pack: ModelPack | None
    agreement: Agreement
    calibrated: int
    bytes_before: int
    bytes_after: int
    speed_ups: tuple[float, ...]
    ms_before: float
    ms_after: float


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
    if target.exists():
        raise PackError(f"{target} is there already: give another folder with --to")
    limits = PhotoSettings()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with (
            LocalPool(workers, _LONGEST_S, limits.max_worker_mb) as pool,
            tempfile.TemporaryDirectory(prefix=".quantising-", dir=target.parent) as scratch,
        ):
            return _quantise(pack, photos, target, Path(scratch), pool, on_photo)
    except OSError as error:
        raise PackError(f"{target} cannot be written {because(error)}, and try again") from error


def _quantise(
    pack: ModelPack,
    photos: Path,
    target: Path,
    scratch: Path,
    pool: Executor,
    on_photo: Callable[[int, int], None] | None,
) -> Quantised:
    faces = _aligned(pack, photos, pool, on_photo)
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
    made = scratch / target.name
    made.mkdir()
    pool.submit(_write, pack, np.stack(calibrating), made, scratch).result()
    new = read_pack(made)
    stacks = np.stack(references), np.stack(others)
    before, after, times = pool.submit(_compare, pack, new, *stacks).result()
    found = agreement(
        decisions(before[1], before[0], pack.strict, pack.loose),
        decisions(after[1], after[0], pack.strict, pack.loose),
    )
    sizes = [_size(one) for one in (pack, new)]
    if found.accepted:
        publish(made, target)
    per_face = [1000 * statistics.median(side) / min(_TIMED, len(others)) for side in times]
    return Quantised(
        read_pack(target) if found.accepted else None,
        found,
        len(calibrating),
        sizes[0],
        sizes[1],
        tuple(one / other for one, other in zip(*times, strict=True)),
        per_face[0],
        per_face[1],
    )


def refusal(found: Quantised) -> str:
    """Why no pack was written, in a sentence."""
    agreed = share(found.agreement.same / found.agreement.faces)
    return (
        f"nothing was written: {found.agreement.same:,} of {found.agreement.faces:,} decisions ({agreed}) are those of "
        f"the original, and {share(NEEDED)} are needed; keep the original"
    )


def _aligned(
    pack: ModelPack,
    root: Path,
    pool: Executor,
    on_photo: Callable[[int, int], None] | None,
) -> dict[str, list[Crops]]:
    """Aligned faces of each person, from photos with exactly one face."""
    folders = person_folders(root)
    analyser = Analyser({"": Path("/")}, pack, PhotoSettings())
    files = files_of(folders)
    running = [pool.submit(_cut_out, analyser, Task(ref)) for ref in files]
    found: dict[str, list[Crops]] = defaultdict(list)
    for done, (candidate, future) in enumerate(zip(folders.candidates, running, strict=True), 1):
        try:
            crop = future.result()
        except (MemoryError, TimeoutError, RuntimeError):  # this photo's, as in a sort
            crop = None
        if crop is not None:
            found[candidate.name].append(crop)
        if on_photo is not None:
            on_photo(done, len(files))
    return dict(found)


def _cut_out(analyser: Analyser, task: Task) -> Crops | None:
    """Of a worker: the aligned face of a photo; None unless it has exactly one, upright."""
    try:
        data = read_photo(analyser.path_of(task.ref), analyser.photos.max_file_mb)
        loaded, faces = look_for_faces(analyser, data, task.ref.path)
    except ImageError:
        return None
    if len(faces) != 1 or faces[0].turn:
        return None
    shrink = np.float32(1 / loaded.scale)
    one = Detections(
        faces[0].box[None] * shrink,
        faces[0].landmarks[None] * shrink,
        np.array([faces[0].score], np.float32),
    )
    return np.asarray(engine_of(analyser).align(loaded.pixels, one)[0])


def _write(pack: ModelPack, crops: Crops, folder: Path, scratch: Path) -> None:
    """Of a worker: the files of the new pack."""
    from facesort.faces.engines.quantise import quantise_recogniser  # needs onnx

    (found, _), (known, _) = pack.files
    home = pack.path or Path()
    dim = int(load_engine(pack, threads=1).embed(crops[:1]).shape[1])
    recogniser = folder / f"{Path(known).stem}_int8.onnx"
    detector = folder / found
    shutil.copyfile(home / found, detector)
    quantise_recogniser(pack, crops, recogniser, scratch)
    told = pack.recogniser
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
        thresholds=DescribedThresholds(
            strict=pack.strict,
            loose=pack.loose,
            widest_loose=pack.widest_loose,
            measured_on=f"those of {pack.name}, from which it was quantised",
        ),
    )
    write_synced(folder / DESCRIPTION, said.toml().encode())


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
