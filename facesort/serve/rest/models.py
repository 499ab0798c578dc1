"""What the plain REST answers."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from facesort.core.calibration.rates import Rate
from facesort.core.collections.records import IndexedFace
from facesort.core.collections.seen import SeenFace
from facesort.core.faces.face_details import FaceDetail, Landmark, Weakness
from facesort.engine.collections.similarity_table import TableRow
from facesort.reasons import Reason
from facesort.serve.videos.jobs import State

COLLECTION_ID = r"^[a-zA-Z0-9_.\-]+$"
JOB_ID = r"^[0-9a-f]{32}$"


class Model(BaseModel):
    """All answers can be made of the records that they show."""

    model_config = ConfigDict(from_attributes=True)


class Box(Model):
    """A box, in shares of the image's width and height; may reach outside of it."""

    left: float
    top: float
    width: float
    height: float

    @classmethod
    def of(cls, box: tuple[float, float, float, float]) -> Box:
        """From a record."""
        left, top, width, height = box
        return cls(left=left, top=top, width=width, height=height)


class Point(Model):
    """A point, in shares of the image's width and height."""

    x: float
    y: float


class Pose(Model):
    """Rotation of the head in degrees, estimated from the landmarks; null where they do not tell."""

    yaw: float | None = Field(ge=-90, le=90, description="Positive: looks to the right side.")
    pitch: float | None = Field(ge=-90, le=90, description="Positive: looks up.")
    roll: float | None = Field(ge=-180, le=180, description="Positive: turned clockwise.")


class DetectedFace(Model):
    """A face of an image."""

    box: Box
    confidence: float = Field(ge=0, le=100)
    landmarks: dict[Landmark, Point] = Field(description="Those that the detector locates.")
    pose: Pose
    brightness: float = Field(ge=0, le=100)
    sharpness: float = Field(ge=0, le=100)
    quality: float = Field(ge=0, le=1, description="How reliable its embedding is.")
    weak: list[Weakness] = Field(description="What is poor about it.")

    @classmethod
    def of(cls, detail: FaceDetail) -> DetectedFace:
        """From a record."""
        return cls(
            box=Box.of(detail.box),
            confidence=detail.confidence,
            landmarks={name: Point(x=x, y=y) for name, (x, y) in detail.landmarks.items()},
            pose=Pose.model_validate(detail.pose),
            brightness=detail.brightness,
            sharpness=detail.sharpness,
            quality=detail.quality,
            weak=list(detail.weak),
        )


class DetectedFaces(Model):
    """Faces of an image, largest first."""

    faces: list[DetectedFace]


class EmbeddedFace(Model):
    """A face and its embedding."""

    face: DetectedFace
    embedding: list[float] = Field(description="L2-normalised; only comparable within one pack.")


class EmbeddedFaces(Model):
    """Faces of an image with their embeddings, largest first."""

    pack: str = Field(description="Id of the model pack.")
    dimension: int
    faces: list[EmbeddedFace]


class StoredFace(Model):
    """A face of a collection."""

    face_id: str
    image_id: str
    external_image_id: str | None
    user_id: str | None
    box: Box
    confidence: float

    @classmethod
    def of(cls, face: IndexedFace) -> StoredFace:
        """From a record."""
        return cls(
            face_id=face.face_id,
            image_id=face.image_id,
            external_image_id=face.external_image_id,
            user_id=face.user_id,
            box=Box.of(face.box),
            confidence=face.confidence,
        )


class NewFace(Model):
    """A face that was indexed."""

    stored: StoredFace
    detected: DetectedFace


class FaceLeftOut(Model):
    """A face that was not indexed, and why."""

    face: DetectedFace
    reasons: list[str] = Field(description="Names of weaknesses, or EXCEEDS_MAX_FACES.")


class Indexed(Model):
    """What became of the faces of an image, largest first."""

    indexed: list[NewFace]
    left_out: list[FaceLeftOut]


class FaceMatch(Model):
    """A face that was found."""

    similarity: float = Field(ge=0, le=100, description="See /api/similarity.")
    distance: float = Field(ge=0, le=2)
    face: StoredFace


class Searched(Model):
    """Faces that look like the largest one of the image, nearest first."""

    searched: DetectedFace
    matches: list[FaceMatch]


class FalseMatchRate(Model):
    """Share of comparisons of faces of different people that are at least as similar."""

    value: float
    errors: int
    comparisons: int
    low: float = Field(
        description="Of the 95 % interval, as are all comparisons of a person one draw."
    )
    high: float

    @classmethod
    def of(cls, rate: Rate) -> FalseMatchRate:
        """From a record."""
        return cls(
            value=rate.value,
            errors=rate.errors,
            comparisons=rate.trials,
            low=rate.low,
            high=rate.high,
        )


class SimilarityRow(Model):
    """What one similarity means."""

    similarity: float
    distance: float
    fmr: FalseMatchRate | None

    @classmethod
    def of(cls, row: TableRow) -> SimilarityRow:
        """From a record."""
        return cls(
            similarity=row.similarity,
            distance=row.distance,
            fmr=None if row.fmr is None else FalseMatchRate.of(row.fmr),
        )


class SimilarityTable(Model):
    """What similarities mean, the highest first."""

    collection: str | None
    pack: str
    note: str
    rows: list[SimilarityRow]


class Health(Model):
    """That the service answers, and, to who has the token, with what."""

    status: Literal["ok"] = "ok"
    pack: str | None = None
    pack_id: str | None = None
    dimension: int | None = None
    backend: str | None = None
    versions: dict[str, str] | None = None


class Segment(Model):
    """Where in a video a face was followed."""

    start_ms: int
    end_ms: int
    best_ms: int = Field(description="The frame that shows it best.")
    face: DetectedFace = Field(description="As it is in that frame.")
    similarity: float | None = Field(
        ge=0, le=100, description="With the nearest face of the person; null: it looks like none."
    )

    @classmethod
    def of(cls, face: SeenFace, similarity: float | None = None) -> Segment:
        """From a record."""
        track = face.track
        return cls(
            start_ms=track.start_ms,
            end_ms=track.end_ms,
            best_ms=track.best_ms,
            face=DetectedFace.of(face.best),
            similarity=similarity,
        )


class PersonInVideo(Model):
    """A user, or a face that belongs to none, and where they are seen."""

    user_id: str | None
    face: StoredFace = Field(description="The nearest of theirs.")
    segments: list[Segment]


class Video(Model):
    """What a video is."""

    duration_ms: int
    width: int = Field(description="As it is shown.")
    height: int
    codec: str
    every_ms: int = Field(description="Faces were looked for so often.")
    damage: str = Field(description="What is wrong with it; empty if nothing is.")


class VideoFound(Model):
    """Who is in a video, and when."""

    video: Video
    persons: list[PersonInVideo]
    unknown: list[Segment] = Field(description="Faces that look like none of the collection.")


class VideoJob(Model):
    """A search in a video."""

    job_id: str = Field(pattern=JOB_ID)
    collection_id: str
    state: State
    detail: str = Field(description="What is wrong, if it failed.")
    reason: Reason | None = Field(description="The same as a code, if it is about the video.")
    found: VideoFound | None = Field(description="Once it is done.")
