"""Asks ``what_counts.sql`` about faces whose decisions are not stored yet."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from facesort.core.delivery.routing import UNKNOWN_FOLDER
from facesort.reasons import Outcome, PhotoStatus, Reason
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


class Proposal(NamedTuple):
    """A face as it would be decided.

    Parameters
    ----------
    face_id : int
        Of a face that is not stored yet, any negative id.
    shot_id : int
        The first photo of its shot.
    in_clip : bool
        Whether the photo is a clip.
    is_track : bool
        Whether the face was followed through a clip, or the movie of a motion photo: a LOOSE one awaits a yes.
    """

    photo_id: int
    face_id: int
    person_id: int | None
    outcome: Outcome
    shot_id: int
    in_clip: bool = False
    is_track: bool = False


_STANDINGS = """
WITH proposed AS (
    SELECT unnest($1::INTEGER[]) AS photo_id, unnest($2::BIGINT[]) AS face_id, unnest($3::INTEGER[]) AS person_id,
           unnest($4::VARCHAR[]) AS outcome, unnest($5::INTEGER[]) AS shot_id, unnest($6::BOOLEAN[]) AS is_clip,
           awaits(outcome, unnest($7::BOOLEAN[])) AS awaits, NULL::VARCHAR AS reason, NULL AS nearest_id
), shots AS (SELECT DISTINCT photo_id, shot_id, is_clip FROM proposed{beside}),
faces AS (SELECT photo_id, face_id, person_id, awaits FROM {faces}{stored}),
standings AS (FROM standing_of('faces', 'withheld')),
copies AS (FROM wanted_copy_of('faces', 'standings', 'shots')
           WHERE NOT removed AND NOT doubled AND ($8 OR person_id IS NOT NULL))
SELECT s.photo_id, s.status, s.reason,
       list((c.person_id, coalesce(c.folder, $9)) ORDER BY c.first_face_id) FILTER (c.photo_id IS NOT NULL)
FROM standings s LEFT JOIN copies c USING (photo_id) WHERE s.photo_id IN (SELECT photo_id FROM proposed)
GROUP BY s.photo_id, s.status, s.reason
"""
# The pictures of Live Photos whose movies are asked about.
_BESIDE = """
    UNION ALL FROM in_shot ANTI JOIN superseded USING (photo_id) WHERE NOT is_clip
    AND shot_id IN (SELECT shot_id FROM proposed WHERE is_clip) AND photo_id NOT IN (SELECT photo_id FROM proposed)"""
_STORED = """
    UNION ALL SELECT photo_id, face_id, person_id, awaits FROM face_state
    WHERE photo_id IN (SELECT photo_id FROM shots) AND photo_id NOT IN (SELECT photo_id FROM proposed)"""


def standings(
    store: Store,
    faces: Iterable[Proposal],
    *,
    unknown_folder: bool,
    answered: bool = True,
) -> dict[int, Standing]:
    """Where photos would stand if their faces were decided like this; users' answers count.

    Parameters
    ----------
    faces : iterable of Proposal
        All faces of these photos; they follow each other in the order of the ids.
    unknown_folder : bool
        Whether photos with only unknown faces are delivered to ``_unknown``.
    answered : bool
        Whether users can have answered for these faces; for new ones, asking takes half the time.

    Returns
    -------
    dict of photo_id to Standing
    """
    columns = [list(column) for column in zip(*faces, strict=True)]
    if not columns:
        return {}
    source = "face_state_of('proposed', 'answer')" if answered else "proposed"
    has_clips = any(columns[5])
    sql = _STANDINGS.format(
        faces=source,
        beside=_BESIDE if has_clips else "",
        stored=_STORED if has_clips else "",
    )
    rows = store.rows(sql, [*columns, unknown_folder, UNKNOWN_FOLDER])
    return {
        photo_id: Standing(
            PhotoStatus(status), None if reason is None else Reason(reason), tuple(targets or ())
        )
        for photo_id, status, reason, targets in rows
    }
