"""All settings with their limits and defaults."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from facesort.settings.cluster_address import checked_address

# Strict types: `strict = true` is a mistake, not a threshold of 1.0.
Distance = Annotated[float, Field(ge=0.0, le=2.0, strict=True)]
Share = Annotated[float, Field(ge=0.0, le=1.0)]
Backend = Literal["auto", "onnxruntime", "openvino", "cuda", "coreml", "directml"]
Pairs = Literal["jpeg", "raw", "both"]
NearDuplicates = Literal["keep", "best"]
Clips = Literal["poster", "copy", "none"]
DerivativeFormat = Literal["webp", "jpeg", "avif"]
Edge = Annotated[int, Field(ge=16, le=2048, strict=True)]
Quality = Annotated[int, Field(ge=1, le=100, strict=True)]
FIRST_SOURCE = "card-1"


def checked_name(name: str) -> str:
    """A name of a source, as it may stand in tables, in commands and in messages.

    Raises
    ------
    ValueError
        With the rule that it breaks.
    """
    if not 1 <= len(name) <= 60:
        raise ValueError("the name of a source has 1 to 60 characters")
    if not name.isprintable() or name != name.strip() or set(name) & set("/\\"):
        raise ValueError(
            f"{name!r} cannot be the name of a source: leave out slashes, control characters and blanks at its ends"
        )
    if name[0] in "-.":
        raise ValueError(f"{name!r} cannot be the name of a source: it begins with {name[0]!r}")
    return name


SourceName = Annotated[str, AfterValidator(checked_name)]
ClusterAddress = Annotated[str, AfterValidator(checked_address)]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class MatchingSettings(_Section):
    """Matching and learning.

    Parameters
    ----------
    strict, loose : float or None
        Thresholds on the distance to a person.  Left out, STRICT is the model pack's, and LOOSE is what groups find
        in the event, or the pack's.
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
    groups : bool
        Whether a sort ends by joining all faces of the event into groups, and names a face by its group too.  LOOSE
        comes from the event then, unless `loose` is set.  Without `rematch` there are no groups.
    """

    strict: Distance | None = None
    loose: Distance | None = None
    margin: Distance = 0.05
    learn: bool = True
    learn_quality: Share = 0.5
    max_learned: Annotated[int, Field(ge=0, le=1000)] = 10
    rematch: bool = True
    groups: Annotated[bool, Field(strict=True)] = True

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
    pairs : {"jpeg", "raw", "both"}
        Which file of a shot that was taken as RAW and JPEG is delivered.
    accept_damaged : bool
        Whether photos of which pixels are missing or guessed are sorted and delivered, marked as ``damaged``; else
        they end as ``corrupt`` or ``truncated``.  Nothing is learned from them.
    auto_upright : bool
        Whether a photo that lies on its side or head by its faces is delivered upright, if its file does not say how
        it hangs; counts for photos that are sorted from then on.
    small_faces : bool
        Whether all photos are searched for small faces, down to about 60 px in one of 24 megapixels; panoramas always
        are.
    near_duplicates : {"keep", "best"}
        Whether everybody gets all photos of a burst that they are on, or only the best; for what leaves the output:
        exports and publishing.
    videos : bool
        Whether clips are sorted too.
    samples_per_second : float
        In how many frames of a second of a clip faces are looked for.
    key_frames_only : bool
        Look only at the key frames of clips instead: quick, and blind for who is seen for a second or two.
    clips : {"poster", "copy", "none"}
        What everybody in a clip gets: the best frame of them as a JPEG, a copy of the clip, or nothing.
    """

    max_megapixels: Annotated[float, Field(gt=0, le=1e6)] = 200.0
    max_file_mb: Annotated[float, Field(gt=0, le=1e6)] = 1024.0
    timeout_s: Annotated[float, Field(gt=0, le=1e6)] = 120.0
    max_worker_mb: Annotated[float, Field(ge=500, le=1e8)] = 4000.0
    pairs: Pairs = "jpeg"
    accept_damaged: Annotated[bool, Field(strict=True)] = False
    auto_upright: Annotated[bool, Field(strict=True)] = False
    small_faces: Annotated[bool, Field(strict=True)] = False
    near_duplicates: NearDuplicates = "keep"
    videos: Annotated[bool, Field(strict=True)] = False
    samples_per_second: Annotated[float, Field(ge=0.1, le=60)] = 5.0
    key_frames_only: Annotated[bool, Field(strict=True)] = False
    clips: Clips = "poster"


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
    cluster : str or None
        Address of a scheduler, ``tls://host:8786``: its workers analyse the photos; None: processes on this machine.
    cluster_certificates : Path or None
        Folder with ``ca.pem`` and ``client.pem``, for an address with ``tls://``.
    send_files : bool
        Whether workers that have no source are sent the photos.
    """

    workers: Annotated[int, Field(ge=0, le=256)] = 0
    unknown_folder: bool = False
    backend: Backend = "auto"
    cluster: ClusterAddress | None = None
    cluster_certificates: Path | None = None
    send_files: Annotated[bool, Field(strict=True)] = False


class PrivacySettings(_Section):
    """What is kept of unknown people.

    Parameters
    ----------
    keep_unknown : bool
        Whether the embeddings and crops of unknown faces stay in the workspace after a sort; without them the faces can
        neither be matched again nor clustered.
    """

    keep_unknown: bool = True


class DerivativeSettings(_Section):
    """Smaller versions of what is delivered, for web pages; `facesort derive` makes them.

    Parameters
    ----------
    enabled : bool
        Whether a sort makes them too.
    edges : tuple of int
        Long edges in px; nothing is enlarged.
    formats : tuple of {"webp", "jpeg", "avif"}
        AVIF takes longer than the other two together, for files that are hardly smaller than WebP.
    webp_quality, jpeg_quality, avif_quality : int
        1 to 100; the same number means another quality in each format.
    """

    enabled: Annotated[bool, Field(strict=True)] = False
    edges: Annotated[tuple[Edge, ...], Field(min_length=1, max_length=10)] = (256, 512, 1024)
    formats: Annotated[tuple[DerivativeFormat, ...], Field(min_length=1)] = ("webp", "jpeg")
    webp_quality: Quality = 85
    jpeg_quality: Quality = 90
    avif_quality: Quality = 75

    @model_validator(mode="after")
    def _each_once(self) -> DerivativeSettings:
        for name, values in (("edges", self.edges), ("formats", self.formats)):
            if len(set(values)) < len(values):
                raise ValueError(f"{name} must not name one twice: {list(values)}")
        return self


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
        Thresholds that were applied; if ``[matching]`` differs, it was edited since.  LOOSE is None if nothing measured
        it: it was not stored.
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
    loose: Distance | None = None
    by_hand: bool
    margin: Distance | None = None


class Settings(_Section):
    """All settings of a workspace.

    Parameters
    ----------
    sources : dict of str to Path
        Folders of photos by name, at least one; never written to.
    output : Path
        Root of the sorted copies; files are only ever added.
    pack : str
        Model pack: a name, or a folder.
    calibration : CalibrationSettings or None
        None: no calibration was applied.
    """

    sources: Annotated[dict[SourceName, Path], Field(min_length=1)]
    output: Path
    pack: str
    matching: MatchingSettings = MatchingSettings()
    photos: PhotoSettings = PhotoSettings()
    seed: SeedSettings = SeedSettings()
    run: RunSettings = RunSettings()
    privacy: PrivacySettings = PrivacySettings()
    derivatives: DerivativeSettings = DerivativeSettings()
    calibration: CalibrationSettings | None = None
