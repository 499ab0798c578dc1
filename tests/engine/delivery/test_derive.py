"""Smaller versions of all that is delivered: which there are, and that they are made again wherever a copy is."""

from __future__ import annotations

import io
import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image
from private_event import copy_of
from synthetic_event import make_workspace, sort_in_threads, tree, write_photo

from facesort.cli import cli
from facesort.engine.analysis.pool import LocalPool
from facesort.engine.delivery import derivative_folder, derivatives
from facesort.engine.delivery.derivatives import DeriveReport, derive_all
from facesort.engine.gallery.persons import set_delivery
from facesort.engine.review.answers import answer_faces
from facesort.engine.setup import open_with_pack
from facesort.faces.protocol import ModelPack
from facesort.settings import DerivativeSettings, save_settings
from facesort.store.queries.delivery.derivatives import derived_files
from facesort.workspace import Workspace

Job = tuple[Workspace, ModelPack]
ASKED = DerivativeSettings(edges=(100, 300), formats=("webp", "jpeg"))
FILES = 4 * 3  # of three delivered photos


@pytest.fixture(scope="module")
def event(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three photos with persons, one of a stranger, one with nobody; sorted."""
    root = tmp_path_factory.mktemp("event")
    for number, people in enumerate(([1, 2], [1], [3], [500], [])):
        write_photo(root / "source" / f"{number}.png", people, variation=40, shade=100 + number)
    workspace, pack = make_workspace(root, root / "source")
    with_settings(workspace, ASKED)
    sort_in_threads(*open_with_pack(workspace.root))
    assert pack.kind == "synthetic"
    return root


@pytest.fixture
def job(event: Path, tmp_path: Path) -> Job:
    return copy_of(event, tmp_path)


@pytest.fixture(scope="module")
def whole(event: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """All files as they are made at once."""
    workspace, pack = copy_of(event, tmp_path_factory.mktemp("whole"))
    derive(workspace, pack)
    return tree(workspace.derivatives)


def with_settings(workspace: Workspace, derivatives: DerivativeSettings) -> None:
    settings = workspace.settings.model_copy(update={"derivatives": derivatives})
    save_settings(settings, workspace.root / "facesort.toml")


def derive(workspace: Workspace, pack: ModelPack) -> DeriveReport:
    with ThreadPoolExecutor(2) as executor:
        return derive_all(workspace, pack, executor)


def test_each_delivered_photo_has_all_and_no_other_has_any(job: Job) -> None:
    workspace, _ = job
    assert derive(*job) == DeriveReport(photos=3, made=FILES, pictures=3)
    with workspace.open_store(read_only=True) as store:
        found = derived_files(store)
        copies = dict(store.rows("SELECT DISTINCT sha256, photo_id FROM write"))
    assert found.keys() == copies.keys()
    assert (
        len(tree(workspace.derivatives)) == FILES + 3 + 1
    )  # pictures of persons, and whose they are
    for files in found.values():
        shapes = [(f.variant.format, f.variant.edge, f.width, f.height) for f in files]
        assert shapes == [
            (kind, edge, *size)
            for edge, size in ((100, (100, 38)), (300, (300, 112)))
            for kind in ("jpeg", "webp")
        ]
        for file in files:
            data = (workspace.derivatives / file.key).read_bytes()
            assert len(data) == file.size
            assert Image.open(io.BytesIO(data)).size == (file.width, file.height)
    assert derive(*job) == DeriveReport(photos=3, kept=FILES)


@pytest.mark.parametrize("workers", [1, 8])
def test_the_bytes_do_not_depend_on_the_number_of_workers(
    job: Job, whole: dict[str, str], workers: int
) -> None:
    workspace, pack = job
    with LocalPool.of(workers, workspace.settings.photos) as pool:
        derive_all(workspace, pack, pool)
    assert tree(workspace.derivatives) == whole


def test_what_is_missing_or_damaged_is_made_again(job: Job, whole: dict[str, str]) -> None:
    workspace, _ = job
    derive(*job)
    lost, damaged, half, *_ = sorted(workspace.derivatives.rglob("*.webp"))
    lost.unlink()
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"x")
    half.write_bytes(half.read_bytes()[:100])
    assert derive(*job) == DeriveReport(photos=3, made=3, kept=FILES - 3)
    assert tree(workspace.derivatives) == whole
    shutil.rmtree(workspace.derivatives)  # as after a restore
    assert derive(*job) == DeriveReport(photos=3, made=FILES, pictures=3)
    assert tree(workspace.derivatives) == whole


def test_the_source_is_needed_only_where_no_copy_is(job: Job, whole: dict[str, str]) -> None:
    workspace, _ = job
    (source,) = workspace.settings.sources.values()
    output = workspace.settings.output
    lost = next((output / "Person 3").iterdir())
    lost.unlink()
    derive(*job)  # from the source
    assert tree(workspace.derivatives) == whole
    shutil.rmtree(workspace.derivatives)
    shutil.rmtree(source)
    report = derive(*job)
    assert (report.made, list(report.failed)) == (FILES - 4, ["2.png"])
    assert "missing" in report.failed["2.png"]
    said = CliRunner().invoke(cli, ["derive", "-w", str(workspace.root)])
    assert said.exit_code == 3
    assert "2.png" in said.stderr
    assert said.stdout.startswith("3 photos delivered: 0 files made, 8 were there")


def test_all_folders_that_are_new_are_on_the_disk(
    job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[Path] = []
    monkeypatch.setattr(derivative_folder, "sync_folder", synced.append)
    derive(*job)
    root, parts = job[0].derivatives, {path.parent for path in job[0].derivatives.glob("*/*")}
    assert {root.parent, root, *parts} == set(synced)


def test_a_photo_that_has_no_copy_yet_is_told(job: Job) -> None:
    workspace, _ = job
    with workspace.open_store() as store:
        face = store.value(
            "SELECT face_id FROM face JOIN place USING (photo_id) WHERE path = '3.png'"
        )
    answer_faces(workspace, {face: "Person 3"}, "yes")
    report = derive(*job)
    assert (report.photos, report.made) == (4, FILES)
    assert report.failed == {
        "3.png": "no copy of it is in the output yet: `facesort sort` makes it"
    }
    sort_in_threads(*job)
    again = derive(*job)
    assert (again.made, again.kept, again.failed) == (4, FILES, {})


def test_other_settings_replace_what_was_made(job: Job) -> None:
    workspace, _ = job
    derive(*job)
    with_settings(workspace, DerivativeSettings(edges=(100, 2048), formats=("webp", "avif")))
    again = open_with_pack(workspace.root)
    # The 100 px WebP stay; 2048 is the photo's own size, 640 px.
    assert derive(*again) == DeriveReport(photos=3, made=9, kept=3, removed=9)
    with workspace.open_store(read_only=True) as store:
        for files in derived_files(store).values():
            assert [(f.variant.format, f.width) for f in files] == [
                ("avif", 100), ("webp", 100), ("avif", 640), ("webp", 640),
            ]  # fmt: skip
    assert len(tree(workspace.derivatives)) == 12 + 4
    assert derive(*again) == DeriveReport(photos=3, kept=12)


def test_who_is_withheld_keeps_none(job: Job) -> None:
    workspace, _ = job
    derive(*job)
    set_delivery(workspace, "Person 3", deliver=False)
    assert derive(*job) == DeriveReport(photos=2, kept=FILES - 4, removed=5)
    assert len(tree(workspace.derivatives)) == FILES - 4 + 3


def test_what_is_not_ours_stays(job: Job, caplog: pytest.LogCaptureFixture) -> None:
    workspace, _ = job
    derive(*job)
    ours = sorted(workspace.derivatives.rglob("*.jpg"))[0]
    foreign = [ours.parent / "notes.txt", workspace.derivatives / "mine.jpg"]
    for path in foreign:
        path.write_bytes(b"mine")
    outside = workspace.root.parent / "outside.jpg"
    outside.write_bytes(b"mine")
    ours.unlink()
    ours.symlink_to(outside)
    with pytest.raises(Exception, match="is a link"):
        derive(*job)
    ours.unlink()
    half = ours.with_name(f".{ours.name}.new")
    half.write_bytes(b"half")  # of a process that was killed
    assert derive(*job).made == 1
    assert not half.exists()
    assert [path.read_bytes() for path in (*foreign, outside)] == [b"mine"] * 3
    assert "notes.txt was not made by facesort: it is left alone" in caplog.text


def test_verify_compares_them_and_says_what_to_do(job: Job) -> None:
    workspace, _ = job
    derive(*job)
    lost, changed, *_ = sorted(workspace.derivatives.rglob("*.webp"))
    lost.unlink()
    changed.write_bytes(b"changed")
    said = CliRunner().invoke(cli, ["verify", "-w", str(workspace.root)])
    assert said.exit_code == 0  # the output is as it should be
    assert said.stdout.splitlines()[1:] == [
        "13 derivatives verified",
        "2 derivatives missing or changed: `facesort derive` makes them again",
    ]
    told = json.loads(
        CliRunner().invoke(cli, ["verify", "--json", "-w", str(workspace.root)]).stdout
    )
    keys = {path.relative_to(workspace.derivatives).as_posix() for path in (lost, changed)}
    assert told["derivatives"] == {"verified": 13, "wrong": sorted(keys)}


class Killed(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("written", [0, 1, 5, 11])
def test_an_interrupted_run_goes_on(
    job: Job, whole: dict[str, str], monkeypatch: pytest.MonkeyPatch, written: int
) -> None:
    workspace, _ = job
    left = written

    def write_some(path: Path, data: bytes, *, durable: bool = True) -> None:
        nonlocal left
        if not left:
            path.with_name(f".{path.name}.new").write_bytes(data[: len(data) // 2])
            raise Killed
        left -= 1
        path.write_bytes(data)

    with monkeypatch.context() as patched:
        patched.setattr("facesort.engine.delivery.derivative_folder.replace_file", write_some)
        patched.setattr(derivatives, "_AT_ONCE", 1)
        with pytest.raises(Killed):
            derive(*job)
    derive(*job)
    assert tree(workspace.derivatives) == whole
    assert derive(*job) == DeriveReport(photos=3, kept=FILES)


def test_a_worker_that_dies_costs_one_photo(job: Job) -> None:
    class Dying(ThreadPoolExecutor):
        def submit(self, fn, /, *args, **kwargs):  # type: ignore[no-untyped-def]
            future = super().submit(fn, *args, **kwargs)
            self.calls = getattr(self, "calls", 0) + 1
            if self.calls == 1:
                future.result = lambda timeout=None: (_ for _ in ()).throw(MemoryError)
            return future

    with Dying(1) as executor:
        report = derive_all(*job, executor)
    assert report.made == FILES - 4
    (why,) = report.failed.values()
    assert why.startswith("too_large: it takes more than 4000 MB of memory")
    assert derive(*job).made == 4
