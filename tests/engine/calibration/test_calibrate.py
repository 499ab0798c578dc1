"""Calibration of a workspace, and the forecast of its sort, on an event of drawn faces."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, strategies as st
from stored_faces import best_distances
from synthetic_event import make_event, make_workspace, sort_in_threads, write_photo

from facesort.core.calibration import Basis, Forecast, Targets
from facesort.core.persons.gallery import Gallery, Person
from facesort.core.persons.matching import Thresholds
from facesort.core.records import Analysis, Face
from facesort.engine.calibration.calibrate import (
    CalibrationRun,
    check_calibration,
    run_calibration,
)
from facesort.engine.calibration.forecast import (
    decide_sample,
    draw,
    forecast_from,
    frozen_gallery,
    sample_source,
)
from facesort.engine.calibration.labelled import (
    analyse_labelled,
    person_numbers,
    refuse_one_person,
)
from facesort.engine.gallery.seed import Candidate, seed
from facesort.engine.job.decide import decide_batch, results_of, standings_of
from facesort.engine.rules import Rules, rules_of
from facesort.engine.setup import set_up
from facesort.errors import FacesortError, GalleryError, InsufficientTrialsError, SourceGoneError
from facesort.faces.engines.synthetic import synthetic_embedding
from facesort.faces.protocol import ModelPack
from facesort.reasons import FaceReason, PhotoStatus, Reason
from facesort.store import Store
from facesort.store.gallery import people
from facesort.store.gallery.people import NewReference
from facesort.store.queries import reports
from facesort.store.what_counts import standings
from facesort.workspace import Workspace

DATE = datetime(2026, 10, 1, tzinfo=UTC)


def calibrated(
    workspace: Workspace, pack: ModelPack, labelled: Path | None = None
) -> CalibrationRun:
    return run_calibration(
        workspace,
        pack,
        DATE,
        labelled=labelled,
        targets=Targets(fpir=0.05),
        executor=ThreadPoolExecutor(2),
    )


def seeded(folder: Path, references: dict[int, list[int]]) -> tuple[Workspace, ModelPack]:
    """A workspace with a reference of each person for each variation."""
    source = folder / "source"
    source.mkdir()
    workspace, pack = set_up(folder / "hot", [source], folder / "out", "synthetic", [])
    candidates = []
    for identity, variations in references.items():
        for number, variation in enumerate(variations):
            path = folder / "seeds" / f"{identity}-{number}.png"
            write_photo(path, [identity], variation=variation, shade=180 + number)
            candidates.append(Candidate(f"Person {identity}", path))
    if candidates:
        reports_ = list(seed(workspace, pack, candidates, ThreadPoolExecutor(1)))
        assert [r.refused for r in reports_] == [None] * len(candidates)
    return workspace, pack


def write_labelled(root: Path, people: dict[str, tuple[int | None, list[int]]]) -> Path:
    root.mkdir()
    for name, (identity, variations) in people.items():
        for variation in variations:
            found = [] if identity is None else [identity]
            write_photo(root / name / f"{variation}.png", found, variation=variation, shade=120)
    return root


FOUR = {identity: [30, 60, 90] for identity in range(1, 5)}


def test_references_and_labelled_photos_are_compared_as_the_sort_compares_them(
    tmp_path: Path,
) -> None:
    workspace, pack = seeded(tmp_path, FOUR)
    folders = {"person 2": (2, [70, 140]), **{f"Guest {i}": (i, [50]) for i in range(20, 60)}}
    labelled = write_labelled(tmp_path / "labelled", folders)
    write_photo(labelled / "Person 1" / "two.png", [1, 9])
    write_photo(labelled / "Person 1" / "none.png", [])
    (labelled / "Person 1" / "broken.jpg").write_bytes(b"not a photo")
    copy = labelled / "person 2" / "copy.png"
    copy.write_bytes((labelled / "person 2" / "70.png").read_bytes())

    found = calibrated(workspace, pack, labelled)

    counts = found.calibration.counts
    assert (counts.persons, counts.references, counts.genuine) == (4, 12, 14)
    assert (counts.labelled_persons, counts.labelled_faces) == (1, 2)
    assert (counts.strangers, counts.stranger_faces) == (40, 40)
    assert found.labelled.refused == {
        Reason.SEVERAL_FACES: 1,
        Reason.NO_FACE: 1,
        Reason.NOT_AN_IMAGE: 1,
        Reason.DUPLICATE: 1,
    }
    gallery = frozen_gallery(workspace, pack)
    own = found.comparisons.distances[~found.comparisons.references][-2:, 1]
    faces = np.stack([synthetic_embedding(2, v) for v in (140, 70)])
    expected = np.linalg.norm(faces - gallery.centroids().references[1], axis=1)
    assert own == pytest.approx(expected, abs=1e-6)


def test_the_callers_executor_stays_open(tmp_path: Path) -> None:
    workspace, pack = seeded(tmp_path, {})
    folders = {"Ann": (20, [50, 60]), "Ben": (21, [50, 60])}
    labelled = write_labelled(tmp_path / "labelled", folders)
    with ThreadPoolExecutor(1) as executor:
        refuse_one_person(workspace, pack, labelled, executor)
        assert len(analyse_labelled(workspace, pack, labelled, executor).faces) == 4
        assert executor.submit(len, "ab").result() == 2


def test_a_calibration_names_its_pack_gallery_and_date_and_stores_nothing(tmp_path: Path) -> None:
    workspace, pack = seeded(tmp_path, {identity: [30, 60] for identity in range(1, 21)})
    before = {p: p.read_bytes() for p in workspace.root.rglob("*") if p.is_file()}
    found = calibrated(workspace, pack).calibration
    assert {p: p.read_bytes() for p in workspace.root.rglob("*") if p.is_file()} == before
    assert (found.pack_id, found.date) == (pack.pack_id, "2026-10-01T00:00:00+00:00")
    assert found.suggestion.loose.basis is Basis.DATA  # 20 people are enough for 5 %
    assert found.suggested.fpir.value <= 0.05
    assert found.suggestion.strict.basis is Basis.RECOMMENDED
    assert json.loads(json.dumps(found.to_json()))["counts"]["persons"] == 20


def make_labelled(people: dict[str, tuple[int | None, list[int]]]) -> Callable[[Path], Path]:
    return lambda root: write_labelled(root / "labelled", people)


@pytest.mark.parametrize(
    ("references", "labelled", "error", "message"),
    [
        ({}, None, GalleryError, "nobody is in the gallery"),
        ({1: [30, 60]}, None, InsufficientTrialsError, "nobody who could be mistaken for"),
        (FOUR, make_labelled({}), GalleryError, "no sub-folder with photos"),  # no labelled data
        (FOUR, make_labelled({"Guest": (9, [50])}), InsufficientTrialsError, "photos of 1 person,"),
        (
            FOUR,
            make_labelled({"Guest": (9, [50, 60]), "Nobody": (None, [1])}),
            InsufficientTrialsError,
            r"photos of 1 person \(not used: 1 no_face\),",
        ),
        (FOUR, lambda root: root / "missing", GalleryError, "is not a folder"),
        (
            {1: [30, 60], 2: [30, 60]},
            make_labelled({"Guest": (1, [30]), "Other": (9, [50])}),
            GalleryError,
            "a reference of 'Person 1' is among the labelled photos",
        ),
    ],
)
def test_what_cannot_be_calibrated_is_a_sentence_and_nothing_is_stored(
    tmp_path: Path,
    references: dict[int, list[int]],
    labelled: Callable[[Path], Path] | None,
    error: type[FacesortError],
    message: str,
) -> None:
    workspace, pack = seeded(tmp_path, references)
    folder = None if labelled is None else labelled(tmp_path)
    before = sorted((p, p.stat().st_size) for p in workspace.root.rglob("*"))
    with pytest.raises(error, match=message):
        calibrated(workspace, pack, folder)
    assert sorted((p, p.stat().st_size) for p in workspace.root.rglob("*")) == before


def test_copies_of_one_picture_say_nothing_of_misses(tmp_path: Path) -> None:
    """Seeding refuses them by now; a workspace may hold them all the same."""
    workspace, pack = seeded(tmp_path, {1: [30], 2: [60]})
    with workspace.open_store() as store, store.transaction():
        for person_id, identity, variation in ((1, 1, 30), (2, 2, 60)):
            embedding = synthetic_embedding(identity, variation)
            copy = NewReference(
                "copy.png", f"{identity}", 100.0, 0.1, 0.9, pack.pack_id, embedding, b""
            )
            people.add_reference(store, person_id, copy)
    check_calibration(workspace, pack, None)
    found = calibrated(workspace, pack).calibration
    assert found.suggested.fnir is None
    assert "copies of one picture do not count" in found.not_known


def test_distances_are_those_that_the_sort_stores_for_the_same_faces(tmp_path: Path) -> None:
    workspace, pack = seeded(tmp_path, FOUR)
    people_of = {"Person 2": (2, [70, 140]), "Person 3": (3, [200]), "Guest": (9, [50, 250])}
    labelled = write_labelled(tmp_path / "labelled", people_of)
    for path in sorted(labelled.rglob("*.png")):
        target = workspace.settings.sources["card-1"] / path.relative_to(labelled)
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(path.read_bytes())
    matching = workspace.settings.matching.model_copy(update={"learn": False})
    unlearning = workspace.settings.model_copy(update={"matching": matching})

    sort_in_threads(replace(workspace, settings=unlearning), pack)
    found = calibrated(workspace, pack, labelled).comparisons

    with workspace.open_store(read_only=True) as store:
        stored = best_distances(store)
    compared = found.distances[~found.references].min(axis=1)
    assert len(stored) == 5
    assert sorted(stored.tolist()) == sorted(compared.tolist())  # to the last bit


@pytest.mark.parametrize(
    ("names", "numbers"),
    [
        ([], []),
        (["Ada", "ADA", "ada-folder"], [7, 7, 7]),
        (["Zoe", "Eva", "Zoe"], [10, 11, 10]),
        (["Rene\u0301"], [9]),  # as macOS writes it; the gallery has the composed form
    ],
)
def test_folders_are_matched_to_persons_by_name(names: list[str], numbers: list[int]) -> None:
    persons = (Person(7, "Ada", "ada-folder"), Person(9, "Ren\u00e9", "Ren\u00e9"))
    assert person_numbers(Gallery(persons, {}), names).tolist() == numbers


# -- the forecast -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> tuple[Workspace, ModelPack]:
    root = tmp_path_factory.mktemp("job")
    make_event(root / "source", photos=60)
    return make_workspace(root, root / "source")


def forecast_of_everything(workspace: Workspace, pack: ModelPack) -> Forecast:
    sample = sample_source(workspace, pack, sample=10**6, executor=ThreadPoolExecutor(2))
    gallery, rules = frozen_gallery(workspace, pack), rules_of(workspace.settings, pack)
    assert len(sample.analyses) == sample.photos_in_all
    return forecast_from(sample.analyses, gallery, rules, sample.photos_in_all)


def test_a_sample_of_everything_forecasts_what_the_sort_gives(
    job: tuple[Workspace, ModelPack],
) -> None:
    workspace, pack = job
    found = forecast_of_everything(workspace, pack)
    assert found.groups is not None
    loose = found.groups.threshold.loose
    drops = found.drops(loose)
    assert drops.low == drops.value == drops.high
    sort_in_threads(workspace, pack)
    with workspace.open_store(read_only=True) as store:
        counts = reports.counts(store)
        learned = store.value("SELECT count(*) FROM learned")
        assert reports.run_records(store)[-1].groups["loose"] == loose
    # Nothing that this event's sort learns brings in a photo: references and photos are of one kind.
    assert drops.dropped == counts.total - counts.photos[PhotoStatus.MATCHED]
    assert drops.photos == counts.total
    assert found.learned().at(pack.strict).errors == learned

    again = forecast_of_everything(workspace, pack)
    assert again.drops(loose) == drops  # what was learned since is left out


def test_the_same_seed_draws_the_same_photos(job: tuple[Workspace, ModelPack]) -> None:
    workspace, pack = job
    one, two, three = (
        sample_source(workspace, pack, sample=12, seed=seed, executor=ThreadPoolExecutor(1)).photos
        for seed in (1, 1, 2)
    )
    assert one == two != three
    assert len({photo.photo_id for photo in one}) == 12


def test_a_source_that_is_gone_gives_no_forecast(tmp_path: Path) -> None:
    workspace, pack = seeded(tmp_path, FOUR)
    with pytest.raises(SourceGoneError):
        sample_source(workspace, pack)
    (workspace.settings.sources["card-1"] / "notes.txt").write_text("no photo")
    with pytest.raises(InsufficientTrialsError, match="no photo"):
        sample_source(workspace, pack)


@pytest.mark.parametrize(("items", "sample"), [(0, 5), (5, 0), (5, 5), (5, 9), (23, 7)])
def test_a_sample_is_in_order_and_without_repeats(items: int, sample: int) -> None:
    drawn = draw(range(items), sample, seed=3)
    assert drawn == sorted(set(drawn)) and len(drawn) == min(items, sample)


def test_every_photo_has_the_same_chance() -> None:
    counts = np.bincount(np.concatenate([draw(range(23), 7, seed=s) for s in range(4000)]))
    assert len(counts) == 23
    assert counts == pytest.approx(np.full(23, 4000 * 7 / 23), rel=0.12)  # 4 standard deviations


def analysis(number: int, faces: list[tuple[int, int, float]], failure: Reason | None) -> Analysis:
    found = tuple(
        Face(
            np.array([0, 0, 50, 50], np.float32),
            np.zeros((5, 2), np.float32),
            0.9,
            100.0,
            0.1,
            quality,
            synthetic_embedding(identity, variation),
            b"",
        )
        for identity, variation, quality in faces
    )
    return Analysis(number, f"content {number}", faces=found, failure=failure)


PEOPLE = st.tuples(st.integers(1, 6), st.integers(0, 255), st.sampled_from([0.2, 0.5, 0.9]))
PHOTOS = st.lists(
    st.tuples(st.lists(PEOPLE, max_size=4), st.sampled_from([None, None, None, Reason.CORRUPT])),
    min_size=1,
    max_size=8,
)


def four_people(deliver: bool) -> Gallery:
    """With two references each; the first may be somebody whose photos go to nobody."""
    persons = tuple(Person(i, str(i), str(i), deliver or i > 1) for i in range(1, 5))
    references = {i: np.stack([synthetic_embedding(i, v) for v in (40, 80)]) for i in range(1, 5)}
    return Gallery(persons, references)


@pytest.mark.parametrize(("deliver", "dropped"), [(True, 1), (False, 3)])
def test_photos_with_somebody_who_is_not_to_be_delivered_are_expected_to_be_dropped(
    deliver: bool, dropped: int
) -> None:
    faces = [[(2, 60)], [(2, 70), (1, 60)], [(1, 70)], [(9, 60)]]
    analyses = [analysis(i, [(*f, 0.9) for f in some], None) for i, some in enumerate(faces)]
    rules = Rules(Thresholds(0.8, 1.0, 0.05), None, False)

    found = forecast_from(analyses, four_people(deliver), rules, len(analyses))

    assert found.drops(1.0).dropped == dropped


@pytest.fixture(scope="module")
def stored_people() -> Iterator[dict[bool, Store]]:
    """The same four people in a store, by whether the first is to be delivered."""
    with Store.open(None) as one, Store.open(None) as other:
        stores = {True: one, False: other}
        for deliver, store in stores.items():
            for person in four_people(deliver).persons:
                people.add_person(store, person.name, person.folder)
            store.execute("UPDATE person SET deliver = ? OR person_id > 1", [deliver])
        yield stores


@given(PHOTOS, st.floats(0, 2), st.floats(0, 2), st.booleans(), st.booleans())
def test_the_forecast_is_what_the_sort_decides(
    stored_people: dict[bool, Store],
    contents: list[tuple[list[tuple[int, int, float]], Reason | None]],
    one: float,
    other: float,
    learning: bool,
    deliver: bool,
) -> None:
    analyses = [
        analysis(i, [] if failure else faces, failure)
        for i, (faces, failure) in enumerate(contents)
    ]
    gallery = four_people(deliver)
    rules = Rules(
        Thresholds(min(one, other), max(one, other), 0.05), 0.5 if learning else None, False
    )

    decided = decide_batch(analyses, gallery, rules)
    ask = partial(standings, stored_people[deliver], unknown_folder=False)
    results = results_of(decided, standings_of(decided, ask))
    found = forecast_from(analyses, gallery, rules, len(analyses))

    dropped = sum(result.status is not PhotoStatus.MATCHED for result in results)
    assert found.drops(rules.thresholds.loose).dropped == dropped
    learned = sum(len(result.learned) for result in results)
    if len(found.learnable):
        assert found.learned().at(rules.thresholds.strict).errors == learned
    else:
        assert learned == 0


# -- the forecast, with groups ------------------------------------------------------------------------------


FAR = st.tuples(st.integers(1, 6), st.integers(150, 255), st.sampled_from([0.2, 0.5, 0.9]))


@given(
    st.lists(st.lists(FAR, max_size=3), min_size=1, max_size=30),
    st.floats(0.3, 2),
    st.floats(0.3, 2),
    st.booleans(),
)
def test_the_forecast_in_groups_is_what_is_decided_in_groups(
    contents: list[list[tuple[int, int, float]]], one: float, other: float, given_loose: bool
) -> None:
    analyses = [analysis(i, faces, None) for i, faces in enumerate(contents)]
    thresholds = Thresholds(min(one, other), max(one, other), 0.05)
    rules = Rules(thresholds, None, False, groups=True, loose_is_given=given_loose)

    found = forecast_from(analyses, four_people(deliver=True), rules, len(analyses))

    loose = thresholds.loose
    if found.groups is not None and not given_loose:
        loose = found.groups.threshold.loose
    decided = decide_sample(analyses, four_people(deliver=True), rules)
    nobody = sum(all(d.person_id is None for d in photo.decisions) for photo in decided)
    assert found.drops(loose).dropped == nobody


def test_groups_bring_more_and_a_small_sample_less() -> None:
    """Faces about as far from a poor reference as from each other: only together they are near enough."""
    references = {i: synthetic_embedding(i, 230)[None] for i in range(1, 5)}
    persons = tuple(Person(i, str(i), str(i)) for i in range(1, 5))
    gallery = Gallery(persons, references)
    faces = [(person, variation, 0.9) for variation in range(188, 241, 4) for person in range(1, 5)]
    analyses = [analysis(i, [face], None) for i, face in enumerate(faces)]
    rules = Rules(Thresholds(0.8, 1.0, 0.05), None, False, groups=True, loose_is_given=False)

    def dropped(rules: Rules, every: int = 1) -> float:
        some = analyses[:4] if every > 1 else analyses
        found = forecast_from(some, gallery, rules, len(analyses))
        loose = rules.thresholds.loose if found.groups is None else found.groups.threshold.loose
        return found.drops(loose).value

    alone = dropped(replace(rules, groups=False))
    assert alone > 0.3
    assert dropped(rules) == 0
    assert dropped(rules, every=5) > 0
    assert 0 < dropped(replace(rules, loose_is_given=True)) <= alone, "groups end at that LOOSE"
    named = [d.reason for photo in decide_sample(analyses, gallery, rules) for d in photo.decisions]
    assert named.count(FaceReason.WITHIN_GROUP) > 10
