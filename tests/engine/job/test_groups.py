"""A sort that ends by joining the faces of the event into groups."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import pytest
from synthetic_event import make_gallery, sort_in_threads, tree, write_photo

from facesort.core.groups.decision import Proposals
from facesort.core.groups.linkage import link
from facesort.core.groups.threshold import FLOOR
from facesort.engine.job.changes import RematchReport
from facesort.engine.job.groups import EventGroups, event_groups
from facesort.engine.job.sort import SortOptions, run_rematch, run_sort
from facesort.engine.review.answers import answer_faces
from facesort.engine.rules import rules_of
from facesort.engine.setup import open_with_pack
from facesort.faces.protocol import ModelPack
from facesort.reasons import FaceReason
from facesort.settings import save_settings
from facesort.store.queries import face_sets, reports
from facesort.store.queries.gallery import load_gallery
from facesort.workspace import Workspace

KNOWN, STRANGERS = (1, 2, 3, 4), (11, 12, 13)
REFERENCE = 230
EACH = range(188, 241, 4)
"""Variations: these faces are 0.9 to 1.1 from a reference of 230, and from each other."""

WITHOUT_GROUPS = "655a3987a26f52bb7548267b924dcc74947267f2cf5c24d2ea1a929a55e194e5"
"""Digest of the decisions that facesort made for these photos before there were groups."""


@dataclass(frozen=True)
class Job:
    workspace: Workspace
    pack: ModelPack

    def rows(self, sql: str) -> list[tuple[object, ...]]:
        with self.workspace.open_store(read_only=True) as store:
            return store.rows(sql)

    def decided(self) -> dict[str, list[tuple[object, ...]]]:
        """What was decided for the faces of each photo, by its content."""
        rows = self.rows(
            "SELECT p.sha256, s.person_id, s.outcome, s.reason, s.distance, s.group_distance, s.group_faces "
            "FROM face_state s JOIN photo p USING (photo_id) ORDER BY s.face_id"
        )
        found: dict[str, list[tuple[object, ...]]] = {}
        for sha256, *decision in rows:
            found.setdefault(str(sha256), []).append(tuple(decision))
        return found

    def who(self) -> dict[str, list[tuple[object, ...]]]:
        return {photo: [face[:3] for face in faces] for photo, faces in self.decided().items()}

    def reasons(self) -> dict[str, int]:
        return dict(self.rows("SELECT reason, count(*) FROM face_state GROUP BY reason"))  # type: ignore[arg-type]


def fill(source: Path, *, backwards: bool = False) -> None:
    """Photos of one face or two; people are in fourteen photos each."""
    photos = [(person, variation) for variation in EACH for person in (*KNOWN, *STRANGERS)]
    for number, (person, variation) in enumerate(photos):
        name = f"{len(photos) - number if backwards else number:04d}.png"
        write_photo(source / name, [person], variation=variation)
    for number, pair in enumerate(((1, 2), (3, 4), (1, 11))):
        write_photo(source / f"{'a' if backwards else 'z'}{number}.png", list(pair), variation=242)


def make_job(folder: Path, *, backwards: bool = False, **matching: object) -> Job:
    folder.mkdir()
    workspace, _ = make_gallery(folder, {person: [REFERENCE] for person in KNOWN})
    fill(folder / "source", backwards=backwards)
    settings = workspace.settings
    changed = settings.matching.model_copy(update=matching)
    save_settings(
        settings.model_copy(update={"matching": changed}), workspace.root / "facesort.toml"
    )
    return Job(*open_with_pack(workspace.root))


@pytest.fixture(scope="module")
def sorted_job(tmp_path_factory: pytest.TempPathFactory) -> Job:
    job = make_job(tmp_path_factory.mktemp("groups") / "job")
    sort_in_threads(job.workspace, job.pack)
    return job


@pytest.fixture(scope="module")
def sorted_alone(tmp_path_factory: pytest.TempPathFactory) -> Job:
    job = make_job(tmp_path_factory.mktemp("alone") / "job", groups=False)
    sort_in_threads(job.workspace, job.pack)
    return job


def test_faces_beyond_loose_are_named_by_their_group(sorted_job: Job, sorted_alone: Job) -> None:
    photos = len(EACH) * len(KNOWN) + 3
    alone = sorted_alone.reasons()
    assert FaceReason.WITHIN_GROUP not in alone
    unknown = len(EACH) * len(STRANGERS) + 1
    assert alone[FaceReason.ABOVE_LOOSE] > unknown + photos / 3
    named = sorted_job.rows(
        "SELECT count(DISTINCT photo_id) FROM face_state WHERE person_id IS NOT NULL"
    )
    assert named == [(photos,)]
    assert sorted_job.reasons()[FaceReason.WITHIN_GROUP] > 10


def test_nobody_is_taken_for_somebody_else(sorted_job: Job) -> None:
    wrong = sorted_job.rows(
        "SELECT path FROM face_state s JOIN place p USING (photo_id) "
        "WHERE s.person_id IS NOT NULL AND path NOT LIKE 'z%' "
        f"AND left(path, 4)::INTEGER % {len(KNOWN) + len(STRANGERS)} + 1 <> s.person_id"
    )
    assert wrong == []


def test_what_a_group_named_is_explained_by_its_distance_and_size(sorted_job: Job) -> None:
    rows = sorted_job.rows(
        "SELECT distance, group_distance, group_faces FROM face_decision WHERE reason = 'within_group'"
    )
    loose = sorted_job.rows("SELECT settings->>'$.matching.loose' FROM run")
    assert all(float(str(far)) > 1.0 and float(str(rms)) <= FLOOR for far, rms, _ in rows)
    assert {others for *_, others in rows} <= {len(EACH) - 1, len(EACH), len(EACH) + 1}
    assert float(str(loose[0][0])) == pytest.approx(FLOOR)


def test_the_copies_are_delivered(sorted_job: Job) -> None:
    files = tree(sorted_job.workspace.settings.output)
    for person in KNOWN:
        assert sum(name.startswith(f"Person {person}/") for name in files) >= len(EACH)
    assert sorted_job.rows("SELECT count(*) FROM write WHERE status <> 'verified'") == [(0,)]


def test_nothing_is_learned_from_a_group(sorted_job: Job) -> None:
    learned = sorted_job.rows(
        "SELECT DISTINCT s.reason FROM learned JOIN face_state s USING (face_id)"
    )
    assert learned in ([], [("within_strict",)])


def test_the_order_of_the_files_changes_nothing(sorted_job: Job, tmp_path: Path) -> None:
    backwards = make_job(tmp_path / "job", backwards=True)
    sort_in_threads(backwards.workspace, backwards.pack)
    assert backwards.decided() == sorted_job.decided()


def test_in_two_parts_as_at_once(sorted_job: Job, tmp_path: Path) -> None:
    parts = make_job(tmp_path / "job")
    (tmp_path / "later").mkdir()
    for path in sorted((tmp_path / "job" / "source").iterdir())[::2]:
        path.rename(tmp_path / "later" / path.name)
    sort_in_threads(parts.workspace, parts.pack)
    assert parts.reasons() != sorted_job.reasons()
    for path in (tmp_path / "later").iterdir():
        path.rename(tmp_path / "job" / "source" / path.name)
    sort_in_threads(parts.workspace, parts.pack)
    # What has not changed keeps the figures with which it was decided.
    assert parts.who() == sorted_job.who()


def test_worker_processes_and_a_second_match_change_nothing(
    sorted_job: Job, tmp_path: Path
) -> None:
    job = make_job(tmp_path / "job")
    run_sort(job.workspace, job.pack, SortOptions())
    assert job.decided() == sorted_job.decided()
    _, report = run_rematch(job.workspace, job.pack)
    assert report == RematchReport()
    before = job.decided()
    sort_in_threads(job.workspace, job.pack)
    assert job.decided() == before
    with job.workspace.open_store(read_only=True) as store:
        first, *_, last = reports.run_records(store)
        assert last.groups == first.groups != {}


def test_a_given_loose_is_where_groups_end(tmp_path: Path) -> None:
    job = make_job(tmp_path / "job", loose=1.07)
    sort_in_threads(job.workspace, job.pack)
    (rms,) = job.rows("SELECT max(group_distance) FROM face_decision WHERE person_id IS NOT NULL")
    assert 1.0 < float(str(rms[0])) <= 1.07
    # Batches name what is within a LOOSE that somebody answers for.
    first = job.rows("SELECT count(*) FROM decision WHERE round = 0 AND outcome = 'loose'")
    assert first[0][0] > 0
    with job.workspace.open_store(read_only=True) as store:
        assert reports.run_records(store)[-1].groups["decided_by"] == "given"


def test_until_the_event_is_known_only_strict_faces_are_delivered(sorted_job: Job) -> None:
    first = sorted_job.rows("SELECT DISTINCT outcome FROM decision WHERE round = 0")
    assert set(first) <= {("strict",), ("unknown",)}


def test_without_groups_nothing_has_changed(sorted_alone: Job, tmp_path: Path) -> None:
    """The decisions of a sort as they were before there were groups, as a digest of all of them."""
    rounded = [
        (name, [(p, o, r, d and round(float(str(d)), 4)) for p, o, r, d, *_ in faces])
        for name, faces in sorted(sorted_alone.decided().items())
    ]
    assert hashlib.sha256(repr(rounded).encode()).hexdigest() == WITHOUT_GROUPS


def test_a_no_takes_that_face_out_and_leaves_the_others(tmp_path: Path) -> None:
    job = make_job(tmp_path / "job")
    sort_in_threads(job.workspace, job.pack)
    of_anybody = "SELECT face_id, person_id FROM face_state WHERE person_id IS NOT NULL"
    named = set(job.rows(of_anybody))
    (one,) = job.rows(
        "SELECT face_id, person_id FROM face_state WHERE reason = 'within_group' ORDER BY face_id LIMIT 1"
    )
    face_id, person_id = (int(str(value)) for value in one)
    answer_faces(job.workspace, {face_id: f"Person {person_id}"}, "no")
    run_rematch(job.workspace, job.pack)
    assert named - set(job.rows(of_anybody)) == {one}


def test_a_yes_for_the_wrong_person_changes_nobody_else(tmp_path: Path) -> None:
    """LOOSE of all was stricter after it, and others lost their names."""
    job = make_job(tmp_path / "job")
    sort_in_threads(job.workspace, job.pack)
    of_anybody = "SELECT face_id, person_id FROM face_state WHERE person_id IS NOT NULL"
    named = dict(job.rows(of_anybody))
    face_id = min(face for face, person in named.items() if person == 1)  # type: ignore[type-var]
    answer_faces(job.workspace, {int(str(face_id)): "Person 2"}, "yes")
    run_id, _ = run_rematch(job.workspace, job.pack)
    assert dict(job.rows(of_anybody)) == named | {face_id: 2}
    with job.workspace.open_store(read_only=True) as store:
        assert reports.run_record(store, run_id).groups["loose"] == pytest.approx(FLOOR)


def test_groups_of_more_faces_than_memory_holds_are_the_same(
    sorted_job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    def found() -> EventGroups:
        with sorted_job.workspace.open_store(read_only=True) as store:
            gallery = load_gallery(store, sorted_job.pack.pack_id, max_learned=0)
            rules = rules_of(sorted_job.workspace.settings, sorted_job.pack)
            return event_groups(store, gallery, rules, sorted_job.pack.pack_id)

    usual, files = found(), tree(sorted_job.workspace.root)
    monkeypatch.setattr(face_sets, "_IN_MEMORY", 10)
    monkeypatch.setattr(face_sets, "_AT_ONCE", 7)
    monkeypatch.setitem(link.__kwdefaults__, "exact", 10)
    many = found()
    assert isinstance(many.faces.embeddings, np.memmap)
    assert not isinstance(usual.faces.embeddings, np.memmap)
    assert tree(sorted_job.workspace.root) == files, "nobody finds the faces there"
    assert np.array_equal(many.faces.embeddings, usual.faces.embeddings)
    assert many.record() == usual.record()
    for proposal in fields(Proposals):
        expected = getattr(usual.proposals, proposal.name)
        assert getattr(many.proposals, proposal.name) == pytest.approx(expected, abs=1e-6)
