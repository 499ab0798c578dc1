"""The gallery of a workspace as a collection, and the commands on collections."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import numpy as np
import pytest
from click.testing import CliRunner, Result
from drawn_collections import collection as drawn_collection
from synthetic_event import add_references, make_gallery

from facesort.cli import cli
from facesort.core.collections.protocol import FaceCollections
from facesort.core.collections.records import IndexedFace, NewFaces
from facesort.core.persons.gallery import Person
from facesort.engine.collections.import_gallery import _user_ids, import_gallery
from facesort.engine.collections.opening import open_collections
from facesort.engine.gallery.persons import rename_person
from facesort.engine.privacy.forget import forget
from facesort.engine.rules import rules_of
from facesort.errors import CollectionError, GalleryError
from facesort.faces.protocol import ModelPack
from facesort.store.queries.gallery import load_gallery
from facesort.workspace import Workspace, open_workspace

ALL = 10_000
Made = tuple[Workspace, ModelPack]


@pytest.fixture
def made(tmp_path: Path) -> Made:
    """Two people, of whom one has two references."""
    return make_gallery(tmp_path, {1: [30, 60], 2: [30]})


@pytest.fixture
def store(tmp_path: Path) -> Iterator[FaceCollections]:
    (tmp_path / "service").mkdir(mode=0o700)
    opened = open_collections(tmp_path / "service")
    yield opened
    opened.close()


def test_persons_are_users_and_their_vectors_are_the_centroids(
    made: Made, store: FaceCollections
) -> None:
    workspace, pack = made
    done = import_gallery(workspace, pack, store, None)
    assert (done.collection_id, done.users, done.added, done.removed) == ("hot", 2, 3, 0)
    found = store.collection("hot")
    thresholds = rules_of(workspace.settings, pack).thresholds
    assert (found.strict, found.loose) == (thresholds.strict, thresholds.loose)
    assert [(u.user_id, u.faces) for u in store.users("hot", limit=ALL)] == [
        ("Person_1", 2),
        ("Person_2", 1),
    ]
    with workspace.open_store(read_only=True) as database:
        gallery = load_gallery(database, pack.pack_id, 10)
    for name, centroid in zip(
        ("Person_1", "Person_2"), gallery.centroids().everything, strict=True
    ):
        vector = store.user_vector("hot", name)
        assert vector is not None
        np.testing.assert_allclose(vector, centroid, atol=1e-6)
    assert {f.external_image_id for f in store.faces("hot", limit=ALL)} == {
        "1-30.png",
        "1-60.png",
        "2-30.png",
    }


def test_again_it_adds_what_is_new_and_erases_what_is_gone(
    made: Made, store: FaceCollections, tmp_path: Path
) -> None:
    workspace, pack = made
    import_gallery(workspace, pack, store, None)
    again = import_gallery(workspace, pack, store, None)
    assert (again.added, again.removed) == (0, 0)
    add_references(workspace, pack, tmp_path, {3: [30]})
    assert import_gallery(workspace, pack, store, None).added == 1
    forget(workspace, "Person 1")
    last = import_gallery(open_workspace(workspace.root), pack, store, None)
    assert (last.users, last.added, last.removed) == (2, 0, 2)
    assert [u.user_id for u in store.users("hot", limit=ALL)] == ["Person_2", "Person_3"]
    assert store.collection("hot").faces == 2


def test_the_last_person_who_is_forgotten_is_erased_too(made: Made, store: FaceCollections) -> None:
    workspace, pack = made
    import_gallery(workspace, pack, store, None)
    for name in ("Person 1", "Person 2"):
        forget(workspace, name)
    last = import_gallery(open_workspace(workspace.root), pack, store, None)
    assert (last.users, last.added, last.removed) == (0, 0, 3)
    assert (store.collection("hot").faces, store.collection("hot").users) == (0, 0)


def test_an_empty_gallery_makes_no_collection(
    tmp_path: Path, store: FaceCollections, made: Made
) -> None:
    workspace, pack = made
    for name in ("Person 1", "Person 2"):
        forget(workspace, name)
    with pytest.raises(GalleryError, match="facesort seed"):
        import_gallery(open_workspace(workspace.root), pack, store, None)
    assert store.collections(limit=ALL) == []


def test_what_clients_indexed_stays(made: Made, store: FaceCollections) -> None:
    workspace, pack = made
    import_gallery(workspace, pack, store, "guests")
    own = IndexedFace(
        "6fa459ea-ee8a-4ca4-894e-db77e160355e",
        "6fa459ea-ee8a-4ca4-894e-db77e160355f",
        "selfie",
        (0.1, 0.1, 0.2, 0.2),
        99.0,
        pack.pack_id,
    )
    vector = np.eye(1, store.collection("guests").dim, dtype=np.float32)
    store.add("guests", NewFaces((own,), vector))
    forget(workspace, "Person 1")
    import_gallery(open_workspace(workspace.root), pack, store, "guests")
    assert own in store.faces("guests", limit=ALL)


def test_another_gallery_is_not_mixed_in(
    made: Made, store: FaceCollections, tmp_path: Path
) -> None:
    import_gallery(*made, store, "guests")
    (tmp_path / "other").mkdir()
    with pytest.raises(CollectionError, match="another workspace"):
        import_gallery(*make_gallery(tmp_path / "other", {7: [30]}), store, "guests")
    assert store.collection("guests").faces == 3


def test_a_person_who_got_another_name_is_another_user(
    store: FaceCollections, tmp_path: Path
) -> None:
    (tmp_path / "one").mkdir()
    workspace, pack = make_gallery(tmp_path / "one", {1: [30, 60]})
    import_gallery(workspace, pack, store, "guests")
    rename_person(workspace, "Person 1", "Ada")
    done = import_gallery(workspace, pack, store, "guests")
    assert (done.users, done.added, done.removed) == (1, 2, 2)
    assert [(u.user_id, u.faces) for u in store.users("guests", limit=ALL)] == [("Ada", 2)]


def test_an_import_that_was_stopped_is_finished(made: Made, store: FaceCollections) -> None:
    workspace, pack = made
    import_gallery(workspace, pack, store, None)
    faces = store.faces("hot", limit=ALL)
    store.remove_user("hot", "Person_1")  # as if it had not come to that
    again = import_gallery(workspace, pack, store, None)
    assert (again.added, again.users) == (0, 2)
    assert store.faces("hot", limit=ALL) == faces


def test_users_have_names_that_the_api_takes() -> None:
    names = ["Ann Lee", "ann lee", "Émile", "名", "a/b\\c", "x" * 300, "Ann_Lee-8", "ANN LEE"]
    ids = _user_ids([Person(number, name, name) for number, name in enumerate(names, 1)])
    assert ids == {
        1: "Ann_Lee",
        2: "ann_lee-2",
        3: "Emile",
        4: "person-4",
        5: "a_b_c",
        6: "x" * 116,
        7: "Ann_Lee-8",
        8: "ANN_LEE-8-8",
    }


def test_ids_of_imported_faces_can_be_told(made: Made, store: FaceCollections) -> None:
    import_gallery(*made, store, None)
    versions = {UUID(face.face_id).version for face in store.faces("hot", limit=ALL)}
    assert versions == {5}


def run(*arguments: str, code: int = 0) -> Result:
    result = CliRunner().invoke(cli, ["collections", *arguments])
    assert result.exit_code == code, result.output
    return result


def test_the_commands(made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACESORT_SERVICE", str(tmp_path / "service"))
    assert "no collection yet" in run("list").output
    said = run("import", str(made[0].root), "--collection", "gala").output
    assert said == "collection gala: 2 users, 3 faces added, 0 erased\n"
    assert run("list").output == "gala  3 faces, 2 users\n"
    (listed,) = json.loads(run("list", "--json").output)
    assert (listed["collection_id"], listed["faces"], listed["users"]) == ("gala", 3, 2)
    assert "there is no collection 'nowhere'" in run("delete", "nowhere", "--yes", code=1).output
    assert run("delete", "gala", "--yes").output == "collection gala is erased\n"
    assert "no collection yet" in run("list").output


def test_while_the_service_holds_them(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, other_process: object
) -> None:
    monkeypatch.setenv("FACESORT_SERVICE", str(tmp_path / "service"))
    run("list")
    other_process(  # type: ignore[operator]
        "from pathlib import Path\n"
        "from facesort.engine.collections.opening import open_collections\n"
        f"store = open_collections(Path({str(tmp_path / 'service')!r}))"
    )
    told = run("import", str(made[0].root), code=1).output
    assert "facesort serve" in told and "Stop it first" in told


def test_changed_thresholds_are_told(made: Made, store: FaceCollections) -> None:
    workspace, pack = made
    wrong = replace(drawn_collection("hot", 128), pack_id=pack.pack_id, strict=0.1, loose=0.2)
    store.create(wrong)
    assert import_gallery(workspace, pack, store, None).other_scale
