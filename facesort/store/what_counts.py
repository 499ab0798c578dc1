"""Asks ``what_counts.sql`` about faces whose decisions are not stored yet."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from facesort.core.routing import UNKNOWN_FOLDER
from facesort.reasons import PhotoStatus, Reason
from facesort.store.store import Store


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a photo with faces stands.

    Parameters
    ----------
    reason : Reason or None
        Why it reaches no folder of a person.
    targets : tuple of (person_id or None, folder)
        Who gets a copy, in the order of the faces; None for the folder of unknown faces.
    """

    status: PhotoStatus
    reason: Reason | None
    targets: tuple[tuple[int | None, str], ...]


_STANDINGS = """
WITH proposed AS (
    SELECT unnest($1::INTEGER[]) AS photo_id, unnest($2::BIGINT[]) AS face_id, unnest($3::INTEGER[]) AS person_id,
           NULL AS outcome, NULL::VARCHAR AS reason, NULL AS nearest_id
), faces AS (FROM {faces}),
standings AS (FROM standing_of('faces', 'withheld')),
copies AS (FROM wanted_copy_of('faces', 'standings') WHERE NOT removed AND ($4 OR person_id IS NOT NULL))
SELECT s.photo_id, s.status, s.reason,
       list((c.person_id, coalesce(c.folder, $5)) ORDER BY c.first_face_id) FILTER (c.photo_id IS NOT NULL)
FROM standings s LEFT JOIN copies c USING (photo_id) GROUP BY s.photo_id, s.status, s.reason
"""


def standings(
    store: Store,
    faces: Iterable[tuple[int, int, int | None]],
    *,
    unknown_folder: bool,
    answered: bool = True,
) -> dict[int, Standing]:
    """Where photos would stand if their faces were decided like this; users' answers count.

    Parameters
    ----------
    faces : iterable of (photo_id, face_id, person_id or None)
        All faces of these photos.  Of a face that is not stored yet, any negative id; they follow each other in the
        order of the ids.
    unknown_folder : bool
        Whether photos with only unknown faces are delivered to ``_unknown``.
    answered : bool
        Whether users can have answered for these faces; for new ones, asking takes half the time.

    Returns
    -------
    dict of photo_id to Standing
    """
    columns = [list(column) for column in zip(*faces, strict=True)] or [[], [], []]
    source = "face_state_of('proposed', 'answer')" if answered else "proposed"
    rows = store.rows(_STANDINGS.format(faces=source), [*columns, unknown_folder, UNKNOWN_FOLDER])
    return {
        photo_id: Standing(
            PhotoStatus(status), None if reason is None else Reason(reason), tuple(targets or ())
        )
        for photo_id, status, reason, targets in rows
    }
