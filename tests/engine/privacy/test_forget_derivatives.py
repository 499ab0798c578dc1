"""Who is forgotten is gone from the derivatives too, and from the pictures of persons."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from private_event import copy_of
from synthetic_event import sort_in_threads, tree

from facesort.engine.delivery.derivative_folder import DerivativeFolder
from facesort.engine.delivery.derivatives import derive_all
from facesort.engine.delivery.verify import DerivativeCheck, verify_derivatives
from facesort.engine.gallery.persons import rename_person
from facesort.engine.privacy import forget as forgetting
from facesort.engine.privacy.backup import backup
from facesort.engine.privacy.forget import forget
from facesort.engine.privacy.restore import restore
from facesort.engine.setup import open_with_pack
from facesort.faces.protocol import ModelPack
from facesort.settings import DerivativeSettings, save_settings
from facesort.store.queries.delivery.derivatives import derived_files, needed_files
from facesort.workspace import Workspace

Job = tuple[Workspace, ModelPack]


@pytest.fixture
def job(private_job: Path, tmp_path: Path) -> Job:
    """Everybody's derivatives are made: a WebP of each photo, and a picture of each person."""
    workspace, _ = copy_of(private_job, tmp_path)
    job = with_derivatives(workspace)
    derive(job)
    return job


def with_derivatives(workspace: Workspace, *, unknown_folder: bool = False) -> Job:
    settings = workspace.settings
    asked = DerivativeSettings(edges=(200,), formats=("webp",))
    run = settings.run.model_copy(update={"unknown_folder": unknown_folder})
    settings = settings.model_copy(update={"derivatives": asked, "run": run})
    save_settings(settings, workspace.root / "facesort.toml")
    return open_with_pack(workspace.root)


def derive(job: Job) -> None:
    with ThreadPoolExecutor(2) as executor:
        assert derive_all(*job, executor).failed == {}


def photos_with_derivatives(workspace: Workspace) -> dict[str, str]:
    """Their paths, and the file of each."""
    with workspace.open_store(read_only=True) as store:
        paths = dict(
            store.rows(
                "SELECT DISTINCT w.sha256, p.path FROM write w JOIN place p USING (photo_id)"
            )
        )
        return {paths[jpeg]: files[0].key for jpeg, files in derived_files(store).items()}


def pictures(workspace: Workspace) -> dict[str, str]:
    pointer = json.loads((workspace.derivatives / "persons.json").read_text())
    assert pointer["format"] == 1
    return {person["name"]: person["file"] for person in pointer["persons"]}


def check(workspace: Workspace) -> DerivativeCheck:
    with workspace.open_store(read_only=True) as store:
        return verify_derivatives(DerivativeFolder.of(workspace), needed_files(store))


def test_only_what_belongs_to_somebody_else_stays(job: Job) -> None:
    workspace, _ = job
    before, faces = photos_with_derivatives(workspace), pictures(workspace)
    assert before.keys() == {
        "ada.jpg", "ada again.jpg", "ada and ben.jpg", "ben.jpg", "ben and a stranger.jpg", "ada and cleo.jpg",
    }  # fmt: skip
    assert faces.keys() == {"Ada", "Ben", "Cleo"}

    done = forget(workspace, "Ada")

    gone = {before["ada.jpg"], before["ada again.jpg"], faces["Ada"]}
    kept = {*before.values(), *faces.values()} - gone
    erased = {
        path.relative_to(workspace.derivatives).as_posix()
        for path in done.files
        if path.is_relative_to(workspace.derivatives)
    }
    assert erased == gone | {"persons.json"}
    assert tree(workspace.derivatives).keys() == kept | {"persons.json"}
    assert done.left == ()
    assert pictures(workspace) == {name: faces[name] for name in ("Ben", "Cleo")}
    assert "Ada" not in (workspace.derivatives / "persons.json").read_text()
    assert check(workspace) == DerivativeCheck(len(kept), ())
    left = tree(workspace.derivatives)
    derive(job)
    assert tree(workspace.derivatives) == left


def test_forgetting_all_unknown_faces_takes_none_of_a_persons(job: Job) -> None:
    workspace, _ = job
    before = tree(workspace.derivatives)
    forget(workspace, None)
    assert tree(workspace.derivatives) == before


def test_forgetting_all_unknown_faces_takes_those_of_photos_with_nobody_else(
    private_job: Path, tmp_path: Path
) -> None:
    """Photos without a known person have derivatives if they have a copy, in the folder of the unknown."""
    workspace, _ = copy_of(private_job, tmp_path)
    job = with_derivatives(workspace, unknown_folder=True)
    sort_in_threads(*job)
    derive(job)
    before = photos_with_derivatives(workspace)
    assert "stranger.jpg" in before

    forget(workspace, None)

    after = photos_with_derivatives(workspace)
    assert before.keys() - after.keys() == {"stranger.jpg"}
    left = tree(workspace.derivatives)
    assert before["stranger.jpg"] not in left
    assert after.items() <= before.items()
    assert set(after.values()) <= left.keys()


class Killed(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("call", ["_replace", "erase_derivatives", "update_pointer"])
def test_an_interrupted_forget_leaves_nothing_once_it_is_done(
    job: Job, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    workspace, _ = job
    before, faces = photos_with_derivatives(workspace), pictures(workspace)

    def die(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr(forgetting, call, die)
        forget(workspace, "Ada")
    forget(workspace, "Ada")
    names = {Path(name).name for name in tree(workspace.derivatives)}
    gone = (before["ada.jpg"], before["ada again.jpg"], faces["Ada"])
    assert not names & {Path(key).name for key in gone}
    derive(job)
    assert pictures(workspace).keys() == {"Ben", "Cleo"}


def test_after_a_restore_they_are_made_again(job: Job, tmp_path: Path) -> None:
    workspace, _ = job
    before = tree(workspace.derivatives)
    backup(workspace, tmp_path / "backup.zip")
    restore(tmp_path / "backup.zip", tmp_path / "new")
    again = open_with_pack(tmp_path / "new")
    assert check(again[0]) == DerivativeCheck(0, tuple(sorted(before.keys() - {"persons.json"})))
    derive(again)
    assert tree(again[0].derivatives) == before


def test_a_new_name_is_in_the_pointer_at_once(job: Job) -> None:
    workspace, _ = job
    faces = pictures(workspace)
    rename_person(workspace, "Ada", "Ada Lovelace")
    assert pictures(workspace) == {
        "Ada Lovelace": faces["Ada"], "Ben": faces["Ben"], "Cleo": faces["Cleo"],
    }  # fmt: skip


def test_a_sort_that_keeps_no_unknown_faces_keeps_the_derivatives(job: Job) -> None:
    workspace, _ = job
    privacy = workspace.settings.privacy.model_copy(update={"keep_unknown": False})
    settings = workspace.settings.model_copy(update={"privacy": privacy})
    save_settings(settings, workspace.root / "facesort.toml")
    before = tree(workspace.derivatives)
    sort_in_threads(*open_with_pack(workspace.root))
    assert tree(workspace.derivatives) == before
