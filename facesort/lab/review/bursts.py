"""Bursts: photos of the same moment, and which of them is the best."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from heapq import nsmallest

from facesort.core.moments.bursts import Taken, best_of, bursts_of
from facesort.core.text.words import several
from facesort.lab.review.session import NOT_SORTED, ReviewSession
from facesort.lab.shared.tables import Table
from facesort.store.queries import Store
from facesort.store.queries.audit.bursts import every_shot
from facesort.store.queries.face_sets import any_face
from facesort.store.queries.stored import count_photos

_MAX_ROWS = 50


def bursts_table(session: ReviewSession) -> Table:
    """The bursts of a job, without duplicates, the largest first."""

    def read(store: Store) -> Table:
        bursts, photos = 0, 0

        def counted() -> Iterator[list[Taken]]:
            nonlocal bursts, photos
            with store.materialized("face_state"), store.materialized("photo_state"):
                for burst in bursts_of(every_shot(store)):
                    bursts, photos = bursts + 1, photos + len(burst)
                    yield burst

        largest = nsmallest(
            _MAX_ROWS, counted(), key=lambda burst: (-len(burst), burst[0].photo_id)
        )
        note = _note(count_photos(store), bursts, photos)
        return Table(
            ("Photos", "Best", "Sharpness of its faces", "The others"),
            [_row(burst) for burst in largest],
            note=note if any_face(store) else NOT_SORTED,
        )

    return session.read(read)


def _row(burst: Sequence[Taken]) -> tuple[int, str, str, str]:
    best = best_of(burst)
    others = [photo.shown for photo in burst if photo != best]
    return len(burst), best.shown, f"{best.sharpness:.0f}", ", ".join(others)


def _note(photos: int, bursts: int, in_bursts: int) -> str:
    shown = f"; the {_MAX_ROWS} largest are shown" if bursts > _MAX_ROWS else ""
    return (
        f"{several(bursts, 'burst')} with {in_bursts} of {photos} photos{shown}. All of them are delivered; "
        "`facesort export --best-of-burst` takes only the best of each, the sharpest that is "
        "not damaged, and lists the others."
    )
