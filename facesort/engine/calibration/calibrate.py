"""Calibrates a workspace from its references and labelled photos; stores nothing."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np

from facesort.core.calibration import (
    Calibration,
    Comparisons,
    Targets,
    calibrate,
    compare,
    refuse_too_few,
)
from facesort.core.persons.matching import Thresholds
from facesort.engine.calibration.forecast import frozen_gallery
from facesort.engine.calibration.labelled import (
    Labelled,
    analyse_labelled,
    person_numbers,
    refuse_one_person,
)
from facesort.engine.gallery.left_out import LeftOut
from facesort.engine.rules import rules_of
from facesort.faces.protocol import ModelPack
from facesort.workspace import Workspace

_DEFAULT = Targets()


@dataclass(frozen=True, slots=True, eq=False)
class CalibrationRun:
    """A calibration, and the data it is based on."""

    calibration: Calibration
    comparisons: Comparisons
    labelled: Labelled


def run_calibration(
    workspace: Workspace,
    pack: ModelPack,
    date: datetime,
    *,
    labelled: Path | None = None,
    targets: Targets = _DEFAULT,
    executor: Executor | None = None,
    on_photo: Callable[[int, int], None] | None = None,
) -> CalibrationRun:
    """Calibrate a workspace; stores nothing.

    Parameters
    ----------
    date : datetime
        Part of the result.
    labelled : Path, optional
        One folder per person: persons of the gallery by name, and strangers.
    executor : Executor, optional
        Default: processes on this machine.
    on_photo : callable of (done, total), optional
        Called after every labelled photo.

    Raises
    ------
    GalleryError
        If nobody was seeded, the labelled folder holds no photos, or one picture has two names.
    InsufficientTrialsError
        If there is too little to compare.
    PackMismatchError
        If the gallery was embedded with another pack.
    """
    gallery = frozen_gallery(workspace, pack)
    found = Labelled()
    if labelled is not None:
        found = analyse_labelled(workspace, pack, labelled, executor, on_photo=on_photo)
    ids = person_numbers(gallery, found.names)
    dim = next(iter(gallery.references.values())).shape[1]
    embeddings = np.array([f.embedding for f in found.faces], np.float32).reshape(-1, dim)
    comparisons = compare(gallery, embeddings, ids)
    current = rules_of(workspace.settings, pack).thresholds
    calibration = calibrate(
        comparisons,
        gallery,
        pack=(pack.name, pack.pack_id),
        recommended=Thresholds(pack.strict, pack.loose, workspace.settings.matching.margin),
        current=current,
        targets=targets,
        date=date,
    )
    return CalibrationRun(calibration, comparisons, found)


def check_calibration(
    workspace: Workspace, pack: ModelPack, labelled: Path | None, executor: Executor | None = None
) -> tuple[LeftOut, ...]:
    """Refuse what cannot be calibrated, as far as the first labelled photos tell.

    Parameters
    ----------
    labelled : Path or None
        As in `run_calibration`.
    executor : Executor, optional
        Default: processes on this machine.

    Returns
    -------
    tuple of LeftOut
        What is in the labelled folder and will not be used.

    Raises
    ------
    GalleryError, InsufficientTrialsError, PackMismatchError
        As `run_calibration`, which may still raise them when it has seen all labelled photos.
    """
    gallery = frozen_gallery(workspace, pack)
    if labelled is not None:
        return refuse_one_person(workspace, pack, labelled, executor)
    dim = next(iter(gallery.references.values())).shape[1]
    nothing = np.empty((0, dim), np.float32)
    refuse_too_few(compare(gallery, nothing, np.empty(0, np.int64)))
    return ()
