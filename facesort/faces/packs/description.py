"""``pack.toml``: what is in a pack that is not in InsightFace's layout.

::

    [detector]
    kind = "yunet"            # scrfd, yunet or dlib (its file finds five landmarks)
    file = "face_detection_yunet_2026may.onnx"
    sha256 = "ebafce4e..."
    licence = "MIT"
    licence_source = "https://..."
    paid_work = true          # whether one may earn money with it; left out: its publisher does not say
    trained_on = "WIDER FACE" # as far as its publisher says
    origin = ""               # of a file that was made from another: from which

    [recogniser]
    kind = "arcface"          # arcface, sface or dlib
    file = "mine.onnx"
    sha256 = "..."
    licence = "Apache-2.0"
    licence_source = "https://..."
    side = 112                # px of its square input
    colour = "RGB"            # or BGR
    mean = 127.5              # input: (pixel - mean) / scale; both left out: as InsightFace finds them in the file
    scale = 127.5
    template = "arcface"      # where the eyes, the nose and the mouth are in a face that was cut out
    dim = 512

    [thresholds]              # left out: 0.80 and 1.00, not measured
    strict = 0.90
    loose = 1.10
    widest_loose = 1.21       # left out: not known
    measured_on = "what they were measured on"

A pack is called as its folder is.
"""

from __future__ import annotations

import tomllib
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Annotated, Literal

import tomlkit
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from facesort.errors import PackError, because
from facesort.faces.protocol import Licence
from facesort.files import open_regular
from facesort.settings import Distance, problems

DESCRIPTION = "pack.toml"
"""File beside the models of a pack."""

_SIZE_LIMIT = 1 << 15  # bytes; long keys take time squared


def _printable(text: str) -> str:
    if not text.isprintable():  # it is shown on terminals
        raise ValueError("it holds characters that cannot be printed")
    return text


def _plain_name(name: str) -> str:
    """Refuse what could lead out of the folder, on any system."""
    if name in {".", ".."} or {PurePosixPath(name).name, PureWindowsPath(name).name} != {name}:
        raise ValueError("give the plain name of a file beside pack.toml, without a folder")
    return name


Text = Annotated[str, Field(max_length=300), AfterValidator(_printable)]
Said = Annotated[Text, Field(min_length=1)]
FileName = Annotated[Said, AfterValidator(_plain_name)]
SHA256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, strict=True)


class _Half(_Table):
    file: FileName
    sha256: SHA256
    licence: Said
    licence_source: Said
    paid_work: bool | None = None
    trained_on: Text = ""
    origin: Text = ""

    @property
    def stated(self) -> Licence:
        return Licence(self.licence, self.paid_work, self.licence_source, self.trained_on)


class DescribedDetector(_Half):
    """``[detector]``."""

    kind: Literal["scrfd", "yunet", "dlib"]


class DescribedRecogniser(_Half):
    """``[recogniser]``."""

    kind: Literal["arcface", "sface", "dlib"]
    side: Annotated[int, Field(ge=32, le=1024)]
    colour: Literal["RGB", "BGR"] = "RGB"
    mean: Annotated[float, Field(ge=0, le=255)] | None = None
    scale: Annotated[float, Field(ge=1e-3, le=1e4)] | None = None
    template: Literal["arcface", "dlib"] = "arcface"
    dim: Annotated[int, Field(ge=16, le=8192)]

    @model_validator(mode="after")
    def _fits_its_kind(self) -> DescribedRecogniser:
        if (self.mean is None) != (self.scale is None):
            raise ValueError("give both mean and scale, or neither")
        if self.kind == "sface" and (self.colour, self.mean, self.scale) not in (
            ("RGB", None, None),
            ("RGB", 0.0, 1.0),
        ):
            raise ValueError('sface takes RGB, mean 0 and scale 1: describe others as "arcface"')
        if self.kind == "dlib":
            if (self.side, self.dim, self.template) != (150, 128, "dlib"):
                raise ValueError('dlib takes side = 150, dim = 128 and template = "dlib"')
            if (self.colour, self.mean) != ("RGB", None):
                raise ValueError(
                    "dlib prepares its pixels itself: leave out colour, mean and scale"
                )
        elif self.template != "arcface" or (self.side % 112 and self.side % 128):
            raise ValueError(
                'the template "arcface" is defined for a side that is a multiple of 112 or 128'
            )
        return self


class DescribedThresholds(_Table):
    """``[thresholds]``."""

    strict: Distance
    loose: Annotated[Distance, Field(le=1.4)]  # faces that have nothing in common are 1.41 apart
    widest_loose: Distance | None = None
    measured_on: Said

    @model_validator(mode="after")
    def _are_in_order(self) -> DescribedThresholds:
        widest = self.loose if self.widest_loose is None else self.widest_loose
        if not self.strict <= self.loose <= widest:
            raise ValueError("strict must not be above loose, nor loose above widest_loose")
        return self


class Description(_Table):
    """The whole file."""

    detector: DescribedDetector
    recogniser: DescribedRecogniser
    thresholds: DescribedThresholds | None = None

    @model_validator(mode="after")
    def _fit_each_other(self) -> Description:
        if self.detector.kind == "dlib" and self.recogniser.kind != "dlib":
            raise ValueError(
                f"dlib's detector finds no corners of the mouth, which {self.recogniser.kind} needs: use yunet or scrfd"
            )
        return self

    def toml(self) -> str:
        """The text of a file that reads as this."""
        return tomlkit.dumps(self.model_dump(exclude_none=True))


def read_description(path: Path) -> Description:
    """Read a ``pack.toml``.

    Raises
    ------
    PackError
        If it cannot be read, is not TOML, or lacks something; one sentence.
    """
    try:
        with open_regular(path) as stream:
            data = stream.read(_SIZE_LIMIT + 1)
        if len(data) > _SIZE_LIMIT:
            raise PackError(f"{path} is larger than a description of a pack can be")
        values = tomllib.loads(data.decode("utf-8-sig"))  # editors on Windows add a byte order mark
    except OSError as error:
        raise PackError(f"{path} of a model pack cannot be read {because(error)}") from error
    except (ValueError, RecursionError) as error:
        raise PackError(
            f"{path} is not valid TOML ({_one_line(error)}): get it again from whoever made the pack"
        ) from error
    try:
        return Description.model_validate(values)
    except ValidationError as error:
        found = "; ".join(problem.replace("Value error, ", "") for problem in problems(error))
        raise PackError(f"{path} does not describe a model pack: {_one_line(found)}") from error


def _one_line(said: object) -> str:
    return "".join(char if char.isprintable() else " " for char in str(said))[:1000]
