"""Stored faces matched again: what comes, what goes, and what must never come back."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, strategies as st
from synthetic_event import content, sort_in_threads, tree, write_photo

from facesort.core.persons.gallery import Gallery, Person
from facesort.core.persons.matching import Thresholds, decide_photo, distances_to_persons
from facesort.core.records import PhotoRef
from facesort.core.stored import StoredFace, StoredPhoto, StoredTrack
from facesort.engine.delivery.verify import verify_output
from facesort.engine.gallery import persons as gallery
from facesort.engine.gallery.action import undo
from facesort.engine.gallery.seed import Candidate, seed
from facesort.engine.job.changes import RematchReport
from facesort.engine.job.rematch import Rematch
from facesort.engine.job.sort import SortOptions, retry_failed, run_rematch
from facesort.engine.review import answers as review
from facesort.engine.rules import Rules
from facesort.engine.setup import open_with_pack, set_up
from facesort.faces.engines.synthetic import synthetic_embedding
from facesort.faces.protocol import ModelPack
from facesort.reasons import FaceReason, Outcome, PhotoStatus
from facesort.store.queries import reports
from facesort.store.queries.delivery.commit_log import verified_writes
from facesort.workspace import Workspace

pytestmark = pytest.mark.usefixtures("plans_as_stored")

Job = tuple[Workspace, ModelPack]
ADA, BO, EVE = 1, 2, 3

# Ada is seeded from a face that is unlike her usual ones: the first photo is just too far from it, and what the others
# teach of her makes up for that.
EARLY = ("00-early.png", [ADA], 233)
USUAL = [(f"{10 + n}.png", [ADA], 50 + 3 * n) for n in range(12)]
OTHERS = [
    ("30.png", [BO], 60),
    ("31.png", [BO, ADA], 50),
    ("40.png", [EVE], 60),
    ("41.png", [EVE, BO], 55),
]


def enrol(job: Job, folder: Path, name: str, identity: int, variation: int) -> None:
    write_photo(folder / f"{name}.png", [identity], variation=variation)
    (report,) = seed(*job, [Candidate(name, folder / f"{name}.png")], ThreadPoolExecutor(1))
    assert report.refused is None


@pytest.fixture(scope="module")
def sorted_event(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An event in which Ada and Bo are seeded and Eve is not, sorted without a re-match."""
    root = tmp_path_factory.mktemp("event")
    for name, people, variation in (EARLY, *USUAL, *OTHERS):
        write_photo(root / "source" / name, people, variation=variation)
    job = set_up(root / "hot", [root / "source"], root / "out", "synthetic", [])
    enrol(job, root / "seeds", "Ada", ADA, 200)
    enrol(job, root / "seeds", "Bo", BO, 30)
    sort_in_threads(changed(job[0], rematch=False), job[1])
    return root


def changed(workspace: Workspace, **matching: object) -> Workspace:
    """The same workspace with other settings of matching."""
    values = workspace.settings.matching.model_copy(update=matching)
    return Workspace(workspace.root, workspace.settings.model_copy(update={"matching": values}))


@pytest.fixture
def job(sorted_event: Path, tmp_path: Path) -> Job:
    """A copy of the sorted event, with a source and an output of its own."""
    shutil.copytree(sorted_event, tmp_path / "event")
    workspace, pack = open_with_pack(tmp_path / "event" / "hot")
    places = {
        "sources": {"card-1": tmp_path / "event" / "source"},
        "output": tmp_path / "event" / "out",
    }
    return Workspace(workspace.root, workspace.settings.model_copy(update=places)), pack


def rematch(job: Job, at: Callable[[str], None] = lambda point: None) -> RematchReport:
    run_id, report = run_rematch(*job, SortOptions(ThreadPoolExecutor(2), at=at))
    with job[0].open_store() as store:
        assert verify_output(job[0].settings.output, verified_writes(store)).passed
        assert store.value("SELECT kind FROM run WHERE run_id = ?", [run_id]) == "rematch"
        found = reports.counts(store)
    assert sum(found.photos.values()) == found.total
    assert list(job[0].staging.iterdir()) == []
    return report


def folders(job: Job) -> dict[str, set[str]]:
    """Photos that each folder of the output holds, by the first part of their names."""
    found: dict[str, set[str]] = {}
    for name in tree(job[0].settings.output):
        folder, _, photo = name.partition("/")
        found.setdefault(folder, set()).add(photo.rpartition("_")[0])
    return found


def faces(job: Job) -> dict[str, list[int]]:
    """Ids of the faces of each photo."""
    with job[0].open_store() as store:
        rows = store.rows(
            "SELECT path, list(face_id ORDER BY face_id) FROM face JOIN place USING (photo_id) GROUP BY path"
        )
    return dict(rows)


def answers(job: Job) -> dict[str, list[str | None]]:
    """Who the faces of each photo are now."""
    with job[0].open_store() as store:
        rows = store.rows(
            "SELECT path, list(p.name ORDER BY a.face_id) FROM face_state a JOIN place USING (photo_id) "
            "LEFT JOIN person p USING (person_id) GROUP BY path"
        )
    return dict(rows)


def state(job: Job) -> tuple[object, ...]:
    with job[0].open_store() as store:
        return content(store), tree(job[0].settings.output)


def corrections(job: Job) -> list[tuple[str, str, str, str]]:
    with job[0].corrections.open(encoding="utf-8-sig", newline="") as stream:
        return [
            (row["file"].rpartition("_")[0], row["person"], row["why"], row["belongs_to"])
            for row in csv.DictReader(stream)
        ]


def test_a_photo_that_came_before_its_person_was_known_is_found(job: Job) -> None:
    assert answers(job)["00-early.png"] == [None]
    before = tree(job[0].settings.output)

    report = rematch(job)

    assert answers(job)["00-early.png"] == ["Ada"]
    assert "00-early" in folders(job)["Ada"]
    assert before.items() < tree(job[0].settings.output).items()
    assert (report.named, report.unnamed, report.not_rendered) == (1, 0, 0)
    assert report.files == 1


def test_a_sort_ends_with_a_rematch_of_what_is_doubtful(job: Job) -> None:
    write_photo(job[0].settings.sources["card-1"] / "50.png", [BO], variation=70)

    sort_in_threads(*job)

    assert "00-early" in folders(job)["Ada"]
    assert "50" in folders(job)["Bo"]
    before = state(job)
    sort_in_threads(*job)
    assert state(job) == before


def test_twice_changes_nothing_and_nothing_is_learned(job: Job) -> None:
    learned = state(job)[0]["learned"]  # type: ignore[index]
    rematch(job)
    once = state(job)

    again = rematch(job)
    sort_in_threads(*job)

    assert again == RematchReport()
    assert state(job) == once
    assert once[0]["learned"] == learned  # type: ignore[index]


def test_a_rejected_match_does_not_return(job: Job, tmp_path: Path) -> None:
    rematch(job)
    (early,) = faces(job)["00-early.png"]
    review.answer_faces(job[0], {early: "Ada"}, "no")

    def check(path: str = "00-early.png") -> None:
        assert answers(job)[path] == [None]

    rematch(job)
    check()
    sort_in_threads(*job)
    check()
    for number, variation in enumerate((210, 220, 230)):
        enrol(job, tmp_path / f"more-{number}", "Ada", ADA, variation)
    rematch(job)
    check()
    (job[0].settings.sources["card-1"] / "00-early.png").rename(
        job[0].settings.sources["card-1"] / "renamed.png"
    )
    sort_in_threads(*job)
    check("renamed.png")
    assert "00-early.png" not in answers(job)
    assert corrections(job) == [("Ada/00-early", "Ada", "rejected_by_user", "")]


def test_a_person_who_is_named_gets_their_photos(job: Job) -> None:
    lonely, beside = faces(job)["40.png"], faces(job)["41.png"]
    review.name_faces(job[0], lonely, "Eve")

    report = rematch(job)

    assert folders(job)["Eve"] == {"40", "41"}
    assert answers(job)["41.png"] == ["Eve", "Bo"]
    assert len(beside) == 2
    assert report.files >= 2


def test_a_confirmed_face_is_its_persons_alone(job: Job) -> None:
    bo, ada = faces(job)["31.png"]
    assert answers(job)["31.png"] == ["Bo", "Ada"]
    review.answer_faces(job[0], {bo: "Ada"}, "yes")

    rematch(job)

    assert answers(job)["31.png"] == ["Ada", None]
    with job[0].open_store() as store:
        assert store.rows("SELECT outcome, reason FROM face_decision WHERE face_id = ?", [ada]) == [
            ("unknown", "rejected_by_user")
        ]
    assert ("Bo/31", "Bo", "not_in_photo", "Ada") in corrections(job)


def name_eve_twice(job: Job) -> None:
    """Two persons who are one: Eve on one photo, Evelyn on the other."""
    review.name_faces(job[0], faces(job)["40.png"], "Eve")
    review.name_faces(job[0], faces(job)["41.png"][:1], "Evelyn")
    rematch(job)
    assert (folders(job)["Eve"], folders(job)["Evelyn"]) == ({"40"}, {"41"})


def test_a_merged_person_has_all_photos_in_one_folder(job: Job) -> None:
    name_eve_twice(job)
    gallery.merge_persons(job[0], "Evelyn", "Eve")

    report = rematch(job)

    assert folders(job)["Eve"] == {"40", "41"}
    assert (report.files, report.renamed) == (1, 0)
    assert corrections(job) == [("Evelyn/41", "Evelyn", "merged", "Bo; Eve")]
    undo(job[0])
    rematch(job)
    assert corrections(job) == [("Eve/41", "Eve", "not_in_photo", "Bo; Evelyn")]


def test_photos_with_someone_who_is_not_to_be_delivered_go_to_nobody(job: Job) -> None:
    review.name_faces(job[0], faces(job)["40.png"], "Eve")
    gallery.set_delivery(job[0], "Eve", False)
    write_photo(job[0].settings.sources["card-1"] / "60.png", [EVE, BO], variation=50)
    unknown = job[0].settings.run.model_copy(update={"unknown_folder": True})
    job = (
        Workspace(job[0].root, job[0].settings.model_copy(update={"run": unknown})),
        job[1],
    )

    sort_in_threads(*job)

    delivered = folders(job)
    assert "Eve" not in delivered
    assert "60" not in delivered["Bo"] | delivered.get("_unknown", set())
    assert ("Bo/41", "Bo", "do_not_deliver", "") in corrections(job)
    with job[0].open_store() as store:
        assert reports.drop_reasons(store)["do_not_deliver"] == 3
    gallery.set_delivery(job[0], "Eve", True)
    sort_in_threads(*job)
    assert folders(job)["Eve"] == {"40", "41", "60"}
    assert "60" in folders(job)["Bo"]
    assert corrections(job) == []


def test_a_photo_that_cannot_be_rendered_waits_for_the_next_rematch(job: Job) -> None:
    away = (
        job[0]
        .settings.sources["card-1"]
        .rename(job[0].settings.sources["card-1"].with_name("away"))
    )

    report = rematch(job)

    assert (report.not_rendered, report.named, report.files) == (1, 0, 0)
    assert answers(job)["00-early.png"] == [None]
    away.rename(job[0].settings.sources["card-1"])
    write_photo(
        job[0].settings.sources["card-1"] / "00-early.png", [BO], variation=10
    )  # another photo
    assert rematch(job).not_rendered == 1
    write_photo(job[0].settings.sources["card-1"] / "00-early.png", [ADA], variation=233)
    assert rematch(job).files == 1


@pytest.mark.parametrize("first", [rematch, lambda job: sort_in_threads(*job)])
def test_a_rematch_that_could_not_render_is_not_complete(
    job: Job, first: Callable[[Job], object]
) -> None:
    photo = job[0].settings.sources["card-1"] / "00-early.png"
    away = photo.rename(job[0].root / "away.png")
    first(job)
    assert "00-early" not in folders(job)["Ada"]

    away.rename(photo)
    sort_in_threads(*job)

    assert "00-early" in folders(job)["Ada"]


def test_copies_are_taken_from_the_output_where_the_source_is_gone(job: Job) -> None:
    name_eve_twice(job)
    gallery.merge_persons(job[0], "Evelyn", "Eve")
    shutil.rmtree(job[0].settings.sources["card-1"])

    report = rematch(job)

    assert (report.files, report.not_rendered) == (1, 0)
    assert folders(job)["Eve"] == {"40", "41"}


def test_a_write_that_failed_waits_for_a_retry(job: Job) -> None:
    with job[0].open_store() as store:
        sha256 = store.value("SELECT sha256 FROM photo_state WHERE path = '00-early.png'")
    foreign = job[0].settings.output / "Ada" / f"00-early_{sha256[:12]}.jpg"
    foreign.write_text("somebody else's")

    _, report = run_rematch(*job, SortOptions(ThreadPoolExecutor(2)))

    assert (report.named, report.files, report.failed) == (1, 0, 1)
    with job[0].open_store() as store:
        assert reports.counts(store).photos[PhotoStatus.FAILED] == 1
        assert reports.failed_photos(store)[0][:2] == ("00-early.png", "name_taken")
    before = state(job)
    assert rematch(job) == RematchReport()
    assert state(job) == before
    review.answer_faces(job[0], dict.fromkeys(faces(job)["00-early.png"], "Ada"), "no")
    foreign.unlink()
    assert retry_failed(job[0]) == 1
    sort_in_threads(*job)
    assert "00-early" not in folders(job)["Ada"]


# --- the decisions


def stored(identities: list[tuple[int, int]], seen: Sequence[tuple[int, int]] = ()) -> StoredPhoto:
    """A photo, or a clip, with faces nobody has decided about."""
    tracks = [StoredTrack(first, last, first, first, last) for first, last in seen]
    ref = PhotoRef(1, "a.jpg")
    found = tuple(
        StoredFace(
            number + 1,
            ref,
            decided=(Outcome.UNKNOWN.value, FaceReason.EMPTY_GALLERY.value, None),
            embedding=synthetic_embedding(*code),
            track=tracks[number] if tracks else None,
        )
        for number, code in enumerate(identities)
    )
    return StoredPhoto(ref, "unknown", "only_unknown_faces", "0" * 64, faces=found)


def rematch_with(
    people: dict[int, list[tuple[int, int]]],
    own: dict[int, set[int]] | None = None,
    learned: Sequence[tuple[int, tuple[int, int]]] = (),
) -> Rematch:
    known = Gallery(
        tuple(Person(key, f"Person {key}", f"Person {key}") for key in people),
        {key: np.stack([synthetic_embedding(*c) for c in codes]) for key, codes in people.items()},
    )
    rules = Rules(Thresholds(0.8, 1.0, 0.05), 0.5, False)
    known = known.learn([(key, synthetic_embedding(*code)) for key, code in learned])
    return Rematch(known, rules, "pack", own or {}, {}, {})


@pytest.mark.parametrize(
    ("references", "learned"),
    [([(1, 200), (2, 100)], []), ([(1, 200)], [(1, (2, 100))])],
    ids=["a reference", "a learned one"],
)
def test_a_face_in_the_gallery_does_not_meet_itself(
    references: list[tuple[int, int]], learned: list[tuple[int, tuple[int, int]]]
) -> None:
    people = {1: references}  # face 1, of identity 2, is person 1 by mistake
    photo = stored([(2, 100)])

    (met,) = rematch_with(people, learned=learned).decide([photo])
    (alone,) = rematch_with(people, {1: {1}}, learned).decide([photo])

    (without,) = rematch_with({1: [(1, 200)]}).decide([photo])
    assert alone[0].outcome is Outcome.UNKNOWN
    assert alone[0].distance == without[0].distance
    assert met[0].distance < alone[0].distance


@pytest.mark.parametrize("learned", [[], [(1, (1, 200))]])
def test_a_face_that_is_the_only_reference_of_a_person_stays_theirs(
    learned: list[tuple[int, tuple[int, int]]],
) -> None:
    """A user said so, and what was learned alone never makes a person."""
    (decided,) = rematch_with({1: [(2, 100)]}, {1: {1}}, learned).decide([stored([(2, 100)])])

    assert decided[0].person_id == 1
    assert (decided[0].distance == 0.0) is (not learned)


def test_in_a_clip_a_person_has_all_tracks_that_do_not_meet() -> None:
    """The third is like person 1 too, but seen beside the first."""
    rematch = rematch_with({1: [(1, 200)], 2: [(2, 200)]})
    clip = stored([(1, 0), (1, 20), (1, 180)], [(0, 2000), (4000, 6000), (1000, 3000)])
    (decided,) = rematch.decide([clip])
    assert [decided[i].person_id for i in range(3)] == [1, 1, None]
    assert decided[2].reason is FaceReason.PERSON_TAKEN
    (of_photo,) = rematch.decide([stored([(1, 0), (1, 20), (1, 180)])])
    assert [of_photo[i].person_id for i in range(3)].count(1) == 1


def test_a_yes_in_a_clip_keeps_the_person_only_from_whom_the_track_meets() -> None:
    """The user says of the one who looks less like person 1 that it is person 1."""
    rematch = rematch_with({1: [(1, 200)], 2: [(2, 200)]})
    rematch.confirmed = {3: 1}
    clip = stored([(1, 0), (1, 20), (1, 180)], [(0, 2000), (4000, 6000), (1000, 3000)])
    (decided,) = rematch.decide([clip])
    assert [decided[i].person_id for i in range(3)] == [None, 1, 1]
    assert decided[0].reason is FaceReason.REJECTED_BY_USER


code = st.tuples(st.integers(1, 5), st.integers(0, 255))


@given(st.lists(st.lists(code, max_size=4), max_size=6))
def test_many_photos_at_once_are_decided_as_one_by_one(photos: list[list[tuple[int, int]]]) -> None:
    people = {number: [(number, 40), (number, 90)] for number in range(1, 4)}
    rematch = rematch_with(people)
    some = [stored(faces) for faces in photos]

    together = rematch.decide(some)

    centroids = rematch.gallery.centroids()
    for photo, decided in zip(some, together, strict=True):
        if photo.faces:
            embeddings = np.stack([f.embedding for f in photo.faces if f.embedding is not None])
            distances = distances_to_persons(embeddings, centroids)
            alone = decide_photo(distances, rematch.person_ids, rematch.rules.thresholds)
            assert tuple(decided[i] for i in range(len(photo.faces))) == alone
        else:
            assert decided == {}
