"""Photos with remarks: counted alike everywhere, said in words, and treated as what they are."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image
from synthetic_event import make_workspace, sort_in_threads, tree, write_photo

from facesort.cli import cli
from facesort.engine.delivery.verify import verify_output
from facesort.engine.job.output import written
from facesort.engine.job.progress import read_progress
from facesort.engine.job.repair import repair_output
from facesort.faces.engines.synthetic import draw_synthetic_face
from facesort.faces.protocol import ModelPack
from facesort.images.png.chunks import chunk
from facesort.lab import audit
from facesort.settings import save_settings
from facesort.store.queries import tables
from facesort.workspace import Workspace, open_workspace

pytestmark = pytest.mark.usefixtures("plans_as_stored")

Switched = tuple[Workspace, ModelPack, Callable[[], Workspace]]

COUNTED = {"damaged": 1, "pages": 1, "tone_mapped": 1, "turned": 1}
_BEHIND_THE_HEADER = 33  # bytes of a PNG
_PQ = bytes((9, 16, 0, 1))  # of BT.2020, as in H.273


def cut(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 9 // 10])


def on_its_side(path: Path, identity: int) -> None:
    pixels = np.full((320, 480, 3), 190, np.uint8)
    draw_synthetic_face(pixels, (100, 60, 196, 156), identity, variation=30)
    Image.fromarray(np.rot90(pixels)).save(path, quality=95)


def with_settings(workspace: Workspace, **photos: bool) -> Workspace:
    update = {"photos": workspace.settings.photos.model_copy(update=photos)}
    settings = workspace.settings.model_copy(update=update)
    save_settings(settings, workspace.root / "facesort.toml")
    return open_workspace(workspace.root)


@pytest.fixture(scope="module")
def sorted_event(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A photo with each remark, a copy of one of them, and one without any."""
    root = tmp_path_factory.mktemp("event")
    card = root / "card"
    for name, identity in {"whole.jpg": 1, "cut.jpg": 2, "first.tif": 3, "bright.png": 4}.items():
        write_photo(card / name, [identity], variation=30, shade=150)
    cut(card / "cut.jpg")
    with Image.open(card / "first.tif") as first:
        first.save(card / "pages.tif", save_all=True, append_images=[Image.new("RGB", first.size)])
    (card / "first.tif").unlink()
    data = (card / "bright.png").read_bytes()
    head, rest = data[:_BEHIND_THE_HEADER], data[_BEHIND_THE_HEADER:]
    (card / "bright.png").write_bytes(head + chunk(b"cICP", _PQ) + rest)
    on_its_side(card / "side.jpg", 4)
    shutil.copy(card / "side.jpg", card / "side copied.jpg")
    workspace, pack = make_workspace(root, card)
    workspace = with_settings(workspace, accept_damaged=True)
    sort_in_threads(workspace, pack)
    return workspace


def test_the_figures_of_remarks_are_those_of_the_tables(sorted_event: Workspace) -> None:
    root = str(sorted_event.root)
    told = json.loads(CliRunner().invoke(cli, ["status", "--json", "-w", root]).stdout)
    assert told["remarks"] == COUNTED
    progress = read_progress(sorted_event.state)
    assert progress is not None
    assert progress["remarks"] == COUNTED, "counted batch by batch"
    with sorted_event.open_store(read_only=True) as store:
        photos = tables.table(store, "photos").select("remarks").fetchall()
        files = tables.table(store, "files").filter("status <> 'duplicate'").select("remarks")
        files = files.fetchall()
    for rows in (photos, files):
        assert Counter(code for (codes,) in rows for code in codes) == COUNTED


def test_the_status_says_them_in_words(sorted_event: Workspace) -> None:
    said = CliRunner().invoke(cli, ["status", "-w", str(sorted_event.root)]).stdout.splitlines()
    for sentence in (
        "1 file is damaged and was sorted all the same (`photos.accept_damaged`): copy it again from the card",
        "1 file holds further pages; only its first picture was read: save the others as files of their own",
        "1 HDR photo was tone-mapped to SDR",
        "1 photo without an orientation tag lies on its side or head, and is delivered as it is "
        "(`photos.auto_upright = true` turns photos that are sorted from then on)",
    ):
        assert sentence in said


def test_the_audit_says_them_and_lists_the_photos(sorted_event: Workspace, tmp_path: Path) -> None:
    report = audit.open_audit(sorted_event.root, tmp_path)

    assert report.summary()["remarks"] == COUNTED
    assert "1 HDR photo was tone-mapped to SDR." in repr(audit.show_sources(report))
    parts = dict(audit.show_unusable(report).parts)
    listed = parts["Photos that were read, with a remark"]
    assert not isinstance(listed, str)
    assert [row[:2] for row in listed.rows] == [
        ("cut.jpg", "damaged"),
        ("bright.png", "tone_mapped"),
        ("pages.tif", "pages"),
        ("side copied.jpg", "turned"),
    ]
    assert "of the picture is missing or wrong" in str(listed.rows[0][2])
    assert "copy it again from the card" in str(listed.rows[0][3])
    assert listed.note == "4 in all."


def test_nothing_is_learned_from_a_damaged_photo_that_is_delivered(sorted_event: Workspace) -> None:
    with sorted_event.open_store(read_only=True) as store:
        faces = tables.table(store, "faces").select("path, person, outcome, learned").fetchall()
    assert ("whole.jpg", "Person 1", "strict", True) in faces
    assert ("cut.jpg", "Person 2", "strict", False) in faces


@pytest.fixture(params=["auto_upright", "auto_upright off", "accept_damaged off"])
def switched(request: pytest.FixtureRequest, tmp_path: Path) -> Switched:
    """A photo that is read one way, another one, and the settings that read the first another way afterwards."""
    card = tmp_path / "card"
    write_photo(card / "b.jpg", [1], variation=30)
    setting, _, off = request.param.partition(" ")
    if setting == "auto_upright":
        on_its_side(card / "a.jpg", 4)
    else:
        write_photo(card / "a.jpg", [4], variation=30)
        cut(card / "a.jpg")
    workspace, pack = make_workspace(tmp_path, card)
    workspace = with_settings(workspace, **{setting: bool(off)})
    return workspace, pack, lambda: with_settings(workspace, **{setting: not off})


def test_a_lost_copy_is_rendered_as_it_was_though_the_setting_was_switched(
    switched: Switched,
) -> None:
    workspace, pack, switch = switched
    sort_in_threads(workspace, pack)
    output = workspace.settings.output
    before = tree(output)
    (copy,) = output.glob("Person 4/*.jpg")
    copy.unlink()
    workspace = switch()

    done = repair_output(workspace, pack, ThreadPoolExecutor(1))

    assert done.failed == {}
    assert tree(output) == before


def test_a_lost_staged_copy_is_rendered_as_it_was_though_the_setting_was_switched(
    switched: Switched,
) -> None:
    workspace, pack, switch = switched

    def lose(point: str) -> None:
        if point == "recorded":
            shutil.rmtree(next(workspace.staging.iterdir()))
            raise InterruptedError

    with pytest.raises(InterruptedError):
        sort_in_threads(workspace, pack, at=lose)
    workspace = switch()
    sort_in_threads(workspace, pack)

    with workspace.open_store(read_only=True) as store:
        writes, _ = written(store)
    assert [write.plan.target[:8] for write in writes] == ["Person 4", "Person 1"]
    assert verify_output(workspace.settings.output, writes).passed
