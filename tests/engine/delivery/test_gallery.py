"""`facesort export --gallery`: the pages show what was delivered, of those who are to be seen, and nothing else."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pytest
from bs4 import BeautifulSoup
from click.testing import CliRunner
from PIL import ExifTags, Image
from synthetic_event import make_workspace, sort_in_threads, tree, write_photo

import facesort.engine.delivery.gallery_pages
from facesort.cli import cli
from facesort.core.delivery.portraits import Portrait
from facesort.core.records import PhotoRef
from facesort.core.stored import StoredFace, StoredPhoto
from facesort.engine.delivery.derivatives import derive_all
from facesort.engine.delivery.export import ExportReport, export
from facesort.engine.delivery.export_files import ExportOptions
from facesort.engine.delivery.export_folder import ExportFolder
from facesort.engine.gallery.persons import move_folder, remove_person, set_delivery
from facesort.engine.privacy.forget import forget
from facesort.engine.sources.changes import set_clock
from facesort.errors import ImageError, OutputError
from facesort.faces.protocol import ModelPack
from facesort.reasons import Reason
from facesort.workspace import Workspace

Job = tuple[Workspace, ModelPack]


def write_taken(path: Path, people: list[int], taken: str) -> None:
    """A drawn photo with a time."""
    write_photo(path.with_suffix(".png"), people, variation=40)
    exif = Image.Exif()
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = taken
    with Image.open(path.with_suffix(".png")) as image:
        image.save(path, quality=92, exif=exif)
    path.with_suffix(".png").unlink()


@pytest.fixture(scope="module")
def event(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sorted event: two of Person 1, one of them with Person 2; one each of Person 3, Person 4 and a stranger."""
    root = tmp_path_factory.mktemp("event")
    write_taken(root / "source" / "secret-card" / "late.jpg", [1], "2026:06:14 21:30:00")
    write_taken(root / "source" / "secret-card" / "early.jpg", [1, 2], "2026:06:14 10:05:00")
    write_taken(root / "source" / "noon.jpg", [3], "2026:06:14 12:00:00")
    write_photo(root / "source" / "undated.png", [4], variation=40)
    write_photo(root / "source" / "stranger.png", [500])
    workspace, pack = make_workspace(root, root / "source")
    sort_in_threads(workspace, pack)
    return root


@pytest.fixture
def job(event: Path, tmp_path: Path) -> Job:
    """The same, for one test to change."""
    shutil.copytree(event, tmp_path / "event")
    return _opened(tmp_path / "event")


def _opened(root: Path) -> Job:
    for file in (root / "hot").glob("*.toml"):
        text = file.read_text().replace(str(_original(file)), str(root))
        file.write_text(text)
    from facesort.engine.setup import open_with_pack

    return open_with_pack(root / "hot")


def _original(settings: Path) -> str:
    found = re.search(r'output = "(.+)/out"', settings.read_text())
    assert found
    return found[1]


def write(job: Job, folder: Path, **options: object) -> ExportReport:
    return export(*job, folder, ExportOptions(gallery=True, **options), ThreadPoolExecutor(2))  # type: ignore[arg-type]


def pages(folder: Path) -> dict[str, BeautifulSoup]:
    found = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*.html")}
    return {name: BeautifulSoup(path.read_bytes(), "html.parser") for name, path in found.items()}


def asked_for(folder: Path) -> Iterator[Path]:
    """Every file that a page shows or leads to."""
    for name, page in pages(folder).items():
        for tag in page.find_all(True):
            for attribute in set(tag.attrs) & {"href", "src", "srcset"}:
                for entry in str(tag[attribute]).split(", "):
                    address = unquote(entry.split(" ")[0])
                    if address and not address.startswith("#"):
                        yield (folder / name).parent / address


def photos(page: BeautifulSoup) -> list[str]:
    """Stems of the photos, as they are shown."""
    return [
        unquote(str(a["href"])).rpartition("/")[2].partition("_")[0] for a in page.select("a.photo")
    ]


def test_pages_of_the_event_and_of_each_person(job: Job, tmp_path: Path) -> None:
    report = write(job, tmp_path / "Anna & Ben")

    found = pages(tmp_path / "Anna & Ben")
    assert report.gallery == "index.html"
    assert found.keys() == {"index.html", *(f"_gallery/Person {n}.html" for n in (1, 2, 3, 4))}
    event_page = found["index.html"]
    assert event_page.h1 is not None
    assert event_page.h1.get_text() == "Anna & Ben"
    assert photos(event_page) == ["early", "noon", "late", "undated"]
    assert [a["data-time"] for a in event_page.select("a.photo[data-time]")] == [
        "14 June 2026, 10:05", "14 June 2026, 12:00", "14 June 2026, 21:30",
    ]  # fmt: skip
    assert photos(found["_gallery/Person 1.html"]) == ["early", "late"]
    assert photos(found["_gallery/Person 2.html"]) == ["early"]
    for path in asked_for(tmp_path / "Anna & Ben"):
        assert path.is_file(), path
    manifest = (tmp_path / "Anna & Ben" / "_SHA256SUMS").read_text()
    listed = dict(reversed(line.split("  ", 1)) for line in manifest.splitlines())
    assert listed == {k: v for k, v in tree(tmp_path / "Anna & Ben").items() if k != "_SHA256SUMS"}


def test_the_clock_that_a_user_set_counts(job: Job, tmp_path: Path) -> None:
    set_clock(job[0], "card-1", 3600)

    write(job, tmp_path / "out")

    times = pages(tmp_path / "out")["index.html"].select("a.photo[data-time]")
    assert times[0]["data-time"] == "14 June 2026, 11:05"


def test_nothing_says_where_photos_came_from_or_how_faces_were_told_apart(
    job: Job, tmp_path: Path
) -> None:
    write(job, tmp_path / "out")

    for path in (tmp_path / "out").rglob("*.html"):
        text = path.read_text()
        for hint in ("secret-card", str(tmp_path), "embedding", "distance", "strict", "card-1"):
            assert hint not in text.partition("<body>")[2].partition("<script>")[0], hint


@pytest.mark.parametrize("how", ["removed", "withheld", "forgotten"])
def test_who_is_not_to_be_seen_is_nowhere(job: Job, tmp_path: Path, how: str) -> None:
    workspace = job[0]
    if how == "removed":
        remove_person(workspace, "Person 2")
    elif how == "withheld":
        set_delivery(workspace, "Person 2", False)
    else:
        forget(workspace, "Person 2")

    write(job, tmp_path / "out")

    found = pages(tmp_path / "out")
    assert "_gallery/Person 2.html" not in found
    assert not (tmp_path / "out" / "_gallery" / "Person 2.jpg").exists()
    assert all("Person 2" not in str(page) for page in found.values())
    # the photo with both goes to the other one, unless nobody is to get it
    assert ("early" in photos(found["index.html"])) == (how != "withheld")


def test_unknown_people_are_there_only_if_they_are_delivered(job: Job, tmp_path: Path) -> None:
    write(job, tmp_path / "without")
    run = job[0].settings.run.model_copy(update={"unknown_folder": True})
    workspace = Workspace(job[0].root, job[0].settings.model_copy(update={"run": run}))
    write((workspace, job[1]), tmp_path / "with")

    assert "stranger" not in photos(pages(tmp_path / "without")["index.html"])
    found = pages(tmp_path / "with")
    assert photos(found["_gallery/_unknown.html"]) == ["stranger"]
    names = [tag.get_text() for tag in found["index.html"].select(".people .name")]
    assert names[-1] == "Other guests"
    assert not (tmp_path / "with" / "_gallery" / "_unknown.jpg").exists()


def test_a_face_is_cut_out_alone() -> None:
    def context(*boxes: tuple[float, float, float, float]) -> float:
        faces = tuple(StoredFace(n, PhotoRef(1, "a.jpg"), box) for n, box in enumerate(boxes))
        photo = StoredPhoto(PhotoRef(1, "a.jpg"), "matched", None, "", faces=faces)
        return Portrait(photo, faces[0]).context

    face = (400.0, 200.0, 500.0, 300.0)
    assert context(face) == 0.4
    assert context(face, (550, 200, 650, 300)) == 0.4  # 50 px away, and 40 wanted
    assert context(face, (530, 100, 650, 300)) == pytest.approx(0.3)
    assert context(face, (380, 50, 520, 180)) == pytest.approx(0.2)
    assert context(face, (530, 100, 650, 300), (380, 50, 520, 180)) == pytest.approx(0.2)
    assert context(face, (450, 250, 550, 350)) == 0.0


def test_the_picture_of_a_person_shows_only_them(job: Job, tmp_path: Path) -> None:
    write(job, tmp_path / "out")

    for number in (1, 2):
        with Image.open(tmp_path / "out" / "_gallery" / f"Person {number}.jpg") as image:
            assert max(image.size) <= 300
            pixels = np.asarray(image.convert("RGB")).astype(int)
        frame = (np.abs(pixels - (255, 0, 255)).sum(axis=2) < 120).any(axis=0)
        starts = np.flatnonzero(np.diff(np.r_[0, frame.astype(int)]) == 1)
        assert len(starts) <= 2  # the two sides of one magenta frame


def test_an_interrupted_gallery_goes_on(
    job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(job, tmp_path / "whole" / "Event")
    add, files = ExportFolder.add, len(tree(tmp_path / "whole" / "Event"))
    for stop in range(1, files, 9):
        left = iter(range(stop))

        def stumble(self: ExportFolder, file: str, data: bytes) -> None:
            if next(left, None) is None:  # noqa: B023
                raise OSError(28, "No space left on device")
            add(self, file, data)

        monkeypatch.setattr(ExportFolder, "add", stumble)
        with pytest.raises(OutputError, match="run the same command again"):
            write(job, tmp_path / "again" / "Event")
    monkeypatch.setattr(ExportFolder, "add", add)
    write(job, tmp_path / "again" / "Event")

    assert tree(tmp_path / "again") == tree(tmp_path / "whole")


def test_a_photo_that_was_lost_after_the_interruption_is_told_before_its_pictures_stay_behind(
    job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add, left = ExportFolder.add, iter(range(2))

    def stumble(self: ExportFolder, file: str, data: bytes) -> None:
        if next(left, None) is None:
            raise OSError(28, "No space left on device")
        add(self, file, data)

    with monkeypatch.context() as patch:
        patch.setattr(ExportFolder, "add", stumble)
        with pytest.raises(OutputError, match="run the same command again"):
            write(job, tmp_path / "Event")
    shutil.rmtree(job[0].settings.output)
    shutil.rmtree(next(iter(job[0].settings.sources.values())))
    with pytest.raises(OutputError, match="exported before the interruption"):
        write(job, tmp_path / "Event")


def test_what_the_workspace_has_is_not_made_again(
    job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(job, tmp_path / "made" / "Event")
    derive_all(*job, ThreadPoolExecutor(2))

    def refuse(*_: object) -> None:
        raise AssertionError("made again")

    monkeypatch.setattr(facesort.engine.delivery.gallery_pages, "derive_again", refuse)
    write(job, tmp_path / "taken" / "Event")

    assert tree(tmp_path / "taken") == tree(tmp_path / "made")


def test_a_worker_that_is_lost_is_told(
    job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lose(_: object, photo: object, executor: Executor, *rest: object) -> None:
        raise ImageError(Reason.WORKER_DIED, "its worker process ended with code -9")

    monkeypatch.setattr(facesort.engine.delivery.gallery_pages, "derive_again", lose)
    with pytest.raises(OutputError, match=r"\.(jpg|png) could not be made .*code -9.* goes on"):
        write(job, tmp_path / "out")


def test_a_folder_may_have_the_name_of_a_page(job: Job, tmp_path: Path) -> None:
    move_folder(job[0], "Person 1", "Index.HTML")
    move_folder(job[0], "Person 2", "_gallery x")

    report = write(job, tmp_path / "out")

    assert report.gallery == "_index.html"
    assert (tmp_path / "out" / "Index.HTML").is_dir()
    assert "_gallery/Index.HTML.html" in pages(tmp_path / "out")
    for path in asked_for(tmp_path / "out"):
        assert path.is_file(), path


def test_the_command_says_what_to_open(job: Job, tmp_path: Path) -> None:
    command = ["-w", str(job[0].root), "export", str(tmp_path / "out"), "--gallery"]
    done = CliRunner().invoke(cli, command)
    assert done.exit_code == 0, done.output
    assert f"open {tmp_path / 'out' / 'index.html'} in a browser" in done.output
