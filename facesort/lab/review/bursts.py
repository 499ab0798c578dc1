"""Bursts: photos of the same moment, and which of them is the best."""

from __future__ import annotations

from facesort.core.bursts import Burst, find_bursts
from facesort.core.stored import StoredPhoto
from facesort.core.words import several
from facesort.lab.review.session import NOT_SORTED, ReviewSession
from facesort.lab.shared.tables import Table
from facesort.reasons import PhotoStatus
from facesort.store.queries.stored import photos_with_sharpness

_MAX_ROWS = 50


def bursts_table(session: ReviewSession) -> Table:
    """The bursts of a job, without duplicates, the largest first."""
    photos = {
        photo.photo.photo_id: photo
        for photo in session.read(photos_with_sharpness)
        if photo.status != PhotoStatus.DUPLICATE
    }
    bursts = find_bursts(photos.values())
    largest = sorted(bursts, key=lambda burst: -len(burst.photo_ids))[:_MAX_ROWS]
    return Table(
        ("Photos", "Best", "Sharpness of its faces", "The others"),
        [_row(burst, photos) for burst in largest],
        note=_note(len(photos), bursts) if session.is_sorted() else NOT_SORTED,
    )


def _row(burst: Burst, photos: dict[int, StoredPhoto]) -> tuple[int, str, str, str]:
    best = photos[burst.best]
    others = [photos[key].photo.shown for key in burst.photo_ids if key != burst.best]
    return len(burst.photo_ids), best.photo.shown, f"{best.sharpness:.0f}", ", ".join(others)


def _note(photos: int, bursts: tuple[Burst, ...]) -> str:
    in_bursts = sum(len(burst.photo_ids) for burst in bursts)
    shown = f"; the {_MAX_ROWS} largest are shown" if len(bursts) > _MAX_ROWS else ""
    return (
        f"{several(len(bursts), 'burst')} with {in_bursts} of {photos} photos{shown}. All of them are delivered; "
        "`facesort export --best-of-burst` takes only the best of each, the sharpest that is "
        "not damaged, and lists the others."
    )
