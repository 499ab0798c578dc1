"""What a batch means: results, what is learned, what is written."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from facesort.core.clips import ClipInfo, Track
from facesort.core.copies import PlannedWrite
from facesort.core.delivery.routing import Jpeg
from facesort.core.persons.gallery import Gallery, Person
from facesort.core.persons.matching import Thresholds
from facesort.core.records import Analysis, Face, File, PhotoInfo
from facesort.engine.calibration.forecast import faces_by_photo
from facesort.engine.job.decide import (
    decide_batch,
    learn,
    plan_batch,
    results_of,
    shares_of,
    standings_of,
)
from facesort.engine.rules import Rules
from facesort.reasons import Outcome, PhotoStatus, Reason, Remark
from facesort.store import Store
from facesort.store.gallery import people
from facesort.store.gallery.people import NewReference
from facesort.store.job import files, photos, sources
from facesort.store.job.files import BatchState
from facesort.store.job.photos import BatchRecord, Known, PhotoResult
from facesort.store.queries.gallery import load_gallery
from facesort.store.what_counts import Proposal, Standing, standings

Settle = Callable[..., tuple[tuple[PhotoResult, ...], tuple[PlannedWrite, ...]]]

PACK = "pack"
ANNA, BEN = Person(1, "Anna", "anna-folder"), Person(2, "Ben", "ben-folder")
RULES = Rules(Thresholds(0.75, 1.0, 0.125), learn_quality=0.5, unknown_folder=False)


def axis(index: int, tilt: float = 0.0) -> np.ndarray:
    """A unit vector along an axis, turned by an angle (rad) towards one that nobody else uses."""
    vector = np.zeros(16, np.float64)
    vector[index], vector[15] = np.cos(tilt), np.sin(tilt)
    return vector.astype(np.float32)


def turned(distance: float) -> float:
    """The angle at which two unit vectors are this far apart."""
    return float(2 * np.arcsin(distance / 2))


GALLERY = Gallery((ANNA, BEN), {1: axis(1)[None], 2: axis(2)[None]}, max_learned=3)
A_STRICT, A_LOOSE = axis(1, turned(0.5)), axis(1, turned(0.875))
B_STRICT, STRANGER = axis(2, turned(0.25)), axis(5)


def face(embedding: np.ndarray, quality: float = 0.75) -> Face:
    return Face(
        box=np.array([0, 0, 50, 50], np.float32),
        landmarks=np.zeros((5, 2), np.float32),
        score=0.9,
        sharpness=50.0,
        yaw=0.0,
        quality=quality,
        embedding=embedding,
        crop=b"crop",
    )


def analysis(photo_id: int, *embeddings: np.ndarray, sha256: str | None = None) -> Analysis:
    return Analysis(
        photo_id,
        hashlib.sha256(b"%d" % photo_id).hexdigest() if sha256 is None else sha256,
        faces=tuple(face(e) for e in embeddings),
        jpeg=b"jpeg %d" % photo_id if embeddings else b"",
    )


def failed(photo_id: int, reason: Reason, sha256: str = "") -> Analysis:
    return Analysis(photo_id, sha256, failure=reason, detail="why")


def known_contents(by_sha256: dict[str, int], failed: Iterable[int] = ()) -> Known:
    by_file = {photo_id: photo_id for photo_id in by_sha256.values()}
    return Known(dict(by_sha256), failed=set(failed), by_file=by_file)


def test_nothing_is_learned_from_a_damaged_photo() -> None:
    info = PhotoInfo("JPEG", 60, 40, remarks=(Remark.PAGES,))
    whole = replace(analysis(1, A_STRICT), info=info)
    damaged = replace(analysis(2, A_STRICT), info=replace(info, remarks=(Remark.DAMAGED,)))

    batch = decide_batch([whole, damaged], GALLERY, RULES)

    assert [one.decisions[0].outcome for one in batch] == [Outcome.STRICT] * 2
    assert [one.learned for one in batch] == [(0,), ()]


@pytest.fixture(scope="module")
def people_stored() -> Iterator[Store]:
    with Store.open(None) as opened:
        for person in (ANNA, BEN):
            people.add_person(opened, person.name, person.folder)
        yield opened


@pytest.fixture
def settle(people_stored: Store) -> Settle:
    """Decide for photos and ask the store where they stand, as the job does."""

    def settled(
        found: list[Analysis], rules: Rules = RULES, known: Known | None = None
    ) -> tuple[tuple[PhotoResult, ...], tuple[PlannedWrite, ...]]:
        decided = decide_batch(found, GALLERY, rules, known)
        stand = standings_of(
            decided, partial(standings, people_stored, unknown_folder=rules.unknown_folder)
        )
        originals = [File(a.photo_id, "card-1", "d/IMG.ARW", 1, 1) for a in found]
        pictures = shares_of(decided, originals, stand)
        jpegs = [Jpeg.of(picture.decided.analysis.jpeg) for picture in pictures]
        return results_of(decided, stand), plan_batch(pictures, jpegs)

    return settled


def test_no_photos_no_results(settle: Settle) -> None:
    assert settle([]) == ((), ())
    assert learn(GALLERY, []).learned == {}


@pytest.mark.parametrize(
    ("found", "status", "reason", "learned"),
    [
        (analysis(1), PhotoStatus.NO_FACE, Reason.NO_FACE, ()),
        (failed(1, Reason.TIMEOUT), PhotoStatus.FAILED, Reason.TIMEOUT, ()),
        (analysis(1, STRANGER), PhotoStatus.UNKNOWN, Reason.ONLY_UNKNOWN_FACES, ()),
        (analysis(1, A_STRICT), PhotoStatus.MATCHED, None, (0,)),
        (analysis(1, A_LOOSE), PhotoStatus.MATCHED, None, ()),
        (analysis(1, STRANGER, B_STRICT, A_LOOSE), PhotoStatus.MATCHED, None, (1,)),
        (analysis(1, B_STRICT, A_STRICT), PhotoStatus.MATCHED, None, (0, 1)),
    ],
)
def test_one_photo(
    settle: Settle,
    found: Analysis,
    status: PhotoStatus,
    reason: Reason | None,
    learned: tuple[int, ...],
) -> None:
    [result], _ = settle([found])
    assert (result.status, result.reason, result.learned) == (status, reason, learned)
    assert len(result.decisions) == len(found.faces)


@pytest.mark.parametrize(
    ("learn_quality", "quality", "learned"),
    [
        (0.5, 0.5, (0,)),
        (0.5, 0.499, ()),
        (0.0, 0.0, (0,)),
        (None, 1.0, ()),
        (0.5, float("nan"), ()),
    ],
)
def test_only_good_faces_are_learned(
    learn_quality: float | None, quality: float, learned: tuple[int, ...]
) -> None:
    found = replace(analysis(1), faces=(face(A_STRICT, quality),))
    [result] = decide_batch([found], GALLERY, replace(RULES, learn_quality=learn_quality))
    assert result.decisions[0].person_id == 1
    assert result.learned == learned


def test_an_empty_gallery_matches_nobody() -> None:
    [result] = decide_batch([analysis(1, A_STRICT)], Gallery((), {}), RULES)
    assert [d.outcome for d in result.decisions] == [Outcome.UNKNOWN]


def test_the_gallery_is_frozen_for_the_length_of_a_batch() -> None:
    """What is learned from the first photo must not help the second one of the same batch."""
    near, further = axis(1, turned(0.5)), axis(1, turned(1.01))
    first, second = analysis(1, near), analysis(2, further)
    together = decide_batch([first, second], GALLERY, RULES)
    assert [r.decisions[0].person_id for r in together] == [1, None]
    [later] = decide_batch([second], learn(GALLERY, together), RULES)
    assert later.decisions[0].person_id == 1


# --- duplicates -------------------------------------------------------------------------------


def test_new_faces_never_have_the_ids_of_stored_ones() -> None:
    """A user's answer about a stored face must not count for a new one."""
    batch = decide_batch([analysis(1, A_STRICT, STRANGER), analysis(2, A_STRICT)], GALLERY, RULES)
    asked: list[Proposal] = []

    def ask(faces: Iterable[Proposal]) -> dict[int, Standing]:
        asked.extend(faces)
        return {}

    assert standings_of(batch, ask) == {}
    assert [one[:3] for one in asked] == [(1, -3, 1), (1, -2, None), (2, -1, 1)]


def test_the_same_bytes_are_one_photo(settle: Settle) -> None:
    known = known_contents({"b": 1})
    found = [
        analysis(5, A_STRICT, sha256="a"),
        analysis(6, A_STRICT, sha256="a"),
        analysis(7, A_STRICT, sha256="b"),
        analysis(8, A_STRICT, sha256="a"),
    ]
    results, _ = settle(found, known=known)
    assert [r.known_as for r in results] == [None, 5, 1, 5]
    assert [r.photo_id for r in results] == [5, 5, 1, 5]
    assert [r.reason for r in results[1:]] == [Reason.DUPLICATE] * 3
    assert all(r.is_known and r.decisions == () and r.learned == () for r in results[1:])
    assert known.by_sha256 == {"a": 5, "b": 1}, "the next batch knows them"
    assert known.by_file == {1: 1, 5: 5, 6: 5, 7: 1, 8: 5}


def test_a_file_whose_content_was_known_to_its_worker_is_one_more_of_the_photo(
    settle: Settle,
) -> None:
    """Nothing but the hash was computed: no faces must not be read as no face."""
    known = known_contents({"b": 1, "c": 2}, failed={2})
    found = [
        Analysis(5, "b", known=True),
        Analysis(6, "c", known=True),
    ]
    results, writes = settle(found, known=known)
    assert [(r.status, r.reason, r.known_as) for r in results] == [
        (PhotoStatus.DUPLICATE, Reason.DUPLICATE, 1),
        (PhotoStatus.DUPLICATE, Reason.DUPLICATE, 2),
    ]
    assert writes == ()
    assert known.failed == {2}, "nothing was found out about it"


def test_files_that_could_not_be_read_are_not_duplicates_of_each_other(settle: Settle) -> None:
    known = Known()
    results, _ = settle([failed(1, Reason.MISSING), failed(2, Reason.WORKER_DIED)], known=known)
    assert [r.status for r in results] == [PhotoStatus.FAILED] * 2
    assert [r.content for r in results] == [None, None]
    assert known == Known()


def test_a_photo_is_not_a_duplicate_of_itself(settle: Settle) -> None:
    """It is analysed again by a retry."""
    known = known_contents({"a": 5}, failed={5})
    [result], _ = settle([analysis(5, A_STRICT, sha256="a")], known=known)
    assert result.status is PhotoStatus.MATCHED
    assert (result.photo_id, result.known_as) == (5, None)
    assert known.failed == set()


def test_a_photo_that_failed_is_decided_again_from_another_file(settle: Settle) -> None:
    known = known_contents({"a": 5}, failed={5})
    found = [analysis(7, A_STRICT, sha256="a"), analysis(8, A_STRICT, sha256="a")]
    results, writes = settle(found, known=known)
    assert [(r.status, r.photo_id) for r in results] == [
        (PhotoStatus.MATCHED, 5),
        (PhotoStatus.DUPLICATE, 5),
    ]
    assert not results[0].is_known, "what is known of the photo is stored anew"
    assert [w.photo_id for w in writes] == [5]


@pytest.mark.parametrize("known", [{}, {"a": 3}])
def test_one_photo_fails_once_in_a_batch(settle: Settle, known: dict[str, int]) -> None:
    """Its result is stored once per batch, whether it was known or not."""
    found = [failed(i, Reason.CORRUPT, "a") for i in (5, 6, 7)]
    before = known_contents(known, failed=set(known.values()))
    results, _ = settle(found, known=before)
    photo_id = known.get("a", 5)
    assert [r.photo_id for r in results] == [photo_id] * 3
    assert [r.status for r in results] == [PhotoStatus.FAILED, *[PhotoStatus.DUPLICATE] * 2]
    assert before.failed == {photo_id}, "a retry decides it again"


def test_a_file_that_held_another_photo_gets_a_new_photo(settle: Settle) -> None:
    """A retry reads other bytes than the first reading did: nobody may inherit what was stored of these."""
    known = known_contents({"a": 5}, failed={5})
    known.next_id = 9
    results, writes = settle([analysis(5, A_STRICT, sha256="b")], known=known)
    assert [(r.photo_id, r.known_as) for r in results] == [(9, 9)]
    assert [w.photo_id for w in writes] == [9]
    assert known.by_sha256 == {"a": 5, "b": 9}
    assert (known.by_file, known.next_id) == ({5: 9}, 10)
    [again], _ = settle([analysis(5, A_STRICT, sha256="c")], known=known)
    assert again.photo_id == 10


# --- shots ------------------------------------------------------------------------------------


def test_a_photo_of_a_shot_is_decided_by_another_one(settle: Settle) -> None:
    known = Known()
    raw = replace(analysis(2, sha256="raw"), shot_of=1)
    results, writes = settle([analysis(1, A_STRICT, sha256="jpeg"), raw], known=known)
    assert [(r.status, r.reason, r.photo_id, r.decided_as) for r in results] == [
        (PhotoStatus.MATCHED, None, 1, None),
        (PhotoStatus.DUPLICATE, Reason.SAME_SHOT, 2, 1),
    ]
    assert not results[1].is_known, "it is a photo of its own"
    assert not results[1].is_decided
    assert [w.photo_id for w in writes] == [1]
    assert known.decided_as == {2: 1}


def test_who_decides_for_a_shot_is_told_from_the_file(settle: Settle) -> None:
    """The partner is a file: its photo may have another id, or be decided by another one itself."""
    known = known_contents({"a": 1, "b": 2})
    known.by_file[7] = 1
    known.decided_as[2] = 1
    one, two = (replace(analysis(8 + i, sha256=f"raw{i}"), shot_of=(7, 2)[i]) for i in (0, 1))
    results, _ = settle([one, two], known=known)
    assert [r.decided_as for r in results] == [1, 1]


def test_a_photo_that_failed_alone_can_turn_out_to_be_of_a_shot(settle: Settle) -> None:
    known = known_contents({"jpeg": 1, "raw": 2}, failed={2})
    [result], _ = settle([replace(analysis(2, sha256="raw"), shot_of=1)], known=known)
    assert (result.status, result.decided_as) == (PhotoStatus.DUPLICATE, 1)
    assert not result.is_known
    assert known.failed == set()


def test_one_more_file_of_a_photo_of_a_shot_is_a_duplicate(settle: Settle) -> None:
    known = known_contents({"jpeg": 1, "raw": 2})
    known.decided_as[2] = 1
    [result], _ = settle([replace(analysis(3, sha256="raw"), shot_of=1)], known=known)
    assert (result.reason, result.photo_id, result.decided_as) == (Reason.DUPLICATE, 2, None)
    assert result.is_known


# --- writes -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("found", "unknown_folder", "folders"),
    [
        (analysis(1), True, []),
        (failed(1, Reason.CORRUPT, "a"), True, []),
        (analysis(1, STRANGER), False, []),
        (analysis(1, STRANGER), True, ["_unknown"]),
        (analysis(1, A_LOOSE), True, ["anna-folder"]),
        (analysis(1, STRANGER, A_STRICT), True, ["anna-folder"]),
        (analysis(1, B_STRICT, A_STRICT, STRANGER), False, ["ben-folder", "anna-folder"]),
    ],
)
def test_which_copies_are_planned(
    settle: Settle, found: Analysis, unknown_folder: bool, folders: list[str]
) -> None:
    name = f"IMG_{found.sha256[:12]}.jpg"
    rules = replace(RULES, unknown_folder=unknown_folder)
    _, writes = settle([found], rules)
    assert [w.target for w in writes] == [f"{folder}/{name}" for folder in folders]


def test_a_duplicate_is_written_once(settle: Settle) -> None:
    same = [analysis(1, A_STRICT, sha256="a" * 64), analysis(2, A_STRICT, sha256="a" * 64)]
    _, writes = settle(same)
    assert [w.target for w in writes] == ["anna-folder/IMG_aaaaaaaaaaaa.jpg"]


def test_every_copy_is_of_the_same_bytes(settle: Settle) -> None:
    found = analysis(1, A_STRICT, B_STRICT)
    _, writes = settle([found])
    digest = hashlib.sha256(found.jpeg).hexdigest()
    assert [(w.person_id, w.sha256, w.size) for w in writes] == [(1, digest, 6), (2, digest, 6)]


def test_photos_and_results_must_belong_together() -> None:
    results = decide_batch([analysis(1, A_STRICT)], GALLERY, RULES)
    with pytest.raises(ValueError, match="zip"):
        shares_of(results, [], {})


# --- the gallery in memory and in the store -----------------------------------------------------


@pytest.fixture(scope="module")
def reused() -> Iterator[Store]:
    with Store.open(None) as opened:
        yield opened


TABLES = (
    "source", "file", "photo", "batch", "batch_file", "reading", "result", "face", "decision", "learned",
)  # fmt: skip


def with_people(store: Store) -> Store:
    with store.transaction():
        for table in TABLES:
            store.execute(f"DELETE FROM {table}")
        for table in ("reference", "person"):
            store.execute(f"DELETE FROM {table}")
        sources.add_sources(store, ["card-1"])
        for person in (ANNA, BEN):
            added = people.add_person(store, person.name, person.folder)
            for tilt in (0.0, 0.3, -0.2):
                vector = axis(added.person_id, tilt)
                people.add_reference(
                    store,
                    added.person_id,
                    NewReference("r.jpg", f"{tilt}", 1.0, 0.0, 1.0, PACK, vector, b""),
                )
    return store


tilts = st.floats(-1.0, 1.0).map(lambda x: round(x, 3))
some_photos = st.lists(
    st.lists(st.tuples(st.sampled_from([1, 2, 5]), tilts), max_size=3), max_size=5
)


@settings(max_examples=15)
@given(st.lists(some_photos, max_size=4), st.sampled_from([0, 1, 2, 10]))
def test_the_gallery_in_memory_is_the_one_that_a_resumed_sort_loads(
    reused: Store, batches: list[list[list[tuple[int, float]]]], max_learned: int
) -> None:
    store = with_people(reused)
    gallery = load_gallery(store, PACK, max_learned)
    known = Known(next_id=1)
    for number, batch in enumerate(batches):
        found = [
            analysis(100 * number + i + 1, *(axis(a, tilt) for a, tilt in faces))
            for i, faces in enumerate(batch)
        ]
        with store.transaction():
            files.add_files(
                store, [File(a.photo_id, "card-1", f"{a.photo_id}.jpg", 1, 1) for a in found]
            )
        decided = decide_batch(found, gallery, RULES, known)
        stand = standings_of(decided, partial(standings, store, unknown_folder=False))
        results = results_of(decided, stand)
        gallery = learn(gallery, decided)
        for batch_id in files.batches_in(store, BatchState.PENDING):
            with store.transaction():
                photos.record_batch(store, BatchRecord(batch_id, results, ()), PACK)
        resumed = load_gallery(store, PACK, max_learned)
        assert resumed.person_ids.tolist() == gallery.person_ids.tolist()
        there, here = resumed.centroids(), gallery.centroids()
        assert there.references.tobytes() == here.references.tobytes(), "to the last bit"
        assert there.everything.tobytes() == here.everything.tobytes(), "to the last bit"
        assert {k: v.tobytes() for k, v in resumed.learned.items()} == {
            k: v.tobytes() for k, v in gallery.learned.items() if len(v)
        }
        known.next_id = files.next_file_id(store)
        assert photos.known_photos(store) == known


def track(first_ms: int, last_ms: int) -> Track:
    times = np.array([first_ms, last_ms], np.int32)
    return Track(first_ms, last_ms, first_ms, times, np.zeros((2, 4), np.float32), ())


def test_a_person_is_learned_from_each_track_of_a_clip_that_is_certain_and_good() -> None:
    """Anna twice, and between them a face that is too poor to learn from; beside her first track somebody like her."""
    seen = [(0, 2000), (3000, 5000), (8000, 9000), (1000, 1800)]
    embeddings = [A_STRICT, A_STRICT, axis(1, turned(0.6)), A_LOOSE]
    clip = analysis(1, *embeddings)
    faces = tuple(replace(f, track=track(*t)) for f, t in zip(clip.faces, seen, strict=True))
    faces = (faces[0], replace(faces[1], quality=0.25), *faces[2:])
    (decided,) = decide_batch([replace(clip, faces=faces)], GALLERY, RULES)
    assert [(d.outcome, d.person_id) for d in decided.decisions] == [
        *[(Outcome.STRICT, 1)] * 3,
        (Outcome.UNKNOWN, None),
    ]
    assert decided.learned == (0, 2)


def test_faces_of_a_photo_are_compared_as_two_people_and_tracks_of_a_clip_are_not() -> None:
    """Two tracks of one clip may be one person, who came back."""
    photo, clip = analysis(1, A_STRICT, B_STRICT), analysis(2, A_STRICT, A_LOOSE)
    clip = replace(clip, clip=ClipInfo(9000, "h264", "PyAV", 200, 45))
    assert [len(boxes) for boxes, _ in faces_by_photo([photo, clip])] == [2]
