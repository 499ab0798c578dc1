"""Faces as tiles of a sheet, with their captions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from facesort.core.clips import span
from facesort.core.stored import StoredFace, StoredTrack
from facesort.core.text.words import several
from facesort.engine.review.chains import BY_GROUP, Chain, Neighbour
from facesort.engine.review.clusters import MayBeOne
from facesort.lab.review.sheet import ON_TILE, Tile
from facesort.lab.shared.words import shorten
from facesort.reasons import FaceReason, Outcome
from facesort.store.queries.face_sets import Crop
from facesort.store.queries.review.shown import DoubtfulGroup, LookAlikes

_BADGES = MappingProxyType(
    {
        FaceReason.GROUP_IN_DOUBT: "group in doubt",
        FaceReason.UNKNOWN_GROUP: "in a group of nobody's",
        FaceReason.WITHIN_MARGIN: "close call",
        FaceReason.NOT_NEAREST_FACE: "another face is nearer",
        FaceReason.PERSON_TAKEN: "another face was nearer",
        FaceReason.REJECTED_BY_USER: "you said no",
        FaceReason.CONFIRMED_BY_USER: "you said yes",
    }
)
_FILE = 30  # characters of a file name

REFERENCE = -1
"""Id of a tile that is no face of the event."""


def _seen_at(track: StoredTrack | None) -> str:
    """When a face is seen in a clip, as a mark on its picture; empty for one of a photo."""
    if track is None:
        return ""
    return f"\N{BLACK RIGHT-POINTING POINTER} {span(track.start_ms, track.end_ms)}"


def _file(face: StoredFace) -> str:
    return shorten(face.photo.shown_name, _FILE)


def _distance(face: StoredFace) -> str:
    own = "not compared yet" if face.distance is None else f"{face.distance:.2f}"
    if face.runner_up is None or face.runner_up_distance is None:
        return own
    return f"{own} · next {shorten(face.runner_up, 20)} {face.runner_up_distance:.2f}"


def _badges(face: StoredFace) -> list[str]:
    found = [_BADGES[reason] for reason in _BADGES if reason.value == face.reason]
    if face.reason == FaceReason.WITHIN_GROUP.value:
        found.append("by its group")
    if not found and face.outcome == Outcome.LOOSE.value:
        found.append("LOOSE")
    if face.answer == "unsure":
        found.append("not sure")
    if face.learned:
        found.append("learned")
    if face.reference:
        found.append("reference")
    return found


def _group(face: StoredFace, near: Neighbour | None) -> list[str]:
    """What the face's group has to do with whom it was given to; empty if nothing."""
    if not face.group_faces or face.reason not in BY_GROUP:
        return []
    others = several(near.others if near else face.group_faces, "other")
    nearest = f"; nearest {shorten(near.name, _FILE)} at {near.distance:.2f}" if near else ""
    if face.reason == FaceReason.GROUP_IN_DOUBT.value:
        return [f"in one group with {others}{nearest}"]
    return [f"with {others} of the same person{nearest}"]


def pair_tile(face: StoredFace, near: Neighbour | None = None, *, low_quality: float = 0.0) -> Tile:
    """A face beside the best reference of the person it was given to, or may be."""
    badges = _badges(face)
    in_doubt = face.reason == FaceReason.GROUP_IN_DOUBT.value
    if face.quality < low_quality:
        badges.append("poor picture")
    return Tile(
        face.face_id,
        (face.crop, face.reference_crop),
        f"may be {face.nearest}" if in_doubt else face.person or "nobody",
        (_distance(face), _file(face), *_group(face, near)),
        badges,
        (_seen_at(face.track), "reference" if face.person or in_doubt else ""),
        "pair",
        face.photo.shown,
    )


def face_tile(face: StoredFace, near: Neighbour | None = None) -> Tile:
    """A single face."""
    lines = (_distance(face), f"quality {face.quality:.2f}", *_group(face, near))
    return Tile(
        face.face_id,
        (face.crop,),
        _file(face),
        lines,
        _badges(face),
        (_seen_at(face.track),),
        tooltip=face.photo.shown,
    )


def _filled(crops: Sequence[bytes]) -> list[bytes]:
    """With empty places, so that there are as many as a tile of a group has."""
    return [*crops, *[b""] * (ON_TILE - len(crops))]


def cluster_tile(key: int, faces: Sequence[Crop], size: int, spread: float) -> Tile:
    """A group of unknown faces, as four of them."""
    return Tile(
        key,
        _filled([face.jpeg for face in faces]),
        f"{size:,} faces",
        (f"spread {spread:.2f}",),
        captions=[_seen_at(face.track) for face in faces],
        layout="many",
    )


def doubtful_group_tile(group: DoubtfulGroup, faces: Sequence[StoredFace]) -> Tile:
    """A group that may be somebody: four of its faces beside the best reference."""
    crops = [face.crop for face in faces]
    lines = ["all of them are this person, or none"]
    if any(face.answer == "unsure" for face in faces):
        lines.append("not sure")
    return Tile(
        min(group.face_ids),
        [faces[0].reference_crop, *_filled(crops)],
        f"{several(group.photos, 'photo')} may be {group.person}: confirm",
        lines,
        captions=(group.person, *(_seen_at(face.track) for face in faces)),
        layout="group",
        tooltip=", ".join(face.photo.shown for face in faces),
    )


def suggestion_tile(
    number: int, asked: MayBeOne, some: Sequence[StoredFace], reference: bytes | None
) -> Tile:
    """A group beside the person that it may be, or two faces of each of two groups."""
    crops = [face.crop for face in some]
    tooltip = ", ".join(face.photo.shown for face in some)
    line = f"{asked.distance:.2f} between the two"
    if reference is not None:
        count = several(len(asked.clusters[0]), "unknown face")
        pictures = [reference, *_filled(crops)]
        title = f"{count} may be {asked.person}"
        on_them = (asked.person, *(_seen_at(face.track) for face in some))
        return Tile(number, pictures, title, (line,), (), on_them, "group", tooltip)
    sizes = [several(len(cluster), "face") for cluster in asked.clusters]
    captions = ("", sizes[0], "", sizes[-1]) if len(crops) == ON_TILE else ()
    title = "Two groups may be one person"
    return Tile(number, crops, title, (" and ".join(sizes), line), (), captions, "many", tooltip)


def chain_tiles(chain: Chain) -> list[Tile]:
    """A chain from the reference to a face, with the distance of each to the one before."""
    tiles = []
    if chain.reference is not None:
        title, file = f"reference of {chain.person}", chain.reference.file_name
        tiles.append(Tile(REFERENCE, (chain.reference.crop,), title, (shorten(file, _FILE),)))
    for number, link in enumerate(chain.links):
        is_start = not number and chain.reference is None
        step = "you said who it is" if is_start else f"{link.distance:.2f} from the one before"
        beyond = len(link.beyond) - 1
        lines = [step, f"{several(beyond, 'other')} only through it"] if beyond else [step]
        face = link.face
        tiles.append(
            Tile(
                *(face.face_id, (face.crop,), _file(face), lines, _badges(face)),
                (_seen_at(face.track),),
                tooltip=face.photo.shown,
            )
        )
    return tiles


def look_alikes_tile(key: int, pair: LookAlikes, crops: Sequence[bytes]) -> Tile:
    """The best references of two people who competed for faces."""
    return Tile(
        key,
        crops,
        " and ".join(pair.names),
        (f"{several(pair.count, 'face')} within LOOSE of both",),
        captions=pair.names,
        layout="pair",
    )


def between_tile(face: StoredFace, names: tuple[str, str], references: Mapping[str, bytes]) -> Tile:
    """A face between the best references of two people."""
    first, second = names
    return Tile(
        face.face_id,
        (references[first], face.crop, references[second]),
        f"given to {face.person}" if face.person else "given to nobody",
        (_distance(face), _file(face)),
        _badges(face),
        (first, f"who is this? {_seen_at(face.track)}".strip(), second),
        "trio",
        face.photo.shown,
    )
