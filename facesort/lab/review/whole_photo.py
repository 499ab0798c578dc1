"""The whole photo of a face, or the clip that it is in, with all its faces framed and named."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from facesort.core.clips import Track
from facesort.core.delivery.regions import delivered_region
from facesort.core.stored import StoredFace, StoredPhoto
from facesort.core.text.foreign_text import printable
from facesort.engine.analysis.analyse import Analyser
from facesort.engine.delivery.renderer import Renderer
from facesort.errors import ImageError
from facesort.images.clips.clip import Excerpt
from facesort.lab.review.session import ReviewSession
from facesort.lab.review.sheet import ShowPhoto
from facesort.lab.review.whole_clip import at_best, played, seen_during, times_of
from facesort.store.queries import Store
from facesort.store.queries.review.shown import faces_with_crops
from facesort.store.queries.stored import stored_photos
from facesort.store.queries.tracks import tracks_of


def whole_photo(session: ReviewSession, face_id: int, show: ShowPhoto) -> None:
    """Show the photo of a face: a copy in the output, else from its source; of a clip, the best frame of the face.

    It is decoded in this process: it is taken only if it is the very file that a worker decoded when it was sorted.  A
    clip is read while the page is used; until then, what is stored of it is shown.

    Parameters
    ----------
    show : callable of (dict, list of bytes)
        Takes its title, a note if it cannot be shown, whether it can, and its faces, with their frames in parts of its
        size; and a JPEG if it can.  Of a clip also times, the JPEGs of its strip, and an MP4 if it can be played.
    """
    opened = session.read(partial(_opened, face_id=face_id))
    if opened is None:
        show(without_picture("There is no photo of it: it is a reference, or was erased."), [])
        return
    photo, tracks = opened
    about = {"title": printable(photo.photo.shown), "faces": _faces(photo, face_id, tracks)}
    track = tracks.get(face_id)
    if track is None or photo.clip is None:
        said, pictures = _picture(session, photo)
        show(about | said, pictures)
        return
    clip, strip = photo.clip, [jpeg for _, jpeg in track.strip]
    waits = {"note": "The clip is being read \N{HORIZONTAL ELLIPSIS}", "picture": False}
    show(about | waits | {"clip": times_of(clip, track)}, strip)

    def show_all(read: tuple[dict[str, Any], list[bytes], Excerpt | None]) -> None:
        said, pictures, excerpt = read
        moving = [] if excerpt is None else [excerpt.mp4]
        times = times_of(clip, track, excerpt)
        show(about | said | {"clip": times}, [*pictures, *strip, *moving])

    session.in_background(
        lambda: (
            *_picture(session, at_best(photo, track)),
            played(_analyser(session), photo, track),
        ),
        show_all,
    )


def without_picture(note: str) -> dict[str, Any]:
    """A sentence in the place of a photo."""
    return {"title": "", "note": note, "picture": False, "faces": []}


def _opened(store: Store, face_id: int) -> tuple[StoredPhoto, dict[int, Track]] | None:
    """The photo, and the tracks of its faces if it is a clip; only the one that was asked for with its strip."""
    face = next(iter(faces_with_crops(store, [face_id])), None)
    photo = None if face is None else next(stored_photos(store, [face.photo.photo_id]), None)
    if photo is None:
        return None
    all_of_it = tracks_of(store, [one.face_id for one in photo.faces], strip=False)
    return photo, all_of_it | tracks_of(store, [face_id])


def _picture(session: ReviewSession, photo: StoredPhoto) -> tuple[dict[str, Any], list[bytes]]:
    """What is said of the picture of a photo, and the picture, if there is one."""
    output = session.workspace.settings.output
    with ThreadPoolExecutor(1) as executor:
        renderer = Renderer(_analyser(session), executor, output, lambda *_: None)
        (found,) = renderer.results([photo])
    if isinstance(found, bytes):
        return {"note": "", "picture": True}, [found]
    return {"note": printable(_why_not(photo, found)), "picture": False}, []


def _analyser(session: ReviewSession) -> Analyser:
    settings = session.workspace.settings
    return Analyser(settings.sources, session.pack, settings.photos)


def _why_not(photo: StoredPhoto, why: ImageError) -> str:
    what = "clip" if photo.clip else "photo"
    return (
        f"No copy of this {what} is in the output, and its source cannot be read ({why}): connect the disk of "
        f"{photo.photo.source}, and open the {what} again."
    )


def _faces(photo: StoredPhoto, face_id: int, tracks: Mapping[int, Track]) -> list[dict[str, Any]]:
    """All faces of a photo, with their frames; or of a clip, with their frames as long as one of them is seen."""
    asked = tracks.get(face_id)
    found = []
    for face in photo.faces:
        about = {"name": printable(_name(face)), "asked": face.face_id == face_id}
        at = delivered_region(photo, face)
        if asked is not None:
            found.append(about | {"seen": seen_during(asked, photo, face, tracks)})
        elif at is not None:
            frame = [at.left, at.top, at.left + at.width, at.top + at.height]
            found.append(about | {"frame": frame})
    return found


def _name(face: StoredFace) -> str:
    if face.person:
        return face.person
    return f"may be {face.nearest}" if face.reason == "group_in_doubt" else "nobody"
