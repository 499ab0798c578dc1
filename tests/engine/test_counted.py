"""What was counted is true as long as it is kept: random histories of whatever changes a workspace."""

from __future__ import annotations

import json
import random
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from synthetic_event import make_event, make_workspace, sort_in_threads, write_photo

from facesort.clock import utc_now
from facesort.engine import counted
from facesort.engine.counted import kept_report, status_report
from facesort.engine.gallery import persons
from facesort.engine.gallery.action import one_opening, redo, undo, undoable
from facesort.engine.job.progress import current_status
from facesort.engine.job.sort import run_rematch
from facesort.engine.privacy.forget import forget
from facesort.engine.review import answers
from facesort.errors import GalleryError
from facesort.faces.protocol import ModelPack
from facesort.files import stamp_of
from facesort.settings import save_settings
from facesort.store import Store
from facesort.store.gallery.answers import set_answers
from facesort.store.queries import changes, reports
from facesort.store.queries.gallery import person_summaries
from facesort.workspace import Workspace, open_workspace

# Clips, groups in doubt, copies that could not be written, files that are gone: a machine's part that is quicker told.
MACHINE = (
    "INSERT INTO clip SELECT photo_id, 1000, 'h264', 'a', 500, 3 FROM photo WHERE photo_id % 7 = $1 "
    "ON CONFLICT DO NOTHING",
    "INSERT INTO track SELECT face_id, 0, 9, 5, 0, 9, '', '' FROM face WHERE photo_id % 7 = $1 ON CONFLICT DO NOTHING",
    "UPDATE decision SET outcome = 'loose' WHERE person_id IS NOT NULL AND face_id % 7 = $1",
    "UPDATE decision SET outcome = 'unknown', reason = 'group_in_doubt', person_id = NULL, group_distance = 0.9 "
    "WHERE nearest_id IS NOT NULL AND face_id % 7 = $1",
    "UPDATE decision SET reason = 'within_group' WHERE person_id IS NOT NULL AND face_id % 7 = $1",
    "UPDATE file SET state = if(state = 'gone', 'present', 'gone') WHERE file_id % 7 = $1",
    "UPDATE result SET status = 'failed', reason = 'name_taken' WHERE photo_id % 21 = $1",
    "UPDATE photo SET remarks = ['damaged'] WHERE photo_id % 7 = $1",
)


@dataclass
class History:
    """A workspace, and what is done to it by chance."""

    folder: Path
    workspace: Workspace
    pack: ModelPack
    chance: random.Random
    opened: Workspace
    kept: Counter[str] = field(default_factory=Counter)
    made: int = 0

    def ask(self, query: Callable[[Store], Any]) -> Any:
        with self.opened.open_store(read_only=True) as store:
            return query(store)

    def name(self) -> str:
        names = [one.person.name for one in self.ask(person_summaries)]
        return self.chance.choice(names) if names else "Nobody"

    def some(self, most: int = 3) -> list[int]:
        faces = [i for (i,) in self.ask(lambda store: store.rows("SELECT face_id FROM face"))]
        return self.chance.sample(faces, min(len(faces), self.chance.randint(1, most)))

    # --- what users do ----------------------------------------------------------------------------

    def answer(self) -> None:
        said = self.chance.choice(("yes", "no", "no", "unsure"))
        faces = {face: self.name() for face in self.some()}
        answers.answer_faces(self.opened, faces, said)  # type: ignore[arg-type]

    def ignore(self) -> None:
        answers.ignore(self.workspace, self.some())

    def take_away(self) -> None:
        answers.take_away(self.workspace, self.some(), self.name(), self.name())

    def name_somebody(self) -> None:
        self.made += 1
        answers.name_faces(self.workspace, self.some(), f"New {self.made}")

    def merge(self) -> None:
        persons.merge_persons(self.workspace, self.name(), self.name())

    def rename(self) -> None:
        self.made += 1
        persons.rename_person(self.workspace, self.name(), f"Other {self.made}")

    def remove(self) -> None:
        persons.remove_person(self.workspace, self.name())

    def withhold(self) -> None:
        persons.set_delivery(self.workspace, self.name(), self.chance.random() < 0.4)

    def undo(self) -> None:
        undo(self.workspace)

    def redo(self) -> None:
        redo(self.workspace)

    @contextmanager
    def one_opening(self) -> Iterator[Store]:
        """To be written to, as a review opens it."""
        try:
            with one_opening(self.workspace) as self.opened:
                yield self.opened.open_store()
        finally:
            self.opened = self.workspace

    def several(self) -> None:
        with self.one_opening():
            for _ in range(3):
                self.answer()
            undo(self.opened)

    def several_and_more(self) -> None:
        """Something that is no action of a user, between two of them."""
        with self.one_opening() as store:
            self.answer()
            store.execute(MACHINE[-1], [self.chance.randrange(7)])
            self.answer()

    def stop_in_an_action(self) -> None:
        with suppress(KeyboardInterrupt), undoable(self.workspace, "no", "no", utc_now) as store:
            set_answers(store, dict.fromkeys(store.rows("SELECT face_id FROM face")[0], 1), "no")
            raise KeyboardInterrupt

    # --- what else happens ------------------------------------------------------------------------

    def machine(self) -> None:
        with self.workspace.open_store() as store:
            store.execute(self.chance.choice(MACHINE), [self.chance.randrange(7)])

    def sort(self) -> None:
        self.made += 1
        people = self.chance.sample(range(1, 7), 2)
        write_photo(self.folder / "source" / f"{self.made}.png", people, shade=100 + self.made)
        sort_in_threads(self.workspace, self.pack)

    def rematch(self) -> None:
        run_rematch(self.workspace, self.pack)

    def forget(self) -> None:
        forget(self.workspace, self.name())

    def step(self, act: Callable[[History], object]) -> None:
        with suppress(GalleryError):  # it is refused: nothing has changed
            act(self)
        stamp = stamp_of(self.workspace.database)
        kept = kept_report(self.workspace, stamp)
        if kept is not None:
            self.kept[act.__name__] += 1
            state = kept["state"]
            true = self.ask(lambda store: status_report(state, reports.counts(store)))
            assert json.dumps(kept) == json.dumps(true)
        current_status(self.workspace)  # counted, and kept


USERS = (
    *3 * (History.answer,), History.ignore, History.take_away, History.name_somebody, History.merge, History.rename,
    History.remove, History.withhold, *2 * (History.undo, History.redo), History.several,
)  # fmt: skip
OTHERS = (
    History.several_and_more, History.stop_in_an_action, *2 * (History.machine,), History.sort, History.rematch,
    History.forget,
)  # fmt: skip


@pytest.fixture(scope="module")
def sorted_event(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ModelPack]:
    folder = tmp_path_factory.mktemp("event")
    make_event(folder / "source", 20)
    workspace, pack = make_workspace(folder, folder / "source")
    sort_in_threads(workspace, pack)
    return folder, pack


@pytest.fixture
def history(
    sorted_event: tuple[Path, ModelPack], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[History]:
    monkeypatch.setattr(counted, "_MANY", 0)
    folder, (made, pack) = tmp_path / "event", sorted_event
    shutil.copytree(made, folder)
    settings = open_workspace(folder / "hot").settings.model_copy(
        update={"sources": {"card-1": folder / "source"}, "output": folder / "out"}
    )
    save_settings(settings, folder / "hot" / "facesort.toml")
    workspace = open_workspace(folder / "hot")
    current_status(workspace)
    yield History(folder, workspace, pack, random.Random(0), workspace)


@pytest.mark.parametrize("number", range(3))
def test_what_is_kept_is_what_would_be_counted(history: History, number: int) -> None:
    history.chance.seed(number)
    for _ in range(14):
        history.step(history.chance.choice(OTHERS if history.chance.random() < 0.3 else USERS))
    assert sum(history.kept[act.__name__] for act in USERS) > 5, "or nothing was looked at"


@pytest.mark.parametrize("act", sorted(set(USERS), key=lambda act: act.__name__))
def test_after_a_user_s_action_nobody_has_to_count(
    history: History, act: Callable[[History], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    history.step(History.answer)
    history.step(act)
    assert history.kept[act.__name__]
    with monkeypatch.context() as patch:
        patch.setattr(Workspace, "open_store", None)
        assert current_status(history.workspace)


def test_what_else_is_written_between_two_actions_is_counted(history: History) -> None:
    for _ in range(5):
        history.step(History.several_and_more)
    assert not history.kept[History.several_and_more.__name__]


def test_an_action_that_concerns_most_photos_is_counted_by_whoever_asks(
    history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counted, "_FEW", 0)
    history.step(History.answer)
    assert not history.kept["answer"]


def test_of_few_photos_nothing_is_counted_before_somebody_asks(
    history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counted, "_MANY", 1000)
    monkeypatch.setattr(changes, "changed_counts", None)
    history.step(History.answer)
    assert not history.kept["answer"]
