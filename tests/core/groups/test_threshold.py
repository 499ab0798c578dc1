"""The threshold of an event from its own faces, and what groups propose."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from facesort.core.groups.decision import (
    Proposals,
    decide_in_groups,
    group_distances,
    proposals,
)
from facesort.core.groups.linkage import Linkage, link, mean_cosine, rms_distance
from facesort.core.groups.threshold import (
    ALONE,
    MIN_PAIRS,
    EventThreshold,
    event_threshold,
    given_threshold,
)
from facesort.core.persons.matching import Decision, Thresholds
from facesort.core.persons.sightings import Sightings
from facesort.reasons import FaceReason, Outcome

DIM = 64


def unit(rows: np.ndarray) -> np.ndarray:
    return np.asarray(rows / np.linalg.norm(rows, axis=-1, keepdims=True), np.float32)


def event(
    people: int = 40,
    each: int = 8,
    *,
    alike: float = 0.0,
    per_photo: int = 1,
    repeated: bool = False,
    floor: float | None = 1.1,
    said: tuple[tuple[int, int], ...] = (),
) -> EventThreshold:
    """People who are more alike, the larger `alike` is; each photo has different ones."""
    rng = np.random.default_rng(0)
    common = alike * rng.standard_normal(DIM)
    centres = rng.standard_normal((people, DIM)) + common
    person = np.tile(np.arange(people), each)
    faces = unit(centres[person] + 0.6 * rng.standard_normal((len(person), DIM)))
    references = unit(centres + 0.3 * rng.standard_normal((people, DIM)))
    photos = Sightings.of_photos(np.arange(len(person)) // per_photo)
    if repeated:
        faces[1::2] = faces[::2]  # everybody beside a mirror
    order = rng.permutation(len(person))
    linkage = link(faces, photos, references, order=order, lowest=0.2, together=said)
    return event_threshold(
        faces, photos, references, linkage,
        order=order, quality=np.ones(len(faces)), strict=0.8, loose=1.0, floor=floor,
    )  # fmt: skip


def test_people_who_are_easy_to_tell_apart_have_the_floor() -> None:
    found = event(people=5)
    assert found.decided_by == "floor"
    assert found.loose == pytest.approx(1.10)
    assert found.usual == pytest.approx(1.10)


def test_a_pack_that_was_not_measured_keeps_its_own_loose_unless_people_look_clearly_alike() -> (
    None
):
    easy, similar, alike = (
        event(people=people, alike=alike, floor=None)
        for people, alike in ((5, 0.0), (40, 0.65), (40, 0.8))
    )
    assert (easy.loose, easy.alone) == (pytest.approx(1.10), 1.0)
    assert event(alike=0.65).loose < 1
    assert (similar.decided_by, similar.loose) == ("strangers", pytest.approx(1.0))
    assert (alike.decided_by, alike.loose) == ("strangers", event(alike=0.8).loose)
    assert alike.loose == alike.alone < 0.94
    assert (easy.vouches, alike.vouches, event(people=5).vouches) == (0, 0, pytest.approx(1.045))


def test_threshold_rises_where_people_look_alike() -> None:
    rising = [event(alike=alike) for alike in (0.5, 0.8, 1.2)]
    assert [found.decided_by for found in rising] == ["strangers"] * 3
    assert all(found.faces > 300 for found in rising)
    assert np.all(np.diff([found.cosine for found in rising]) > 0.05)
    assert rising[-1].loose < 0.9 < rising[-1].usual
    assert not rising[0].pairs_tell


@pytest.mark.parametrize(("names", "floor"), [(2, "floor"), (3, "strangers")])
def test_a_person_under_two_names_is_no_stranger_to_the_other(names: int, floor: str) -> None:
    """As far as STRICT can tell; three who are as near to each other look alike."""
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((10, DIM))
    faces = unit(np.repeat(centres, 12, axis=0) + 0.6 * rng.standard_normal((120, DIM)))
    of = np.concatenate([np.arange(10), np.zeros(names - 1, np.int64)])
    references = unit(centres[of] + 0.6 * rng.standard_normal((len(of), DIM)))
    linkage = link(
        faces, Sightings.of_photos(np.arange(120)), references, order=np.arange(120), lowest=0.2
    )
    assert len({int(person) for person in linkage.person[:12]}) > 1  # its photos are divided
    found = event_threshold(
        faces, Sightings.of_photos(np.arange(120)), references, linkage,
        order=np.arange(120), quality=np.ones(120), strict=0.8, loose=1.0, floor=1.1,
    )  # fmt: skip
    assert found.decided_by == floor
    assert (found.loose > 1.0) is (floor == "floor")


def test_a_yes_for_the_wrong_person_does_not_make_it_stricter_for_everybody() -> None:
    """It was 0.69: the face passed for a stranger who is as near to a person as the person."""
    whole, slip, right = (event(6, 12, said=said) for said in ((), ((0, 1),), ((0, 0),)))
    assert (whole.decided_by, slip.decided_by) == ("floor", "floor")
    assert slip.loose == whole.loose == right.loose == pytest.approx(1.10)
    assert slip.faces == whole.faces - 1


def test_few_who_are_named_in_the_end_are_no_reason_for_the_packs_own_loose() -> None:
    """Three people who look alike, among six others: the stricter it is, the fewer are named."""
    rng = np.random.default_rng(1)
    crowd = rng.standard_normal((9, DIM)) + 1.6 * rng.standard_normal(DIM)
    faces = unit(np.tile(crowd, (8, 1)) + 1.2 * rng.standard_normal((72, DIM)))
    references = unit(crowd[:3] + 0.3 * rng.standard_normal((3, DIM)))
    linkage = link(
        faces, Sightings.of_photos(np.arange(72)), references, order=np.arange(72), lowest=0.2
    )
    found = event_threshold(
        faces, Sightings.of_photos(np.arange(72)), references, linkage,
        order=np.arange(72), quality=np.ones(72), strict=0.8, loose=1.0, floor=1.1,
    )  # fmt: skip
    assert found.faces < 20
    assert (found.decided_by, found.loose < 0.95) == ("strangers", True)


def test_faces_of_one_photo_raise_it_where_persons_are_too_few() -> None:
    """Two persons say nothing about strangers; the faces beside each other do."""
    rng = np.random.default_rng(0)
    crowd = rng.standard_normal((30, DIM)) + 1.0 * rng.standard_normal(DIM)
    faces = unit(crowd[np.arange(300) % 30] + 0.4 * rng.standard_normal((300, DIM)))
    references, order = unit(crowd[:2]), np.arange(300)
    photos = Sightings.of_photos(np.arange(300) // 3)
    linkage = link(faces, photos, references, order=order, lowest=0.2)

    def found(**more: object) -> EventThreshold:
        given = {"sightings": photos, "quality": np.ones(300)} | more
        return event_threshold(
            faces, references=references, linkage=linkage, order=order, strict=0.8, loose=1.0,
            **given,  # type: ignore[arg-type]
        )  # fmt: skip

    together, apart = found(), found(sightings=Sightings.of_photos(np.arange(300)))
    assert (together.decided_by, apart.decided_by) == ("impostor_pairs", "too_few")
    assert together.pairs >= MIN_PAIRS
    assert apart.loose == 1.0 > together.loose + 0.05
    assert found(quality=np.full(300, 0.1)).decided_by == "too_few"  # tiny faces do not count


def test_mirrors_do_not_raise_it_beyond_strict() -> None:
    found = event(per_photo=2, repeated=True)
    assert found.pairs_tell
    assert found.loose >= 0.8 - 1e-6


@pytest.mark.parametrize(("people", "each"), [(2, 30), (4, 3)])
def test_few_persons_or_faces_leave_the_packs_own_threshold(people: int, each: int) -> None:
    found = event(people=people, each=each)
    assert found.decided_by == "too_few"
    assert found.loose == 1.0


def test_few_persons_have_the_floor_where_faces_of_one_photo_tell_that_people_differ() -> None:
    of_two, alike = (event(people=2, each=120, per_photo=2, alike=a) for a in (0.0, 1.6))
    assert of_two.pairs_tell
    assert (of_two.decided_by, of_two.loose) == ("floor", pytest.approx(1.10))
    assert (alike.decided_by, alike.loose < 1.0) == ("impostor_pairs", True)
    unmeasured = event(people=2, each=120, per_photo=2, floor=None)
    assert (unmeasured.decided_by, unmeasured.loose) == ("too_few", 1.0)


def test_threshold_does_not_depend_on_rows() -> None:
    rng = np.random.default_rng(3)
    centres = rng.standard_normal((20, DIM)) + 0.8 * rng.standard_normal(DIM)
    faces = unit(centres[np.arange(200) % 20] + 0.6 * rng.standard_normal((200, DIM)))
    references, order = unit(centres), rng.permutation(200)
    photos = Sightings.of_photos(np.arange(200) // 2)

    def found(rows: np.ndarray) -> EventThreshold:
        given = faces[rows], photos.of(rows), references
        linkage = link(*given, order=order[rows], lowest=0.2)
        return event_threshold(
            *given, linkage, order=order[rows], quality=np.ones(200), strict=0.8, loose=1.0
        )

    assert found(np.arange(200)) == found(rng.permutation(200))


def linkage_of(
    score: list[float], joined: list[int], merges: list[tuple[int, int]], heights: list[float]
) -> Linkage:
    known = np.array(score) >= 0
    return Linkage(
        np.array(score, np.float32),
        np.where(known, 0, -1),
        np.array(joined),
        np.array(merges, np.int64).reshape(-1, 2),
        np.array(heights, np.float32),
        n_persons=1,
        lowest=0.2,
    )


def test_three_that_came_only_just_are_asked_about() -> None:
    just, clear = 0.41, 0.5
    linkage = linkage_of(
        [just] * 3 + [just] * 2 + [clear] * 3,
        [3] * 3 + [2] * 2 + [3] * 3,
        [(0, 6), (6, 7), (6, 8), (0, 1), (1, 2), (1, 3)],
        [clear, 0.8, 0.8, just, 0.8, 0.8],
    )
    linkage.score[3:5] -= 0.001  # another merge
    far = np.full(8, 1.3, np.float32)
    found = proposals(linkage, at(0.4), far)
    assert found.doubtful.tolist() == [True] * 3 + [False] * 5
    assert found.columns.tolist() == [0] * 8
    assert not found.alone[:3].any()
    near = far.copy()
    near[1] = 0.9  # one of them is near enough alone: so are the three
    assert not proposals(linkage, at(0.4), near).doubtful.any()
    unmeasured = replace(at(0.4), vouches=0.0)  # what is near for such a pack, nobody knows
    assert proposals(linkage, unmeasured, near).doubtful.tolist() == [True] * 3 + [False] * 5


def test_one_of_three_that_are_nobodys_is_not_named_alone() -> None:
    linkage = linkage_of([-1.0] * 5, [0] * 5, [(1, 2), (1, 3), (4, 5)], [0.6, 0.5, 0.6])
    found = proposals(linkage, at(0.4), np.full(5, 2, np.float32))
    assert found.alone.tolist() == [False] * 3 + [True] * 2
    assert proposals(linkage, at(0.55), np.full(5, 2, np.float32)).alone.all()


def at(cosine: float) -> EventThreshold:
    loose = float(rms_distance(cosine))
    alone = ALONE * loose
    return EventThreshold(cosine, loose, alone, alone, 0, "strangers", 100, 0, loose)


def decided(
    distances: list[list[float]],
    columns: list[int],
    doubtful: int | None = None,
    alone: bool | list[bool] = True,
    strict: float = 0.0,
    anyway: float = 0.0,
    others: int = 12,
    seen: Sightings | None = None,
) -> list[Decision]:
    n = len(columns)
    said = Proposals(
        columns=np.array(columns),
        distances=np.full(n, 1.05, np.float32),
        others=np.full(n, others),
        doubtful=np.arange(n) == doubtful,
        alone=np.broadcast_to(alone, n),
    )
    event = replace(at(mean_cosine(1.1)), loose=1.1, alone=1.045, anyway=anyway)
    thresholds = Thresholds(strict, event.loose, 0)
    ids = np.array([10, 20])
    far = np.array(distances, np.float32)
    return list(decide_in_groups(far, ids, thresholds, None, said, event, seen))


def named(*given: Any, **how: Any) -> list[int | None]:
    return [one.person_id for one in decided(*given, **how)]


def test_the_group_wins_over_the_face_alone() -> None:
    assert named([[1.3, 0.9]], [0]) == [10]
    assert named([[1.3, 0.9]], [-1]) == [20]
    assert named([[1.3, 0.9]], [0], doubtful=0) == [20]
    (closed,) = decided([[1.3, 0.9]], [-1], alone=False)
    assert (closed.person_id, closed.reason) == (None, FaceReason.UNKNOWN_GROUP)
    (far,) = decided([[1.3, 1.2]], [-1], alone=False)
    assert (far.person_id, far.reason) == (None, FaceReason.ABOVE_LOOSE)


def test_strict_goes_by_the_face_alone() -> None:
    (near,) = decided([[0.5, 1.4]], [-1], alone=False, strict=0.8)
    assert (near.person_id, near.reason) == (10, FaceReason.WITHIN_STRICT)
    (both,) = decided([[0.5, 1.4]], [0], strict=0.8)
    assert (both.reason, both.group_faces) == (FaceReason.WITHIN_STRICT, 12)


def test_strict_vouches_for_nobody_where_loose_came_down_to_it() -> None:
    (one,) = decided([[0.9, 1.4]], [-1], alone=False, strict=1.0)
    assert one.person_id == 10
    assert named([[0.9, 1.4]], [-1], alone=False, strict=1.1) == [None], "LOOSE is 1.1"
    assert named([[0.9, 1.4]], [-1], strict=1.1) == [10], "nobody else's face of the same person"


def test_a_group_takes_no_name_from_a_face_within_the_packs_own_loose() -> None:
    assert named([[0.99, 1.4]], [-1], alone=False) == [None]
    assert named([[0.99, 1.4]], [-1], alone=False, anyway=1.0) == [10]
    assert named([[1.01, 1.4]], [-1], alone=False, anyway=1.0) == [None]
    easy, alike = event(people=60), event(alike=0.8)
    assert easy.anyway == min(1.0, easy.alone) > 0.9
    assert (alike.loose < 1, alike.anyway) == (True, 0)
    assert event(people=60, floor=None).anyway == 0


def test_a_face_alone_must_be_nearer_than_a_group() -> None:
    assert named([[1.07, 1.4]], [-1]) == [None]
    assert named([[1.04, 1.4]], [-1]) == [10]


def test_a_person_whose_group_has_a_face_here_gets_no_other() -> None:
    first, other = decided([[1.3, 1.4], [0.7, 1.4]], [0, -1])
    assert (first.person_id, other.person_id) == (10, None)
    assert other.reason is FaceReason.PERSON_TAKEN
    assert named([[1.3, 1.4], [0.7, 1.0]], [0, -1]) == [10, 20]


def test_in_a_clip_the_group_takes_the_person_only_from_whom_its_track_meets() -> None:
    """Two tracks of the person's group, one face beside the first, and one that comes alone."""
    seen = Sightings(
        np.zeros(4, np.int64), np.array([0, 3000, 400, 6000]), np.array([900, 4000, 800, 7000])
    )
    of_group, again, beside, later = decided(
        [[1.3, 1.4], [1.3, 1.4], [0.7, 1.4], [0.7, 1.4]], [0, 0, -1, -1], seen=seen
    )  # fmt: skip
    assert [of_group.person_id, again.person_id, later.person_id] == [10, 10, 10]
    assert (beside.person_id, beside.reason) == (None, FaceReason.PERSON_TAKEN)


def test_a_second_face_of_a_person_says_that_the_person_is_taken() -> None:
    """Also if it is in a group of nobody's, which says less; not if somebody else is near, who is not in the photo."""
    first, second = decided([[0.9, 1.4], [0.95, 1.4]], [0, -1], alone=[True, False])
    assert (first.person_id, second.person_id) == (10, None)
    assert second.reason is FaceReason.PERSON_TAKEN
    _, second = decided([[0.9, 1.4], [0.95, 1.0]], [0, -1], alone=[True, False])
    assert (second.person_id, second.reason) == (None, FaceReason.UNKNOWN_GROUP)


def test_what_a_group_brought_is_told_with_its_distance_and_size() -> None:
    (found,) = decided([[1.3, 1.2]], [0])
    assert (found.outcome, found.reason) == (Outcome.LOOSE, FaceReason.WITHIN_GROUP)
    assert found.group_distance == pytest.approx(1.05)
    assert (found.group_faces, found.distance) == (12, pytest.approx(1.3))
    assert (found.runner_up_id, found.runner_up_distance) == (20, pytest.approx(1.2))
    (alone,) = decided([[1.0, 1.4]], [0])
    assert (alone.reason, alone.group_faces) == (FaceReason.ABOVE_STRICT, 12)
    (only,) = decided([[1.07, 1.4]], [0], others=0)
    assert (only.person_id, only.reason) == (10, FaceReason.ABOVE_STRICT), "nobody else is with it"


def test_a_group_in_doubt_says_whose_it_may_be() -> None:
    (found,) = decided([[1.3, 1.2]], [0], doubtful=0)
    assert (found.outcome, found.reason) == (Outcome.UNKNOWN, FaceReason.GROUP_IN_DOUBT)
    assert (found.nearest_id, found.runner_up_id) == (10, 20)
    assert (found.distance, found.group_faces) == (pytest.approx(1.3), 12)


def test_matched_at_exactly_the_threshold() -> None:
    threshold = mean_cosine(1.1)
    linkage = linkage_of([threshold], [1], [(0, 1)], [threshold])
    said = proposals(linkage, at(threshold), np.ones(1, np.float32))
    thresholds = Thresholds(0, float(rms_distance(threshold)), 0)
    far = np.full((1, 1), 1.5, np.float32)
    found = group_distances(
        far, said, thresholds, at(threshold), Sightings.in_one([None] * len(far))
    )
    assert found[0, 0] <= np.float32(thresholds.loose)


def test_the_widest_loose_names_no_face_that_came_to_nobody() -> None:
    rng = np.random.default_rng(0)
    references = unit(rng.standard_normal((3, DIM)) + 2)
    faces = unit(np.concatenate([references + 0.02 * rng.standard_normal((3, DIM)), -references]))
    linkage = link(
        faces, Sightings.of_photos(np.arange(6)), references, order=np.arange(6), lowest=0.05
    )
    found = event_threshold(
        faces, Sightings.of_photos(np.arange(6)), references, linkage,
        order=np.arange(6), quality=np.ones(6), strict=0.8, loose=2.0,
    )  # fmt: skip
    proposed = proposals(linkage, given_threshold(found, 2.0), np.full(6, 0.5, np.float32))
    assert found.decided_by == "too_few"
    assert proposed.columns.tolist() == linkage.person.tolist()
    assert (linkage.person == -1).any()
    nothing = given_threshold(found, 0.0)
    distances = np.full((6, 3), 0.5, np.float32)
    judged = group_distances(
        distances, proposed, Thresholds(0.0, 0.0, 0.05), nothing, Sightings.in_one([None] * 6)
    )
    assert judged[linkage.person == -1].tolist() == distances[linkage.person == -1].tolist()


def test_a_loose_that_is_set_judges_a_face_alone_whatever_its_group() -> None:
    rng = np.random.default_rng(0)
    references, stranger = unit(rng.standard_normal((4, DIM))), rng.standard_normal(DIM)
    faces = unit(stranger + 0.3 * rng.standard_normal((5, DIM)))
    linkage = link(
        faces, Sightings.of_photos(np.arange(5)), references, order=np.arange(5), lowest=0.2
    )
    found = event_threshold(
        faces, Sightings.of_photos(np.arange(5)), references, linkage,
        order=np.arange(5), quality=np.ones(5), strict=0.8, loose=1.0,
    )  # fmt: skip
    far = np.full(5, 1.3, np.float32)
    assert not proposals(linkage, found, far).alone.any()
    assert proposals(linkage, given_threshold(found, 1.0), far).alone.all()
