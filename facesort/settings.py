"""Validated, immutable settings, read from ``facesort.toml`` once and passed down."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from typing import Annotated, Any, Literal

import tomlkit
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from facesort.errors import SettingsError, because
from facesort.files import NotOursError, read_own, replace_file

# Strict types: `strict = true` is a mistake, not a threshold of 1.0.
Distance = Annotated[float, Field(ge=0.0, le=2.0, strict=True)]
Share = Annotated[float, Field(ge=0.0, le=1.0)]
Backend = Literal["auto", "onnxruntime", "openvino", "cuda", "coreml", "directml"]


_SIZE_LIMIT = (
    1 << 15
)  # bytes of facesort.toml; ours has one thousand, and long keys take time squared
_SHOWN = 20  # problems told at once


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class MatchingSettings(_Section):
    """Matching and learning.

    Parameters
    ----------
    strict, loose : float or None
        Thresholds on the distance to a person; None takes the model pack's recommendation.
    margin : float
        A STRICT match must be nearer than the second nearest person by this much.
    learn : bool
        Whether STRICT faces of good quality join the gallery.
    learn_quality : float
        Quality in [0, 1] below which a face is never learned.
    max_learned : int
        Learned embeddings kept per person; the oldest are dropped first, references never.
    rematch : bool
        Whether a sort ends by matching its unknown and LOOSE faces again, with the gallery as it is then.
    """

    strict: Distance | None = None
    loose: Distance | None = None
    margin: Distance = 0.05
    learn: bool = True
    learn_quality: Share = 0.5
    max_learned: Annotated[int, Field(ge=0, le=1000)] = 10
    rematch: bool = True

    @model_validator(mode="after")
    def _ordered(self) -> MatchingSettings:
        if self.strict is not None and self.loose is not None and self.strict > self.loose:
            raise ValueError(f"strict ({self.strict}) must not be above loose ({self.loose})")
        return self


class PhotoSettings(_Section):
    """Limits on the photos that are read.

    Parameters
    ----------
    max_megapixels : float
        Larger images are not decoded and end as ``too_large``.
    max_file_mb : float
        Larger files are not read and end as ``too_large``.
    timeout_s : float
        A file that takes longer fails as ``timeout``, and its worker process is replaced.
    max_worker_mb : float
        A file for which its worker process would need more memory fails as ``too_large``; at least 500 MB, which a
        worker needs for its models.
    """

    max_megapixels: Annotated[float, Field(gt=0, le=1e6)] = 200.0
    max_file_mb: Annotated[float, Field(gt=0, le=1e6)] = 1024.0
    timeout_s: Annotated[float, Field(gt=0, le=1e6)] = 120.0
    max_worker_mb: Annotated[float, Field(ge=500, le=1e8)] = 4000.0


class SeedSettings(_Section):
    """Limits below which a reference photo is refused.

    Parameters
    ----------
    min_face_px : float
        Shorter side of the face box, in px of the photo.
    min_sharpness : float
        Variance of the Laplacian of the aligned face.
    max_yaw : float
        Turn of the head, 0 frontal, about 1 profile.
    """

    min_face_px: Annotated[float, Field(ge=0)] = 40.0
    min_sharpness: Annotated[float, Field(ge=0)] = 20.0
    max_yaw: Annotated[float, Field(ge=0)] = 1.0


class RunSettings(_Section):
    """How a sort is carried out.

    Parameters
    ----------
    workers : int
        Worker processes; 0 takes one per core.
    unknown_folder : bool
        Whether photos with only unknown faces go to ``_unknown/``.
    backend : {"auto", "onnxruntime", "openvino", "cuda", "coreml", "directml"}
        Runs the recogniser of an InsightFace pack; ``auto`` takes OpenVINO where it is installed, faster and as good,
        and what is asked for by name is never replaced by another.
    """

    workers: Annotated[int, Field(ge=0, le=256)] = 0
    unknown_folder: bool = False
    backend: Backend = "auto"


class PrivacySettings(_Section):
    """What is kept of unknown people.

    Parameters
    ----------
    keep_unknown : bool
        Whether the embeddings and crops of unknown faces stay in the workspace after a sort; without them the faces can
        neither be matched again nor clustered.
    """

    keep_unknown: bool = True


class CalibrationSettings(_Section):
    """The calibration that the thresholds under ``[matching]`` come from; written by `facesort calibrate --apply`.

    Parameters
    ----------
    id : str
        12 hex digits, as in ``calibration.json`` of its run.
    date : str
        ISO 8601, UTC.
    pack_id : str
        Of the model pack that the distances are from.
    gallery : str
        Fingerprint of the references at that time.
    persons : int
        In the gallery at that time.
    data : str
        What it was computed from, in words.
    strict, loose : float
        Thresholds that were applied; if ``[matching]`` differs, it was edited since.
    by_hand : bool
        Whether a user chose them instead of the suggested ones.
    margin : float or None
        To the runner-up, as used for counting wrong learning; None: not recorded.
    """

    id: str
    date: str
    pack_id: str
    gallery: str
    persons: Annotated[int, Field(ge=0)]
    data: str
    strict: Distance
    loose: Distance
    by_hand: bool
    margin: Distance | None = None


class Settings(_Section):
    """All settings of a workspace.

    Parameters
    ----------
    source : Path
        Root of the photos; never written to.
    output : Path
        Root of the sorted copies; files are only ever added.
    pack : str
        Model pack: a name, or a folder.
    calibration : CalibrationSettings or None
        None: no calibration was applied.
    """

    source: Path
    output: Path
    pack: str
    matching: MatchingSettings = MatchingSettings()
    photos: PhotoSettings = PhotoSettings()
    seed: SeedSettings = SeedSettings()
    run: RunSettings = RunSettings()
    privacy: PrivacySettings = PrivacySettings()
    calibration: CalibrationSettings | None = None


def parse_settings(values: dict[str, Any], origin: str) -> Settings:
    """Validate plain values.

    Parameters
    ----------
    values : dict
        As read from TOML.
    origin : str
        File or option that they come from, for the message.

    Raises
    ------
    SettingsError
        With one line per setting that is unknown or out of range.
    """
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        lines = "\n".join(f"  {problem}" for problem in problems(error))
        raise SettingsError(f"{origin} is not valid:\n{lines}") from error


def problems(error: ValidationError) -> list[str]:
    """What is wrong with values that came from a file: one line each, which names the value."""
    found = error.errors(include_url=False, include_context=False, include_input=False)[:_SHOWN]
    lines = ((".".join(str(part) for part in item["loc"]), item["msg"]) for item in found)
    return [f"{where}: {what}" if where else what for where, what in lines]


_OF_A_RUN = {
    "workers": "run",
    "unknown_folder": "run",
    "strict": "matching",
    "loose": "matching",
    "margin": "matching",
    "learn": "matching",
}


def given_for_run(parameters: Mapping[str, object]) -> dict[str, object]:
    """Leave out what is to be as in ``facesort.toml``: None, and 0 workers."""
    return {
        name: value
        for name, value in parameters.items()
        if value is not None and not (name == "workers" and value == 0)
    }


def override(settings: Settings, values: Mapping[str, object]) -> Settings:
    """Copy of the settings with those of one run.

    Parameters
    ----------
    values : mapping
        ``workers``, ``unknown_folder``, ``strict``, ``loose``, ``margin``, ``learn``.

    Raises
    ------
    SettingsError
        If a name or a value is not valid.
    """
    changed = settings.model_dump()
    for name, value in values.items():
        if name not in _OF_A_RUN:
            raise SettingsError(f"a sort has no setting {name!r}; it has {', '.join(_OF_A_RUN)}")
        changed[_OF_A_RUN[name]][name] = value
    return parse_settings(changed, "a parameter of this run")


def load_settings(path: Path) -> Settings:
    """Read ``facesort.toml``.

    Raises
    ------
    SettingsError
        If the file is missing, not TOML, or holds an unknown key or a value out of range.
    """
    try:
        text = read_own(path, below=path.parent, limit=_SIZE_LIMIT).decode("utf-8-sig")
        values = tomllib.loads(text)  # editors on Windows add a byte order mark
    except FileNotFoundError as error:
        raise SettingsError(f"{path} is missing; `facesort init` makes a workspace") from error
    except NotOursError as error:
        raise SettingsError(
            f"{path} cannot be read: it {error.strerror}; put a settings file there, as `facesort init` writes it"
        ) from error
    except OSError as error:
        raise SettingsError(
            f"{path} cannot be read {because(error)}, and run the command again"
        ) from error
    except (ValueError, RecursionError) as error:
        raise SettingsError(f"{path} is not valid TOML: {error}") from error
    settings = parse_settings(values, str(path))
    # A relative path in the file is relative to the file, not to the current folder.
    places = {
        name: path.absolute().parent / getattr(settings, name) for name in ("source", "output")
    }
    return settings.model_copy(update=places)


def save_settings(settings: Settings, path: Path) -> None:
    """Write ``facesort.toml``, keeping the comments of a file that is there.

    Raises
    ------
    SettingsError
        If the disk is full or fails; the file is unchanged.
    """
    values = settings.model_dump(mode="json", exclude_none=True)
    try:
        try:
            text = read_own(path, below=path.parent, limit=_SIZE_LIMIT).decode("utf-8-sig")
            document = tomlkit.parse(text)
        except FileNotFoundError:
            document = tomlkit.document()
        _update(document, values)
        replace_file(path, tomlkit.dumps(document).encode())
    except (ValueError, RecursionError) as error:
        raise SettingsError(f"{path} is not valid TOML: {error}; it is unchanged") from error
    except OSError as error:
        place = error.filename if isinstance(error, NotOursError) else path
        raise SettingsError(
            f"{place} cannot be written {because(error)}, and run the command again; the file is unchanged"
        ) from error


def _update(table: MutableMapping[str, Any], values: Mapping[str, Any]) -> None:
    """Update a TOML table in place: replacing it would lose its comments."""
    for gone in table.keys() - values.keys():
        del table[gone]
    for key, value in values.items():
        if isinstance(value, dict) and key in table:
            _update(table[key], value)
        elif table.get(key) != value:
            table[key] = value
