"""What was measured of a model pack on this machine: ``~/.facesort/measured/<first hex digits of its id>.toml``.

Not beside the pack, which others may have made, or may be read-only, and never part of its identity.  The id is in the
file, too: what was measured of one pack is never taken for another's.
"""

from __future__ import annotations

import logging
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import tomlkit
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from facesort.errors import PackError, because
from facesort.faces.packs.known import recommended_thresholds
from facesort.faces.protocol import ModelPack
from facesort.files import kind_of, make_own_folder, read_own, replace_file
from facesort.settings.values import Distance, Share

log = logging.getLogger(__name__)

_SIZE_LIMIT = 1 << 15
_DIGITS = 16
_FOLDERS = (".facesort", "measured")

Positive = Annotated[float, Field(gt=0)]
Threshold = Annotated[Distance, Field(gt=0)]  # at 0 nobody is found: that is no measurement


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class MeasuredRate(_Table):
    """A rate with its 95 % interval."""

    value: Share
    low: Share
    high: Share


class Measurement(_Table):
    """Thresholds, rates and speed of one pack.

    Parameters
    ----------
    pack_id, pack : str
        Id and name.
    date : str
        ISO 8601.
    measured_on : str
        The photos, without a name.
    strict, loose, widest_loose : float
        As of a `ModelPack`.
    persons : int
        In the gallery that `fpir` is for.
    fpir : MeasuredRate
        Share of strangers' faces that are named at LOOSE.
    counted : MeasuredRate or None
        The same share as it was counted, in galleries of `gallery` of the labelled people; None: nobody was labelled.
    gallery : int
        0: nobody was labelled.
    fnir : MeasuredRate or None
        Share of known faces that are missed there; None: nobody was labelled.
    faces_per_cpu_second, photos_per_cpu_second : float
        Of one worker with warm models, on these photos.
    peak_mb : float
        Largest resident memory of that worker, in MB.
    """

    pack_id: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    pack: Annotated[str, Field(max_length=300)]
    date: Annotated[str, Field(max_length=40)]
    measured_on: Annotated[str, Field(min_length=1, max_length=300)]
    strict: Threshold
    loose: Threshold
    widest_loose: Threshold | None = None
    persons: Annotated[int, Field(gt=0)]
    fpir: MeasuredRate
    counted: MeasuredRate | None = None
    gallery: Annotated[int, Field(ge=0)] = 0
    fnir: MeasuredRate | None = None
    faces_per_cpu_second: Annotated[float, Field(ge=0)]
    photos_per_cpu_second: Positive
    peak_mb: Positive

    @model_validator(mode="after")
    def _are_in_order(self) -> Measurement:
        widest = self.loose if self.widest_loose is None else self.widest_loose
        if not self.strict <= self.loose <= widest:
            raise ValueError("strict must not be above loose, nor loose above widest_loose")
        return self


def measurement_path(pack_id: str, home: Path | None = None) -> Path:
    """Where the measurement of a pack is stored; `home` is the user's own folder."""
    return (home or Path.home()).joinpath(*_FOLDERS, f"{pack_id[:_DIGITS]}.toml")


def read_measurement(pack_id: str, home: Path | None = None) -> Measurement | None:
    """The measurement of a pack; None if there is none, or none that can be used, which is logged."""
    path = measurement_path(pack_id, home)
    try:
        if kind_of(path) is None:
            return None
        text = read_own(path, below=path.parent, limit=_SIZE_LIMIT).decode("utf-8")
        found = Measurement.model_validate(tomllib.loads(text))
    except (OSError, ValueError, RecursionError) as error:  # ValidationError is a ValueError
        why = f"{error.error_count()} wrong values" if isinstance(error, ValidationError) else error
        log.warning("%s is not used (%s): measure the pack again, or delete the file", path, why)
        return None
    if found.pack_id != pack_id:
        log.warning("%s is of another pack: measure this one again", path)
        return None
    return found


def save_measurement(measurement: Measurement, home: Path | None = None) -> Path:
    """Store a measurement in place of an earlier one of the same pack; returns where.

    Raises
    ------
    PackError
        If it cannot be written.
    """
    path = measurement_path(measurement.pack_id, home)
    try:
        path.parent.parent.mkdir(parents=True, exist_ok=True)
        make_own_folder(path.parent, below=path.parent.parent)
        replace_file(path, tomlkit.dumps(measurement.model_dump(exclude_none=True)).encode())
    except OSError as error:
        raise PackError(f"{path} cannot be written {because(error)}, and measure again") from error
    return path


def vouched_by(pack: ModelPack) -> str:
    """Who says that a pack's thresholds are good, in words: whoever packed it may claim anything."""
    if not pack.calibrated:
        return "not measured"
    if read_measurement(pack.pack_id) is not None:
        return "measured"
    known = recommended_thresholds(pack.recogniser.sha256 or "", pack.detector.kind)
    ours = known.calibrated and pack.measured_on == known.measured_on
    return "recommended" if ours or not pack.measured_on else "says its pack.toml"


def as_measured(pack: ModelPack, home: Path | None = None) -> ModelPack:
    """A pack with the thresholds that were measured of it on this machine, if any were."""
    found = read_measurement(pack.pack_id, home)
    if found is None:
        return pack
    return replace(
        pack,
        strict=found.strict,
        loose=found.loose,
        widest_loose=found.widest_loose,
        calibrated=True,
        measured_on=found.measured_on,
    )
