"""Two moments of a job: what ``what_counts.sql`` says of each, what changed between them, and why."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import astuple, dataclass, replace
from datetime import datetime, timedelta

import pytest

from facesort.core.delivery.changes import (
    ChangedPhoto,
    Circumstances,
    Moment,
    causes,
    different_settings,
)
from facesort.reasons import FaceReason, Outcome, PhotoStatus
from facesort.store import Store
from facesort.store.queries.audit import dropped
from facesort.store.queries.audit.dropped import drops_by_run
from facesort.store.queries.audit.history import changed_photos

ADA, BO = 1, 2
NAMES = {ADA: "Ada", BO: "Bo"}
THEN = Circumstances({"matching.loose": 0.6, "run.workers": 2}, "p" * 64, {ADA: (1, 0), BO: (1, 0)})
NOON = datetime(2026, 5, 4, 12)


@dataclass(frozen=True, slots=True)
class Decided:
    """One round of the machine's decisions about face 1 of photo 10."""

    round: int
    run_id: int
    kind: str
    reason: FaceReason
    person_id: int | None
    distance: float
    nearest_id: int
    group_distance: float | None = None


@dataclass(frozen=True, slots=True)
class Resulted:
    """What a batch made of a photo; each run has one batch of its number."""

    photo_id: int
    run_id: int
    status: PhotoStatus
    reason: str | None


UNKNOWN_THEN = Decided(0, 1, "sort", FaceReason.ABOVE_LOOSE, None, 0.65, ADA)
ADA_THEN = replace(UNKNOWN_THEN, person_id=ADA, distance=0.55, reason=FaceReason.ABOVE_STRICT)
SORTED = Resulted(10, 1, PhotoStatus.UNKNOWN, "only_unknown_faces")
Said = tuple[int, int, str]  # face, person, answer


def rematched(before: Decided, person_id: int | None, distance: float) -> Decided:
    reason = FaceReason.ABOVE_LOOSE if person_id is None else FaceReason.ABOVE_STRICT
    return replace(
        before,
        round=1,
        run_id=2,
        kind="rematch",
        person_id=person_id,
        distance=distance,
        reason=reason,
    )


def fill(
    store: Store, decisions: Sequence[Decided], results: Sequence[Resulted], runs: int = 2
) -> None:
    """Runs of an hour each from noon on; what they decided."""
    for run_id in range(1, runs + 1):
        start, end = NOON + timedelta(hours=run_id - 1), NOON + timedelta(hours=run_id)
        kind = next((d.kind for d in decisions if d.run_id == run_id), "sort")
        store.execute(
            "INSERT INTO run VALUES (?, ?, ?, 'finished', '1', 'p', 'p', '{}', 'sort')",
            [run_id, start, end],
        )
        store.execute("INSERT INTO batch VALUES (?, ?, 'COMMITTED')", [run_id, kind])
        store.execute("INSERT INTO run_batch VALUES (?, ?, ?, 1, 0, 0)", [run_id, run_id, end])
    for person_id, name in NAMES.items():
        store.execute("INSERT INTO person VALUES (?, ?, ?, ?, true)", [person_id, *[name] * 3])
    for photo_id in sorted({r.photo_id for r in results}):
        add(store, photo_id, f"{photo_id}.jpg")
    for result in results:
        store.execute(
            "INSERT INTO result VALUES (?, ?, ?, ?, '')",
            [result.photo_id, result.run_id, result.status, result.reason],
        )
        read(store, result.photo_id, result.run_id)
    if decisions:
        store.execute(
            "INSERT INTO face VALUES (1, 10, ?, 0, 0, 1, 1, '', 1, 1, 0, 1, 'p', '', '')",
            [decisions[0].run_id],
        )
    for d in decisions:
        outcome = Outcome.UNKNOWN if d.person_id is None else Outcome.LOOSE
        store.execute(
            "INSERT INTO decision (face_id, round, outcome, reason, person_id, distance, nearest_id, batch_id, "
            "group_distance) VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?)",
            [d.round, outcome, *astuple(d)[3:7], d.run_id, d.group_distance],
        )


def add(store: Store, photo_id: int, path: str) -> None:
    store.execute("INSERT OR IGNORE INTO source VALUES (1, 'card-1', 'used')")
    store.execute("INSERT INTO file VALUES (?, 1, ?, 1, 1, 'present')", [photo_id, path])
    store.execute(
        "INSERT INTO photo (photo_id, sha256, shot_id, decided_as) VALUES ($1, 'sha' || $1, $1, $1)",
        [photo_id],
    )


def read(store: Store, photo_id: int, batch_id: int) -> None:
    store.execute("INSERT INTO batch_file VALUES (?, ?)", [batch_id, photo_id])
    store.execute("INSERT INTO reading VALUES (?, ?, ?, NULL, '')", [photo_id, batch_id, photo_id])


def answer_later(
    store: Store, then: Sequence[Said], now: Sequence[Said], withheld: tuple[bool, bool]
) -> None:
    """What users said before the first run ended and after; whether Ada was withheld then and is now."""
    late = NOON + timedelta(hours=5)
    store.execute("INSERT INTO action VALUES (1, ?, 'answer', '', false)", [late])
    for said in now:
        store.execute("INSERT INTO answer VALUES (?, ?, ?)", list(said))
        store.execute("INSERT INTO answer_edit VALUES (1, true, ?, ?, ?)", list(said))
    for said in then:
        store.execute("INSERT INTO answer_edit VALUES (1, false, ?, ?, ?)", list(said))
    if withheld[0] != withheld[1]:
        store.execute(
            "INSERT INTO person_edit SELECT 1, v.after, p.* "
            "FROM person p, (VALUES (true), (false)) v(after) WHERE person_id = 1"
        )
        then_delivered, now_delivered = not withheld[0], not withheld[1]
        store.execute("UPDATE person_edit SET deliver = ? WHERE NOT after", [then_delivered])
        store.execute("UPDATE person_edit SET deliver = ? WHERE after", [now_delivered])
        store.execute("UPDATE person SET deliver = ? WHERE person_id = 1", [now_delivered])


EARLIER = Moment(1, NOON + timedelta(hours=1))


def changes(
    decisions: list[Decided],
    *,
    then: Circumstances = THEN,
    now: Circumstances = THEN,
    said: tuple[Sequence[Said], Sequence[Said]] = ((), ()),
    withheld: tuple[bool, bool] = (False, False),
    results: tuple[Resulted, ...] = (SORTED,),
) -> list[tuple[ChangedPhoto, tuple[str, ...]]]:
    with Store.open(None) as store:
        fill(store, decisions, results)
        answer_later(store, *said, withheld)
        found: list[ChangedPhoto] = []
        changed_photos(store, EARLIER, Moment(), found.append)
    return [(photo, causes(photo, (then, now), NAMES)) for photo in found]


def test_nothing_sorted_is_nothing_changed() -> None:
    assert changes([], results=()) == []


def test_a_photo_that_stays_as_it_was_is_no_change() -> None:
    assert changes([UNKNOWN_THEN]) == []
    assert changes([ADA_THEN, rematched(ADA_THEN, ADA, 0.5)], now=replace(THEN, gallery={})) == []


@pytest.mark.parametrize(
    ("before", "after", "now", "cause"),
    [
        (
            UNKNOWN_THEN,
            rematched(UNKNOWN_THEN, ADA, 0.65),
            replace(THEN, settings={"matching.loose": 0.7}),
            "setting matching.loose: 0.60 -> 0.70",
        ),
        (
            ADA_THEN,
            rematched(ADA_THEN, None, 0.55),
            replace(THEN, settings={"matching.loose": 0.5}),
            "setting matching.loose: 0.60 -> 0.50",
        ),
        (  # LOOSE has changed, but not so far that it could be the cause
            UNKNOWN_THEN,
            rematched(UNKNOWN_THEN, ADA, 0.5),
            replace(THEN, settings={"matching.loose": 0.61}),
            "gallery: faces learned since",
        ),
        (
            UNKNOWN_THEN,
            rematched(UNKNOWN_THEN, ADA, 0.5),
            replace(THEN, gallery={ADA: (3, 0), BO: (1, 0)}),
            "gallery: references of Ada, 1 -> 3",
        ),
        (
            UNKNOWN_THEN,
            rematched(UNKNOWN_THEN, 3, 0.3),
            replace(THEN, gallery={ADA: (1, 0), BO: (1, 0), 3: (1, 0)}),
            "gallery: + person 3",
        ),
        (
            ADA_THEN,
            rematched(ADA_THEN, BO, 0.58),
            replace(THEN, gallery={BO: (1, 0)}),
            "gallery: - Ada",
        ),
        (
            ADA_THEN,
            rematched(ADA_THEN, BO, 0.4),
            replace(THEN, pack_id="q" * 64),
            f"model pack: {'p' * 12} -> {'q' * 12}",
        ),
        (
            UNKNOWN_THEN,
            rematched(UNKNOWN_THEN, ADA, 0.5),
            replace(THEN, gallery=None),
            "gallery: faces learned since",
        ),
    ],
)
def test_a_re_match_says_what_made_the_difference(
    before: Decided, after: Decided, now: Circumstances, cause: str
) -> None:
    ((change, why),) = changes([before, after], now=now)

    assert why == ("re-match", cause)
    assert change.before.persons == {p for p in [before.person_id] if p}
    assert change.after.persons == {p for p in [after.person_id] if p}


def event(loose: float) -> Circumstances:
    return replace(THEN, settings={"matching.loose": loose}, loose_of_event=True)


BY_GROUP = replace(ADA_THEN, reason=FaceReason.WITHIN_GROUP, distance=0.8, group_distance=0.58)


@pytest.mark.parametrize(
    ("before", "after", "cause"),
    [
        (replace(BY_GROUP, person_id=None, reason=FaceReason.ABOVE_LOOSE), BY_GROUP, "its group"),
        (  # the widest LOOSE alone would not have named it
            replace(UNKNOWN_THEN, distance=0.65),
            replace(BY_GROUP, distance=0.65, group_distance=0.62),
            "its group",
        ),
        (BY_GROUP, replace(UNKNOWN_THEN, distance=0.8), "its group"),
        (BY_GROUP, replace(UNKNOWN_THEN, reason=FaceReason.GROUP_IN_DOUBT), "its group"),
        (  # near enough for a group, not alone
            ADA_THEN,
            replace(UNKNOWN_THEN, distance=0.55),
            "its group",
        ),
        (
            ADA_THEN,
            replace(UNKNOWN_THEN, distance=0.55, reason=FaceReason.UNKNOWN_GROUP),
            "its group",
        ),
        (
            BY_GROUP,
            replace(UNKNOWN_THEN, distance=0.55, reason=FaceReason.PERSON_TAKEN),
            "the person is another face of the photo",
        ),
        (ADA_THEN, replace(BY_GROUP, person_id=BO), "its group"),
        (ADA_THEN, replace(ADA_THEN, person_id=BO, group_distance=0.5), "its group"),
        (ADA_THEN, replace(UNKNOWN_THEN, distance=0.9), "gallery: faces learned since"),
    ],
)
def test_a_face_that_a_group_brought_or_lost_says_so(
    before: Decided, after: Decided, cause: str
) -> None:
    later = replace(after, round=1, run_id=2, kind="rematch")

    ((_, why),) = changes([before, later], now=event(0.7))

    assert why == ("re-match", cause)


@pytest.mark.parametrize(
    ("before", "after", "loose", "cause"),
    [
        (BY_GROUP, replace(UNKNOWN_THEN, distance=0.8), 0.55123, "0.60 -> 0.55"),
        (UNKNOWN_THEN, rematched(UNKNOWN_THEN, ADA, 0.65), 0.7, "0.60 -> 0.70"),
    ],
)
def test_loose_of_the_event_is_no_setting(
    before: Decided, after: Decided, loose: float, cause: str
) -> None:
    later = replace(after, round=1, run_id=2, kind="rematch")

    ((_, why),) = changes([before, later], then=event(0.6), now=event(loose))
    ((_, of_one),) = changes([before, later], now=event(loose))

    assert why == ("re-match", f"LOOSE of the event: {cause}")
    assert of_one == ("re-match", f"LOOSE: {cause}")


def test_where_groups_are_turned_off_a_face_lost_its_group() -> None:
    later = replace(UNKNOWN_THEN, distance=0.8, round=1, run_id=2, kind="rematch")
    off = replace(THEN, settings={"matching.loose": 0.55, "matching.groups": False})

    ((_, why),) = changes([BY_GROUP, later], then=event(0.6), now=off)

    assert why == ("re-match", "its group")


@pytest.mark.parametrize(
    ("then", "now", "persons", "cause"),
    [
        ([], [(1, ADA, "no")], frozenset(), "user's answer"),
        ([], [(1, BO, "yes")], {BO}, "user's answer"),
        ([(1, ADA, "no")], [], {ADA}, "user's answer taken back"),
        ([(1, ADA, "no")], [(1, ADA, "yes")], {ADA}, "user's answer"),
    ],
)
def test_what_a_user_said_in_between_is_told(
    then: list[Said], now: list[Said], persons: set[int], cause: str
) -> None:
    ((change, why),) = changes([ADA_THEN], said=(then, now))

    assert change.after.persons == persons
    assert why == (cause,)


@pytest.mark.parametrize("said", [(1, BO, "no"), (1, ADA, "unsure"), (2, ADA, "no")])
def test_an_answer_that_changes_nothing_is_no_change(said: Said) -> None:
    assert changes([ADA_THEN], said=([], [said])) == []


def test_who_was_removed_without_a_trace_still_had_answers_then() -> None:
    gone = 9

    ((change, why),) = changes([ADA_THEN], said=([(1, gone, "yes")], []))

    assert (change.before.persons, change.after.persons) == ({gone}, {ADA})
    assert why == ("user's answer taken back",)


def test_a_gap_in_the_journal_leaves_one_yes_for_a_face() -> None:
    """The action that put Bo in Ada's place was erased by `forget`."""
    with Store.open(None) as store:
        fill(store, [UNKNOWN_THEN], (SORTED,))
        store.execute("INSERT INTO answer VALUES (1, ?, 'yes')", [BO])
        late = NOON + timedelta(hours=5)
        store.execute("INSERT INTO action VALUES (1, ?, 'answer', '', false)", [late])
        store.execute("INSERT INTO answer_edit VALUES (1, false, 1, ?, 'yes')", [ADA])

        then = store.rows("SELECT person_id FROM face_state_until(1, ?::TIMESTAMP)", [NOON])

        assert then == [(ADA,)]
        assert store.rows("SELECT person_id FROM face_state") == [(BO,)]


def test_who_is_not_to_be_delivered_any_more_is_named() -> None:
    ((change, why),) = changes([ADA_THEN], withheld=(False, True))
    ((_, back),) = changes([ADA_THEN], withheld=(True, False))

    assert change.after.reason == "do_not_deliver"
    assert why == ("user's answer: Ada withheld",)
    assert back == ("user's answer: Ada no longer withheld",)


def test_a_photo_that_was_tried_again_says_so() -> None:
    failed = Resulted(10, 1, PhotoStatus.FAILED, "corrupt")
    retried = Resulted(10, 2, PhotoStatus.UNKNOWN, "only_unknown_faces")
    face = replace(UNKNOWN_THEN, kind="retry", run_id=2)

    ((change, why),) = changes([face], results=(failed, retried))

    assert change.before.reason == "corrupt"
    assert why == ("retry",)


def test_a_copy_that_was_tried_again_is_why_whoever_was_named_meanwhile() -> None:
    results = (
        Resulted(10, 1, PhotoStatus.FAILED, "name_taken"),
        Resulted(10, 2, PhotoStatus.MATCHED, None),
    )

    ((_, why),) = changes([ADA_THEN], said=([], [(1, BO, "yes")]), results=results)

    assert why == ("retry",)


def test_decisions_of_later_runs_do_not_count_yet() -> None:
    later = Resulted(11, 2, PhotoStatus.NO_FACE, "no_face")
    with Store.open(None) as store:
        fill(store, [], (SORTED, later))
        then = "SELECT photo_id, status FROM photo_state_until(1, NULL) ORDER BY photo_id"
        assert store.rows(then) == [(10, "unknown"), (11, "pending")]
        found: list[ChangedPhoto] = []
        assert changed_photos(store, EARLIER, Moment(), found.append) == 1, "one is new"
        assert found == []


SORTED_AS = (PhotoStatus.MATCHED, None)


def test_drops_are_counted_as_they_were_when_each_run_ended() -> None:
    results = [
        SORTED,
        Resulted(11, 1, *SORTED_AS),
        Resulted(10, 2, *SORTED_AS),
        Resulted(12, 3, PhotoStatus.FAILED, "corrupt"),
    ]
    with Store.open(None) as store:
        assert drops_by_run(store) == {}
        fill(store, [], results, runs=3)
        assert drops_by_run(store) == {1: (1, 2), 2: (0, 2), 3: (1, 3)}


@pytest.mark.parametrize("asked", [dropped._DROPS_BY_RUN, dropped._GROUPS_BY_RUN])
def test_many_runs_are_not_counted_for_every_photo_anew(asked: str) -> None:
    photos, runs = 300, 40
    with Store.open(None) as store:
        fill(
            store,
            [],
            [Resulted(photo, 1 + photo % 2, *SORTED_AS) for photo in range(1, photos)],
            runs,
        )
        store.execute(
            "INSERT INTO face SELECT photo_id, photo_id, 1, 0, 0, 1, 1, '', 1, 1, 0, 1, 'p', '', '' FROM photo"
        )
        store.execute(
            "INSERT INTO decision (face_id, round, outcome, reason, batch_id) "
            "SELECT face_id, 0, 'strict', 'within_strict', 1 FROM face"
        )
        ((_, plan),) = store.rows(f"EXPLAIN ANALYZE {asked}")
        rows = [int(number.replace(",", "")) for number in re.findall(r"([\d,]+) rows", plan)]
        assert photos - 1 in rows
        assert max(rows) < 3 * photos
        dropped = drops_by_run(store)
        assert (dropped[1], dropped[2], dropped[runs]) == ((0, 149), (0, 299), (0, 299))


def test_settings_that_differ_are_listed_in_their_order() -> None:
    now = replace(THEN, settings={"matching.loose": 0.7, "run.workers": 2, "calibration.id": "ab"})

    assert different_settings(THEN, THEN) == []
    assert different_settings(THEN, now) == [
        ("matching.loose", 0.6, 0.7),
        ("calibration.id", None, "ab"),
    ]


def test_two_moments_of_a_small_event_fit_into_the_cache() -> None:
    with Store.open(None) as store:
        fill(store, [ADA_THEN], (SORTED,))
        for sql in (
            "INSERT INTO source SELECT i, 'card-' || i, 'used' FROM range(2, 4) t(i)",
            "INSERT INTO batch SELECT i, 'sort', 'COMMITTED' FROM range(3, 13) t(i)",
            "INSERT INTO run_batch SELECT 1, i, finished_at, 1, 0, 0 FROM range(3, 13) t(i), run WHERE run_id = 1",
            "INSERT INTO file SELECT i, i % 3 + 1, i || '.jpg', i, i, 'present' FROM range(100, 500) t(i)",
            "INSERT INTO photo (photo_id, sha256, shot_id, decided_as) SELECT i, i, i, i FROM range(100, 300) t(i)",
            "INSERT INTO batch_file SELECT i % 10 + 3, i FROM range(100, 500) t(i)",
            "INSERT INTO reading SELECT i, i % 10 + 3, i % 200 + 100, NULL, '' FROM range(100, 500) t(i)",
            "INSERT INTO result SELECT i, i % 10 + 3, 'matched', NULL, '' FROM range(100, 300) t(i)",
            "INSERT INTO face "
            "SELECT i, i, i % 10 + 3, 0, 0, 1, 1, '', 1, 1, 0, 1, 'p', '', '' FROM range(100, 300) t(i)",
            "INSERT INTO decision SELECT i, 0, 'strict', 'above_strict', 1, 0.5, 1, NULL, NULL, i % 10 + 3, NULL, NULL "
            "FROM range(100, 300) t(i)",
        ):
            store.execute(sql)
        store.execute(
            "SET memory_limit = '50MB'"
        )  # real events need more: an audit of 164 photos failed at 120
        found: list[ChangedPhoto] = []
        answer_later(store, [], [], (False, True))  # so that every photo is looked at
        assert changed_photos(store, EARLIER, Moment(), found.append) == 0
        assert {photo.after.reason for photo in found} == {"do_not_deliver"}
        assert len(found) == 201


def test_only_photos_that_were_decided_or_answered_since_are_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looked_at: list[int] = []
    execute = Store.execute

    def counted(store: Store, sql: str, parameters: Sequence[object] = ()) -> None:
        execute(store, sql, parameters)
        if "TABLE before AS" in sql:
            looked_at.append(store.value("SELECT count(*) FROM before"))

    monkeypatch.setattr(Store, "execute", counted)
    others = [Resulted(photo_id, 1, PhotoStatus.NO_FACE, "no_face") for photo_id in range(20, 60)]
    again = rematched(ADA_THEN, BO, 0.5)
    assert [
        photo.photo_id for photo, _ in changes([ADA_THEN, again], results=(SORTED, *others))
    ] == [10]
    said: tuple[list[Said], list[Said]] = ([], [(1, BO, "yes")])
    assert [
        photo.photo_id for photo, _ in changes([ADA_THEN], said=said, results=(SORTED, *others))
    ] == [10]
    assert changes([ADA_THEN], results=(SORTED, *others)) == []
    assert looked_at == [1, 1], "and nothing is asked where nothing can differ"
