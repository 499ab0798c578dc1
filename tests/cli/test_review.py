"""`undo`, `redo` and `history` on the command line; that every edit of the gallery is in the journal."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from synthetic_event import content, make_workspace, sort_in_threads, write_photo

from facesort.cli import cli
from facesort.engine.gallery import persons as gallery
from facesort.engine.gallery.reembed import reembed
from facesort.errors import PackMismatchError
from facesort.faces.engines.load import load_engine
from facesort.faces.protocol import ModelPack
from facesort.store.queries import tables
from facesort.store.queries.gallery import pack_ids, person_summaries
from facesort.workspace import Workspace

Job = tuple[Workspace, ModelPack]


@pytest.fixture
def job(tmp_path: Path) -> Job:
    write_photo(tmp_path / "src" / "1.png", [1])
    return make_workspace(tmp_path, tmp_path / "src")


def run(job: Job, *arguments: str) -> Result:
    return CliRunner().invoke(cli, [*arguments, "-w", str(job[0].root)])


def names(job: Job) -> list[str]:
    with job[0].open_store(read_only=True) as store:
        return [summary.person.name for summary in person_summaries(store)]


def test_a_merge_is_undone_and_done_again(job: Job) -> None:
    with job[0].open_store() as store:
        before = content(store)
    gallery.merge_persons(job[0], "Person 1", "Person 2")
    merged = names(job)

    undone = run(job, "undo")

    assert (undone.exit_code, undone.stdout) == (0, "undone: Person 1 was merged into Person 2\n")
    with job[0].open_store() as store:
        after = content(store)
    assert {t for t in before if before[t] != after[t]} == {
        "former_person_edit", "person_edit", "reference_edit",
    }  # fmt: skip
    redone = run(job, "redo")
    assert (redone.exit_code, redone.stdout) == (
        0,
        "redone: Person 1 was merged into Person 2\n",
    )
    assert names(job) == merged == ["Person 2", "Person 3", "Person 4"]
    assert run(job, "redo").stdout == "there is nothing to redo\n"


def test_everything_that_was_done_is_told(job: Job) -> None:
    for _ in range(2):
        assert run(job, "undo").exit_code == 0

    told = run(job, "history").stdout.splitlines()
    rows = json.loads(run(job, "history", "--json").stdout)

    assert [line.partition("UTC  ")[2] for line in told] == [
        "4.png was added as a reference of Person 4  (undone)",
        "3.png was added as a reference of Person 3  (undone)",
        "2.png was added as a reference of Person 2",
        "1.png was added as a reference of Person 1",
    ]
    assert [row["undone"] for row in rows] == [True, True, False, False]
    assert rows[0] | {"done_at": ""} == {
        "action_id": 4, "done_at": "", "kind": "seed", "undone": True,
        "summary": "4.png was added as a reference of Person 4",
    }  # fmt: skip
    for _ in range(2):
        run(job, "undo")
    assert run(job, "undo").stdout == "there is nothing to undo\n"
    assert names(job) == []


def test_another_pack_is_an_action_too(job: Job) -> None:
    """Else an undo behind it would bring back an embedding that nothing can be compared with."""
    with job[0].open_store() as store:
        store.execute("UPDATE reference SET pack_id = 'old'")
    assert reembed(job[0], load_engine(job[1], threads=1)) == []

    def packs() -> set[str]:
        with job[0].open_store(read_only=True) as store:
            return pack_ids(store)

    assert packs() == {job[1].pack_id}
    assert run(job, "undo").stdout == "undone: all references were embedded with synthetic\n"
    assert packs() == {"old"}


def test_a_new_preprocessing_is_told_before_a_sort_decides_anything(job: Job) -> None:
    """What was sorted before stays; what comes later is compared with the references as they are embedded now."""
    workspace, pack = job
    sort_in_threads(workspace, pack)
    with workspace.open_store() as store:
        for table in ("reference", "face"):
            store.execute(f"UPDATE {table} SET pack_id = 'old'")
    source = next(iter(workspace.settings.sources.values()))
    write_photo(source / "2.png", [2])

    def decided() -> list[tuple[object, ...]]:
        with workspace.open_store(read_only=True) as store:
            photos = tables.table(store, "photos").select("path, status, persons")
            return sorted(photos.fetchall())

    before = decided()
    with pytest.raises(PackMismatchError):
        sort_in_threads(workspace, pack)
    assert decided() == before, "told before anything is decided"

    told = run(job, "seed", "--reembed")
    assert told.exit_code == 0
    assert "1 faces in 1 photos that were sorted before keep their old embeddings" in told.stderr
    rematched = run(job, "rematch")
    assert rematched.stdout.startswith(
        "1 face that another model pack found, or an older facesort, "
    )
    assert "go back to that pack in facesort.toml" in rematched.stdout
    assert "too few" not in rematched.stdout
    sort_in_threads(workspace, pack)
    assert "1 face that another model pack found" in (told := run(job, "rematch").stdout)
    assert "too few people or faces to find one from the event (1 face)" in told
    assert decided() == [*before, ("2.png", "matched", ["Person 2"])]
    assert before == [("1.png", "matched", ["Person 1"])]
