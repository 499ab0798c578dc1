"""Clips between the photos: from the scan to the posters in persons' folders."""

from __future__ import annotations

import io
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from drawn_clips import Actor, every, stage, write_clip
from filmed_event import filmed_workspace, make_filmed_event, with_photos
from PIL import Image
from synthetic_event import (
    add_references,
    content,
    make_workspace,
    sort_in_threads,
    tree,
    write_photo,
)

from facesort.engine.delivery.verify import verify_output
from facesort.engine.job import batches, rematch
from facesort.engine.job.sort import SortOptions, run_rematch, run_sort
from facesort.faces.protocol import ModelPack
from facesort.store.queries import reports
from facesort.store.queries.delivery.commit_log import verified_writes
from facesort.workspace import Workspace

pytestmark = pytest.mark.usefixtures("plans_as_stored")

POSTER = re.compile(r"(.+)_(\d\d)-(\d\d)-(\d\d\.\d{3})_[0-9a-f]{12}\.jpg")


@pytest.fixture(scope="module")
def sorted_(tmp_path_factory: pytest.TempPathFactory) -> tuple[Workspace, ModelPack]:
    workspace, pack = filmed_workspace(tmp_path_factory.mktemp("filmed"))
    before = tree(workspace.root.parent / "source")
    sort_in_threads(workspace, pack)
    assert tree(workspace.root.parent / "source") == before
    return workspace, pack


def posters(workspace: Workspace) -> dict[str, set[str]]:
    """Stems of the clips of which each folder has a poster."""
    found: dict[str, set[str]] = {}
    for name in tree(workspace.settings.output):
        folder, file = name.split("/")
        if match := POSTER.fullmatch(file):
            found.setdefault(folder, set()).add(match[1])
    return found


def statuses(workspace: Workspace) -> dict[str, tuple[str, str | None]]:
    with workspace.open_store(read_only=True) as store:
        rows = store.rows("SELECT path, status, reason FROM file_state ORDER BY path")
    return {Path(path).name: (status, reason) for path, status, reason in rows}


def test_everybody_gets_the_best_frame_of_their_clips(
    sorted_: tuple[Workspace, ModelPack],
) -> None:
    workspace, _ = sorted_
    assert posters(workspace) == {"Person 1": {"C0001", "C0002"}, "Person 2": {"C0001"}}
    with workspace.open_store(read_only=True) as store:
        assert verify_output(workspace.settings.output, verified_writes(store)).passed
        rows = store.rows("SELECT target, at_ms FROM write WHERE at_ms IS NOT NULL")
        assert len(rows) == 3
    for target, at_ms in rows:
        with Image.open(workspace.settings.output / target) as poster:
            assert poster.size == (640, 240)
            pixels = np.asarray(poster).astype(int)
        assert np.ptp(pixels) > 50, (target, at_ms)  # a face, not the grey of an empty stage
    assert list(workspace.staging.iterdir()) == []
    assert not list(workspace.clips.glob("*"))


def test_each_clip_is_counted_once_and_has_a_reason(
    sorted_: tuple[Workspace, ModelPack],
) -> None:
    found = statuses(sorted_[0])
    assert found["C0001.MP4"] == ("matched", None)
    assert found["C0002.MOV"] == ("matched", None)
    assert found["C0003.MP4"] == ("unknown", "only_unknown_faces")
    assert found["C0004.MP4"] == ("no_face", "no_face")
    assert found["C0005.MP4"] == ("duplicate", "duplicate")
    assert found["C0006.MP4"][0] == "failed"
    with sorted_[0].open_store(read_only=True) as store:
        counts = reports.counts(store)
    assert counts.total == 12 == sum(counts.photos.values())


def test_one_person_may_appear_twice(sorted_: tuple[Workspace, ModelPack]) -> None:
    with sorted_[0].open_store(read_only=True) as store:
        rows = store.rows(
            "SELECT p.name, t.start_ms, t.end_ms FROM track t JOIN face_state s USING (face_id) "
            "JOIN place l USING (photo_id) LEFT JOIN person p USING (person_id) "
            "WHERE l.path LIKE '%C0002.MOV' ORDER BY t.start_ms, p.name"
        )
    assert [name for name, *_ in rows] == ["Person 1", None, "Person 1"]
    truth = [(0, 1600), (0, 12_000), (10_400, 12_000)]
    assert np.abs(np.array([row[1:] for row in rows]) - truth).max() <= 200


def test_a_person_who_is_added_later_is_found_without_decoding_again(tmp_path: Path) -> None:
    workspace, pack = filmed_workspace(tmp_path)
    sort_in_threads(workspace, pack)
    add_references(workspace, pack, tmp_path / "later", {5: [30]})
    _, report = run_rematch(workspace, pack, SortOptions())
    assert posters(workspace)["Person 5"] == {"C0002", "C0003"}
    assert report.files == 2
    _, again = run_rematch(workspace, pack, SortOptions())
    assert again.files == 0


def test_clips_are_left_out_unless_they_are_asked_for(tmp_path: Path) -> None:
    make_filmed_event(tmp_path / "source")
    workspace, pack = make_workspace(tmp_path, tmp_path / "source")
    sort_in_threads(workspace, pack)
    assert not posters(workspace)
    with workspace.open_store(read_only=True) as store:
        counts = reports.counts(store)
        assert (counts.total, counts.skipped["video"]) == (6, 6)
    workspace = with_photos(workspace, videos=True)
    sort_in_threads(workspace, pack)
    assert posters(workspace) == {"Person 1": {"C0001", "C0002"}, "Person 2": {"C0001"}}
    with workspace.open_store(read_only=True) as store:
        assert "video" not in reports.counts(store).skipped


def test_the_number_of_workers_changes_nothing(
    tmp_path: Path, sorted_: tuple[Workspace, ModelPack]
) -> None:
    source = sorted_[0].root.parent / "source"
    workspace, pack = make_workspace(tmp_path, source)
    workspace = with_photos(workspace, videos=True)
    with ThreadPoolExecutor(1) as executor:
        run_sort(workspace, pack, SortOptions(executor=executor))
    assert tree(workspace.settings.output) == tree(sorted_[0].settings.output)
    with workspace.open_store() as one, sorted_[0].open_store() as other:
        assert content(one) == content(other)


def test_a_lost_poster_is_rendered_again(tmp_path: Path) -> None:
    workspace, pack = filmed_workspace(tmp_path)

    def lose(point: str) -> None:
        if point == "recorded":
            for path in workspace.staging.rglob("*.jpg"):
                path.unlink()
            raise InterruptedError

    with pytest.raises(InterruptedError):
        sort_in_threads(workspace, pack, at=lose)
    sort_in_threads(workspace, pack)
    assert posters(workspace) == {"Person 1": {"C0001", "C0002"}, "Person 2": {"C0001"}}
    with workspace.open_store(read_only=True) as store:
        assert verify_output(workspace.settings.output, verified_writes(store)).passed
    poster = next(p for p in workspace.settings.output.rglob("C0001_*.jpg"))
    with Image.open(io.BytesIO(poster.read_bytes())) as picture:
        assert picture.info.get("exif") is None


def test_the_movie_of_a_live_photo_belongs_to_its_photo(tmp_path: Path) -> None:
    card = tmp_path / "source" / "card"
    write_photo(card / "IMG_0001.JPG", [1], variation=40)
    both = [Actor(1, 0, 2000), Actor(2, 0, 2000, at=lambda _: (300, 80))]
    write_clip(card / "IMG_0001.MOV", stage(both, every(100, 2000)))
    write_clip(card / "IMG_0002.MOV", stage(both, every(100, 2500)))
    workspace, pack = make_workspace(tmp_path, tmp_path / "source")
    sort_in_threads(with_photos(workspace, videos=True), pack)
    # Person 1 has the photo itself.
    assert posters(workspace) == {
        "Person 1": {"IMG_0002"},
        "Person 2": {"IMG_0001", "IMG_0002"},
    }
    with workspace.open_store(read_only=True) as store:
        rows = store.rows(
            "SELECT l.path, p.shot_id, c.every_ms FROM photo p JOIN place l USING (photo_id) "
            "LEFT JOIN clip c USING (photo_id) ORDER BY l.path"
        )
    (_, photo, _), (_, movie, sparse), (_, other, usual) = rows
    assert movie == photo != other
    assert (sparse, usual) == (1000, 200)
    assert statuses(workspace)["IMG_0001.MOV"] == ("matched", None)


def test_the_movie_of_a_motion_photo_names_who_is_not_in_the_picture(tmp_path: Path) -> None:
    card = tmp_path / "source" / "card"
    both = [Actor(1, 0, 2000), Actor(2, 0, 2000, at=lambda _: (300, 80))]
    movie = write_clip(tmp_path / "movie.mp4", stage(both, every(100, 2000))).read_bytes()
    for name, trailer in (("PXL_1.MP.jpg", b""), ("SAMSUNG.jpg", b"MotionPhoto_Data SEFT")):
        write_photo(card / name, [1], variation=40 if trailer else 41)
        with (card / name).open("ab") as stream:
            stream.write(trailer + movie + trailer)
    write_photo(card / "no_movie.jpg", [1], variation=42)
    with (card / "no_movie.jpg").open("ab") as stream:
        stream.write(movie[: len(movie) // 2])
    workspace, pack = make_workspace(tmp_path, tmp_path / "source")
    workspace = with_photos(workspace, videos=True)
    sort_in_threads(workspace, pack)
    assert posters(workspace) == {"Person 2": {"PXL_1.MP", "SAMSUNG"}}
    assert len(list((workspace.settings.output / "Person 2").iterdir())) == 2
    assert len(list((workspace.settings.output / "Person 1").iterdir())) == 3
    with workspace.open_store(read_only=True) as store:
        rows = store.rows(
            "SELECT person_id, count(*) FROM track JOIN face_state USING (face_id) GROUP BY ALL ORDER BY 1"
        )
        assert rows == [(1, 2), (2, 2)]
        assert verify_output(workspace.settings.output, verified_writes(store)).passed
    _, again = run_rematch(workspace, pack, SortOptions())
    assert again.files == 0


def test_who_is_loose_in_the_movie_of_a_motion_photo_awaits_a_yes(tmp_path: Path) -> None:
    card = tmp_path / "source" / "card"
    write_photo(card / "PXL_1.MP.jpg", [1], variation=41)
    both = [Actor(1, 0, 2000), Actor(2, 0, 2000, at=lambda _: (300, 80))]
    movie = write_clip(tmp_path / "movie.mp4", stage(both, every(100, 2000)))
    with (card / "PXL_1.MP.jpg").open("ab") as stream:
        stream.write(movie.read_bytes())
    workspace, pack = make_workspace(tmp_path, tmp_path / "source")
    matching = workspace.settings.matching.model_copy(update={"strict": 0.3, "loose": 1.0})
    settings = workspace.settings.model_copy(update={"matching": matching})
    workspace = with_photos(Workspace(workspace.root, settings), videos=True)
    sort_in_threads(workspace, pack)
    with workspace.open_store(read_only=True) as store:
        rows = store.rows("SELECT person_id, awaits FROM face_state ORDER BY face_id")
    assert rows == [(1, False), (1, True), (2, True)]
    assert [name.split("/")[0] for name in tree(workspace.settings.output)] == ["Person 1"]


def test_a_photo_that_is_read_after_a_movie_of_its_name_is_no_part_of_it(tmp_path: Path) -> None:
    card = tmp_path / "source" / "card"
    movie = [Actor(1, 0, 1000)]
    write_clip(card / "IMG_0001.MOV", stage(movie, every(100, 1000)))
    workspace, pack = make_workspace(tmp_path, tmp_path / "source")
    workspace = with_photos(workspace, videos=True)
    sort_in_threads(workspace, pack)
    write_photo(card / "IMG_0001.JPG", [3], variation=40)
    sort_in_threads(workspace, pack)
    assert statuses(workspace)["IMG_0001.JPG"] == ("matched", None)
    assert len(list((workspace.settings.output / "Person 3").iterdir())) == 1


def test_the_movie_of_a_picture_that_fails_is_looked_at_as_any_other(tmp_path: Path) -> None:
    card = tmp_path / "source" / "card"
    write_photo(card / "IMG_0001.JPG", [3], variation=40)
    data = (card / "IMG_0001.JPG").read_bytes()
    (card / "IMG_0001.JPG").write_bytes(data[: len(data) // 2])
    write_clip(card / "IMG_0001.MOV", stage([Actor(1, 0, 1000)], every(100, 1000)))
    workspace, pack = make_workspace(tmp_path, tmp_path / "source")
    workspace = with_photos(workspace, videos=True)
    sort_in_threads(workspace, pack)
    with workspace.open_store(read_only=True) as store:
        assert store.rows("SELECT every_ms, samples FROM clip") == [(200, 5)]


def test_who_is_added_later_gets_a_live_photo_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The movie is judged while the change of its picture is not recorded yet."""
    monkeypatch.setattr(rematch, "_AT_ONCE", 1)
    card = tmp_path / "source" / "card"
    write_photo(card / "IMG_0001.JPG", [5], variation=40)
    write_clip(card / "IMG_0001.MOV", stage([Actor(5, 0, 1000)], every(100, 1000)))
    workspace, pack = make_workspace(tmp_path, tmp_path / "source")
    workspace = with_photos(workspace, videos=True)
    sort_in_threads(workspace, pack)
    add_references(workspace, pack, tmp_path / "later", {5: [30]})
    run_rematch(workspace, pack, SortOptions())
    (name,) = tree(workspace.settings.output)
    assert not POSTER.fullmatch(name.split("/")[1])


def test_a_poster_is_of_the_content_that_was_decided(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = tmp_path / "source" / "card"
    path = write_clip(card / "C1.MP4", stage([Actor(1, 0, 1000)], every(100, 1000)))
    other = write_clip(tmp_path / "other.mp4", stage([Actor(3, 0, 1000)], every(100, 1000)))
    workspace, pack = make_workspace(tmp_path, tmp_path / "source")
    workspace = with_photos(workspace, videos=True)
    chosen = batches.shares_of

    def replaced(*args: object) -> object:
        path.write_bytes(other.read_bytes())
        return chosen(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(batches, "shares_of", replaced)
    sort_in_threads(workspace, pack)
    assert not tree(workspace.settings.output)


def test_a_frame_of_a_motion_photo_has_its_own_derivatives(tmp_path: Path) -> None:
    card = tmp_path / "source" / "card"
    write_photo(card / "PXL_1.MP.jpg", [1], variation=41)
    movie = write_clip(tmp_path / "movie.mp4", stage([Actor(2, 0, 1000)], every(100, 1000)))
    with (card / "PXL_1.MP.jpg").open("ab") as stream:
        stream.write(movie.read_bytes())
    workspace, pack = make_workspace(tmp_path, tmp_path / "source")
    small = workspace.settings.derivatives.model_copy(update={"enabled": True, "edges": (64,)})
    settings = workspace.settings.model_copy(update={"derivatives": small})
    workspace = with_photos(Workspace(workspace.root, settings), videos=True)
    sort_in_threads(workspace, pack)
    with workspace.open_store(read_only=True) as store:
        found = store.rows(
            "SELECT w.person_id, d.sha256 FROM write w JOIN derivative d ON d.jpeg_sha256 = w.sha256"
        )
    still, frame = ({made for who, made in found if who == person_id} for person_id in (1, 2))
    assert still
    assert frame
    assert still.isdisjoint(frame)
