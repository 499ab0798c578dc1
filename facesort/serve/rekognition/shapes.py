"""Our records as the API's shapes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from facesort.core.collections.records import IndexedFace, User
from facesort.core.collections.similarity import SimilarityScale
from facesort.core.faces.face_details import FaceDetail

Shape = dict[str, Any]
_ACCOUNT = "000000000000"


def model_version(pack_id: str) -> str:
    """A number of the model pack, as the API has no names for models: the same for the same files."""
    return f"1.{int(pack_id[:8], 16)}"


def arn(region: str, collection_id: str) -> str:
    """Name of a collection among all that AWS names."""
    return f"aws:rekognition:{region}:{_ACCOUNT}:collection/{collection_id}"


def percent(value: float) -> float:
    """Within 0 and 100, whatever was rounded."""
    return min(max(float(value), 0.0), 100.0)


def similarities(scale: SimilarityScale, distances: Sequence[float]) -> list[float]:
    """Similarities of distances."""
    return [percent(value) for value in scale.similarity(np.array(distances, np.float64))]


def box(found: tuple[float, float, float, float]) -> Shape:
    """A box in shares of the image."""
    left, top, width, height = found
    return {"Left": left, "Top": top, "Width": width, "Height": height}


def detail(found: FaceDetail) -> Shape:
    """A face of an image; age, gender and emotions are left out, as nothing here knows them."""
    pose = {"Yaw": found.pose.yaw, "Pitch": found.pose.pitch, "Roll": found.pose.roll}
    return {
        "BoundingBox": box(found.box),
        "Confidence": percent(found.confidence),
        "Landmarks": [
            {"Type": str(name), "X": x, "Y": y} for name, (x, y) in found.landmarks.items()
        ],
        "Pose": {name: degrees for name, degrees in pose.items() if degrees is not None},
        "Quality": {"Brightness": found.brightness, "Sharpness": found.sharpness},
    }


def face(found: IndexedFace) -> Shape:
    """A face of a collection."""
    optional = {"ExternalImageId": found.external_image_id, "UserId": found.user_id}
    return {
        "FaceId": found.face_id,
        "ImageId": found.image_id,
        "BoundingBox": box(found.box),
        "Confidence": percent(found.confidence),
        "IndexFacesModelVersion": model_version(found.pack_id),
    } | {name: value for name, value in optional.items() if value is not None}


def status(user: User) -> str:
    """``ACTIVE`` once they have a face, and so can be found."""
    return "ACTIVE" if user.faces else "CREATED"


def user(found: User) -> Shape:
    """A user of a collection."""
    return {"UserId": found.user_id, "UserStatus": status(found)}
