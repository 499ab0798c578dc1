"""What everybody gets of a photo or clip: the picture, the clip, or the frame that stands for them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Literal

from facesort.core.clips import Track
from facesort.core.delivery.routing import clip_name, output_name
from facesort.core.stored import StoredFace, StoredPhoto
from facesort.reasons import Outcome

Clips = Literal["poster", "copy", "none"]
Seen = tuple[int | None, float, int | None]
"""A face as far as it counts: its person (None: nobody yet), its quality, and the time of its best frame in ms.

The time is None for a face in a picture itself; a motion photo has both kinds."""


def awaits_yes(outcome: Outcome, *, is_track: bool) -> bool:
    """Whether nobody gets a copy for a face before a user's yes; stored faces say so themselves."""
    return outcome is Outcome.LOOSE and is_track


Shares = dict[int | None, int | None]
"""What each person gets: the time of a frame in ms, or None for the picture or the clip itself.

The key None is the folder of unknown faces."""


def shares(
    faces: Sequence[Seen], people: Collection[int | None], clips: Clips, *, is_clip: bool
) -> Shares:
    """Say what each person gets of a photo or clip.

    Parameters
    ----------
    faces : sequence of Seen
        In their order; tracks that are pending as nobody's.
    people : collection of int or None
        Who gets a copy, each with a face.
    clips : {"poster", "copy", "none"}
        Of a clip, the best frame of each person's best track (of equals the first), the whole, or nothing: then nobody
        is in the result.  Who is seen only in the movie of a motion photo gets a frame of it, or nothing.
    """
    if is_clip and clips == "copy":
        return dict.fromkeys(people)
    still: set[int | None] = set() if is_clip else {None}
    still |= {person_id for person_id, _, best_ms in faces if best_ms is None}
    whole: Shares = {key: None for key in people if key in still}
    if clips == "none":
        return whole
    frames = _best_frames(faces)
    return whole | {key: frames[key] for key in people if key not in still}


def _best_frames(faces: Iterable[Seen]) -> dict[int | None, int]:
    """The best frame of each person; None, for the folder of unknown faces, has the best of all."""
    found: dict[int | None, tuple[float, int]] = {}
    for person_id, quality, best_ms in faces:
        for key in {person_id, None} if best_ms is not None else ():
            if best_ms is not None and (key not in found or quality > found[key][0]):
                found[key] = quality, best_ms
    return {key: best_ms for key, (_, best_ms) in found.items()}


def stored_shares(photo: StoredPhoto, people: Collection[int | None], clips: Clips) -> Shares:
    """The same of a stored photo or clip: a frame that somebody got stays theirs as long as it shows them."""
    seen = [_seen(face) for face in photo.faces]
    shown = {(key, best_ms) for person_id, _, best_ms in seen for key in (person_id, None)}
    there = {
        copy.person_id: copy.at_ms
        for copy in photo.copies
        if copy.at_ms is not None and (copy.person_id, copy.at_ms) in shown
    }
    found = shares(seen, people, clips, is_clip=photo.clip is not None)
    return {key: there.get(key, ms) if ms is not None else None for key, ms in found.items()}


def _seen(face: StoredFace) -> Seen:
    best_ms = None if face.track is None else face.track.best_ms
    return None if face.awaits else face.person_id, face.quality, best_ms


def copy_name(photo: StoredPhoto) -> str:
    """Name of the copies of a photo, of a clip as one of its frames, or of a whole clip."""
    ref = photo.photo
    if photo.is_whole_clip:
        return clip_name(ref.path, photo.sha256)
    return output_name(ref.path, photo.sha256, ref.at_ms)


def as_still(photo: StoredPhoto) -> StoredPhoto:
    """A photo, or a whole clip, with its own copies; of a motion photo, without those who are only in its movie."""
    faces = photo.faces
    if photo.clip is None:
        faces = tuple(face for face in faces if face.track is None)
    copies = tuple(copy for copy in photo.copies if copy.at_ms is None)
    return replace(photo, faces=faces, copies=copies)


def at_frame(
    clip: StoredPhoto, at_ms: int, tracks: Mapping[int, Track] = MappingProxyType({})
) -> StoredPhoto:
    """A clip as one of its frames: a photo of those who are in it then, with the copies that show it.

    Parameters
    ----------
    tracks : mapping of face_id to Track
        Of the clip; a face that has none is left out, and so is one that is pending.
    """
    return replace(
        clip,
        photo=replace(clip.photo, at_ms=at_ms),
        faces=tuple(_faces_at(clip, at_ms, tracks)),
        copies=tuple(copy for copy in clip.copies if copy.at_ms == at_ms),
    )


def _faces_at(clip: StoredPhoto, at_ms: int, tracks: Mapping[int, Track]) -> Iterator[StoredFace]:
    for face in clip.faces:
        track = tracks.get(face.face_id)
        if track is None or face.awaits or at_ms not in track.times_ms:
            continue
        x_min, y_min, x_max, y_max = track.boxes[track.times_ms.tolist().index(at_ms)].tolist()
        # The quality is that of its best frame; of others it is not known.
        quality = face.quality if track.best_ms == at_ms else 0.0
        yield replace(face, box=(x_min, y_min, x_max, y_max), quality=quality)
