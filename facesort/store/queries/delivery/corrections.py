"""Files of the output that, by what counts now, should not be where they are."""

from __future__ import annotations

from dataclasses import dataclass

from facesort.store.queries.stored import places_of
from facesort.store.store import Store


@dataclass(frozen=True, slots=True)
class Correction:
    """One file of the output that is not right any more.

    Parameters
    ----------
    file : str
        POSIX path relative to the output root.
    source, photo : str
        Name of the source, and POSIX path relative to its folder.
    person : str or None
        Whose copy it is, or the folder of unknown faces; None for somebody who was forgotten.
    why : str
        ``do_not_deliver``, ``merged``, ``rejected_by_user``, ``named_since``, ``superseded`` (the photo was edited
        since), ``forgotten``, ``no_longer_matched`` (what was sorted or named since, or other thresholds, changed whom
        a face is given to), or ``not_in_photo``.
    belongs_to : tuple of str
        Folders in which the photo belongs now; empty for none.
    """

    file: str
    source: str
    photo: str
    person: str | None
    why: str
    belongs_to: tuple[str, ...]


# Photos with a copy that may be wrong.  Nearly all copies are plainly right, which the faces alone tell; of a frame of
# a clip they do not.  With them come those that say where a photo belongs: newer versions, and others of the shot.
_SUSPECTED = """
WITH faces AS MATERIALIZED (SELECT photo_id, person_id, awaits FROM face_state),
copies AS MATERIALIZED (
    SELECT DISTINCT photo_id, person_id, at_ms IS NOT NULL AS is_frame FROM write WHERE status = 'verified'
), theirs AS (
    SELECT photo_id, person_id FROM faces WHERE person_id IS NOT NULL AND NOT awaits
    UNION ALL SELECT photo_id, NULL FROM faces WHERE photo_id IN (SELECT photo_id FROM copies WHERE person_id IS NULL)
    GROUP BY photo_id HAVING count(person_id) = 0
), suspected AS (
    SELECT photo_id FROM copies c WHERE is_frame OR NOT EXISTS (
        FROM theirs t WHERE t.photo_id = c.photo_id AND t.person_id IS NOT DISTINCT FROM c.person_id)
    UNION SELECT photo_id FROM superseded
    UNION SELECT f.photo_id FROM faces f JOIN withheld USING (person_id)
), asked AS (
    SELECT photo_id FROM suspected SEMI JOIN copies USING (photo_id)
    UNION SELECT u.by_id FROM suspected JOIN superseded u USING (photo_id)
)
SELECT photo_id FROM photo WHERE shot_id IN (SELECT shot_id FROM photo SEMI JOIN asked USING (photo_id))
"""


def corrections(store: Store) -> list[Correction]:
    """Every verified file that what counts now does not want there, in the order of the names.

    A file is right as long as anybody whose copy it is is still in the photo, and the photo may be delivered; a frame
    of a clip, as long as it is the best of one of their tracks.
    """
    if not store.value("SELECT EXISTS (FROM write WHERE status = 'verified')"):
        return []
    with store.materialized("superseded"):
        photos = [photo_id for (photo_id,) in store.rows(_SUSPECTED)]
        if not photos:
            return []
        ids = ", ".join(map(str, photos))
        with (
            places_of(store, ids),
            store.materialized("result", where=f"photo_id IN ({ids})"),
            store.materialized("face_state", where=f"photo_id IN ({ids})"),
        ):
            return _wrong(store, photos)


def _wrong(store: Store, photos: list[int]) -> list[Correction]:
    """Wrong copies of some photos, of which alone it is known where they are and how they stand."""
    rows = store.rows(
        "WITH wanted AS MATERIALIZED (FROM wanted_copy), seen AS ("
        "  SELECT s.photo_id, if(s.awaits, NULL, s.person_id) AS person_id, t.best_ms "
        "  FROM face_state s JOIN track t USING (face_id)"
        "), shown AS (FROM seen UNION SELECT photo_id, NULL, best_ms FROM seen), wrong AS MATERIALIZED ("
        "  SELECT w.target, w.photo_id, max(w.person_id) AS person_id FROM write w "
        "  LEFT JOIN wanted c ON c.photo_id = w.photo_id AND c.person_id IS NOT DISTINCT FROM w.person_id "
        "  LEFT JOIN shown v ON v.photo_id = w.photo_id AND v.person_id IS NOT DISTINCT FROM w.person_id "
        "  AND v.best_ms = w.at_ms "
        "  WHERE w.status = 'verified' AND w.photo_id IN (SELECT unnest(?::INTEGER[])) GROUP BY w.target, w.photo_id "
        "  HAVING count(c.photo_id) FILTER (w.at_ms IS NULL OR v.photo_id IS NOT NULL) = 0"
        "), refused AS ("
        "  SELECT f.photo_id, a.person_id FROM settled_answer a JOIN face f USING (face_id) WHERE a.answer = 'no'"
        "), matched_once AS ("
        "  SELECT x.target FROM wrong x JOIN face f USING (photo_id) JOIN decision d USING (face_id) "
        "  JOIN everyone e ON e.person_id = d.person_id AND e.current_id = x.person_id "
        "  WHERE f.face_id NOT IN (SELECT face_id FROM settled_answer WHERE answer = 'yes')"
        ") "
        "SELECT x.target, s.source, s.path, "
        "if(x.person_id IS NULL, split_part(x.target, '/', 1), coalesce(p.name, f.name)), CASE "
        "WHEN t.reason = 'do_not_deliver' THEN 'do_not_deliver' "
        "WHEN u.photo_id IS NOT NULL THEN 'superseded' "
        "WHEN x.person_id IS NULL THEN 'named_since' "
        "WHEN coalesce(p.person_id, f.person_id) IS NULL THEN 'forgotten' "
        "WHEN f.merged_into IS NOT NULL THEN 'merged' "
        "WHEN (x.photo_id, x.person_id) IN (SELECT (photo_id, person_id) FROM refused) THEN 'rejected_by_user' "
        "WHEN x.target IN (FROM matched_once) THEN 'no_longer_matched' "
        "ELSE 'not_in_photo' END, "
        "(SELECT list(DISTINCT c.folder ORDER BY c.folder) FROM wanted c "
        " WHERE c.photo_id = coalesce(u.by_id, x.photo_id) AND c.folder IS NOT NULL AND NOT c.doubled) "
        "FROM wrong x JOIN place s USING (photo_id) LEFT JOIN superseded u USING (photo_id) "
        "LEFT JOIN person p ON p.person_id = x.person_id "
        "LEFT JOIN former_person f ON f.person_id = x.person_id "
        "LEFT JOIN photo_standing t ON t.photo_id = x.photo_id "
        "ORDER BY x.target",
        [photos],
    )
    return [
        Correction(file, source, photo, person, why, tuple(folders or ()))
        for file, source, photo, person, why, folders in rows
    ]


def no_longer_needed(store: Store) -> set[str]:
    """Verified files that nobody misses: those of `corrections`, and copies of persons who were removed."""
    of_removed_persons = store.rows(
        "SELECT w.target FROM write w JOIN wanted_copy c "
        "ON c.photo_id = w.photo_id AND c.person_id IS NOT DISTINCT FROM w.person_id "
        "WHERE w.status = 'verified' GROUP BY w.target HAVING bool_and(c.removed)"
    )
    return {wrong.file for wrong in corrections(store)} | {
        target for (target,) in of_removed_persons
    }
