"""Which photos become references, and why the others do not."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image
from PIL.ExifTags import IFD, Base
from synthetic_event import write_photo

from facesort.cli import cli
from facesort.core.persons.gallery import Gallery, Person
from facesort.core.records import Analysis, Face
from facesort.engine.gallery.reembed import reembed
from facesort.engine.gallery.reference_check import (
    Likeness,
    check_identity,
    check_new,
    check_reference,
    likeness,
)
from facesort.engine.gallery.seed import Candidate, SeedReport, seed, upload_name
from facesort.engine.gallery.view import read_gallery
from facesort.engine.setup import set_up
from facesort.errors import RefusedReferenceError
from facesort.faces.engines.load import load_engine
from facesort.faces.engines.synthetic import synthetic_embedding
from facesort.faces.protocol import ModelPack
from facesort.lab.seed.cards import report_html
from facesort.reasons import Reason
from facesort.settings import SeedSettings, save_settings
from facesort.store.queries.gallery import StoredReference
from facesort.workspace import Workspace, open_workspace

Job = tuple[Workspace, ModelPack]
ADA, BEN = Person(1, "Ada", "Ada"), Person(2, "Ben", "Ben")


@pytest.fixture
def job(tmp_path: Path) -> Job:
    (tmp_path / "src").mkdir()
    return set_up(tmp_path / "hot", [tmp_path / "src"], tmp_path / "out", "synthetic", [])


def offer(job: Job, *candidates: Candidate) -> list[SeedReport]:
    return list(seed(*job, candidates, ThreadPoolExecutor(1)))


def verdicts(reports: list[SeedReport]) -> list[Reason | None]:
    return [None if r.refused is None else r.refused.reason for r in reports]


def known(job: Job) -> dict[str, list[str]]:
    cards = read_gallery(*job).cards
    return {card.person.name: [r.file_name for r in card.references] for card in cards}


def photo(folder: Path, name: str, people: list[int], variation: int = 90) -> Path:
    write_photo(folder / name, people, variation=variation)
    return folder / name


def face(identity: int = 1, **facts: Any) -> Face:
    values: dict[str, Any] = {
        "box": np.array([0, 0, 100, 100], np.float32),
        "landmarks": np.zeros((5, 2), np.float32),
        "score": 0.9,
        "sharpness": 100.0,
        "yaw": 0.1,
        "quality": 0.8,
        "embedding": synthetic_embedding(identity, 90),
        "crop": b"",
    }
    return Face(**values | facts)


SMALL = np.array([0, 0, 300, 39], np.float32)


@pytest.mark.parametrize(
    ("faces", "reason"),
    [
        ([], Reason.NO_FACE),
        ([face(), face(2)], Reason.SEVERAL_FACES),
        ([face(box=SMALL)], Reason.TOO_SMALL),
        ([face(sharpness=19.9)], Reason.BLURRED),
        ([face(yaw=1.01)], Reason.EXTREME_POSE),
    ],
)
def test_one_good_face_is_needed(faces: list[Face], reason: Reason) -> None:
    with pytest.raises(RefusedReferenceError) as caught:
        check_reference(Analysis(1, "x", faces=tuple(faces)), SeedSettings())
    assert caught.value.reason is reason


def test_what_cannot_be_read_is_refused_as_that() -> None:
    with pytest.raises(RefusedReferenceError, match="truncated: ends early"):
        check_reference(
            Analysis(1, "", failure=Reason.TRUNCATED, detail="ends early"), SeedSettings()
        )


def stored(name: str, embedding: np.ndarray) -> StoredReference:
    return StoredReference(1, name, 0.1, 0.8, None, embedding, b"", False)


def at_distance(embedding: np.ndarray, distance: float) -> np.ndarray:
    """A unit vector that far away."""
    aside = np.zeros_like(embedding)
    aside[0] = 1.0
    aside -= (aside @ embedding) * embedding
    aside /= np.linalg.norm(aside)
    angle = 2 * np.arcsin(distance / 2)
    return np.asarray(np.cos(angle) * embedding + np.sin(angle) * aside, dtype=np.float32)


@pytest.mark.parametrize(("distance", "taken"), [(0.0, False), (0.23, False), (0.25, True)])
def test_nearly_the_same_picture_teaches_nothing(distance: float, taken: bool) -> None:
    """The limit is 0.3 of the pack's STRICT: it follows the scale of the pack's distances."""
    own = face()
    others = [
        stored("far.jpg", synthetic_embedding(9, 90)),
        stored("near.jpg", at_distance(own.embedding, distance)),
    ]
    check_new(own, [], 0.8)
    if taken:
        check_new(own, others, 0.8)
        return
    with pytest.raises(RefusedReferenceError, match=r"near_identical: .* as near\.jpg"):
        check_new(own, others, 0.8)


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (Likeness(None, None, None), None),
        (Likeness(1.3, None, None), None),
        (Likeness(0.5, BEN, 0.7), None),  # alike, but nearer to the own one
        (Likeness(0.7, BEN, 0.7), None),
        (Likeness(0.7, BEN, 0.69), Reason.CLOSER_TO_OTHER),
        (Likeness(1.4, BEN, 1.3), Reason.CLOSER_TO_OTHER),
        (Likeness(None, BEN, 0.8), Reason.LOOKS_LIKE_OTHER),
        (Likeness(None, BEN, 0.81), None),
    ],
)
def test_a_face_that_is_rather_somebody_elses(found: Likeness, reason: Reason | None) -> None:
    if reason is None:
        check_identity(found, "Ada", 0.8)
        return
    with pytest.raises(RefusedReferenceError, match="Ben") as caught:
        check_identity(found, "Ada", 0.8)
    assert caught.value.reason is reason


def test_likeness_is_measured_to_the_centroids_of_the_sort() -> None:
    own = face(1)
    rows = {1: np.stack([synthetic_embedding(1, 200)]), 2: np.stack([synthetic_embedding(2, 90)])}
    gallery = Gallery((ADA, BEN), rows)

    assert likeness(own, None, Gallery((), {})) == Likeness(None, None, None)
    assert likeness(own, ADA, Gallery((ADA,), {1: rows[1]})).other is None
    found = likeness(own, ADA, gallery)
    assert found.own == pytest.approx(np.linalg.norm(own.embedding - rows[1][0]), abs=1e-6)
    assert found.other == BEN
    assert likeness(own, None, gallery).other == ADA
    assert likeness(own, None, gallery).own is None


def test_every_verdict_on_real_files(job: Job, tmp_path: Path) -> None:
    first = photo(tmp_path, "first.png", [1])
    again = tmp_path / "again.jpg"
    Image.open(first).save(again, quality=70)
    small = tmp_path / "small.png"
    Image.open(first).resize((200, 75), Image.Resampling.NEAREST).save(small)
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"no photo")
    photos = [
        (first, None),
        (first, Reason.ALREADY_THERE),
        (again, Reason.NEAR_IDENTICAL),
        (photo(tmp_path, "none.png", []), Reason.NO_FACE),
        (photo(tmp_path, "two.png", [1, 2]), Reason.SEVERAL_FACES),
        (small, Reason.TOO_SMALL),
        (broken, Reason.NOT_AN_IMAGE),
        (photo(tmp_path, "second.png", [1], 91), None),
    ]

    reports = offer(job, *(Candidate("Ada", path) for path, _ in photos))

    assert verdicts(reports) == [reason for _, reason in photos]
    assert known(job) == {"Ada": ["first.png", "second.png"]}


def test_who_is_refused_sees_the_photo(job: Job, tmp_path: Path) -> None:
    paths = [photo(tmp_path, "none.png", []), photo(tmp_path, "two.png", [1, 2])]

    reports = offer(job, *(Candidate("Ada", path) for path in paths))

    assert all(report.analysis.jpeg.startswith(b"\xff\xd8") for report in reports)
    assert known(job) == {}


def test_somebody_known_under_another_name_has_to_be_forced(job: Job, tmp_path: Path) -> None:
    offer(job, Candidate("Ada", photo(tmp_path, "ada.png", [1])))
    twin = photo(tmp_path, "twin.png", [1], 100)

    (refused,) = offer(job, Candidate("Twin", twin))
    assert verdicts([refused]) == [Reason.LOOKS_LIKE_OTHER]
    assert refused.likeness is not None
    assert refused.likeness.other == ADA
    assert list(known(job)) == ["Ada"]

    assert verdicts(offer(job, Candidate("Twin", twin, force=True))) == [None]
    assert list(known(job)) == ["Ada", "Twin"]


def test_a_photo_of_somebody_else_has_to_be_forced(job: Job, tmp_path: Path) -> None:
    offer(job, Candidate("Ada", photo(tmp_path, "ada.png", [1])))
    offer(job, Candidate("Ben", photo(tmp_path, "ben.png", [2])))
    wrong = photo(tmp_path, "wrong.png", [2], 100)

    (refused,) = offer(job, Candidate("Ada", wrong))
    assert verdicts([refused]) == [Reason.CLOSER_TO_OTHER]
    assert "closer to Ben" in str(refused.refused)

    assert verdicts(offer(job, Candidate("Ada", wrong, force=True))) == [None]
    assert known(job)["Ada"] == ["ada.png", "wrong.png"]


def test_force_does_not_mend_a_bad_photo(job: Job, tmp_path: Path) -> None:
    two = photo(tmp_path, "two.png", [1, 2])

    assert verdicts(offer(job, Candidate("Ada", two, force=True))) == [Reason.SEVERAL_FACES]


def test_one_of_several_faces_is_taken_by_its_number(job: Job, tmp_path: Path) -> None:
    """Faces are counted from the left; one photo can serve each person in it."""
    two = photo(tmp_path, "two.png", [1, 2])
    offer(job, Candidate("Ada", photo(tmp_path, "ada.png", [1], 100)))

    reports = offer(
        job,
        Candidate("Ben", two, face=3),
        Candidate("Ben", two, face=1),
        Candidate("Ben", two, face=2),
        Candidate("Ada", two, face=1),
        Candidate("Ada", two, face=2),
    )

    assert verdicts(reports) == [
        Reason.NO_FACE, Reason.LOOKS_LIKE_OTHER, None, None, Reason.ALREADY_THERE,
    ]  # fmt: skip
    assert "there is no face 3: counted from the left, the photo has 2" in str(reports[0].refused)
    assert known(job) == {"Ada": ["ada.png", "two.png"], "Ben": ["two.png"]}
    ada, ben = read_gallery(*job).cards
    assert np.linalg.norm(ada.references[1].embedding - ada.references[0].embedding) < 0.8
    assert np.linalg.norm(ben.references[0].embedding - ada.references[0].embedding) > 1


def test_another_face_that_reaches_into_the_crop_is_not_taken_for_the_chosen_one(
    job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer(job, Candidate("Ada", photo(tmp_path, "two.png", [1, 2]), face=1))
    chosen, beside = (
        face(number, box=np.array(box, np.float32))
        for number, box in ((5, (60, 60, 150, 150)), (6, (140, 0, 211, 211)))
    )
    monkeypatch.setattr(
        "facesort.engine.gallery.reembed.find_faces", lambda *_, **__: (beside, chosen)
    )

    assert reembed(job[0], load_engine(job[1], threads=1)) == []

    (card,) = read_gallery(*job).cards
    assert (card.references[0].embedding == chosen.embedding).all()


def test_the_callers_executor_stays_open(job: Job, tmp_path: Path) -> None:
    with ThreadPoolExecutor(1) as executor:
        candidate = Candidate("Ada", photo(tmp_path, "ada.png", [1]))
        list(seed(*job, [candidate], executor))
        list(seed(*job, [candidate], executor))
        assert executor.submit(len, "ab").result() == 2


def test_when_a_reference_was_taken_is_kept(job: Job, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif.get_ifd(IFD.Exif)[Base.DateTimeOriginal] = "2019:05:04 03:02:01"
    image = Image.open(photo(tmp_path, "plain.png", [1]))
    image.save(tmp_path / "dated.jpg", exif=exif, quality=92)

    offer(job, Candidate("Ada", tmp_path / "dated.jpg"))

    (card,) = read_gallery(*job).cards
    assert card.references[0].captured_at == datetime(2019, 5, 4, 3, 2, 1)


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("", "photo"),
        ("a.jpg", "a.jpg"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\me\\a.jpg", "a.jpg"),
        ("..", "photo"),
        ("a\0b.jpg", "ab.jpg"),
    ],
)
def test_names_of_uploads_are_never_paths(name: str, kept: str) -> None:
    assert upload_name(name) == Path(kept)


def test_uploads_are_in_no_file(job: Job, tmp_path: Path) -> None:
    one, two = (photo(tmp_path, *of).read_bytes() for of in (("a.jpg", [1]), ("none.jpg", [])))
    before = {path for path in job[0].root.rglob("*") if path.is_file()}
    uploads = [
        Candidate("Ada", upload_name("../a.jpg"), content=one),
        Candidate("Ada", upload_name("none.jpg"), content=two),
        Candidate("Ada", upload_name("empty.jpg"), content=b""),
    ]
    reports = offer(job, *uploads)
    assert verdicts(reports) == [None, Reason.NO_FACE, Reason.EMPTY_FILE]
    assert [bool(report.analysis.jpeg) for report in reports] == [True, True, False]
    assert known(job) == {"Ada": ["a.jpg"]}
    assert {path for path in job[0].root.rglob("*") if path.is_file()} == before


def test_a_damaged_reference_is_refused_unless_the_user_takes_damaged_photos(
    job: Job, tmp_path: Path
) -> None:
    cut = photo(tmp_path, "cut.jpg", [1])
    data = cut.read_bytes()
    cut.write_bytes(data[: len(data) * 9 // 10])
    (report,) = offer(job, Candidate("Ada", cut))
    assert report.refused is not None
    assert report.refused.reason is Reason.TRUNCATED
    assert "photos.accept_damaged = true takes it nevertheless" in report.refused.detail
    assert "missing or wrong" in report_html(report, "cut.jpg")

    workspace, pack = job
    taken = workspace.settings.photos.model_copy(update={"accept_damaged": True})
    settings = workspace.settings.model_copy(update={"photos": taken})
    save_settings(settings, workspace.root / "facesort.toml")
    (report,) = offer((open_workspace(workspace.root), pack), Candidate("Ada", cut))
    assert report.refused is None
    shown = report_html(report, "cut.jpg")
    assert "missing or wrong" in shown
    assert "it was taken all the same (`photos.accept_damaged`)" in shown

    arguments = ["seed", "-w", str(workspace.root), "Ben", str(cut), "--force"]
    done = CliRunner().invoke(cli, arguments)
    assert done.exit_code == 0, done.output
    added, damaged, _ = done.stdout.splitlines()
    assert added == "added    Ben: cut.jpg"
    assert damaged.startswith("damaged  Ben: cut.jpg: JPEG: ")
    assert damaged.endswith("a whole photo is better")


def test_who_has_two_names_is_told_at_once_and_whenever_persons_are_listed(
    job: Job, tmp_path: Path
) -> None:
    workspace = job[0]
    offer(job, Candidate("Ada", photo(tmp_path, "ada.png", [1])))
    offer(job, Candidate("Ben", photo(tmp_path, "ben.png", [2])))
    twin = photo(tmp_path, "twin.png", [1], 100)
    where = ["-w", str(workspace.root)]

    done = CliRunner().invoke(cli, ["seed", *where, "Twin", str(twin), "--force"])
    assert "Ada and Twin look like one person (0." in done.stderr
    assert "merge them in 01_seed" in done.stderr
    other = photo(tmp_path, "cleo.png", [3])
    assert "look like" not in CliRunner().invoke(cli, ["seed", *where, "Cleo", str(other)]).stderr

    listed = CliRunner().invoke(cli, ["persons", *where])
    assert listed.stderr.startswith("Ada and Twin look like one person (0.")
    assert len(listed.stdout.splitlines()) == 4
