"""Clips and tracks: what is stored of them, and what it says of who gets a copy."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from store_rows import (
    AWAITS,
    CLIP,
    CORRUPT,
    GIVEN,
    MATCHED,
    NO_FACE,
    NOBODY,
    SAME,
    UNKNOWN,
    add,
    add_people,
    clip,
    finish,
    photo,
    record,
    result,
    retry,
    track,
    write,
)

from facesort.core.clips import Track
from facesort.core.persons.matching import Decision
from facesort.core.text.meanings import explain
from facesort.errors import StoreError
from facesort.reasons import FaceReason, Outcome, Reason
from facesort.store import Store
from facesort.store.privacy.erasure import of_unknown
from facesort.store.privacy.rewrite import write_without
from facesort.store.queries import reports
from facesort.store.queries.audit import dropped
from facesort.store.queries.delivery import deliveries
from facesort.store.queries.delivery.commit_log import planned_writes
from facesort.store.queries.delivery.corrections import corrections
from facesort.store.queries.stored import stored_photos
from facesort.store.queries.tables import table
from facesort.store.queries.tracks import tracks_of
from facesort.store.what_counts import Proposal, Standing, standings


def shown(found: Track) -> tuple[object, ...]:
    """All of a track, to be compared."""
    when = (found.start_ms, found.end_ms, found.best_ms)
    return (*when, found.times_ms.tolist(), found.boxes.tolist(), found.strip)


def test_a_clip_and_its_tracks_come_back_as_they_were_stored(store: Store) -> None:
    add(store, [photo(1), photo(2), photo(3, "a.mp4")])
    both = clip(result(3, *MATCHED, persons=(1, 2)))
    record(store, 1, [result(1, *NO_FACE), result(2, *MATCHED), both])

    assert [photo.clip for photo in stored_photos(store)] == [None, None, CLIP]
    tracks = tracks_of(store, [1, 2, 3])
    assert {key: shown(one) for key, one in tracks.items()} == {
        2: shown(track(0, 800)),
        3: shown(track(400, 1200)),
    }, "the first face is in a photo"
    assert (tracks[2].times_ms.dtype, tracks[2].boxes.dtype) == (np.int32, np.float32)
    assert [one.strip for one in tracks_of(store, [3], strip=False).values()] == [()]
    assert tracks_of(store, []) == {}


def test_a_clip_that_failed_and_is_read_again_is_known_once(store: Store) -> None:
    add(store, [photo(1, "a.mp4")])
    failed = clip(result(1, *CORRUPT))
    record(store, 1, [failed])
    finish(store, 1)
    retry(store)
    longer = replace(CLIP, duration_ms=5000)
    again = clip(result(1, *UNKNOWN))
    record(store, 2, [replace(again, analysis=replace(again.analysis, clip=longer))])
    assert [photo.clip for photo in stored_photos(store)] == [longer]


def test_the_frame_that_a_copy_shows_is_planned_and_planned_again(store: Store) -> None:
    add_people(store)
    add(store, [photo(1, "a.mp4"), photo(2)])
    poster = replace(write(1), at_ms=1200)
    record(store, 1, [clip(result(1, *MATCHED)), result(2, *MATCHED)], [poster, write(2)])
    planned = planned_writes(store, 1)
    assert [w.plan for w in planned] == [poster, write(2)]
    assert [w.photo.at_ms for w in planned] == [1200, None]
    assert [copy for photo in stored_photos(store) for copy in photo.copies] == [poster, write(2)]

    finish(store, 1, {1: Reason.NAME_TAKEN})
    retry(store)
    assert [w.plan for w in planned_writes(store, 2)] == [poster]


@pytest.mark.parametrize(
    ("column", "value"),
    [("times", b""), ("times", b"123"), ("boxes", bytes(4)), ("boxes", b"\xff" * 80)],
)
def test_a_track_that_somebody_changed_is_told(store: Store, column: str, value: bytes) -> None:
    add(store, [photo(1, "a.mp4")])
    record(store, 1, [clip(result(1, *MATCHED))])
    store.execute(f"UPDATE track SET {column} = ?", [value])
    with pytest.raises(StoreError, match="track of face 1 is damaged"):
        tracks_of(store, [1])


@pytest.mark.parametrize(("keep_boxes", "left"), [(False, 0), (True, 1)])
def test_no_picture_of_an_erased_track_stays(tmp_path: Path, keep_boxes: bool, left: int) -> None:
    """With `keep_boxes` it is still known where and when somebody was seen, as of a photo."""
    with Store.open(tmp_path / "old") as store:
        add_people(store)
        add(store, [photo(1, "a.mp4"), photo(2, "b.mp4")])
        record(store, 1, [clip(result(1, *MATCHED)), clip(result(2, *UNKNOWN))])
        erasure = of_unknown(store, keep_boxes=keep_boxes)
    write_without(tmp_path / "old", tmp_path / "new", erasure)
    with Store.open(tmp_path / "new", read_only=True) as store:
        assert store.value("SELECT count(*) FROM clip") == 2, "what the files are is no secret"
        assert store.value("SELECT count(*) FROM track WHERE face_id = 2") == left
        assert store.value("SELECT count(*) FROM strip WHERE face_id = 2") == 0
        assert [shown(one) for one in tracks_of(store, [1]).values()] == [shown(track(0, 800))]


# --- what counts ------------------------------------------------------------------------------

STRICT, LOOSE, NO = Outcome.STRICT, Outcome.LOOSE, Outcome.UNKNOWN


def given(person_id: int, outcome: Outcome = LOOSE) -> Decision:
    reason = FaceReason.WITHIN_STRICT if outcome is STRICT else FaceReason.ABOVE_STRICT
    return replace(GIVEN, person_id=person_id, outcome=outcome, reason=reason)


def wanted(store: Store) -> list[tuple[int, int | None]]:
    return store.rows(
        "SELECT photo_id, person_id FROM wanted_copy WHERE NOT doubled ORDER BY photo_id, first_face_id"
    )


def where(store: Store) -> dict[int, tuple[str, str | None]]:
    rows = store.rows("SELECT photo_id, status, reason FROM photo_state ORDER BY photo_id")
    return {key: (status, reason) for key, status, reason in rows}


def test_nobody_gets_a_clip_in_which_they_are_loose_before_a_yes(store: Store) -> None:
    add_people(store)
    add(store, [photo(n, f"{n}.mp4") for n in range(1, 4)] + [photo(4)])
    record(
        store,
        1,
        [
            clip(result(1, *AWAITS, persons=(1, 2)), [given(1), given(2)]),
            clip(result(2, *MATCHED, persons=(1, 2)), [given(1), given(2, STRICT)]),
            clip(result(3, *UNKNOWN), [NOBODY]),
            replace(result(4, *MATCHED), decisions=(given(1),)),
        ],
    )
    matched, unknown = ("matched", None), ("unknown", "only_unknown_faces")
    assert where(store) == {1: AWAITS, 2: matched, 3: unknown, 4: matched}
    assert wanted(store) == [(2, 2), (3, None), (4, 1)], "in a photo LOOSE is enough"

    answers = {"yes": matched, "no": AWAITS, "unsure": AWAITS}
    for answer, then in answers.items():
        store.execute("DELETE FROM answer")
        store.execute("INSERT INTO answer VALUES (1, 1, ?)", [answer])
        assert where(store)[1] == then
        assert [one for one in wanted(store) if one[0] == 1] == [(1, 1)] * (answer == "yes")
    store.execute("DELETE FROM answer")
    store.execute("INSERT INTO answer VALUES (1, 1, 'no'), (2, 2, 'no'), (3, 1, 'yes')")
    assert where(store)[1] == unknown, "nothing is asked any more"
    assert wanted(store) == [(1, None), (2, 1), (2, 2), (3, None), (4, 1)]


def test_clips_are_counted_and_what_is_left_out_is_told(store: Store) -> None:
    add_people(store)
    add(store, [photo(n, f"{n}.mp4") for n in range(1, 6)] + [photo(6)])
    skip = "INSERT INTO skipped (source_id, path, reason, size, mtime_ns, file_id) VALUES (1, ?, ?, 1, 1, ?)"
    for path, reason, file_id in (
        ("a.mp4", "video", None),
        ("b.mov", "video", 6),
        ("c", "other", None),
    ):
        store.execute(skip, [path, reason, file_id])
    assert reports.counts(store).clips == {"left_out": 1, "left_out_movies": 1}
    record(
        store,
        1,
        [
            clip(result(1, *AWAITS, persons=(1, 2)), [given(1), given(2)]),
            clip(result(2, *MATCHED), [given(1, STRICT)]),
            clip(result(3, *NO_FACE)),
            clip(result(4, *CORRUPT)),
            result(5, *SAME, sha256="sha-2", known_as=2),
            result(6, *NO_FACE),
        ],
    )
    assert reports.counts(store).clips == {
        "total": 4, "matched": 1, "unknown": 1, "no_face": 1, "failed": 1, "awaits_review": 1, "tracks": 3,
        "left_out": 1, "left_out_movies": 1,
    }  # fmt: skip
    assert table(store, "photos").select("persons, duration_ms").fetchall() == [
        ([], 4000), (["Anna"], 4000), ([], 4000), ([], 4000), ([], None)
    ]  # fmt: skip
    assert table(store, "tracks").select("person, awaits, start_ms, end_ms, best_ms, samples").fetchall() == [
        ("Anna", True, 0, 900, 800, 5), ("Ben", True, 300, 1300, 1200, 5), ("Anna", False, 0, 900, 800, 5),
    ]  # fmt: skip
    assert reports.drop_reasons(store)["awaits_review"] == 1
    assert explain("awaits_review").startswith("a clip in which")
    assert [ref.path for ref in dropped.faceless_photos(store, 9)] == ["00006.jpg"]
    appear = {name: photos for name, photos, *_ in dropped.coverage(store, 0.5).by_person}
    assert appear == {"Anna": 1, "Ben": 0}, "nobody has a clip that awaits a yes"


def test_somebody_withheld_may_be_in_a_clip(store: Store) -> None:
    add_people(store)
    store.execute("UPDATE person SET deliver = false WHERE person_id = 1")
    add(store, [photo(1, "a.mp4")])
    record(store, 1, [clip(result(1, *AWAITS, persons=(1, 2)), [given(1), given(2, STRICT)])])
    assert where(store) == {1: ("unknown", "do_not_deliver")}


def test_standings_of_clips_that_are_not_stored_yet(store: Store) -> None:
    add_people(store)
    faces = [
        Proposal(1, -5, 1, LOOSE, 1, True, True),
        Proposal(1, -4, None, NO, 1, True, True),
        Proposal(2, -3, 1, LOOSE, 2, True, True),
        Proposal(2, -2, 2, STRICT, 2, True, True),
        Proposal(3, -1, None, NO, 3, True, True),
    ]
    for answered in (False, True):
        assert standings(store, faces, unknown_folder=True, answered=answered) == {
            1: Standing(*AWAITS, ()),
            2: Standing(*MATCHED, ((2, "person-2"),)),
            3: Standing(*UNKNOWN, ((None, "_unknown"),)),
        }


def test_the_movie_of_a_live_photo_goes_to_those_who_are_not_in_the_picture(store: Store) -> None:
    add_people(store)
    add(store, [photo(1, "a.heic"), photo(2, "a.mov"), photo(3, "b.heic"), photo(4, "b.mov")])
    both = [given(1, STRICT), given(2, STRICT)]

    def of_batch(still: int, first_id: int) -> list[Proposal]:
        return [
            Proposal(still, first_id, 1, STRICT, still),
            Proposal(still + 1, first_id + 1, 1, STRICT, still, True, True),
            Proposal(still + 1, first_id + 2, 2, STRICT, still, True, True),
        ]

    def targets(faces: list[Proposal]) -> list[tuple[object, ...]]:
        return [s.targets for s in standings(store, faces, unknown_folder=False).values()]

    ann, ben = (1, "person-1"), (2, "person-2")
    assert targets(of_batch(1, -3)) == [(ann,), (ben,)], "both in one batch"
    record(
        store,
        1,
        [
            result(1, *MATCHED),
            clip(result(2, *MATCHED, persons=(1, 2), shot_of=1), both),
            result(3, *UNKNOWN),
            clip(result(4, *UNKNOWN, shot_of=3)),
        ],
    )
    assert wanted(store) == [(1, 1), (2, 2), (3, None)]
    assert targets(of_batch(1, 1)[1:]) == [(ben,)], "the picture was stored before"
    store.execute("INSERT INTO answer VALUES (1, 1, 'no')")
    assert targets(of_batch(1, 1)[1:]) == [(ann, ben)]
    assert wanted(store) == [(1, None), (2, 1), (2, 2), (3, None)]


def test_the_copy_of_a_movie_stays_right_when_its_picture_comes_later(store: Store) -> None:
    add_people(store)
    add(store, [photo(1, "a.mov")])
    record(store, 1, [clip(result(1, *MATCHED))], [replace(write(1), at_ms=800)])
    finish(store, 1)
    add(store, [photo(2, "a.heic")])
    record(store, 2, [result(2, *MATCHED, shot_of=1)], [write(2)])
    finish(store, 2)
    assert wanted(store) == [(2, 1)], "a lost one is not planned again"
    assert corrections(store) == []
    assert ("card-1", "a.mov", "live_photo", 1) in deliveries.left_out_files(store)
