"""Bursts: photos that look alike, and which of them is the sharpest."""

from __future__ import annotations

from facesort.core.bursts import Burst, find_bursts
from facesort.core.words import several
from facesort.lab.review.reviewing import NOT_SORTED, Reviewing
from facesort.lab.shared.tables import Table
from facesort.reasons import PhotoStatus
from facesort.store.queries.deliveries import DeliveredPhoto, deliveries

_MOST = 50  # rows that somebody reads


def bursts_table(review: Reviewing) -> Table:
    """The bursts of a job, those with most photos first; a duplicate is a copy of a file, and no photo of its own."""
    photos = {
        photo.shot.photo_id: photo
        for photo in review.read(deliveries)
        if photo.status != PhotoStatus.DUPLICATE
    }
    bursts = find_bursts(photo.shot for photo in photos.values())
    largest = sorted(bursts, key=lambda burst: -len(burst.photo_ids))[:_MOST]
    return Table(
        ("Photos", "Sharpest", "Sharpness of its faces", "The others"),
        [_row(burst, photos) for burst in largest],
        note=_note(len(photos), bursts, review.is_sorted()),
    )


def _row(burst: Burst, photos: dict[int, DeliveredPhoto]) -> tuple[int, str, str, str]:
    best = photos[burst.best]
    others = [photos[key].path for key in burst.photo_ids if key != burst.best]
    return len(burst.photo_ids), best.path, f"{best.shot.sharpness:.0f}", ", ".join(others)


def _note(photos: int, bursts: tuple[Burst, ...], is_sorted: bool) -> str:
    if not is_sorted:
        return NOT_SORTED
    alike = sum(len(burst.photo_ids) for burst in bursts)
    shown = f"; the {_MOST} largest are shown" if len(bursts) > _MOST else ""
    return (
        f"{several(len(bursts), 'burst', 'bursts')} with {alike} of {photos} photos{shown}. "
        "Everyone known gets all of theirs; `facesort export --best-of-burst` takes the sharpest of each, and "
        "lists the others."
    )
