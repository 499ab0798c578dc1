"""Questions about what is stored.  Nothing here decides anything again."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from facesort.reasons import Outcome, PhotoStatus, Reason, Remark
from facesort.store.queries.delivery.published import dead_objects, published_counts
from facesort.store.queries.stored import places_of
from facesort.store.store import Store

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_FILES = """
SELECT o.name, f.status, if(f.status = 'failed' OR f.reason = 'same_shot', f.reason, NULL) AS why, count(f.file_id)
FROM source o LEFT JOIN file_state f ON f.source = o.name
WHERE o.state = 'used' OR f.file_id IS NOT NULL GROUP BY o.source_id, o.name, f.status, why ORDER BY o.source_id, why
"""
_GROUPS = """
SELECT if(f.reason = 'group_in_doubt', o.name, NULL) AS may_be, count(*), count(DISTINCT f.photo_id)
FROM face_state f JOIN place l USING (photo_id)
LEFT JOIN everyone e ON e.person_id = f.nearest_id LEFT JOIN person o ON o.person_id = e.current_id
WHERE l.present AND (f.reason = 'within_group'
    OR f.reason = 'group_in_doubt' AND o.name IS NOT NULL AND f.face_id NOT IN (SELECT face_id FROM ignored))
GROUP BY may_be ORDER BY 3 DESC, may_be
"""
_FACE = "face_id, photo_id, person_id, outcome, reason, awaits, nearest_id"
# Nothing that is counted goes by paths, sizes or details.
_PHOTO = "photo_id, status, reason, detail, taken_at"
_FILE = "* REPLACE ('' AS path, 0 AS size, '' AS detail)"

_CLIP_STATUSES = (
    PhotoStatus.MATCHED,
    PhotoStatus.UNKNOWN,
    PhotoStatus.NO_FACE,
    PhotoStatus.FAILED,
)


@dataclass(frozen=True, slots=True)
class Counts:
    """Everything that is counted, and adds up.

    Parameters
    ----------
    photos : dict of PhotoStatus to int
        Files that are in the sources; their sum is the total.
    faces : dict of Outcome to int
    batches : dict of str to int
        By state.
    persons : dict of str to int
        Verified files per person, who answers for those merged into them; of a person who was removed, while
        there are files.  ``_unknown`` for the folder of unknown faces if it is used.
    skipped : dict of str to int
        Files and folders that the last scan left out, by reason; they are no photos, or nobody can tell.
    absent : dict of str to int
        Photos that are in no source any more: their files are ``gone``, or have been ``replaced``.  They are in no sum.
    remarks : dict of str to int
        Photos of the sources that have a `Remark`, by its code; duplicates do not count.
    clips : dict of str to int
        Photos that are clips, as far as they could be read: ``total``, the same by status, and those of the unknown
        ones that wait for an answer (``awaits_review``); their ``tracks``.  What the scan left out: clips
        (``left_out``) and movies of Live Photos (``left_out_movies``).
    same_shot : int
        Duplicates that are another file of a shot: the RAW of a JPEG, for example.
    sources : dict of str to dict
        ``files`` that are there, and ``pending`` ones among them, by the name of the source.
    by_group : dict of str to int
        ``faces`` that only their group named (``within_group``), and the ``photos`` that they are in.
    in_doubt : dict of str to int
        Photos with a face of a group that may be somebody's (``group_in_doubt``), by the name of that person.
    failures : dict of str to int
        Files that failed, by reason.
    failed_copies : dict of str to int
        Files of the output that could not be written, by reason.
    seconds : dict of str to float
        What all runs took, by stage: ``analysis`` in the workers, added up; in the coordinating process ``wait`` for
        them, and its ``own`` work.
    derivatives : dict of str to int
        Smaller versions of output JPEGs, by format.
    published, dead_objects : dict of str to int
        Objects of object stores, by what became of them; those that were given up, by reason.
    """

    photos: dict[PhotoStatus, int]
    faces: dict[Outcome, int]
    batches: dict[str, int]
    persons: dict[str, int] = field(default_factory=dict)
    skipped: dict[str, int] = field(default_factory=dict)
    absent: dict[str, int] = field(default_factory=dict)
    remarks: dict[str, int] = field(default_factory=dict)
    clips: dict[str, int] = field(default_factory=dict)
    same_shot: int = 0
    sources: dict[str, dict[str, int]] = field(default_factory=dict)
    by_group: dict[str, int] = field(default_factory=dict)
    in_doubt: dict[str, int] = field(default_factory=dict)
    failures: dict[str, int] = field(default_factory=dict)
    failed_copies: dict[str, int] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    derivatives: dict[str, int] = field(default_factory=dict)
    published: dict[str, int] = field(default_factory=dict)
    dead_objects: dict[str, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """All files that are in the sources."""
        return sum(self.photos.values())


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One execution of a sort or a re-match; fields as in the table.

    Parameters
    ----------
    finished_at : datetime or None
        Of a run that was killed: the end of its last batch, if it finished one.
    photos : int
        Files that it read.
    seconds : float
        From its start to the end of its last batch.
    """

    run_id: int
    started_at: datetime
    finished_at: datetime | None
    state: str
    version: str
    pack_name: str
    pack_id: str
    settings: dict[str, Any]
    kind: str = "sort"
    photos: int = 0
    seconds: float = 0.0

    @property
    def shifted(self) -> int:
        """Files that its scan took for unchanged although their time had moved, as on a card in another zone."""
        return int(self.settings.get("scan", {}).get("shifted", 0))

    @property
    def groups(self) -> Mapping[str, Any]:
        """What its groups went by (`engine.job.groups.EventGroups.record`); empty if it had none."""
        found: Mapping[str, Any] = self.settings.get("groups") or {}
        return found


@contextmanager
def evaluated_once(store: Store) -> Iterator[None]:
    """Evaluate where everything stands once, for all questions inside; nothing may be written there."""
    with (
        store.materialized("held"),
        store.materialized("place"),
        store.materialized("face_state"),
        store.materialized("photo_state", "* EXCLUDE (sha256, size, turn, utc_offset)"),
        store.materialized("file_state", "* EXCLUDE (sha256)"),
    ):
        yield


def counts_alone(store: Store) -> Counts:
    """As `counts`, of what nothing else is asked at the same time: in two thirds of the time."""
    with (
        store.materialized("face_state", _FACE),
        store.materialized("held", _FILE),
        store.materialized("place"),
    ):
        return counts(store)


def counts(store: Store) -> Counts:
    """Count photos, faces, batches and files."""
    batches = dict(store.rows("SELECT state, count(*) FROM batch GROUP BY state"))
    return replace(
        _standing(store),
        batches={
            s: batches.get(s, 0) for s in ("PENDING", "PROCESSING", "COMMITTING", "COMMITTED")
        },
        persons=copies_by_person(store),
        skipped=skipped_reasons(store),
        absent=absent_photos(store),
        remarks=photos_by_remark(store),
        failed_copies=dict(Counter(reason for _, reason in failed_writes(store))),
        seconds=_seconds(store),
        derivatives=_derivatives(store),
        published=dict(published_counts(store)),
        dead_objects=dict(dead_objects(store)),
    )


def _standing(store: Store) -> Counts:
    """What depends on where photos and faces stand; the rest is empty."""
    photos, sources, reasons = _files(store)
    same_shot = reasons.pop(Reason.SAME_SHOT, 0)
    faces = dict(store.rows("SELECT outcome, count(*) FROM face_state GROUP BY outcome"))
    by_group, in_doubt = _groups(store)
    return Counts(
        photos=photos,
        faces={outcome: faces.get(outcome.value, 0) for outcome in Outcome},
        batches={},
        clips=_clips(store),
        same_shot=same_shot,
        sources=sources,
        by_group=by_group,
        in_doubt=in_doubt,
        failures=dict(reasons),
    )


def counts_of(store: Store, photos: Collection[int]) -> Counts:
    """As `counts`, of some photos and all of their files; only where they and their faces stand."""
    # As a list in SQL, which unlike a parameter is compared before rows are joined.
    ids = ", ".join(map(str, photos)) or "NULL"
    with (
        places_of(store, ids),
        store.materialized("result", where=f"photo_id IN ({ids})"),
        store.materialized("face_state", _FACE, f"photo_id IN ({ids})"),
        store.materialized("held", _FILE, f"decided_as IN ({ids})"),
        store.materialized("place"),
        store.materialized("photo_state", _PHOTO, f"photo_id IN ({ids})"),
    ):
        return _standing(store)


def copies_by_person(store: Store) -> dict[str, int]:
    """Verified files of each person in the output, and of unknown faces if there are any."""
    persons = store.rows(
        "SELECT e.name, count(DISTINCT w.target) FROM everyone e "
        "LEFT JOIN write w ON w.person_id = e.person_id AND w.status = 'verified' "
        "GROUP BY e.name HAVING bool_or(e.current_id IN (SELECT person_id FROM person)) OR count(w.target) > 0 "
        "ORDER BY min(e.current_id)"
    )
    unnamed = store.value(
        "SELECT count(*) FROM write WHERE person_id IS NULL AND status = 'verified'"
    )
    return dict(persons) | ({"_unknown": unnamed} if unnamed else {})


def _files(
    store: Store,
) -> tuple[dict[PhotoStatus, int], dict[str, dict[str, int]], Counter[str]]:
    """`Counts.photos`, `Counts.sources`, and files by the reasons that are counted; one query, since planning costs."""
    photos = dict.fromkeys(PhotoStatus, 0)
    sources: dict[str, dict[str, int]] = {}
    reasons: Counter[str] = Counter()
    for name, status, why, files in store.rows(_FILES):
        of_source = sources.setdefault(name, {"files": 0, "pending": 0})
        if status is None:  # a source without files
            continue
        photos[PhotoStatus(status)] += files
        of_source["files"] += files
        if status == PhotoStatus.PENDING:
            of_source["pending"] += files
        if why is not None:
            reasons[why] += files
    return photos, sources, reasons


def _seconds(store: Store) -> dict[str, float]:
    """`Counts.seconds`, to the millisecond: how a sum of floats ends depends on the order."""
    ((analysis,),) = store.rows("SELECT round(coalesce(sum(seconds), 0), 3) FROM timing")
    ((wait, own),) = store.rows(
        "SELECT round(coalesce(sum(analysis_seconds), 0), 3), round(coalesce(sum(engine_seconds), 0), 3) FROM run_batch"
    )
    return {"analysis": analysis, "wait": wait, "own": own}


def _derivatives(store: Store) -> dict[str, int]:
    return dict(
        store.rows("SELECT format, count(*) FROM derivative GROUP BY format ORDER BY format")
    )


def _groups(store: Store) -> tuple[dict[str, int], dict[str, int]]:
    """`Counts.by_group` and `Counts.in_doubt`."""
    by_group, in_doubt = {"faces": 0, "photos": 0}, {}
    for may_be, faces, photos in store.rows(_GROUPS):
        if may_be is None:  # named by their group
            by_group = {"faces": faces, "photos": photos}
        else:
            in_doubt[may_be] = photos
    return by_group, in_doubt


def absent_photos(store: Store) -> dict[str, int]:
    """How many photos were in the sources and are not any more: ``gone``, or ``replaced`` by other content.

    Files that were moved or renamed are neither: their content is still there.  A file that was never read counts too.
    """
    rows = store.rows("SELECT state, count(*) FROM absent_photo GROUP BY state")
    return {"gone": 0, "replaced": 0} | dict(rows)


def photos_by_remark(store: Store) -> dict[str, int]:
    """How many photos have each remark."""
    # Most jobs have none, and planning `photo_state` is a quarter of what counting costs.
    if not store.value("SELECT bool_or(len(remarks) > 0) FROM photo"):
        return {}
    rows = store.rows(
        "SELECT code, count(*) FROM (SELECT unnest(remarks) AS code FROM photo_state "
        "WHERE present AND status <> 'pending') GROUP BY code ORDER BY code"
    )
    return dict(rows)


def remarked_photos(store: Store, limit: int) -> tuple[int, list[tuple[str, list[str], str]]]:
    """How many photos have remarks; path, remarks and detail of some, damaged ones first, else in order."""
    rows = store.rows(
        "SELECT count(*) OVER (), shown_path(source, path), remarks, if(status = 'failed', '', detail) "
        "FROM photo_state WHERE present AND status <> 'pending' AND len(remarks) > 0 "
        "ORDER BY NOT list_contains(remarks, ?), photo_id LIMIT ?",
        [Remark.DAMAGED.value, limit],
    )
    return (rows[0][0] if rows else 0), [row[1:] for row in rows]


def _clips(store: Store) -> dict[str, int]:
    """`Counts.clips`; only what a job with clips has."""
    left_out = store.rows(
        "SELECT if(file_id IS NULL, 'left_out', 'left_out_movies') AS what, count(*) FROM skipped "
        "WHERE reason = 'video' GROUP BY what ORDER BY what"
    )
    if not store.value("SELECT EXISTS (FROM clip)"):
        return dict(left_out)
    found = store.rows(
        "SELECT f.status, count(*), count(*) FILTER (f.reason = 'awaits_review') FROM file_state f "
        "JOIN clip c ON c.photo_id = f.decided_as WHERE f.status NOT IN ('pending', 'duplicate') GROUP BY f.status"
    )
    by_status = {status: clips for status, clips, _ in found}
    return {
        "total": sum(by_status.values()),
        **{s.value: by_status.get(s, 0) for s in _CLIP_STATUSES},
        Reason.AWAITS_REVIEW.value: sum(awaiting for *_, awaiting in found),
        "tracks": store.value("SELECT count(*) FROM track"),
        **dict(left_out),
    }


def drop_reasons(store: Store) -> dict[str, int]:
    """Files whose photo reached no folder of a person, by reason code, most frequent first."""
    rows = store.rows(
        "SELECT reason, count(*) FROM decided_file WHERE status <> 'matched' "
        "GROUP BY reason ORDER BY count(*) DESC, reason"
    )
    return dict(rows)


def skipped_reasons(store: Store) -> dict[str, int]:
    """Files that the scan did not take for photos, by reason."""
    rows = store.rows(
        "SELECT reason, count(*) FROM skipped GROUP BY reason ORDER BY count(*) DESC, reason"
    )
    return dict(rows)


def failed_photos(store: Store, limit: int = 100) -> list[tuple[str, str, str]]:
    """Path, reason and detail of failed photos, in order."""
    return store.rows(
        "SELECT shown_path(source, path), reason, detail FROM file_state WHERE status = 'failed' "
        "ORDER BY file_id LIMIT ?",
        [limit],
    )


def failed_writes(store: Store) -> list[tuple[str, str]]:
    """Target and reason of writes that could not be carried out, unless a retry has since succeeded."""
    return store.rows(
        "SELECT target, any_value(reason) FROM write GROUP BY target "
        "HAVING bool_and(status = 'failed') ORDER BY target"
    )


def photo_folders(store: Store) -> dict[str, frozenset[str]]:
    """Path of every file and the names of the persons to whom its photo was delivered."""
    rows = store.rows(
        "SELECT s.path, list(DISTINCT p.name) FILTER (p.name IS NOT NULL) FROM file_state s "
        "LEFT JOIN write w ON w.photo_id = s.decided_as AND w.status = 'verified' "
        "LEFT JOIN everyone p ON p.person_id = w.person_id GROUP BY s.path"
    )
    return {path: frozenset(names or ()) for path, names in rows}


def distances_by_outcome(store: Store) -> dict[Outcome, NDArray[np.float32]]:
    """The same distances, apart for each outcome."""
    import numpy as np

    rows = store.rows(
        "SELECT outcome, distance FROM face_decision WHERE distance IS NOT NULL ORDER BY face_id"
    )
    return {
        outcome: np.array([d for found, d in rows if found == outcome], dtype=np.float32)
        for outcome in Outcome
    }


def run_records(store: Store) -> list[RunRecord]:
    """All runs, oldest first."""
    rows = store.rows(
        "WITH worked AS (SELECT run_id, max(finished_at) AS ended_at, sum(photos)::INTEGER AS photos "
        " FROM run_batch GROUP BY run_id) "
        "SELECT r.run_id, r.started_at, coalesce(r.finished_at, w.ended_at), r.state, r.version, r.pack_name, "
        "r.pack_id, r.settings, r.kind, coalesce(w.photos, 0), coalesce(epoch(w.ended_at - r.started_at), 0) "
        "FROM run r LEFT JOIN worked w USING (run_id) ORDER BY r.run_id"
    )
    return [RunRecord(*(*row[:7], json.loads(row[7]), *row[8:])) for row in rows]


def run_record(store: Store, run_id: int) -> RunRecord:
    """One run with its settings."""
    return next(run for run in run_records(store) if run.run_id == run_id)


def throughput(store: Store, run_id: int) -> list[tuple[datetime, int, float, float]]:
    """Per batch of a run: when it was committed (UTC), photos, seconds waited for workers, seconds worked.

    Batches of a re-match analyse no photos.
    """
    return store.rows(
        "SELECT finished_at, photos, analysis_seconds, engine_seconds FROM run_batch WHERE run_id = ? "
        "ORDER BY finished_at",
        [run_id],
    )
