"""The database and its write-ahead log are copied while a sort writes them, as a backup program does it.

The copy opens as an earlier state of the job, and a sort ends it as if nobody had interrupted it; or it is refused with
a sentence.  `facesort backup` waits for its turn instead: ``tests/engine/privacy/test_backup.py``.
"""

from __future__ import annotations

import json
import random
import shutil
import signal
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from mortals import Mortal
from synthetic_event import content
from torture.campaign import Ledger, chance, share
from torture.event import Calm, copy_of

from facesort.errors import StoreError
from facesort.settings import load_settings, save_settings
from facesort.workspace import open_workspace

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL and fork")

OPENED = "databases copied mid-write: opened as an earlier state"
REFUSED = "databases copied mid-write: refused"
PHOTOS = 130
COPIES = share(4, 12)  # of one job
DATABASE, LOG = "facesort.duckdb", "facesort.duckdb.wal"


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Calm:
    return Calm.of(tmp_path_factory.mktemp("event"), PHOTOS)


def copied(source: Path, target: Path, piece: int, pause_s: float) -> None:
    """Copy a file piece by piece, while others write it; it may not be there."""
    with suppress(FileNotFoundError), source.open("rb") as old, target.open("wb") as new:
        while data := old.read(piece):
            new.write(data)
            time.sleep(pause_s)


def copy_database(root: Path, folder: Path, chance: random.Random) -> str:
    """Copy database and log in one order or the other, at once or slowly; returns how."""
    names = [DATABASE, LOG]
    if chance.random() < 0.5:
        names.reverse()
    piece, pause_s = chance.choice(
        [(1 << 30, 0.0), (1 << 30, 0.0), (1 << 18, 0.005), (1 << 16, 0.002)]
    )
    between_s = chance.choice([0, 0, 0.05, 0.5, 1.5])
    folder.mkdir(parents=True)
    for name in names:
        copied(root / name, folder / name, piece, pause_s)
        time.sleep(between_s)
    return f"{names[0]} first, {piece} bytes at a time, {between_s} s between"


@pytest.mark.parametrize("round_", range(share(1, 15)))
def test_a_database_is_copied_while_a_sort_writes_it(
    round_: int, calm: Calm, mortal: Mortal, ledger: Ledger, tmp_path: Path
) -> None:
    random = chance("copied", round_)
    root = copy_of(calm.prepared, tmp_path)
    kills = [random.uniform(0.2, 1) for _ in range(random.choice([0, 1, 2]))]

    def sort_with_kills() -> None:
        for after_s in kills:
            if mortal.act(root, after_s=after_s) != -signal.SIGKILL:
                return
        mortal.act(root)

    sorting = threading.Thread(target=sort_with_kills)
    sorting.start()
    copies: dict[Path, str] = {}
    while sorting.is_alive():
        folder = tmp_path / "copies" / f"{len(copies):02d}" / "hot"
        copies[folder] = copy_database(root, folder, random)
        time.sleep(random.uniform(0, 0.1))
    sorting.join()
    calm.check(root, ledger)

    wanted = random.sample(sorted(copies), min(COPIES, len(copies)))
    for folder in wanted:
        check(folder, root, calm, mortal, ledger, copies[folder])
        shutil.rmtree(folder.parent)


def check(folder: Path, root: Path, calm: Calm, mortal: Mortal, ledger: Ledger, how: str) -> None:
    """A copy is an earlier state of the job or refused; it has an output of its own, as far as the job got."""
    settings = load_settings(root / "facesort.toml")
    shutil.copytree(settings.output, folder.parent / "out")
    settings = settings.model_copy(update={"output": folder.parent / "out"})
    save_settings(settings, folder / "facesort.toml")
    says = folder.parent / "says"

    ended = mortal.act(folder, command=["status", "--json", "-w", str(folder)], says=str(says))

    words = says.read_text()
    assert ended in {0, 1}, f"{how}: {ended} {words}"
    if ended == 1:
        assert words.startswith("Error: "), f"{how}: {words}"
        assert "facesort restore" in words, f"{how}: {words}"
        ledger.count(REFUSED)
        ledger.note(f"refused ({how}): {words.strip()[-200:]}")
        return
    said = json.loads(words)
    photos = said["photos"]
    assert photos.pop("total") == sum(photos.values()), how
    ledger.count(OPENED)
    ledger.note(f"opened with {said['batches']}")
    calm.check(folder, ledger)


@pytest.mark.parametrize("round_", range(share(1, 6)))
def test_a_database_is_copied_while_answers_are_stored(
    round_: int, calm: Calm, mortal: Mortal, ledger: Ledger, tmp_path: Path
) -> None:
    """Its log is moved into it again and again meanwhile: a copy has the first so many answers, and nothing else."""
    random = chance("copied answers", round_)
    root = copy_of(calm.prepared / "calm", tmp_path)
    with open_workspace(root).open_store(read_only=True) as store:
        before = content(store)
        sql = "SELECT face_id FROM face_state WHERE person_id = 1 ORDER BY 1 LIMIT 60"
        faces = [face for (face,) in store.rows(sql)]
    order = {"do": "answer one by one", "with": {"faces": faces, "name": "Person 1"}}
    copies: dict[Path, str] = {}
    mortal.begin(root, **order)
    while psutil.pid_exists(mortal.child):
        folder = tmp_path / "copies" / f"{len(copies):03d}" / "hot"
        copies[folder] = copy_database(root, folder, random)
    assert mortal.end() == 0

    wanted = random.sample(sorted(copies), min(share(4, 40), len(copies)))
    seen = set()
    for folder in wanted:
        shutil.copy(root / "facesort.toml", folder)
        says = folder.parent / "says"
        command = ["persons", "--json", "-w", str(folder)]
        ended = mortal.act(folder, command=command, says=str(says))
        words, how = says.read_text(), copies[folder]
        assert ended in {0, 1}, f"{how}: {words}"
        if ended == 1:
            assert words.startswith("Error: ") and "facesort restore" in words, f"{how}: {words}"
            ledger.count(REFUSED)
            ledger.note(f"refused ({how}): {words.strip()[-200:]}")
            continue
        try:
            with open_workspace(folder).open_store(read_only=True) as store:
                found = content(store)
        except (
            StoreError
        ) as error:  # a part that is half old and half new, and that `persons` had no need of
            assert "facesort restore" in str(error), how
            ledger.count(REFUSED)
            ledger.note(f"refused when it was read ({how}): {str(error)[:120]}")
            continue
        number = len(found["answer"])
        assert [row[0] for row in found["answer"]] == faces[:number], how
        assert {name for name in found if found[name] != before[name]} <= {
            "answer",
            "answer_edit",
            "learned",
            "learned_edit",
        }, how
        seen.add(number)
        ledger.count(OPENED)
    ledger.note(f"opened with so many answers: {sorted(seen)}")
