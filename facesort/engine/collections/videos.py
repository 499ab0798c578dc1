"""Search the faces of a collection in a video."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from facesort.core.collections.protocol import FaceCollections
from facesort.core.collections.records import Collection, IndexedFace
from facesort.core.collections.seen import SeenFace, SeenVideo
from facesort.core.faces.face_details import FaceDetail, face_detail
from facesort.core.faces.quality import brightness
from facesort.core.records import Analysis, Face, PhotoInfo
from facesort.errors import ImageError
from facesort.images import decode_jpeg
from facesort.reasons import Reason

_MOST_NEAR = 10  # faces of a collection, for each one of the video


def search_video(
    collections: FaceCollections, collection: Collection, found: Analysis, within: float
) -> SeenVideo:
    """Compare the faces that were followed through a video with those of a collection.

    Parameters
    ----------
    within : float
        Largest distance.

    Raises
    ------
    ImageError
        If the video could not be used, or is none.
    MissingItemError
        If the collection is gone.
    """
    if found.failure is not None:
        raise ImageError(found.failure, found.detail)
    if found.clip is None or found.info is None:
        raise ImageError(Reason.UNSUPPORTED_FORMAT, "it is a photo: send a video")
    seen = []
    for face, track in ((face, face.track) for face in found.faces if face.track is not None):
        near = collections.nearest_faces(
            collection.collection_id, face.embedding, within=within, limit=_MOST_NEAR
        )
        seen.append(
            SeenFace(
                replace(track, strip=()),
                _described(face, found.info),
                tuple((match.found.face_id, match.distance) for match in near),
            )
        )
    seen.sort(key=lambda face: (face.track.first_ms, *face.best.box))
    info = found.info
    return SeenVideo(info.width, info.height, info.format, found.clip, found.detail, tuple(seen))


def still_there(
    collections: FaceCollections, collection: Collection, faces: Iterable[SeenFace]
) -> dict[str, IndexedFace]:
    """Faces of a collection that some of a video look like, by id, without those that were deleted since.

    Raises
    ------
    MissingItemError
        If the collection is gone.
    """
    ids = {face_id for face in faces for face_id, _ in face.near}
    found = collections.faces(collection.collection_id, ids=sorted(ids), limit=len(ids) + 1)
    return {face.face_id: face for face in found}


def _described(face: Face, info: PhotoInfo) -> FaceDetail:
    light = brightness(decode_jpeg(face.crop))
    return face_detail(face, brightness=light, width=info.width, height=info.height)
