"""What an audit asks: how many photos were dropped, by what they have in common, and who is in how many photos."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import add
from typing import Any

from facesort.core.records import PhotoRef
from facesort.core.stored import StoredFace
from facesort.store.queries.stored import stored_faces, with_crops
from facesort.store.store import Store

# Name, photos, dropped; of the dropped: unknown faces only, awaiting a review, withheld, no face, duplicate, failed.
DropRow = tuple[str, int, int, int, int, int, int, int, int]
# Name, files, photos, pending, gone, replaced, first and last time, cameras.
SourceRow = tuple[str, int, int, int, int, int, datetime | None, datetime | None, list[str]]

# Of a photo, what it has in common with others; and of that, the name.  Few are named, of very many photos.
_IN_COMMON = {
    "all": ("'all'", "alike"),
    "run": ("coalesce(if(s.status = 'duplicate', NULL, d.run_id), a.run_id)", "'run ' || alike"),
    "folder": (
        "{'source': s.source, 'folder': parse_dirpath(s.path, 'forward_slash')}",
        "shown_path(alike.source, coalesce(nullif(alike.folder, ''), '(top folder)'))",
    ),
    "source": ("s.source", "alike"),
    "camera": ("s.camera", "nullif(alike, '')"),
    "format": ("s.format", "coalesce(nullif(alike, ''), 'not read')"),
    "hour": ("date_trunc('hour', s.taken_at)", "strftime(alike, '%Y-%m-%d %H:00')"),
    "day": ("date_trunc('day', s.taken_at)", "strftime(alike, '%Y-%m-%d')"),
}
_WITH_RUNS = """
LEFT JOIN (                                 -- the run that read each file last
    SELECT r.file_id, arg_max(b.run_id, b.batch_id) AS run_id
    FROM reading r JOIN batch_run b USING (batch_id) GROUP BY r.file_id
) a USING (file_id) LEFT JOIN (             -- and that decided each photo: its file may have been renamed since
    SELECT r.photo_id, arg_max(b.run_id, b.batch_id) AS run_id
    FROM result r JOIN batch_run b USING (batch_id) WHERE b.kind = 'sort' GROUP BY r.photo_id
) d ON d.photo_id = s.decided_as
"""
_DROPS = """
WITH counted_apart AS (
    SELECT {key} AS alike, s.status, s.reason, count(*) AS photos FROM decided_file s {joined} GROUP BY ALL
), counted AS (
    SELECT coalesce({name}, 'not recorded') AS name, sum(photos) AS photos,
           coalesce(sum(photos) FILTER (status <> 'matched'), 0) AS dropped,
           coalesce(sum(photos) FILTER (reason = 'only_unknown_faces'), 0) AS unknown,
           coalesce(sum(photos) FILTER (reason = 'awaits_review'), 0) AS awaiting,
           coalesce(sum(photos) FILTER (reason = 'do_not_deliver'), 0) AS withheld,
           coalesce(sum(photos) FILTER (reason = 'no_face'), 0) AS no_face,
           coalesce(sum(photos) FILTER (reason = 'duplicate'), 0) AS duplicate,
           dropped - unknown - awaiting - withheld - no_face - duplicate AS failed
    FROM counted_apart GROUP BY ALL
), ranked AS (
    SELECT *, row_number() OVER (ORDER BY dropped DESC, photos DESC, name) AS place FROM counted
)
SELECT if(count(*) = 1, any_value(name), format('{{:,}} others', count(*))),
       sum(COLUMNS(* EXCLUDE (name, place)))::INTEGER
FROM ranked GROUP BY least(place, $1) ORDER BY least(place, $1)
"""

_SOURCES = """
WITH here AS (
    SELECT source AS name, count(*) AS files, count(DISTINCT photo_id) AS photos,
           count(*) FILTER (status = 'pending') AS pending, min(taken_at) AS first_at, max(taken_at) AS last_at,
           list(DISTINCT camera ORDER BY camera) FILTER (camera <> '') AS cameras
    FROM file_state GROUP BY source
), away AS (
    SELECT source AS name, count(*) FILTER (state = 'gone') AS gone, count(*) FILTER (state = 'replaced') AS replaced
    FROM absent_photo GROUP BY source
)
SELECT o.name, coalesce(files, 0), coalesce(photos, 0), coalesce(pending, 0), coalesce(gone, 0), coalesce(replaced, 0),
       first_at, last_at, coalesce(cameras, [])
FROM source o LEFT JOIN here USING (name) LEFT JOIN away USING (name) ORDER BY o.source_id
"""

_COVERAGE = """
WITH appearance AS (                        -- one row per delivered photo and person in it
    SELECT e.name, p.photo_id, any_value(p.taken_at) AS taken_at, max(f.quality)::DOUBLE AS quality,
           any_value(n.faces) AS faces
    FROM face_state f JOIN photo_state p USING (photo_id) JOIN everyone e ON e.person_id = f.person_id
    JOIN (SELECT photo_id, count(*) AS faces FROM face GROUP BY photo_id) n ON n.photo_id = p.photo_id
    WHERE p.status = 'matched' AND p.present AND NOT f.awaits GROUP BY e.name, p.photo_id
), somebody AS (                            -- the same, and a row for everyone in the gallery who is in no photo
    FROM (SELECT name FROM person UNION SELECT name FROM appearance) LEFT JOIN appearance USING (name)
)
SELECT name, date_trunc('hour', taken_at) AS hour, count(photo_id), count(*) FILTER (quality >= $1::DOUBLE),
       count(*) FILTER (faces = 1)
FROM somebody GROUP BY ALL ORDER BY hour NULLS LAST, name
"""

_DROPS_BY_PERSON = """
WITH near AS (                              -- the withheld person in a photo, else the nearest to a face in it
    SELECT f.photo_id, e.name, f.distance
    FROM face_state f JOIN everyone e ON e.person_id = coalesce(f.person_id, f.nearest_id)
    WHERE f.photo_id IN (SELECT decided_as FROM decided_file WHERE status = 'unknown')
    QUALIFY row_number() OVER (PARTITION BY f.photo_id ORDER BY
        coalesce(f.person_id IN (FROM withheld), false) DESC, f.distance NULLS LAST, f.face_id) = 1
)
SELECT n.name, count(*) AS dropped, count(*) FILTER (p.reason = 'do_not_deliver') AS withheld,
       min(n.distance) FILTER (p.reason <> 'do_not_deliver') AS nearest
FROM decided_file p LEFT JOIN near n ON n.photo_id = p.decided_as AND p.status = 'unknown'
WHERE p.status <> 'matched' GROUP BY n.name
"""

# Of very many photos most have one result, and most files one reading: they are added up from run to run.
_DROPS_BY_RUN = """
WITH was AS (SELECT x.*, b.run_id FROM result x JOIN batch_run b USING (batch_id)),
read AS (SELECT x.file_id, x.photo_id, x.batch_id, b.run_id FROM reading x JOIN batch_run b USING (batch_id)),
once AS (
    SELECT photo_id, any_value(run_id) AS run_id, any_value(status) AS status FROM was GROUP BY photo_id
    HAVING count(*) = 1
), newest AS (
    SELECT r.run_id, x.photo_id, arg_max(x.status, x.batch_id) AS status
    FROM (FROM was ANTI JOIN once USING (photo_id)) x JOIN run r ON x.run_id <= r.run_id GROUP BY ALL
), matched AS (                             -- one file stands for each of these
    SELECT run_id, count(*) AS photos FROM newest WHERE status = 'matched' GROUP BY run_id
), matched_once AS (SELECT run_id, count(*) AS photos FROM once WHERE status = 'matched' GROUP BY run_id),
alone AS (                                  -- contents that were read in one file, once
    SELECT photo_id, any_value(file_id) AS file_id, any_value(run_id) AS run_id FROM read
    JOIN (SELECT file_id FROM read GROUP BY file_id HAVING count(*) = 1) USING (file_id)
    WHERE photo_id NOT IN (SELECT photo_id FROM read WHERE photo_id IS NOT NULL GROUP BY photo_id HAVING count(*) > 1)
    GROUP BY photo_id
), known AS (                               -- what each other file held by then
    SELECT r.run_id, x.file_id, arg_max(x.photo_id, x.batch_id) AS photo_id
    FROM (FROM read ANTI JOIN alone USING (file_id)) x JOIN run r ON x.run_id <= r.run_id GROUP BY ALL
), content AS (                             -- a file that was renamed is not another one
    SELECT k.run_id, greatest(1, count(*) FILTER (f.state = 'present')) AS files
    FROM known k JOIN file f USING (file_id) LEFT JOIN photo p USING (photo_id)
    WHERE p.photo_id IS NOT DISTINCT FROM p.decided_as GROUP BY k.run_id, coalesce(k.photo_id, -k.file_id)
), decided AS (
    SELECT run_id, sum(files)::BIGINT AS files FROM content GROUP BY run_id
), decided_once AS (
    SELECT a.run_id, count(*) AS files FROM alone a JOIN file USING (file_id) LEFT JOIN photo p USING (photo_id)
    WHERE p.photo_id IS NOT DISTINCT FROM p.decided_as GROUP BY a.run_id
), summed AS (
    SELECT r.run_id, coalesce(m.photos, 0)
           + coalesce((SELECT sum(o.photos) FROM matched_once o WHERE o.run_id <= r.run_id), 0) AS matched,
           coalesce(d.files, 0)
           + coalesce((SELECT sum(o.files) FROM decided_once o WHERE o.run_id <= r.run_id), 0) AS decided
    FROM run r LEFT JOIN matched m USING (run_id) LEFT JOIN decided d USING (run_id)
)
SELECT run_id, (decided - matched)::BIGINT, decided::BIGINT FROM summed
"""

_GROUPS_BY_RUN = """
WITH decided AS (SELECT d.face_id, d.round, d.reason, b.run_id FROM decision d JOIN batch_run b USING (batch_id)),
by_group AS (SELECT * FROM decided WHERE reason IN ('within_group', 'group_in_doubt')),
again AS (SELECT * FROM decided WHERE round > 0),
held_until AS (                               -- from which run on each counted, and from which on it did not
    SELECT g.face_id, g.reason, any_value(g.run_id) AS run_id, min(a.run_id) AS until
    FROM by_group g LEFT JOIN again a ON a.face_id = g.face_id AND a.round > g.round
    GROUP BY g.face_id, g.round, g.reason
)
SELECT r.run_id, count(t.face_id) FILTER (reason = 'within_group'),
       count(DISTINCT f.photo_id) FILTER (reason = 'within_group'), count(t.face_id) FILTER (reason = 'group_in_doubt')
FROM run r LEFT JOIN held_until t ON t.run_id <= r.run_id AND (t.until IS NULL OR t.until > r.run_id)
LEFT JOIN face f ON f.face_id = t.face_id GROUP BY r.run_id
"""


@dataclass(frozen=True, slots=True)
class Coverage:
    """In how many delivered photos everyone is.

    Parameters
    ----------
    rows : sequence of (name, hour, photos, photos with a good face of theirs, photos with nobody else)
        By the hour on the camera's corrected clock, in order; photos without a time are last.  Of who is in no photo,
        one row of zeros.
    """

    rows: Sequence[tuple[str, datetime | None, int, int, int]]

    @property
    def by_person(self) -> list[tuple[str, int, int, int]]:
        """The same without the hours, those in fewest photos first."""
        sums = defaultdict[str, list[int]](lambda: [0, 0, 0])
        for name, _, *photos in self.rows:
            sums[name] = [*map(add, sums[name], photos)]
        found = ((name, photos, good, alone) for name, (photos, good, alone) in sums.items())
        return sorted(found, key=lambda row: (row[1], row[0]))

    @property
    def by_hour(self) -> list[tuple[str, datetime | None, int]]:
        """Name, hour and photos, in the order of time."""
        return [(name, hour, photos) for name, hour, photos, *_ in self.rows if photos]


def drops(store: Store, by: str, limit: int) -> list[DropRow]:
    """Decided photos and their drops by what they have in common, those with most drops first.

    Parameters
    ----------
    by : str
        ``all``, ``run``, ``source``, ``folder``, ``camera``, ``format``, ``hour`` or ``day``.
    limit : int
        At most so many rows; the last one takes all that do not fit, so that the sums stay.
    """
    if by not in _IN_COMMON:
        raise ValueError(f"photos cannot be grouped by {by}")
    key, name = _IN_COMMON[by]
    sql = _DROPS.format(key=key, name=name, joined=_WITH_RUNS if by == "run" else "")
    return store.rows(sql, [limit])


def sources(store: Store) -> list[SourceRow]:
    """What each source holds, in the order in which they were added.

    Returns
    -------
    list of (name, files, photos, pending, gone, replaced, first time, last time, cameras)
        A photo that several sources hold counts in each.  Photos that no source holds any more are gone or replaced.
        Times are corrected by the offset of the clock; None if none is known.
    """
    return store.rows(_SOURCES)


def drops_by_run(store: Store) -> dict[int, tuple[int, int]]:
    """How many photos were dropped and how many decided when each run ended, by the results that were there then."""
    return {run_id: (dropped, decided) for run_id, dropped, decided in store.rows(_DROPS_BY_RUN)}


def groups_by_run(store: Store) -> dict[int, tuple[int, int, int]]:
    """What groups had brought when each run ended, as the machine decided.

    Returns
    -------
    dict of run_id to (faces that only their group named, photos that they are in, faces in doubt)
    """
    rows = store.rows(_GROUPS_BY_RUN)
    return {run_id: (faces, photos, doubtful) for run_id, faces, photos, doubtful in rows}


def coverage(store: Store, good_quality: float) -> Coverage:
    """In how many delivered photos everyone is; asked once for all that an audit shows of it.

    Parameters
    ----------
    good_quality : float
        From which a face is good, in [0, 1].
    """
    return Coverage(store.rows(_COVERAGE, [good_quality]))


def drops_by_person(
    store: Store, coverage: Coverage
) -> list[tuple[str | None, int, int, int, float | None]]:
    """Everyone in the gallery, in a photo or near a dropped one, those with most drops first.

    Returns
    -------
    list of (name, photos, dropped, withheld, nearest distance)
        A dropped photo counts once: for the withheld person in it, else for the person a face in it is nearest to.
        Last, under None, photos without a face to compare, if there are any.
    """
    photos: dict[str | None, int] = {name: photos for name, photos, *_ in coverage.by_person}
    dropped = {name: drops for name, *drops in store.rows(_DROPS_BY_PERSON)}
    rows = [
        (name, photos.get(name, 0), *dropped.get(name, (0, 0, None))) for name in photos | dropped
    ]
    return sorted(rows, key=lambda row: (row[0] is None, -row[2], row[0]))


def slowest_photos(store: Store, limit: int) -> list[tuple[Any, ...]]:
    """The photos whose analysis took longest; one that was analysed twice may be there twice.

    Returns
    -------
    list of (path, seconds, run_id, status, format, megapixels, megabytes)
    """
    return store.rows(
        "SELECT shown_path(s.source, s.path), t.seconds, t.run_id, s.status, s.format, "
        "s.width::BIGINT * s.height / 1e6, s.size / 1e6 "
        "FROM timing t JOIN file_state s USING (file_id) ORDER BY t.seconds DESC, s.path LIMIT ?",
        [limit],
    )


def seconds_per_photo(store: Store) -> tuple[int, float, float, float]:
    """How many analyses there were, and their median, 99th percentile and sum in seconds."""
    row = store.rows(
        "SELECT count(*), coalesce(median(seconds), 0), coalesce(quantile_disc(seconds, 0.99), 0), "
        "coalesce(sum(seconds), 0) FROM timing"
    )[0]
    return row[0], row[1], row[2], row[3]


def skipped_files(store: Store, first: str, limit: int) -> list[tuple[str, str]]:
    """Path and reason of what the scan did not take for photos; those with one reason first."""
    return store.rows(
        "SELECT shown_path(name, path), reason FROM skipped JOIN source USING (source_id) "
        "ORDER BY reason <> ?, reason, path LIMIT ?",
        [first, limit],
    )


def withheld_persons(store: Store) -> list[tuple[str, int, int]]:
    """Name of everyone who is withheld, photos withheld because of them, and copies of these in the output."""
    return store.rows(
        "WITH photos AS (SELECT DISTINCT f.person_id, f.photo_id FROM face_state f JOIN photo_state p USING (photo_id) "
        " WHERE p.reason = 'do_not_deliver'), "
        "copies AS (SELECT photo_id, count(*) AS copies FROM write WHERE status = 'verified' GROUP BY photo_id) "
        "SELECT p.name, count(h.photo_id), coalesce(sum(c.copies), 0)::INTEGER "
        "FROM person p LEFT JOIN photos h USING (person_id) LEFT JOIN copies c USING (photo_id) "
        "WHERE NOT p.deliver GROUP BY p.person_id, p.name ORDER BY p.person_id"
    )


def faceless_photos(store: Store, limit: int) -> list[PhotoRef]:
    """Photos in which no face was found; clips are none."""
    rows = store.rows(
        "SELECT decided_as, path, source, shown_path(source, path) FROM file_state WHERE status = 'no_face' "
        "AND decided_as NOT IN (SELECT photo_id FROM clip) "
        "ORDER BY file_id LIMIT ?",
        [limit],
    )
    return [PhotoRef(key, path, source=source, shown=shown) for key, path, source, shown in rows]


def dropped_faces(store: Store, limit: int) -> list[StoredFace]:
    """Faces of dropped photos beside the best reference of the nearest person, the nearest first, one of each photo."""
    where = (
        "JOIN photo_state p ON p.photo_id = s.photo_id "
        "WHERE p.present AND p.reason = 'only_unknown_faces' AND s.nearest IS NOT NULL AND s.distance IS NOT NULL "
        "QUALIFY row_number() OVER (PARTITION BY s.photo_id ORDER BY s.distance, s.face_id) = 1 "
        "ORDER BY s.distance, s.face_id LIMIT ?"
    )
    return with_crops(store, stored_faces(store, where, [limit]))
