"""The picture by which a gallery shows a person: their best face, without the face of anybody else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from facesort.core.regions import Region, clear_context, delivered_region, delivered_shape
from facesort.core.stored import StoredFace, StoredPhoto
from facesort.engine.delivery.plan import Delivery
from facesort.images import decode_jpeg, encode_crop, jpeg_size

_CONTEXT = 0.4  # around the face, as a share of its longer side
_ENOUGH = 0.15  # with less than this, only if there is no other photo
_EDGE = 256  # px
_QUALITY = 90


@dataclass(frozen=True, slots=True)
class FaceOf:
    """A face in a photo that is delivered.

    Parameters
    ----------
    context : float
        Margin around it, as a share of its longer side.
    """

    photo_id: int
    region: Region
    context: float

    def cut_out(self, jpeg: bytes) -> bytes:
        """The face as a small JPEG, out of a copy of its photo."""
        region, (width, height) = self.region, jpeg_size(jpeg)
        box = (
            region.left * width,
            region.top * height,
            (region.left + region.width) * width,
            (region.top + region.height) * height,
        )
        pixels = decode_jpeg(jpeg)
        return encode_crop(pixels, box, context=self.context, edge=_EDGE, quality=_QUALITY)


def best_faces(delivery: Delivery, names: Mapping[str, str]) -> dict[str, FaceOf]:
    """The best face of each person among the photos in their folder, by folder.

    Parameters
    ----------
    names : mapping of folder to str
        Of persons.
    """
    best: dict[str, tuple[tuple[bool, float, int], FaceOf]] = {}
    for key, folders in delivery.folders.items():
        photo = delivery.photos[key]
        for folder in folders:
            for face in photo.faces:
                if face.person is None or face.person != names.get(folder):
                    continue
                found = _ranked(photo, face)
                if found and (folder not in best or found[0] > best[folder][0]):
                    best[folder] = found
    return {folder: face for folder, (_, face) in best.items()}


def _ranked(photo: StoredPhoto, face: StoredFace) -> tuple[tuple[bool, float, int], FaceOf] | None:
    """A face, and how good it is: apart from others first, then by quality, then the first of equals."""
    region, shape = delivered_region(photo, face), delivered_shape(photo)
    if region is None or shape is None:
        return None
    others = [
        other for one in photo.faces if one is not face and (other := delivered_region(photo, one))
    ]
    context = clear_context(region, others, shape, _CONTEXT)
    rank = (context >= _ENOUGH, face.quality, -face.face_id)
    return rank, FaceOf(photo.photo.photo_id, region, context)
