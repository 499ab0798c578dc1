from __future__ import annotations

from dataclasses import replace

import pytest

from facesort.core.changes import Change, Circumstances, compare, different_settings
from facesort.core.history import Decided, Moment, Resulted, Said, drops_by_run, state_at
from facesort.reasons import FaceReason, PhotoStatus

ADA, BO = 1, 2
NAMES = {ADA: "Ada", BO: "Bo"}
THEN = Circumstances({"matching.loose": 0.6, "run.workers": 2}, "p" * 64, {ADA: (1, 0), BO: (1, 0)})
UNKNOWN_THEN = Decided(10, 1, 0, "sort", FaceReason.ABOVE_LOOSE, None, 0.65, ADA, run_id=1)
ADA_THEN = replace(UNKNOWN_THEN, person_id=ADA, distance=0.55, reason=FaceReason.ABOVE_STRICT)
SORTED = Resulted(10, 1, PhotoStatus.UNKNOWN, "only_unknown_faces")
EARLIER, NOW = Moment(1, [], frozenset()), Moment(None, [], frozenset())


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


def changes(
    decisions: list[Decided],
    *,
    then: Circumstances = THEN,
    now: Circumstances = THEN,
    moments: tuple[Moment, Moment] = (EARLIER, NOW),
    results: tuple[Resulted, ...] = (SORTED,),
) -> list[Change]:
    before, after = (state_at(moment, results, decisions) for moment in moments)
    return compare((before, after), (then, now), NAMES)


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
            "setting matching.loose: 0.6 -> 0.7",
        ),
        (
            ADA_THEN,
            rematched(ADA_THEN, None, 0.55),
            replace(THEN, settings={"matching.loose": 0.5}),
            "setting matching.loose: 0.6 -> 0.5",
        ),
        (  # LOOSE has changed, but not so far that it could be the cause
            UNKNOWN_THEN,
            rematched(UNKNOWN_THEN, ADA, 0.5),
            replace(THEN, settings={"matching.loose": 0.61}),
            "gallery: what was learned meanwhile",
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
            "gallery: what was learned meanwhile",
        ),
    ],
)
def test_a_re_match_says_what_made_the_difference(
    before: Decided, after: Decided, now: Circumstances, cause: str
) -> None:
    (change,) = changes([before, after], now=now)

    assert change.causes == ("re-match", cause)
    assert change.before.persons == {p for p in [before.person_id] if p}
    assert change.after.persons == {p for p in [after.person_id] if p}


@pytest.mark.parametrize(
    ("then", "now", "persons", "cause"),
    [
        ([], [Said(1, ADA, "no")], frozenset(), "user's answer"),
        ([], [Said(1, BO, "yes")], {BO}, "user's answer"),
        ([Said(1, ADA, "no")], [], {ADA}, "user's answer taken back"),
    ],
)
def test_what_a_user_said_in_between_is_told(
    then: list[Said], now: list[Said], persons: set[int], cause: str
) -> None:
    moments = (replace(EARLIER, said=then), replace(NOW, said=now))

    (change,) = changes([ADA_THEN], moments=moments)

    assert change.after.persons == persons
    assert change.causes == (cause,)


@pytest.mark.parametrize("said", [Said(1, BO, "no"), Said(1, ADA, "unsure"), Said(2, ADA, "no")])
def test_an_answer_that_changes_nothing_is_no_change(said: Said) -> None:
    assert changes([ADA_THEN], moments=(EARLIER, replace(NOW, said=[said]))) == []


def test_who_is_not_to_be_delivered_any_more_is_named() -> None:
    (change,) = changes([ADA_THEN], moments=(EARLIER, replace(NOW, withheld={ADA})))
    (back,) = changes([ADA_THEN], moments=(replace(EARLIER, withheld={ADA}), NOW))

    assert change.after.reason == "do_not_deliver"
    assert change.causes == ("user's answer: Ada not to be delivered",)
    assert back.causes == ("user's answer: Ada to be delivered again",)


def test_a_photo_that_was_tried_again_says_so() -> None:
    failed = Resulted(10, 1, PhotoStatus.FAILED, "corrupt")
    retried = Resulted(10, 2, PhotoStatus.UNKNOWN, "only_unknown_faces")
    face = replace(UNKNOWN_THEN, kind="retry", run_id=2)

    (change,) = changes([face], results=(failed, retried))

    assert change.before.reason == "corrupt"
    assert change.causes == ("retry",)


def test_decisions_of_later_runs_and_of_no_run_do_not_count_yet() -> None:
    later, lost = Resulted(11, 2, PhotoStatus.NO_FACE, "no_face"), Resulted(12, None, *SORTED_AS)
    results = (SORTED, later, lost)

    assert state_at(EARLIER, results, []).keys() == {10}
    assert state_at(NOW, results, []).keys() == {10, 11, 12}


SORTED_AS = (PhotoStatus.MATCHED, None)


def test_drops_are_counted_as_they_were_when_each_run_ended() -> None:
    results = [
        SORTED,
        Resulted(11, 1, *SORTED_AS),
        Resulted(10, 2, *SORTED_AS),
        Resulted(12, 3, PhotoStatus.FAILED, "corrupt"),
        Resulted(13, None, *SORTED_AS),
    ]

    assert drops_by_run([], []) == {}
    assert drops_by_run(results, [1, 2, 3]) == {1: (1, 2), 2: (0, 2), 3: (1, 3)}


def test_settings_that_differ_are_listed_in_their_order() -> None:
    now = replace(THEN, settings={"matching.loose": 0.7, "run.workers": 2, "calibration.id": "ab"})

    assert different_settings(THEN, THEN) == []
    assert different_settings(THEN, now) == [
        ("matching.loose", 0.6, 0.7),
        ("calibration.id", None, "ab"),
    ]
