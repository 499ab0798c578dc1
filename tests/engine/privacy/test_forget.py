"""A forgotten person is gone from every file of the workspace, as bytes; everything else is as it was."""

from __future__ import annotations

import csv
import shutil
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
from private_event import (
    NAMES,
    PHOTOS,
    add,
    as_text,
    copy_of,
    faces_of,
    faces_of_nobody,
    needles,
    noisy_photo,
    seen,
)
from stored_faces import face_boxes
from synthetic_event import sort_in_threads, tree

from facesort.engine.delivery.verify import verify_output
from facesort.engine.gallery.action import undo as take_back
from facesort.engine.gallery.persons import (
    choose_picture,
    merge_persons,
    remove_person,
    rename_person,
    set_delivery,
)
from facesort.engine.job.sort import run_rematch
from facesort.engine.privacy.forget import drop_unknown, forget, what_is_known
from facesort.engine.review import answers as review
from facesort.engine.review.clusters import find_unknown
from facesort.errors import GalleryError
from facesort.faces.protocol import ModelPack
from facesort.reasons import Outcome, PhotoStatus, Reason
from facesort.store.gallery.journal import recorded, redo, undo
from facesort.store.job import commits
from facesort.store.queries import reports
from facesort.store.queries.delivery.commit_log import verified_writes
from facesort.store.queries.journal import history
from facesort.store.queries.review.unknown import unknown_faces
from facesort.workspace import Workspace

NOW = datetime(2026, 5, 4)


@pytest.fixture
def job(private_job: Path, tmp_path: Path) -> tuple[Workspace, ModelPack]:
    return copy_of(private_job, tmp_path)


@pytest.fixture
def workspace(job: tuple[Workspace, ModelPack]) -> Workspace:
    return job[0]


def photos_of(workspace: Workspace) -> dict[str, str]:
    """Where every photo stands."""
    with workspace.open_store(read_only=True) as store:
        return dict(store.rows("SELECT path, status FROM photo_state"))


def test_no_byte_of_a_forgotten_person_is_left(workspace: Workspace) -> None:
    (workspace.staging / "000009").mkdir()
    (workspace.root / "upload-abcdefgh" / "0").mkdir(parents=True)
    parts = workspace.clips / ("c" * 64)
    parts.mkdir(parents=True)
    with workspace.open_store() as store:
        rows = faces_of(store, "Ada")
        others = needles(faces_of(store, "Ben") + faces_of(store, "Cleo") + faces_of_nobody(store))
    (workspace.staging / "000009" / f"{'0' * 64}.jpg").write_bytes(rows[0][1])
    (workspace.root / "upload-abcdefgh" / "0" / "ada.png").write_bytes(rows[-1][1])
    for name in ("000000.npz", ".000001.npz.new"):
        (parts / name).write_bytes(rows[1][1])
    wanted = needles(rows)
    assert len(rows) == 5  # four photos and a reference
    assert seen(workspace.root, wanted) == len(wanted)
    before = (workspace.database.stat().st_ino, tree(workspace.settings.output))

    done = forget(workspace, "Ada")

    assert seen(workspace.root, wanted) == 0
    assert seen(workspace.root, as_text(row[0] for row in rows)) == 0
    assert seen(workspace.root, others) == len(others)
    assert workspace.database.stat().st_ino != before[0]
    assert {path.name for path in workspace.root.iterdir()} == {
        "corrections.csv", "facesort.toml", "facesort.duckdb", "publish.lock", "sort.lock", "staging", "state",
    }  # fmt: skip
    assert tree(workspace.settings.output) == before[1]
    assert done.left == ()
    assert (done.traces.references, done.traces.faces, done.traces.photos) == (1, 4, 4)
    assert {"ada", "ada again", "ada and ben", "ada and cleo"} == {
        file.split("/")[1].rpartition("_")[0] for file in done.traces.delivered
    }
    assert {file.split("/")[0] for file in done.traces.elsewhere} == {"Ben", "Cleo"}
    assert (done.rows["face"], done.rows["person"], done.rows["photo"]) == (4, 1, 0)


def test_who_was_named_from_a_cluster_is_gone_from_everything_that_knew_them(
    job: tuple[Workspace, ModelPack],
) -> None:
    """Clusters leave nothing beside the database, and the journal does not stay."""
    workspace, pack = job
    with workspace.open_store(read_only=True) as store:
        rows = faces_of_nobody(store)
    (cluster,) = find_unknown(workspace, pack)[0].clusters
    faces = cluster.face_ids.tolist()
    review.name_faces(workspace, faces[:1], "Eve")
    review.answer_faces(workspace, {faces[1]: "Eve"}, "yes")
    review.use_as_reference(workspace, faces[1])
    take_back(workspace)
    run_rematch(workspace, pack)
    with workspace.open_store(read_only=True) as store:
        rows += faces_of(store, "Eve")
    wanted = needles(rows) + as_text(row[0] for row in rows)
    assert len(rows) == 5
    assert seen(workspace.root, wanted) == 2 * len(rows)

    done = forget(workspace, "Eve")

    assert seen(workspace.root, wanted) == 0
    assert (done.traces.references, done.traces.faces) == (1, 2)
    with workspace.open_store(read_only=True) as store:
        assert not [action for action in history(store) if "Eve" in action.summary]


def test_counts_are_true_afterwards_and_the_output_verifies(workspace: Workspace) -> None:
    photos = photos_of(workspace)

    forget(workspace, "Ada")

    alone = {"ada.jpg": "unknown", "ada again.jpg": "unknown"}
    assert photos_of(workspace) == photos | alone
    with workspace.open_store() as store:
        counts = reports.counts(store)
        assert counts.total == len(PHOTOS)
        assert counts.photos[PhotoStatus.MATCHED] == 4
        assert counts.faces[Outcome.UNKNOWN] == 2
        assert counts.persons == {"Ben": 3, "Cleo": 1}
        assert store.value("SELECT count(*) FROM everyone WHERE name = 'Ada'") == 0
        assert (
            store.value("SELECT count(*) FROM decision WHERE 1 IN (nearest_id, runner_up_id)") == 0
        )
        assert verify_output(workspace.settings.output, verified_writes(store)).passed


def test_a_sort_afterwards_brings_nobody_back_and_analyses_nothing_again(
    job: tuple[Workspace, ModelPack],
) -> None:
    workspace, pack = job
    forget(workspace, "Ada")
    output, photos = tree(workspace.settings.output), photos_of(workspace)
    analysed: list[int] = []

    sort_in_threads(workspace, pack, on_photo=lambda done, _: analysed.append(done))

    assert not analysed
    assert tree(workspace.settings.output) == output
    assert photos_of(workspace) == photos
    with workspace.open_store() as store:
        assert [name for (name,) in store.rows("SELECT name FROM person ORDER BY 1")] == [
            "Ben",
            "Cleo",
        ]


def test_who_is_seeded_next_is_not_taken_for_who_was_forgotten(
    job: tuple[Workspace, ModelPack], tmp_path: Path
) -> None:
    workspace, pack = job
    for name in NAMES.values():
        forget(workspace, name)

    add(workspace, pack, "Dora", [7], tmp_path / "dora.png")
    noisy_photo(workspace.settings.sources["card-1"] / "dora.jpg", [7])
    sort_in_threads(workspace, pack)

    with workspace.open_store() as store:
        assert reports.counts(store).persons == {"Dora": 1}


def test_strangers_are_forgotten_and_known_people_stay(workspace: Workspace) -> None:
    with workspace.open_store() as store:
        wanted = needles(faces_of_nobody(store))
        others = needles(row for name in NAMES.values() for row in faces_of(store, name))
    photos = photos_of(workspace)
    assert seen(workspace.root, wanted) == len(wanted) == 4

    done = forget(workspace, None)

    assert seen(workspace.root, wanted) == 0
    assert seen(workspace.root, others) == len(others)
    assert (done.rows["face"], done.traces.delivered) == (2, ())
    assert photos_of(workspace) == photos


def test_a_rejected_face_leaves_a_photo_that_counts_as_unknown(workspace: Workspace) -> None:
    with workspace.open_store() as store, recorded(store, "say", "Ben: no", NOW):
        store.execute(
            "INSERT INTO answer SELECT face_id, 2, 'no' FROM face_state JOIN place USING (photo_id) "
            "WHERE path = 'ben.jpg'"
        )
    assert photos_of(workspace)["ben.jpg"] == "unknown"

    forget(workspace, None)

    assert photos_of(workspace)["ben.jpg"] == "unknown"


def test_a_rejected_face_is_not_the_forgotten_persons(workspace: Workspace) -> None:
    with workspace.open_store() as store:
        (face,) = store.rows(
            "SELECT face_id, embedding FROM face JOIN place USING (photo_id) WHERE path = 'ada.jpg'"
        )
        with recorded(store, "say", "not Ada", NOW):
            store.execute("INSERT INTO answer VALUES (?, 1, 'no')", [face[0]])
            store.execute("DELETE FROM learned WHERE face_id = ?", [face[0]])

    forget(workspace, "Ada")

    assert seen(workspace.root, [bytes(face[1])]) == 1
    with workspace.open_store() as store:
        answer = store.rows(
            "SELECT outcome, person_id, nearest_id, distance FROM face_state WHERE face_id = ?",
            [face[0]],
        )
        assert answer == [("unknown", None, None, None)]
        assert {action.summary for action in history(store)} == {
            "Ben.png was added as a reference of Ben",
            "Cleo.png was added as a reference of Cleo",
        }


def test_who_was_merged_goes_with_the_person(workspace: Workspace) -> None:
    with workspace.open_store() as store:
        wanted = needles(faces_of(store, "Ada") + faces_of(store, "Ben"))
    merge_persons(workspace, "Ada", "Ben")
    with pytest.raises(GalleryError, match="'Ada' was merged into 'Ben'"):
        forget(workspace, "Ada")
    assert seen(workspace.root, wanted) == len(wanted)

    forget(workspace, "Ben")

    assert seen(workspace.root, wanted) == 0
    with workspace.open_store() as store:
        (action,) = history(store)
        assert action.summary == "Cleo.png was added as a reference of Cleo"
        assert reports.counts(store).photos[PhotoStatus.MATCHED] == 1


@pytest.mark.parametrize("undone", [False, True])
def test_who_was_removed_is_forgotten_with_their_faces_and_the_journal(
    workspace: Workspace, undone: bool
) -> None:
    with workspace.open_store() as store:
        wanted = needles(faces_of(store, "Ada"))
    remove_person(workspace, "Ada")
    if undone:
        with workspace.open_store() as store:
            undo(store)
    assert seen(workspace.root, wanted) == len(wanted)  # in the journal

    forget(workspace, "Ada")

    assert seen(workspace.root, wanted) == 0
    with workspace.open_store() as store:
        assert redo(store) is None
        assert not any("Ada" in action.summary for action in history(store))
        assert store.value("SELECT count(*) FROM everyone WHERE name = 'Ada'") == 0


def test_the_former_name_of_somebody_else_is_not_theirs(workspace: Workspace) -> None:
    rename_person(workspace, "Ada", "Adele")

    with pytest.raises(GalleryError, match="'Ada' was merged into 'Adele', or has that name now"):
        forget(workspace, "Ada")
    with pytest.raises(GalleryError, match="known under 'Zoe'"):
        what_is_known(workspace, "Zoe")

    assert what_is_known(workspace, "Adele").faces == 4


def test_other_actions_can_still_be_undone(workspace: Workspace) -> None:
    rename_person(workspace, "Cleo", "Clea")
    rename_person(workspace, "Ada", "Adele")

    forget(workspace, "Adele")

    with workspace.open_store() as store:
        undone = undo(store)
        assert undone is not None
        assert undone.summary == "Cleo was renamed to Clea"
        assert reports.counts(store).persons == {"Ben": 3, "Cleo": 1}


def test_a_chosen_picture_is_forgotten_with_its_person_alone(workspace: Workspace) -> None:
    with workspace.open_store() as store:
        wanted = needles(faces_of(store, "Ada"))
        references = dict(
            store.rows("SELECT name, reference_id FROM reference JOIN person USING (person_id)")
        )
    for name in ("Cleo", "Ada"):
        choose_picture(workspace, name, references[name])

    forget(workspace, "Ada")

    assert seen(workspace.root, wanted) == 0
    with workspace.open_store() as store:
        assert store.rows("SELECT reference_id FROM reference WHERE chosen") == [
            (references["Cleo"],)
        ]
        assert "Ada" not in " ".join(action.summary for action in history(store))
        undone = undo(store)
        assert undone is not None
        assert undone.summary == "Cleo is shown by a chosen reference"
        assert store.rows("SELECT reference_id FROM reference WHERE chosen") == []


def test_an_older_version_s_roll_back_loses_only_the_rows_of_who_goes(
    workspace: Workspace,
) -> None:
    with workspace.open_store() as store:
        learned = store.rows("FROM learned WHERE person_id = 2")
        assert learned and store.value("SELECT count(*) FROM learned WHERE person_id = 1")
        with recorded(store, "roll_back", "2 faces", NOW):
            store.execute("DELETE FROM learned WHERE person_id IN (1, 2)")

    forget(workspace, "Ada")

    with workspace.open_store() as store:
        assert store.rows("FROM learned WHERE person_id = 2") == []
        assert undo(store) is not None
        assert store.rows("FROM learned WHERE person_id = 2") == learned
        assert store.value("SELECT count(*) FROM learned WHERE person_id = 1") == 0


def test_who_was_unlearned_is_forgotten_with_the_action(workspace: Workspace) -> None:
    with workspace.open_store() as store:
        faces = [row[0] for row in store.rows("SELECT face_id FROM learned WHERE person_id = 1")]
    review.unlearn(workspace, faces)

    forget(workspace, "Ada")

    with workspace.open_store() as store:
        assert "unlearn" not in {action.kind for action in history(store)}
        assert store.value("SELECT count(*) FROM learned_edit") == 0


def test_planned_copies_of_the_person_are_not_carried_out(
    job: tuple[Workspace, ModelPack],
) -> None:
    workspace, pack = job
    shutil.rmtree(workspace.settings.output / "Ada")
    with workspace.open_store() as store:
        store.execute("UPDATE batch SET state = 'COMMITTING'")
        store.execute("UPDATE write SET status = 'planned'")
    output = tree(workspace.settings.output)

    forget(workspace, "Ada")
    sort_in_threads(workspace, pack)

    assert tree(workspace.settings.output) == output
    with workspace.open_store() as store:
        assert verify_output(workspace.settings.output, verified_writes(store)).verified == 4


def test_a_photo_that_failed_only_for_the_person_has_not_failed(workspace: Workspace) -> None:
    with workspace.open_store() as store, store.transaction():
        writes = store.rows("SELECT write_id FROM write WHERE person_id = 1")
        store.execute("UPDATE batch SET state = 'COMMITTING'")
        commits.finish_batch(store, 1, {row[0]: Reason.NAME_TAKEN for row in writes})
    assert photos_of(workspace)["ada and ben.jpg"] == "failed"

    forget(workspace, "Ada")

    assert photos_of(workspace)["ada and ben.jpg"] == "matched"
    assert photos_of(workspace)["ada.jpg"] == "unknown"
    assert seen(workspace.root, [b"Ada/"]) == 0


def test_unknown_faces_lose_what_makes_them_recognisable_and_are_still_counted(
    workspace: Workspace,
) -> None:
    with workspace.open_store() as store:
        wanted, counts = needles(faces_of_nobody(store)), reports.counts(store)
        boxes = face_boxes(store)
    with workspace.sorting_lock():
        assert drop_unknown(workspace) == 2
        kept = workspace.database.stat().st_ino
        assert drop_unknown(workspace) == 0
    assert seen(workspace.root, wanted) == 0
    assert workspace.database.stat().st_ino == kept
    with workspace.open_store() as store:
        assert reports.counts(store) == counts
        assert face_boxes(store) == boxes


def test_whatever_reads_embeddings_copes_with_faces_that_have_none(
    job: tuple[Workspace, ModelPack], tmp_path: Path
) -> None:
    workspace, pack = job
    with workspace.sorting_lock():
        drop_unknown(workspace)
    add(workspace, pack, "Stranger", [9], tmp_path / "stranger.png")
    noisy_photo(workspace.settings.sources["card-1"] / "new.jpg", [9], variation=35)

    sort_in_threads(workspace, pack)
    run_rematch(workspace, pack)

    with workspace.open_store() as store:
        assert reports.counts(store).persons["Stranger"] == 1
        assert unknown_faces(store, pack.pack_id, 0.0).asked.tolist() == []
        assert store.value("SELECT count(*) FROM face WHERE octet_length(embedding) > 0") == 9


def test_a_sort_that_is_told_to_keeps_nothing_of_strangers(
    job: tuple[Workspace, ModelPack],
) -> None:
    workspace, pack = job
    with workspace.open_store(read_only=True) as store:
        wanted = needles(faces_of_nobody(store))
    assert seen(workspace.root, wanted) > 0
    privacy = workspace.settings.privacy.model_copy(update={"keep_unknown": False})
    settings = workspace.settings.model_copy(update={"privacy": privacy})
    noisy_photo(settings.sources["card-1"] / "new.jpg", [1, 9], variation=35)

    sort_in_threads(replace(workspace, settings=settings), pack)

    assert seen(workspace.root, wanted) == 0
    with workspace.open_store() as store:
        assert unknown_faces(store, pack.pack_id, 0.0).asked.tolist() == []
        assert reports.counts(store).faces[Outcome.UNKNOWN] == 3
        assert reports.counts(store).total == 9


def test_delivery_is_refused_and_allowed_again(workspace: Workspace) -> None:
    set_delivery(workspace, "Ada", False)
    assert photos_of(workspace)["ada and ben.jpg"] == "unknown"
    set_delivery(workspace, "Ada", True)
    assert photos_of(workspace)["ada and ben.jpg"] == "matched"


def test_files_of_somebody_forgotten_are_listed_as_corrections(workspace: Workspace) -> None:
    forget(workspace, "Ada")
    with workspace.corrections.open(encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert {(row["file"].split("/")[0], row["person"], row["why"]) for row in rows} == {
        ("Ada", "", "forgotten")
    }


def named(workspace: Workspace, name: str) -> dict[str, set[str]]:
    """Where a name is in the workspace: by file, and in the database by table and column."""
    found: dict[str, set[str]] = {}
    for path in workspace.root.rglob("*"):
        if path.is_file() and path != workspace.database and name.encode() in path.read_bytes():
            found[path.name] = set()
    with workspace.open_store() as store:
        columns = store.rows(
            "SELECT table_name, column_name FROM information_schema.columns "
            "JOIN information_schema.tables USING (table_name) "
            "WHERE table_type = 'BASE TABLE' AND data_type <> 'BLOB'"
        )
        for table, column in columns:
            sql = f"SELECT count(*) FROM {table} WHERE contains(CAST({column} AS VARCHAR), ?)"
            if store.value(sql, [name]):
                found.setdefault(table, set()).add(column)
    return found


def everything_else(workspace: Workspace, pack: ModelPack, folder: Path) -> None:
    """What a user may do after somebody was forgotten."""
    noisy_photo(workspace.settings.sources["card-1"] / "new.jpg", [1, 2], variation=70)
    sort_in_threads(workspace, pack)
    rename_person(workspace, "Cleo", "Clea")
    take_back(workspace)
    merge_persons(workspace, "Cleo", "Ben")
    take_back(workspace)
    set_delivery(workspace, "Ben", False)
    run_rematch(workspace, pack)
    remove_person(workspace, "Ben")
    add(workspace, pack, "Dora", [7], folder / "dora.png")
    run_rematch(workspace, pack)


NAME = "Zyxada"


@pytest.fixture
def named_event(job: tuple[Workspace, ModelPack]) -> tuple[Workspace, ModelPack]:
    """With a name that no file of the source has; what was delivered lies in a folder of it."""
    workspace, _ = job
    rename_person(workspace, "Ada", NAME)
    (workspace.settings.output / "Ada").rename(workspace.settings.output / NAME)
    with workspace.open_store() as store:
        store.execute(f"UPDATE person SET folder = '{NAME}' WHERE person_id = 1")
        store.execute(f"UPDATE write SET target = replace(target, 'Ada/', '{NAME}/')")
    return job


@pytest.mark.parametrize("left", ["delivered", "removed", "merged"])
def test_a_forgotten_name_is_only_in_paths_of_files_that_are_there(
    named_event: tuple[Workspace, ModelPack], tmp_path: Path, left: str
) -> None:
    workspace, pack = named_event
    who = NAME
    if left == "removed":
        remove_person(workspace, NAME)
    elif left == "merged":
        merge_persons(workspace, NAME, "Ben")
        add(workspace, pack, "Ben again", [2], tmp_path / "ben.png")
        who = "Ben"
        rename_person(workspace, "Ben again", "Ben too")
    assert set(named(workspace, NAME)) > {"write"}

    forget(workspace, who)
    if who == "Ben":
        rename_person(workspace, "Ben too", "Ben")
    assert named(workspace, NAME) == {"write": {"target"}, "corrections.csv": set()}
    everything_else(workspace, pack, tmp_path)

    assert named(workspace, NAME) == {"write": {"target"}, "corrections.csv": set()}
    with workspace.corrections.open(encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row for row in rows if NAME in row["file"]]
    assert not [row for row in rows if any(NAME in row[name] for name in row if name != "file")]
    with workspace.open_store() as store:
        assert verify_output(workspace.settings.output, verified_writes(store)).passed


def test_once_the_files_are_deleted_the_name_is_nowhere(
    named_event: tuple[Workspace, ModelPack], tmp_path: Path
) -> None:
    """No list brings it back, and forgetting again takes it out of the commit log."""
    workspace, pack = named_event
    first = forget(workspace, NAME)
    assert (len(first.delivered), first.deleted) == (4, ())
    shutil.rmtree(workspace.settings.output / NAME)
    workspace.corrections.unlink()

    noisy_photo(workspace.settings.sources["card-1"] / "new.jpg", [1, 2], variation=70)
    sort_in_threads(workspace, pack)
    assert named(workspace, NAME) == {"write": {"target"}}
    again = forget(workspace, NAME)

    assert (again.delivered, set(again.deleted)) == ((), set(first.delivered))
    assert named(workspace, NAME) == {}
    assert seen(workspace.root, [NAME.encode()]) == 0
    everything_else(workspace, pack, tmp_path)
    assert seen(workspace.root, [NAME.encode()]) == 0
    with workspace.open_store() as store:
        assert verify_output(workspace.settings.output, verified_writes(store)).passed
    with pytest.raises(GalleryError, match="nothing in this workspace is known under"):
        forget(workspace, NAME)


def test_files_that_were_deleted_before_leave_no_path(workspace: Workspace) -> None:
    for path in (workspace.settings.output / "Ada").glob("ada*.jpg"):
        if " and " not in path.name:
            path.unlink()

    done = forget(workspace, "Ada")

    assert (len(done.deleted), len(done.delivered)) == (2, 2)
    with workspace.open_store() as store:
        result = verify_output(workspace.settings.output, verified_writes(store))
    assert (result.verified, result.passed) == (6, True)


def test_paths_stay_while_the_output_is_not_plugged_in(workspace: Workspace) -> None:
    output = workspace.settings.output
    output.rename(output.with_name("unplugged"))
    output.mkdir()

    done = forget(workspace, "Ada")

    assert (done.deleted, len(done.delivered)) == ((), 4)
    output.rmdir()
    output.with_name("unplugged").rename(output)
    with workspace.open_store() as store:
        result = verify_output(workspace.settings.output, verified_writes(store))
    assert (result.verified, result.passed) == (8, True)


def test_only_what_facesort_made_is_erased_and_the_rest_is_named(
    workspace: Workspace, tmp_path: Path
) -> None:
    photos = tmp_path / "card"
    photos.mkdir()
    (photos / f"{'a' * 64}.jpg").write_bytes(b"a photo")
    root = workspace.root
    (workspace.staging / "000099").symlink_to(photos)
    (workspace.staging / "000001").mkdir()
    (workspace.staging / "000001" / "@eaDir").mkdir()
    (workspace.staging / "000001" / "@eaDir" / "x").mkdir()
    (workspace.staging / "000001" / f"{'a' * 64}.jpg").symlink_to(photos / f"{'a' * 64}.jpg")
    (workspace.staging / "000001" / f"{'b' * 64}.jpg").write_bytes(b"a staged copy")
    (workspace.state / "notes.txt").write_text("mine")
    (root / "corrections (copy).csv").write_text("mine")
    (root / "upload-abcdefgh").symlink_to(photos)
    before = tree(photos)

    done = forget(workspace, "Ada")

    assert tree(photos) == before
    assert not (workspace.staging / "000001" / f"{'b' * 64}.jpg").exists()
    assert {path.relative_to(root).as_posix() for path in done.left} == {
        "staging/000099",
        "staging/000001/@eaDir",
        f"staging/000001/{'a' * 64}.jpg",
        "state/notes.txt",
        "corrections (copy).csv",
        "upload-abcdefgh",
    }
    assert all(path.exists() for path in done.left)
